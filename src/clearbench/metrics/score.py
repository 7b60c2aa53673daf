"""All metrics of one model."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from types import MappingProxyType
from typing import TYPE_CHECKING

from clearbench.data.tasks import DECLARED, Tasks, check_declared
from clearbench.evaluation.records import Record
from clearbench.metrics import (
    face_metrics,
    metric_of,
    model_metrics,
    task_metrics,
)
from clearbench.metrics.base import Evaluation, Records, Values, check, checked
from clearbench.metrics.bootstrap import (
    DECIMALS,
    draw_weights,
    drawn_scores,
    intervals,
    persons_behind,
    units_behind,
)
from clearbench.metrics.comparable import check_comparable
from clearbench.metrics.faces import FaceEvaluation
from clearbench.metrics.groups import groups_of, scored_by_group
from clearbench.metrics.headline import COMPARED
from clearbench.metrics.keys import Key

if TYPE_CHECKING:
    from clearbench.evaluation.embeddings import Seen

SCORES = "scores.json"
"""The file's name in an artifact: metric key to value."""

DRAWS = "draws.json"
"""The file's name in an artifact: metric key to the score in each draw of persons."""


@dataclass(frozen=True)
class Scored:
    """The scores of a model by key, and of those in COMPARED each draw; null where undefined."""

    scores: Mapping[str, float]
    draws: Mapping[str, Sequence[float | None]] = field(default_factory=dict)


def score_records(records: Records, gold_records: Records) -> dict[str, float]:
    """The scores alone of `score_with_draws`."""
    return dict(score_with_draws(records, gold_records).scores)


def score_with_draws(
    records: Records,
    gold_records: Records,
    bound: bool = False,
    declared: Tasks = DECLARED,
    original_records: Records = (),
    groups: Mapping[str, str] = MappingProxyType({}),
    packages: Collection[str] = (),
) -> Scored:
    """Every metric by key: `split/task/metric` of each task, then those of the whole model.

    Last the ends of the scores' 95 % intervals, as `KEY~low` and `KEY~high`, and the number of
    persons that they are over, as `KEY~persons`. `gold_records` are those of the gold model of the
    same dataset and forget size; those of a `bound` are drawn from them, and have other answers.
    `original_records` are those of the original, where an attack on membership knows it. `groups`
    are the patterns by which a person is of a group, by its name; their scores are as `KEY#GROUP`.
    `packages` are those whose metrics are asked for besides.
    All values are finite. A metric that lacks its task is absent. Raises UserError for no records,
    a NaN loss (named by its sample) and a gold model that was evaluated on other forget samples.
    """
    check(records)
    check(gold_records)
    if not bound:
        check_comparable(records, gold_records)
    check_declared((record.task for record in records), declared, "records")
    tasks: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        tasks[record.split, record.task].append(record)
    values = {task: _values(group, packages) for task, group in sorted(tasks.items())}
    scores = means_of(values)
    evaluation = Evaluation(
        scores, records, gold_records, declared, original_records, groups_of(records, groups)
    )
    for name, of_model in model_metrics().items():
        value = of_model(evaluation)
        if value is not None:
            scores[name] = value
    return with_intervals(evaluation, tasks, values)


def means_of(values: Mapping[tuple[str, str], Mapping[str, Values]]) -> dict[str, float]:
    """The scores of tasks by key, by the numbers of their samples by metric."""
    return {
        str(Key.parse(name).of_task(split, task)): fmean(numbers)
        for (split, task), by_metric in values.items()
        for name, numbers in by_metric.items()
    }


def with_intervals(
    evaluation: Evaluation,
    tasks: Mapping[tuple[str, str], Records],
    values: Mapping[tuple[str, str], Mapping[str, Values]],
) -> Scored:
    """The scores of an evaluation and of its groups, with their intervals and draws.

    `tasks` are its records by task, `values` the numbers of their samples by metric.
    """
    scores, declared = dict(evaluation.scores), evaluation.tasks
    weights = draw_weights(tasks, declared)
    drawn = drawn_scores(evaluation, tasks, values, weights)
    persons = persons_behind(tasks, drawn, declared)
    units = units_behind(tasks, drawn, declared)
    of_groups = scored_by_group(evaluation, weights)
    scores |= of_groups.scores
    drawn |= of_groups.drawn
    persons |= of_groups.persons
    for key, ends in intervals(scores, drawn, persons, units | of_groups.persons).items():
        scores |= _ends(key, ends)
    scores |= {Key.parse(key).persons: count for key, count in persons.items()}
    kept = {key: drawn[key].round(DECIMALS).tolist() for key in COMPARED if key in drawn}
    draws = {
        key: [None if number != number else number for number in numbers]
        for key, numbers in kept.items()
    }
    return Scored(scores, draws)


def _values(records: Records, packages: Collection[str]) -> dict[str, Values]:
    """The numbers of a task's samples by metric, those that it has what they need for.

    Of the metrics that are computed here, or by some packages.
    """
    metrics = task_metrics().items()
    asked = {name: metric for name, metric in metrics if metric.package in ("", *packages)}
    values = {name: metric.values(records) for name, metric in asked.items()}
    return {name: numbers for name, numbers in values.items() if numbers is not None}


def score_faces(
    seen: "Seen", shadows: "Sequence[Seen]", enrolment: int, targets: int | None
) -> dict[str, float]:
    """Every metric of the vision domain by key, then the ends of their intervals.

    An interval is a metric's margin to both sides, where it has one. `shadows` are the records of
    the attack's models, some in each, of which those from the number `targets` are attacked;
    `enrolment` pictures enrol a person. A metric that cannot be computed is absent. Raises
    UserError where a split has no test picture.
    """
    evaluation = FaceEvaluation(seen, shadows, enrolment, targets)
    values = {name: metric(evaluation) for name, metric in face_metrics().items()}
    scores = {name: value for name, value in values.items() if value is not None}
    for name in face_metrics():
        margin = scores.get(f"{name}_margin")
        if margin is not None and name in scores:
            scores |= _ends(name, (scores[name] - margin, scores[name] + margin))
    return scores


def _ends(key: str, ends: tuple[float, float]) -> dict[str, float]:
    """The ends of a score's interval by their keys, within the metric's range."""
    metric = metric_of(key)
    inside = [min(metric.high, max(metric.low, end)) for end in ends]
    for end in inside:
        checked(metric.compute, metric.name, " (interval)", end, metric.low, metric.high)
    return dict(zip(Key.parse(key).interval, inside, strict=True))
