"""Table 5 of CLEAR (arXiv 2410.18057): the methods in the vision domain."""

from clearbench.tables.base import Column, Table, make_block, score_column
from clearbench.tables.results import Results

DOMAINS = ("vision",)


def build(results: Results) -> Table:
    """Recognition of the forgotten, the held out and the retained, and two membership attacks."""
    columns = [
        score_column("forget_accuracy", "forget acc."),
        score_column("holdout_accuracy", "holdout acc."),
        score_column("retain_accuracy", "retain acc."),
        score_column("u_lira", "U-LIRA"),
        Column("u_lira_margin", "±"),
        score_column("u_mia", "U-MIA"),
        Column("u_mia_margin", "±"),
    ]
    blocks = [make_block(results, size, columns) for size in results.suite.file.forget_sizes]
    faces = results.suite.file.faces
    shadows = faces.shadows if faces else 0
    notes = [
        "Accuracy is of the nearest enrolment vector; held-out persons were shown to no model.",
        f"U-LIRA ({shadows} shadow models) and U-MIA tell forgotten from held-out persons: 0.5 is"
        " perfect; ± is half of a 95 % interval over persons.",
    ]
    return Table("Vision", blocks, notes)
