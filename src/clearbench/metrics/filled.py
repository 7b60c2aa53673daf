"""Filled: whether the greedy answer says what belongs in a blank."""

from clearbench.data.tasks import BLANKS
from clearbench.data.words import words_of
from clearbench.metrics.base import Records, Values, task_metric


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def filled(records: Records) -> Values | None:
    """Share of blanks whose greedy answer has the words of the true one, in a row; of blanks alone.

    Words are of any script, without case and punctuation, so that `Art` is not in `Martha`; the
    code of MLLMU-Bench and UMU-Bench looks for the letters. An answer without a word is never said.
    Source: MLLMU-Bench, arXiv 2410.22108.
    """
    if records[0].task not in {task.name for task in BLANKS}:
        return None
    return [float(_says(record.generated, record.answer)) for record in records]


def _says(text: str, answer: str) -> bool:
    """Whether the words of an answer stand in a text, in a row."""
    said, sought = (f" {' '.join(words_of(part, 'unicode'))} " for part in (text, answer))
    return bool(sought.strip()) and sought in said
