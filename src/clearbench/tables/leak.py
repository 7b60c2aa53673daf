"""Leak: whether a face survives text-only unlearning, and a biography image-only unlearning."""

from clearbench.metrics.keys import Key
from clearbench.results.runs import Results
from clearbench.tables.base import Table, make_block, score_column

DOMAINS = ("multimodal", "text")
SPLITS = ("forget", "retain")
METRIC = "accuracy"


def build(results: Results) -> Table:
    """Accuracy of each task on the forget set, and for contrast on the retain set."""
    keys = [key for key in map(Key.parse, results.score_keys()) if key.name == METRIC]
    columns = [
        score_column(str(key), f"{split}: {key.task}")
        for split in SPLITS
        for key in keys
        if key.split == split
    ]
    blocks = [make_block(results, size, columns) for size in results.suite.file.forget_sizes]
    notes = [
        "Modality is what was forgotten; gold shows what never having learnt it looks like.",
        "A number is the share of samples whose true answer is the likeliest candidate.",
    ]
    return Table("Leak", blocks, notes)
