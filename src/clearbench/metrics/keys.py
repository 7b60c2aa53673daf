"""A score's key: how it is written, and what it tells."""

import re
from dataclasses import dataclass, replace
from functools import cache

from clearbench.errors import UserError

UNNAMED = "headline"
"""The definition that a key does not name."""

_ENDS = ("low", "high", "persons")
_PART = r"[^\s/@~#]+"
_KEY = re.compile(
    rf"(?:(?P<split>{_PART})/(?P<task>{_PART})/)?(?P<metric>{_PART})"
    rf"(?:@(?P<definition>{_PART}))?(?:#(?P<group>{_PART}))?(?:~(?P<end>{'|'.join(_ENDS)}))?"
)
_GRAMMAR = (
    "METRIC of a whole model or SPLIT/TASK/METRIC of a task, then @DEFINITION where it is not the"
    " headline's, #GROUP where it is of a group of persons, then"
    f" {', '.join(f'~{end}' for end in _ENDS[:-1])} or ~{_ENDS[-1]} of an interval"
)


@dataclass(frozen=True)
class Key:
    """The key of a number in a score file, `split/task/metric@definition#group~end`.

    A metric of the whole model has neither split nor task, and only one of a group of persons has
    that. `end` is empty for the score itself;
    `low` and `high` are the ends of its interval, `persons` is how many persons that is over.
    """

    metric: str
    split: str = ""
    task: str = ""
    definition: str = UNNAMED
    end: str = ""
    group: str = ""

    @classmethod
    def parse(cls, text: str) -> "Key":
        """The key that a text is; UserError for a text that is none."""
        return _parse(text)

    def __str__(self) -> str:
        definition = "" if self.definition == UNNAMED else f"@{self.definition}"
        group = f"#{self.group}" if self.group else ""
        end = f"~{self.end}" if self.end else ""
        return f"{self.topic}{'/' if self.task else ''}{self.metric}{definition}{group}{end}"

    @property
    def topic(self) -> str:
        """Split and task as `forget/captions`; empty for a metric of the whole model."""
        return f"{self.split}/{self.task}" if self.task else ""

    @property
    def name(self) -> str:
        """The metric with its definition, as `truth_ratio@tofu`."""
        return str(Key(self.metric, definition=self.definition))

    def of_task(self, split: str, task: str) -> "Key":
        """The key of the same metric of a task."""
        return replace(self, split=split, task=task)

    @property
    def interval(self) -> tuple[str, str]:
        """The keys of the ends of the score's interval."""
        return str(replace(self, end="low")), str(replace(self, end="high"))

    @property
    def persons(self) -> str:
        """The key of the number of persons that the score's interval is over."""
        return str(replace(self, end="persons"))


@cache
def _parse(text: str) -> Key:
    match = _KEY.fullmatch(text)
    key = match and Key(**{name: part for name, part in match.groupdict().items() if part})
    if key is None or str(key) != text:
        raise UserError(f"{text!r}: not a score's key; it is {_GRAMMAR}")
    return key
