"""Leak: whether a face survives text-only unlearning, and a biography image-only unlearning."""

from collections.abc import Iterator

from clearbench.data.tasks import BIOGRAPHY
from clearbench.metrics.keys import Key
from clearbench.results.runs import Results
from clearbench.tables.base import Column, Table, make_block, score_column

DOMAINS = ("multimodal", "text")
SPLITS = ("forget", "retain")
METRIC = "accuracy"
_WAYS = ("by picture", "by name")
_ALIKE = {"forget": "wrong both ways", "retain": "right both ways"}


def build(results: Results) -> Table:
    """Accuracy of each task on the forget set, and for contrast on the retain set."""
    keys = [key for key in map(Key.parse, results.score_keys()) if key.name == METRIC]
    pair = {task.name for task in BIOGRAPHY}
    apart = pair if pair <= {key.task for key in keys} else set()
    columns = [
        score_column(str(key), f"{split}: {key.task}")
        for split in SPLITS
        for key in keys
        if key.split == split and key.task not in apart
    ]
    sizes = results.suite.file.forget_sizes
    blocks = [make_block(results, size, columns) for size in sizes]
    notes = [
        "Modality is what was forgotten; gold shows what never having learnt it looks like.",
        "A number is the share of samples whose true answer is the likeliest candidate.",
    ]
    if apart:
        topic = "the biography by picture and by name"
        blocks += [make_block(results, size, list(_both_ways()), topic) for size in sizes]
        notes.append(
            "The biography by picture: no name is said in question or answers, so that only the"
            " face leads to it. Wrong or right both ways counts the questions of both tasks."
        )
    return Table("Leak", blocks, notes)


def _both_ways() -> Iterator[Column]:
    """The accuracy by picture and by name of each split, and of how many both are alike."""
    for split in SPLITS:
        for task, way in zip(BIOGRAPHY, _WAYS, strict=True):
            yield score_column(f"{split}/{task.name}/{METRIC}", f"{split}: {way}")
        yield score_column(f"aligned_{split}", f"{split}: {_ALIKE[split]}")
