"""Table 3 of CLEAR (arXiv 2410.18057) beside ours: one modality or both forgotten."""

from clearbench.metrics.definitions import OFFICIAL
from clearbench.results.runs import Results
from clearbench.tables.base import Table
from clearbench.tables.beside import make_beside, paper_notes
from clearbench.tables.clear_paper import TABLE_3
from clearbench.tables.headline import PAPER
from clearbench.tables.table1 import contradictions

DOMAINS = ("multimodal",)


def build(results: Results) -> Table | None:
    """The numbers of Table 1 for each modality that is forgotten, ours and the paper's."""
    groups = [group for group in results.groups if not group.control]
    blocks = make_beside(results, TABLE_3, PAPER, OFFICIAL, groups)
    if not blocks:
        return None
    notes = [
        f"Marked (official): {OFFICIAL.meaning}.",
        *paper_notes(results, TABLE_3, contradictions()),
    ]
    return Table("Table 3", blocks, notes)
