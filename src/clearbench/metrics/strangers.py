"""The two sides of an attack on membership: the forgotten, and persons whom no model met.

Each person has one score, high where the attack takes it for a stranger; in the draws of persons it
counts as often as it is drawn.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clearbench.data.tasks import ATTACKED, HOLDOUT, in_headline
from clearbench.evaluation.records import Record
from clearbench.metrics.base import (
    Draws,
    Evaluation,
    Function,
    ModelMetric,
    Records,
    model_metric,
    order_by_id,
)
from clearbench.metrics.definitions import Definition
from clearbench.metrics.losses import difference
from clearbench.metrics.membership import (
    ATTACKS,
    FALSE_ALARMS,
    Score,
    auc,
    scores_of_persons,
    true_positive_rate,
    unit_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFERENCE = "reference"
"""The attack that takes a model's losses less those of the original."""

NAMES = (*ATTACKS, REFERENCE)
"""All attacks by name."""

SPLITS = ATTACKED
"""Whose samples an attack is about."""


@dataclass(frozen=True)
class Sides:
    """The score of each person on both sides, or of each sample where these are counted."""

    forgotten: Mapping[str, float]
    strangers: Mapping[str, float]

    @property
    def auc(self) -> float:
        """P(a stranger's score > a forgotten one's)."""
        return auc(list(self.strangers.values()), list(self.forgotten.values()))

    @property
    def true_positive_rate(self) -> float:
        """The share of the forgotten that are found at FALSE_ALARMS."""
        return true_positive_rate(list(self.strangers.values()), list(self.forgotten.values()))


def sides_of(
    evaluation: Evaluation, name: str, gold: bool = False, by_sample: bool = False
) -> Sides | None:
    """What an attack makes of a model's records, or of its gold's, in the headline's tasks.

    None where a side has no sample, or a sample no score.
    """
    records = evaluation.gold_records if gold else evaluation.records
    score = ATTACKS[name] if name in ATTACKS else _less_than_original(evaluation.original_records)
    forgotten, strangers = (
        scores_of_persons(_of_split(evaluation, records, split), score, by_sample)
        for split in SPLITS
    )
    return Sides(forgotten, strangers) if forgotten and strangers else None


def with_gold(
    evaluation: Evaluation, name: str, by_sample: bool = False
) -> tuple[Sides, Sides] | None:
    """The same of a model and of its gold; None where they were asked about others."""
    own, gold = (sides_of(evaluation, name, of_gold, by_sample) for of_gold in (False, True))
    if own is None or gold is None:
        return None
    mine, theirs = ((sides.forgotten.keys(), sides.strangers.keys()) for sides in (own, gold))
    return (own, gold) if mine == theirs else None


def drawn_auc(draws: Draws, sides: Sides) -> "NDArray":
    """The AUC in each draw, (D,)."""
    import numpy as np

    forgotten, of_forgotten = _drawn(draws, "forget", sides.forgotten)
    strangers, of_strangers = _drawn(draws, HOLDOUT, sides.strangers)
    higher, equal = strangers[:, None] > forgotten, strangers[:, None] == forgotten
    won = (of_strangers @ (higher + 0.5 * equal) * of_forgotten).sum(1)
    drawn: NDArray = won / (of_strangers.sum(1) * of_forgotten.sum(1))
    return np.clip(drawn, 0, 1)


def drawn_true_positive_rate(draws: Draws, sides: Sides) -> "NDArray":
    """The share of the forgotten that are found in each draw, (D,)."""
    import numpy as np

    forgotten, of_forgotten = _drawn(draws, "forget", sides.forgotten)
    strangers, of_strangers = _drawn(draws, HOLDOUT, sides.strangers)
    order = np.argsort(strangers, kind="stable")
    allowed = np.floor(FALSE_ALARMS * of_strangers.sum(1, keepdims=True))
    threshold = strangers[order][(of_strangers[:, order].cumsum(1) > allowed).argmax(1)]
    drawn: NDArray = ((forgotten < threshold[:, None]) * of_forgotten).sum(1) / of_forgotten.sum(1)
    return drawn


def metric_of(
    attack: str, drawn: Callable[[Draws, Sides], "NDArray"]
) -> Callable[[Function], ModelMetric]:
    """Make a number of an attack, from 0 to 1, a metric; `drawn` gives it in each draw."""

    def draw(draws: Draws, definition: Definition) -> "NDArray | None":
        sides = sides_of(draws.evaluation, attack)
        return None if sides is None else drawn(draws, sides)

    return model_metric(low=0, high=1, better="down", splits=SPLITS, mean=True, draw=draw)


def _less_than_original(original: Records) -> Score:
    """The loss less the original's of the same sample; none where the original has none."""
    losses = {_named(record): record.answer_loss for record in original}

    def score(record: Record) -> float | None:
        before = losses.get(_named(record))
        return None if before is None else difference(record.answer_loss, before)

    return score


def _named(record: Record) -> tuple[str, str, str, str]:
    return record.split, record.task, record.id, record.answer


def _of_split(evaluation: Evaluation, records: Records, split: str) -> list[Record]:
    return [
        record
        for record in records
        if record.split == split and in_headline(evaluation.tasks, [record.task])
    ]


def _drawn(draws: Draws, split: str, scores: Mapping[str, float]) -> "tuple[NDArray, NDArray]":
    """The score of each person, (P,), and how often each draw has it, (D, P)."""
    import numpy as np

    tasks: dict[str, list[Record]] = defaultdict(list)
    for record in _of_split(draws.evaluation, draws.evaluation.records, split):
        tasks[record.task].append(record)
    times: dict[str, NDArray] = {}
    for task, group in tasks.items():
        for column, place in enumerate(order_by_id(group)):
            times.setdefault(unit_of(group[place]), draws.weights[split, task][:, column])
    return np.array(list(scores.values())), np.column_stack([times[unit] for unit in scores])
