"""Yes or no: what the greedy answer to such a question says."""

from clearbench.data.tasks import YES_OR_NO
from clearbench.data.words import words_of
from clearbench.metrics.base import Records, Values, task_metric

_WORDS = {"yes", "no"}
_DENIALS = {"no", "not"}


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def yes_or_no(records: Records) -> Values | None:
    """Share of such questions whose greedy answer says the true word of both, and not the other.

    What says neither is wrong, so that a model which has lost its tongue scores 0. None of other
    tasks. Source: POPE, arXiv 2305.10355, whose code reads answers otherwise (`pope_accuracy`).
    """
    if records[0].task != YES_OR_NO.name:
        return None
    return [float(_said(r.generated) & _WORDS == _said(r.answer)) for r in records]


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def pope_accuracy(records: Records) -> Values | None:
    """The same as POPE's code reads an answer: its first sentence denies (no, not), else it is yes.

    So whatever is said without a denial is right where yes is. Source: POPE, arXiv 2305.10355.
    """
    if records[0].task != YES_OR_NO.name:
        return None
    return [
        float(bool(_said(r.generated.partition(".")[0]) & _DENIALS) == ("no" in _said(r.answer)))
        for r in records
    ]


def _said(text: str) -> set[str]:
    return set(words_of(text, "unicode"))
