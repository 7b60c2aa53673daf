"""Table 5 of CLEAR (arXiv 2410.18057): the methods in the vision domain."""

from collections.abc import Iterable

from clearbench.metrics.definitions import HEADLINE
from clearbench.results.headline import FACES
from clearbench.results.runs import Results
from clearbench.tables.base import Column, Table, make_block, score_column
from clearbench.tables.beside import make_beside, paper_notes
from clearbench.tables.clear_paper import SIZE, TABLE_5

DOMAINS = ("vision",)


def build(results: Results) -> Table:
    """Recognition of the forgotten, the held out and the retained, and two membership attacks."""
    columns = with_margins(FACES)
    blocks = [make_block(results, size, columns) for size in results.suite.file.forget_sizes]
    compared = results.of_size(SIZE)
    printed = {metric: header for metric, header in FACES.items() if metric in TABLE_5.metrics}
    blocks += make_beside(results, TABLE_5, printed, HEADLINE, compared, topic="beside the paper's")
    faces = results.suite.file.faces
    shadows, targets = (faces.shadows, faces.targets) if faces else (0, 0)
    notes = [
        "Accuracy is of the nearest enrolment vector; held-out persons were shown to no model.",
        "U-LIRA and U-MIA tell persons that a model forgot from those that it never met. They learn"
        f" from {shadows} shadow models that forgot by the same method, and are tried on {targets}"
        " others: 0.5 is perfect; ± is half of a 95 % interval over the latter. One number a"
        " method, whatever the seed of the cell.",
        "TPR at 1 %: share of the forgotten pictures that U-LIRA finds at 1 % false alarms; 0.010"
        " is perfect.",
        "Original: the same models before they forgot. Gold: attacked itself, with those as shadow"
        " models; ± over persons.",
        *paper_notes(results, TABLE_5),
    ]
    return Table("Vision", blocks, notes)


def with_margins(metrics: Iterable[str]) -> list[Column]:
    """The columns of some scores of faces, each attack's with that of its margin."""
    return [
        column
        for metric in metrics
        for column in (score_column(metric, FACES[metric]), *_margin(metric))
    ]


def _margin(metric: str) -> list[Column]:
    return [Column(f"{metric}_margin", "±")] if metric.startswith("u_") else []
