"""Table 3 of CLEAR (arXiv 2410.18057): what forgetting text, images or both does to one method."""

from clearbench.metrics.headline import QUALITY
from clearbench.results.runs import Group, Results
from clearbench.tables.base import Block, Row, Table, definition_notes, make_entry, score_columns
from clearbench.tables.caveats import FORGET_NOTE
from clearbench.tables.headline import MARKED, PAPER

DOMAINS = ("multimodal", "text")
HEADERS = PAPER | MARKED | {QUALITY: "quality"}


def build(results: Results) -> Table:
    """The headline numbers of every method, the modalities side by side."""
    blocks = [_block(results, size) for size in results.suite.file.forget_sizes]
    notes = [
        "Quality is forget quality. Controls forgot nothing: their numbers are repeated.",
        FORGET_NOTE,
        *definition_notes(results),
    ]
    return Table("Modality", blocks, notes)


def _block(results: Results, size: int) -> Block:
    columns = [
        (modality, column)
        for modality in results.suite.file.modalities
        for column in score_columns(
            results, {key: f"{modality}: {header}" for key, header in HEADERS.items()}
        )
    ]
    methods: dict[str, dict[str, Group]] = {}
    for group in results.of_size(size):
        covered = results.suite.file.modalities if group.control else [group.modality]
        methods.setdefault(group.method, {}).update(dict.fromkeys(covered, group))
    rows = [
        Row(
            (method,),
            [make_entry(results, groups[modality], column) for modality, column in columns],
        )
        for method, groups in methods.items()
    ]
    return Block(size, ["method", *(column.header for _, column in columns)], rows)
