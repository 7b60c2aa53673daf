"""Table 1 of CLEAR (arXiv 2410.18057) beside ours: every method on both modalities."""

from clearbench.metrics.definitions import OFFICIAL
from clearbench.results.runs import Results
from clearbench.tables.base import Table
from clearbench.tables.beside import MARK, make_beside, paper_notes
from clearbench.tables.clear_paper import TABLE_1, TABLE_3
from clearbench.tables.headline import PAPER

DOMAINS = ("multimodal",)
CELLS_OF = "both"
VISUAL_ONLY = ("gd", "npo", "rmu", "sku")
"""Methods whose numbers in Table 1 come from runs that forgot the visual part only."""


def build(results: Results) -> Table | None:
    """Real, retain, forget and forget quality as CLEAR's code computes them, ours and the paper's.

    Rows on both modalities; None where a suite has no cell of both.
    """
    groups = [group for group in results.groups if group.modality in ("-", CELLS_OF)]
    blocks = make_beside(results, TABLE_1, PAPER, OFFICIAL, groups, VISUAL_ONLY)
    if not blocks:
        return None
    doubted = (
        f"{MARK} The paper's number is of a run that forgot the visual part only, by the names of"
        " the runs in its code."
    )
    notes = [
        f"Marked (official): {OFFICIAL.meaning}.",
        *paper_notes(results, TABLE_1, doubted, contradictions()),
    ]
    return Table("Table 1", blocks, notes)


def contradictions() -> str:
    """What the paper's Tables 1 and 3 print of the same methods on both modalities."""
    disagreements = []
    for (method, modality), values in TABLE_3.rows.items():
        other = TABLE_1.rows.get((method, modality))
        if other not in (None, values):
            both = (" ".join(f"{value:.2f}" for value in row) for row in (other, values))
            disagreements.append(f"{method} {' / '.join(both)}")
    listed = ", ".join(disagreements)
    return (
        "The paper's Tables 1 and 3 disagree on the same setting (real, retain, forget, forget"
        f" quality; Table 1 / Table 3 on both modalities): {listed}."
    )
