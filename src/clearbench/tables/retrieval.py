"""Retrieval: whether a model still finds the caption of a picture, and the picture of a caption."""

from dataclasses import replace

from clearbench.data.tasks import CAPTION_TO_IMAGE, IMAGE_TO_CAPTION, IMAGE_TO_CAPTION_OVER_PRIOR
from clearbench.results.runs import Results
from clearbench.stress_tests import retrieval
from clearbench.tables.base import Block, Row, Table, score_column
from clearbench.tables.stress import tested, under

DOMAINS = ("multimodal",)
SPLITS = ("forget", "retain")
DIRECTIONS = {
    IMAGE_TO_CAPTION_OVER_PRIOR: "picture to caption, over the prior",
    IMAGE_TO_CAPTION: "picture to caption",
    CAPTION_TO_IMAGE: "caption to picture",
}
COLUMNS = {"recall_1": "R@1", "recall_5": "R@5", "recall_10": "R@10", "reciprocal_rank": "MRR"}


def build(results: Results) -> Table | None:
    """Recall and reciprocal rank by split and direction; None for a suite that asks for neither."""
    tests = {
        name: test
        for name, (_, test) in results.suite.stress_tests.items()
        if isinstance(test, retrieval.Test)
    }
    if not tests:
        return None
    blocks = [
        _block(results, size, name, test.points[0], split, direction.name, topic)
        for size in results.suite.file.forget_sizes
        for name, test in tests.items()
        for split in SPLITS
        for direction, topic in DIRECTIONS.items()
    ]
    notes = [
        "A picture of each of the first persons of a split, with the captions of all of them; a"
        " model ranks by likelihood. Of N persons R@k is k/N by chance, and gold's on the forget"
        " set is what whoever never met them gets.",
        "Over the prior: less what the caption has without a picture, else one that is likely by"
        " itself wins. Of a caption's pictures it moves no rank.",
    ]
    return Table("Retrieval", blocks, notes)


def _block(
    results: Results, size: int, test: str, point: str, split: str, direction: str, topic: str
) -> Block:
    columns = [
        replace(score_column(f"{split}/{direction}/{name}", header), role=test)
        for name, header in COLUMNS.items()
    ]

    rows = [
        Row(
            (group.method, group.modality),
            [under(results, group, column, test, point) for column in columns],
        )
        for group in tested(results, size, test)
    ]
    headers = ["method", "modality", *(column.header for column in columns)]
    return Block(size, headers, rows, f"{split}, {topic}")
