"""General: whether a model still sees what has nothing to do with persons."""

from clearbench.data.tasks import SHORT_ANSWERS, YES_OR_NO
from clearbench.results.runs import Results
from clearbench.tables.base import Table, make_block, score_column

DOMAINS = ("multimodal",)
COLUMNS = {
    f"real/{YES_OR_NO.name}/accuracy": "yes or no: likelier",
    f"real/{YES_OR_NO.name}/yes_or_no": "yes or no: said",
    f"real/{SHORT_ANSWERS.name}/vqa_accuracy": "short answers",
}


def build(results: Results) -> Table | None:
    """What is right of each kind of question; None for a dataset that asks none of them."""
    known = set(results.score_keys())
    columns = [score_column(key, header) for key, header in COLUMNS.items() if key in known]
    if not columns:
        return None
    blocks = [make_block(results, size, columns) for size in results.suite.file.forget_sizes]
    notes = [
        "Nobody asked to have this forgotten: what lies below the original's is damage, whatever"
        " was forgotten of persons.",
        "Half of the answers to yes-or-no questions may be right by chance, and none that says"
        " neither; short answers count by how many people gave them.",
    ]
    return Table("General ability", blocks, notes)
