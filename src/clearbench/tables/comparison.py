"""The main table, Table 1 of CLEAR (arXiv 2410.18057): each method beside original and gold."""

from clearbench.results.headline import COLUMNS
from clearbench.results.runs import Results
from clearbench.tables.base import Table, definition_notes, make_block, score_columns
from clearbench.tables.caveats import FORGET_NOTE
from clearbench.tables.headline import MARKED

DOMAINS = ("multimodal", "text")
HEADERS = COLUMNS | MARKED | {"forget_quality_ks_log10": "log10 p (KS)"}
BOUNDS_NOTE = (
    "Forget quality is closeness to gold of the distribution of truth ratios. The floor is what"
    " random losses of gold's size get, the ceiling what gold itself gets that is drawn anew; the"
    " second gold is what another training of everything gets. All three, and the p-value, depend"
    " on the number of samples: 1, 5 and 10 % are not comparable, and each has its own floor and"
    " ceiling."
)
PAIRED_NOTE = (
    "Paired is the rank correlation of truth ratios with gold's over the same samples: 0 for"
    " nonsense, which may well pass for forget quality, and for the ceiling, which has other"
    " samples. Golds of two bases hardly agree; a cell shares its gold's base, and may come nearer."
)


def build(results: Results) -> Table:
    """Real, retain, forget and forget quality of every method and modality."""
    columns = score_columns(results, HEADERS)
    blocks = [
        make_block(results, size, columns, bounds=True) for size in results.suite.file.forget_sizes
    ]
    notes = [FORGET_NOTE, BOUNDS_NOTE, PAIRED_NOTE, *definition_notes(results)]
    return Table("Comparison", blocks, notes)
