"""Which tasks and which of their scores speak for a split in the headline numbers."""

from clearbench.metrics.base import Evaluation, Records

TEXT_TASK = "text_qa"
TERMS = ("rouge_l", "probability", "truth_ratio")


def headline_tasks(records: Records, split: str) -> list[str]:
    """The tasks of a split that its headline is made of, sorted.

    All of them, but text_qa only where the split has nothing else: a multimodal suite is judged
    by what it says of images, as in CLEAR's tables, and shows its text_qa beside the headline.
    """
    tasks = {record.task for record in records if record.split == split}
    return sorted(tasks - {TEXT_TASK} or tasks)


def headline_scores(evaluation: Evaluation, split: str) -> list[float] | None:
    """ROUGE-L, probability and truth ratio of the split's headline tasks; None where any lacks."""
    keys = [
        f"{split}/{task}/{term}"
        for task in headline_tasks(evaluation.records, split)
        for term in TERMS
    ]
    if not keys or any(key not in evaluation.scores for key in keys):
        return None
    return [evaluation.scores[key] for key in keys]
