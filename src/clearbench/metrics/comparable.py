"""Whether a model and its gold were asked the same: forget quality compares like with like."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from clearbench.data.normal_form import composed
from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.metrics.base import Records

_SHOWN, _BEFORE = 60, 20
"""Characters that are told of a text, and how many of them before its first difference."""


class _Asked(NamedTuple):
    """What two records must have in common; a log may lack the question."""

    question: str | None
    answer: str
    candidates: int

    @classmethod
    def of(cls, record: Record) -> "_Asked":
        """What a record tells, its texts without regard to blanks and forms of Unicode."""
        question = None if record.question is None else composed(record.question)
        return cls(question, composed(record.answer), len(record.perturbed_losses))


_CALLED = ("question", "true answer", "number of false answers")
_OTHER = "; of logs that mean the same question in other words say `prompts: other`"


def check_comparable(records: Records, gold_records: Records) -> None:
    """Raise UserError for the first forget sample that gold was asked otherwise.

    Compared are question, true answer and number of false answers, of the samples with one id in
    the tasks that both have; a question that either does not tell is not.
    """
    own, gold = _asked(records), _asked(gold_records)
    for (task, sample), asked in own.items():
        for one, other in zip(asked, gold.get((task, sample), ()), strict=False):
            for what, ours, theirs in zip(_CALLED, one, other, strict=True):
                if ours != theirs and None not in (ours, theirs):
                    raise UserError(
                        f"forget/{task}/{sample}: the gold model was evaluated with another {what}:"
                        f" {_told(theirs, ours)}, the model with {_told(ours, theirs)}; give the"
                        " gold of the same dataset, forget size and prompts"
                        f"{_OTHER if what == _CALLED[0] else ''}"
                    )


def is_itself(records: Records, gold_records: Records) -> bool:
    """Whether two evaluations have the same answers and losses on the forget set, to the digit."""
    own, gold = (_said(group) for group in (records, gold_records))
    return bool(own) and own == gold


def _said(records: Records) -> list[tuple[object, ...]]:
    """What a model says of the forget samples."""
    return sorted(
        (record.task, record.id, record.generated, record.losses)
        for record in records
        if record.split == "forget"
    )


def _asked(records: Records) -> Mapping[tuple[str, str], list[_Asked]]:
    """What the forget samples were asked, by task and id; those of one id in one order."""
    questions: dict[tuple[str, str], list[_Asked]] = defaultdict(list)
    for record in records:
        if record.split == "forget":
            questions[record.task, record.id].append(_Asked.of(record))
    # By what both tell first, for a question may be told by one of them alone.
    return {key: sorted(asked, key=_by_answer) for key, asked in questions.items()}


def _by_answer(asked: _Asked) -> tuple[str, int, str]:
    return asked.answer, asked.candidates, asked.question or ""


def _told(value: object, other: object) -> str:
    """A number, or a text from shortly before where it differs from another."""
    if not isinstance(value, str) or len(value) <= _SHOWN:
        return repr(value)
    pairs = enumerate(zip(value, str(other), strict=False))
    first = next((i for i, (a, b) in pairs if a != b), min(len(value), len(str(other))))
    start = max(0, first - _BEFORE)
    end = start + _SHOWN
    return f"{'…' if start else ''}{value[start:end]!r}{'…' if end < len(value) else ''}"
