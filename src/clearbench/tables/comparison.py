"""The main table, Table 1 of CLEAR (arXiv 2410.18057): each method beside original and gold."""

from clearbench.tables.base import Table, definition_notes, make_block, score_columns
from clearbench.tables.results import Results

DOMAINS = ("multimodal", "text")
COLUMNS = {
    "real": "real",
    "retain": "retain",
    "forget": "forget",
    "forget_quality_js": "forget quality",
    "forget_quality_ks_log10": "log10 p (KS)",
}


def build(results: Results) -> Table:
    """Real, retain, forget and forget quality of every method and modality."""
    columns = score_columns(results, COLUMNS)
    blocks = [make_block(results, size, columns) for size in results.suite.file.forget_sizes]
    notes = [
        "Forget quality is closeness to gold; what another gold reaches is its noise ceiling.",
        *definition_notes(results),
    ]
    return Table("Comparison", blocks, notes)
