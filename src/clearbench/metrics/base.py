"""What a metric is: a documented function with its range and its better direction."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from inspect import getdoc
from itertools import repeat
from numbers import Real
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from clearbench.data.tasks import DECLARED, SPLITS, Tasks
from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.metrics.definitions import HEADLINE, Definition
from clearbench.plugins import mistake

if TYPE_CHECKING:
    from numpy.typing import NDArray

_Found = TypeVar("_Found")

_ROUNDING = 1e-9
"""How far, relative to a bound, rounding may take a value beyond it."""

Better = Literal["up", "down", "one", "zero"]
"""Which numbers are better: higher ones, lower ones, or those near 1 or 0."""

Records = Sequence[Record]


@dataclass(frozen=True)
class Evaluation:
    """One evaluated model: its task scores by key, its records, and those of its gold model.

    `tasks` are all that are declared, of which it may have any. `original_records` are those of the
    model that forgot nothing, where persons are held out, and else none. `groups` are those that
    persons are of, by person, where a suite asks for fairness.
    """

    scores: Mapping[str, float]
    records: Records
    gold_records: Records
    tasks: Tasks = field(default_factory=lambda: DECLARED)
    original_records: Records = ()
    groups: Mapping[str, str] = field(default_factory=dict)

    def under(self, definition: Definition) -> "Evaluation | None":
        """With the losses that a definition goes by; None where a record can't tell these."""
        read, gold = map(definition.read, (self.records, self.gold_records))
        if read is None or gold is None:
            return None
        original = definition.read(self.original_records) or ()
        return replace(self, records=read, gold_records=gold, original_records=original)


@dataclass(frozen=True, eq=False)
class Draws:
    """An evaluation whose samples are drawn anew, D times.

    `weights` (D, N) say by split and task how often a draw has each of the task's N samples, which
    are ordered by id; a gold model's are drawn with the model's own. `scores` are those of tasks by
    key, (D,).
    """

    evaluation: Evaluation
    weights: "Mapping[tuple[str, str], NDArray]"
    scores: "Mapping[str, NDArray]"
    _known: dict[Any, Any] = field(default_factory=dict)

    def once(self, compute: "Callable[[Draws, Definition], _Found]", by: Definition) -> "_Found":
        """What a function makes of the draws, which several metrics share, computed once."""
        if (compute, by.name) not in self._known:
            self._known[compute, by.name] = compute(self, by)
        result: _Found = self._known[compute, by.name]
        return result

    def each(self) -> Iterator[Evaluation]:
        """The evaluation of each draw, a sample in it as often as it is drawn."""
        groups = [
            _by_task(side) for side in (self.evaluation.records, self.evaluation.gold_records)
        ]
        count = len(next(iter(self.weights.values())))
        for number in range(count):
            own, gold = (
                [
                    record
                    for task, records in side.items()
                    for record in _drawn(records, self.weights.get(task), number)
                ]
                for side in groups
            )
            scores = {key: float(drawn[number]) for key, drawn in self.scores.items()}
            yield replace(self.evaluation, scores=scores, records=own, gold_records=gold)


def _by_task(records: Records) -> dict[tuple[str, str], list[Record]]:
    """The records of each task, ordered by id."""
    tasks: dict[tuple[str, str], list[Record]] = {}
    for place in order_by_id(records):
        tasks.setdefault((records[place].split, records[place].task), []).append(records[place])
    return tasks


def _drawn(records: Records, weights: "NDArray | None", number: int) -> Iterator[Record]:
    """A task's records in a draw; all of them, once, where the gold has others than the model."""
    alike = weights is not None and weights.shape[1] == len(records)
    times = weights[number] if weights is not None and alike else [1] * len(records)
    for record, count in zip(records, times, strict=True):
        yield from repeat(record, int(count))


Draw = Callable[[Draws, Definition], "NDArray | None"]
"""A score in each draw, (D,), NaN where it is undefined; None of one that has no interval."""


def not_drawn(draws: Draws, definition: Definition) -> None:
    """The draws of a score that is to have no interval."""


Values = Sequence[float]
"""A number a sample."""

Function = Callable[..., float | Values | None]
"""Takes the records of a task, or an evaluation; then the definition, where it has several."""


@dataclass(frozen=True)
class Defined:
    """What the metrics of tasks and of models share: a function, under one of its definitions.

    Values lie in [`low`, `high`]. `definitions` are all that the function knows by name, none where
    it computes the same under each; then it does not take one.
    """

    compute: Function
    low: float
    high: float
    better: Better
    definitions: Mapping[str, Definition]
    definition: Definition

    @property
    def name(self) -> str:
        """The function's name, with that of a definition other than the headline."""
        return self.definition.key(self.compute.__name__)

    @property
    def doc(self) -> str:
        """The function's docstring: formula and source."""
        return getdoc(self.compute) or ""

    def variants(self) -> list[Self]:
        """The metric under each of its definitions."""
        definitions = self.definitions.values() or [self.definition]
        return [replace(self, definition=definition) for definition in definitions]

    def _compute(self, data: Any, of: str = "") -> Any:
        given = (data, self.definition) if self.definitions else (data,)
        return computed(self.compute, self.name, of, *given)

    def check(self, value: Any, of: str = "") -> float:
        """A value as a float; UserError where it is no number, not finite or out of the range."""
        return checked(self.compute, self.name, of, value, self.low, self.high)


