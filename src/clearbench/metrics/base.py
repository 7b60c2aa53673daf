"""What a metric is: a documented function with its range and its better direction."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Literal

from clearbench.errors import UserError
from clearbench.evaluation.records import Record

Better = Literal["up", "down"]
Records = Sequence[Record]


@dataclass(frozen=True)
class Evaluation:
    """One evaluated model: its task scores by key, its records, and those of its gold model."""

    scores: Mapping[str, float]
    records: Records
    gold_records: Records


TaskFunction = Callable[[Records], float | None]
ModelFunction = Callable[[Evaluation], float | None]


@dataclass(frozen=True)
class TaskMetric:
    """A function of the records of one task of one split; its key is `split/task/name`.

    It gives None where the task lacks what the metric needs. Values lie in [`low`, `high`].
    `better` holds for the retain and real splits, `better_on_forget` for the forget split.
    """

    compute: TaskFunction
    low: float
    high: float
    better: Better
    better_on_forget: Better

    @property
    def name(self) -> str:
        """The function's name."""
        return self.compute.__name__

    @property
    def doc(self) -> str:
        """The function's docstring: formula and source."""
        return getdoc(self.compute) or ""

    def __call__(self, records: Records) -> float | None:
        """Compute it; UserError for no record, or for a NaN loss (names the sample)."""
        check(records)
        return self.compute(records)


@dataclass(frozen=True)
class ModelMetric:
    """A function of a whole evaluation; its key is its name.

    It gives None where the evaluation lacks a task that the metric needs. Values lie in
    [`low`, `high`].
    """

    compute: ModelFunction
    low: float
    high: float
    better: Better

    @property
    def name(self) -> str:
        """The function's name."""
        return self.compute.__name__

    @property
    def doc(self) -> str:
        """The function's docstring: formula and source."""
        return getdoc(self.compute) or ""

    def __call__(self, evaluation: Evaluation) -> float | None:
        """Compute it."""
        return self.compute(evaluation)


def task_metric(
    *, low: float, high: float, better: Better, better_on_forget: Better
) -> Callable[[TaskFunction], TaskMetric]:
    """Make a function of a task's records a metric."""
    return lambda compute: TaskMetric(compute, low, high, better, better_on_forget)


def model_metric(
    *, low: float, high: float, better: Better
) -> Callable[[ModelFunction], ModelMetric]:
    """Make a function of an evaluation a metric."""
    return lambda compute: ModelMetric(compute, low, high, better)


def check(records: Records) -> None:
    """Raise UserError for no record, or for a NaN loss (the message names the sample)."""
    if not records:
        raise UserError("no record: a metric needs at least one evaluated sample")
    for record in records:
        losses = (record.answer_loss, record.paraphrase_loss, *record.perturbed_losses)
        if any(map(math.isnan, losses)):
            raise UserError(
                f"{record.split}/{record.task}/{record.id}: a loss is NaN; allowed is [0, inf]"
            )
