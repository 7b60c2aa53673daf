"""Table 6 of CLEAR (arXiv 2410.18057) beside ours: Table 1 on another model."""

from clearbench.metrics.definitions import OFFICIAL
from clearbench.results.runs import Results
from clearbench.tables.base import Table
from clearbench.tables.beside import make_beside, paper_notes
from clearbench.tables.clear_paper import TABLE_6
from clearbench.tables.headline import PAPER

DOMAINS = ("multimodal",)
CELLS_OF = "both"


def build(results: Results) -> Table | None:
    """The numbers of Table 1, ours and the paper's of Qwen2-VL; None as there."""
    groups = [group for group in results.groups if group.modality in ("-", CELLS_OF)]
    blocks = make_beside(results, TABLE_6, PAPER, OFFICIAL, groups)
    if not blocks:
        return None
    notes = [f"Marked (official): {OFFICIAL.meaning}.", *paper_notes(results, TABLE_6)]
    return Table("Table 6", blocks, notes)
