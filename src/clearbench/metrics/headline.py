"""Which tasks and which of their scores speak for a split in the headline numbers."""

from collections.abc import Sequence

from clearbench.metrics.base import Evaluation, Records
from clearbench.metrics.definitions import HEADLINE, Definition

TEXT_TASK = "text_qa"
TERMS = ("rouge_l", "probability", "truth_ratio")


def headline_tasks(records: Records, split: str) -> list[str]:
    """The tasks of a split that its headline is made of, sorted.

    All of them, but text_qa only where the split has nothing else: a multimodal suite is judged
    by what it says of images, as in CLEAR's tables, and shows its text_qa beside the headline.
    """
    tasks = {record.task for record in records if record.split == split}
    return sorted(tasks - {TEXT_TASK} or tasks)


def headline_scores(
    evaluation: Evaluation,
    split: str,
    definition: Definition = HEADLINE,
    terms: Sequence[str] = TERMS,
) -> list[float] | None:
    """Some terms of the split's headline tasks, under a definition; None where any lacks.

    A term that the definition does not read in its own way is the headline's.
    """
    scores = evaluation.scores
    found = [
        scores.get(f"{split}/{task}/{definition.key(term)}", scores.get(f"{split}/{task}/{term}"))
        for task in headline_tasks(evaluation.records, split)
        for term in terms
    ]
    present = [value for value in found if value is not None]
    return present if present and len(present) == len(found) else None


def aggregated_terms(evaluation: Evaluation, split: str, definition: Definition) -> tuple[str, ...]:
    """The terms of a split's aggregate under a definition."""
    of_text = headline_tasks(evaluation.records, split) == [TEXT_TASK]
    rouge = definition.rouge_of_text if of_text else definition.rouge
    return TERMS if split in rouge else TERMS[1:]
