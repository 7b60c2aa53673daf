"""The main table, Table 1 of CLEAR (arXiv 2410.18057): each method beside original and gold."""

from clearbench.tables.base import Table, make_block, score_column
from clearbench.tables.results import Results

DOMAINS = ("multimodal", "text")


def build(results: Results) -> Table:
    """Real, retain, forget and forget quality of every method and modality."""
    columns = [
        score_column("real", "real"),
        score_column("retain", "retain"),
        score_column("forget", "forget"),
        score_column("forget_quality_js", "forget quality"),
        score_column("forget_quality_ks_log10", "log10 p (KS)", digits=1),
    ]
    blocks = [make_block(results, size, columns) for size in results.suite.file.forget_sizes]
    notes = [
        "Forget quality is closeness to gold; what another gold reaches is its noise ceiling.",
    ]
    return Table("Comparison", blocks, notes)
