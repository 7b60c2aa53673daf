"""Table 4 of CLEAR (arXiv 2410.18057) beside ours: the methods in the text domain."""

from clearbench.metrics.definitions import TOFU
from clearbench.metrics.headline import AGGREGATES
from clearbench.results.headline import COLUMNS
from clearbench.results.runs import Results
from clearbench.tables.base import Table
from clearbench.tables.beside import make_beside, paper_notes
from clearbench.tables.clear_paper import TABLE_4, TABLE_4_MISTRAL

DOMAINS = ("text",)
HEADERS = {key: COLUMNS[key] for key in AGGREGATES} | {"forget_quality_ks_ln": "ln p (KS)"}


def build(results: Results) -> Table | None:
    """Real, retain, forget and the logarithm of the KS test's p, ours and the paper's.

    Of the paper's two models the suite's own, or Llama-2.
    """
    mistral = results.suite.file.model == TABLE_4_MISTRAL.model
    paper = TABLE_4_MISTRAL if mistral else TABLE_4
    groups = [group for group in results.groups if not group.bound]
    blocks = make_beside(results, paper, HEADERS, TOFU, groups)
    if not blocks:
        return None
    notes = [f"Marked (tofu): {TOFU.meaning}.", *paper_notes(results, paper)]
    return Table("Table 4", blocks, notes)