@dataclass(frozen=True)
class TaskMetric(Defined):
    """A function of the records of one task of one split; its key is `split/task/name`.

    It gives a number a sample, whose mean is the score, or None where the task lacks what the
    metric needs. `better` holds for the retain and real splits, `better_on_forget` for what is to
    be forgotten. One that is computed by a `package` that is no part of the installation is left
    out but where a suite asks for that.
    """

    better_on_forget: Better
    package: str = ""

    def __call__(self, records: Records) -> float | None:
        """Compute it; UserError for no record, or for a NaN loss (names the sample)."""
        values = self.values(records)
        return None if values is None else fmean(values)

    def values(self, records: Records) -> Values | None:
        """Its number of each sample, in the order of the records; UserError as above."""
        check(records)
        read = self.definition.read(records)
        if read is None:
            return None
        of = f" of {records[0].split}/{records[0].task}"
        numbers = self._compute(read, of)
        if numbers is None:
            return None
        if not isinstance(numbers, Collection) or len(numbers) != len(records):
            given = len(numbers) if isinstance(numbers, Collection) else repr(numbers)
            raise mistake(
                f"metric {self.name}",
                *_place(self.compute),
                f"gives {given} numbers of {len(records)} samples",
            )
        return [self.check(value, of) for value in numbers]


@dataclass(frozen=True)
class ModelMetric(Defined):
    """A function of a whole evaluation; its key is its name.

    It gives None where the evaluation lacks a task or losses that the metric needs. `splits` are
    those whose samples it is about. Of a `mean` of numbers in [0, 1] the interval at 0 and 1 is
    Wilson's. `draw` gives the score in all draws at once; without it, each draw is computed anew.
    """

    splits: tuple[str, ...] = SPLITS
    mean: bool = False
    draw: Draw | None = None

    def __call__(self, evaluation: Evaluation) -> float | None:
        """Compute it."""
        read = evaluation.under(self.definition)
        number = None if read is None else self._compute(read)
        return None if number is None else self.check(number)

    def drawn(self, draws: Draws) -> "NDArray | None":
        """The score in each draw, (D,), of an evaluation under the metric's definition."""
        import numpy as np

        if self.draw is not None:
            return self.draw(draws, self.definition)
        return np.array([self._of_draw(evaluation) for evaluation in draws.each()])

    def _of_draw(self, evaluation: Evaluation) -> float:
        try:
            number = self._compute(evaluation)
        except UserError:
            # A draw may have no sample of a task that few persons have.
            return math.nan
        return math.nan if number is None else float(number)


def task_metric(
    *,
    low: float,
    high: float,
    better: Better,
    better_on_forget: Better,
    definitions: Mapping[str, Definition] = MappingProxyType({}),
    package: str = "",
) -> Callable[[Function], TaskMetric]:
    """Make a function of a task's records a metric; it takes a definition where there are any."""
    return lambda compute: TaskMetric(
        compute, low, high, better, definitions, HEADLINE, better_on_forget, package
    )


def model_metric(
    *,
    low: float,
    high: float,
    better: Better,
    definitions: Mapping[str, Definition] = MappingProxyType({}),
    splits: tuple[str, ...] = SPLITS,
    mean: bool = False,
    draw: Draw | None = None,
) -> Callable[[Function], ModelMetric]:
    """Make a function of an evaluation a metric; it takes a definition where there are any."""
    return lambda compute: ModelMetric(
        compute, low, high, better, definitions, HEADLINE, splits, mean, draw
    )


def order_by_id(records: Records) -> list[int]:
    """The records' places by id; of samples of one id, those with other contents are told apart."""
    times = Counter(record.id for record in records)

    def key(place: int) -> tuple[str, str]:
        record = records[place]
        return record.id, repr(record) if times[record.id] > 1 else ""

    return sorted(range(len(records)), key=key)


def computed(compute: Callable[..., Any], name: str, of: str, *given: Any) -> Any:
    """What a metric's function gives; UserError, with its file and line, for what it raises."""
    try:
        return compute(*given)
    except UserError:
        raise
    except Exception as error:
        raise mistake(f"metric {name}{of}", *_place(compute), "", error) from error


def checked(
    compute: Callable[..., Any], name: str, of: str, value: Any, low: float, high: float
) -> float:
    """A value of a metric as a float.

    Raises UserError, with the metric's file and line, where it is no number, not finite or outside
    of [low, high] by more than rounding.
    """
    text = None
    number = float(value) if isinstance(value, Real) else None
    if number is None:
        text = f"gives {value!r}; it must give a number"
    elif not math.isfinite(number):
        text = f"gives {number}; it must give a finite number"
    elif not low - _ROUNDING * max(1, abs(low)) <= number <= high + _ROUNDING * max(1, abs(high)):
        text = f"gives {number:g}; its range is {low:g} to {high:g}"
    if number is None or text is not None:
        raise mistake(f"metric {name}{of}", *_place(compute), text or "")
    return number


def _place(compute: Callable[..., Any]) -> tuple[str, int]:
    """The file and the line at which a function begins."""
    return compute.__code__.co_filename, compute.__code__.co_firstlineno


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
