"""Groups of persons: the scores of each, as if nobody else had been asked about.

Of which group a person is, the texts say that are asked and answered about it. Scores of a group
are written as `retain#female`; a group of fewer than FEW persons has none, but their number.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from clearbench.data.tasks import in_headline
from clearbench.evaluation.records import Record
from clearbench.metrics import model_metrics, task_metrics
from clearbench.metrics.base import Draws, Evaluation, Records, order_by_id
from clearbench.metrics.bootstrap import FEW
from clearbench.metrics.definitions import HEADLINE, Definition
from clearbench.metrics.headline import QUALITY, TERMS
from clearbench.metrics.keys import Key

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPLIT_OF = {"retain": "retain", "forget": "forget", QUALITY: "forget"}
"""The scores that groups have, and whose samples they are about."""


def groups_of(records: Records, patterns: Mapping[str, str]) -> dict[str, str]:
    """The group of each person: the one whose pattern is found most often in the person's texts.

    A person of whom no pattern is found, or two equally often, is of none.
    """
    texts: dict[str, list[str]] = defaultdict(list)
    for record in records:
        if record.person is not None and record.split in SPLIT_OF.values():
            texts[record.person] += [record.question or "", record.answer]
    compiled = {name: re.compile(pattern) for name, pattern in patterns.items()}
    group_of = {}
    for person, said in texts.items():
        counts = {
            name: sum(len(pattern.findall(text)) for text in said)
            for name, pattern in compiled.items()
        }
        most = max(counts.values(), default=0)
        first = [name for name, count in counts.items() if count == most]
        if most and len(first) == 1:
            group_of[person] = first[0]
    return group_of


def names_of(evaluation: Evaluation) -> list[str]:
    """The groups that some person is of, sorted."""
    return sorted(set(evaluation.groups.values()))


def size_of(evaluation: Evaluation, group: str, split: str) -> int:
    """How many persons of a group a split's headline is about."""
    return len(
        {record.person for record in _records_of(evaluation, group) if record.split == split}
    )


def score_of_group(evaluation: Evaluation, group: str, name: str) -> float | None:
    """A score of a group; None where it is too small, or lacks what the score takes."""
    if size_of(evaluation, group, SPLIT_OF[name]) < FEW:
        return None
    return model_metrics()[name](_part(evaluation, group))


def draw_of_group(draws: Draws, group: str, name: str) -> "NDArray":
    """The same in each draw, (D,)."""
    drawn = model_metrics()[name].drawn(draws.once(_parts, HEADLINE)[group])
    assert drawn is not None
    return drawn


class OfGroups(NamedTuple):
    """The scores of all groups by key, in each draw, and how many persons they are of.

    A group that is too small has the number of its persons alone.
    """

    scores: dict[str, float]
    drawn: "dict[str, NDArray]"
    persons: dict[str, float]


def scored_by_group(
    evaluation: Evaluation, weights: "Mapping[tuple[str, str], NDArray]"
) -> OfGroups:
    """The scores of all groups of an evaluation, and by what weights its samples are drawn."""
    draws = Draws(evaluation, weights, {})
    groups = OfGroups({}, {}, {})
    for group in names_of(evaluation):
        for name, split in SPLIT_OF.items():
            key = str(Key(name, group=group))
            size = size_of(evaluation, group, split)
            if size:
                groups.persons[key] = size
            score = score_of_group(evaluation, group, name)
            if score is not None:
                groups.scores[key] = score
                groups.drawn[key] = draw_of_group(draws, group, name)
    for name in SPLIT_OF:
        sizes = [groups.persons[key] for key in groups.scores if Key.parse(key).metric == name]
        if len(sizes) > 1:
            # A number over groups is known as well as the smallest.
            groups.persons.update({f"{name}_gap": min(sizes), f"{name}_worst": min(sizes)})
    return groups


def _part(evaluation: Evaluation, group: str) -> Evaluation:
    """An evaluation of a group's persons alone."""
    own = _records_of(evaluation, group)
    tasks = _by_task(own)
    scores = {
        HEADLINE.key(term, *task): value
        for task, records in tasks.items()
        for term in TERMS
        if (value := task_metrics()[term](records)) is not None
    }
    gold = [r for r in evaluation.gold_records if evaluation.groups.get(r.person or "") == group]
    return replace(evaluation, scores=scores, records=own, gold_records=gold)


def _parts(draws: Draws, definition: Definition) -> dict[str, Draws]:
    """The draws of each group's persons alone."""
    import numpy as np

    parts = {}
    everyone = _by_task(draws.evaluation.records)
    for group in names_of(draws.evaluation):
        part = _part(draws.evaluation, group)
        weights, scores = {}, {}
        for task, records in _by_task(part.records).items():
            of_task = everyone[task]
            columns = [
                column
                for column, place in enumerate(order_by_id(of_task))
                if part.groups.get(of_task[place].person or "") == group
            ]
            weights[task] = times = draws.weights[task][:, columns]
            order = order_by_id(records)
            for term in TERMS:
                values = task_metrics()[term].values(records)
                if values is not None:
                    # A draw may have nobody of a group.
                    with np.errstate(invalid="ignore"):
                        numbers = times @ np.asarray(values)[order] / times.sum(1)
                    scores[HEADLINE.key(term, *task)] = numbers
        parts[group] = Draws(part, weights, scores)
    return parts


def _records_of(evaluation: Evaluation, group: str) -> list[Record]:
    """What is asked about the persons of a group in the tasks of the headline."""
    return [
        record
        for record in evaluation.records
        if record.split in SPLIT_OF.values()
        and evaluation.groups.get(record.person or "") == group
        and in_headline(evaluation.tasks, [record.task])
    ]


def _by_task(records: Records) -> dict[tuple[str, str], list[Record]]:
    tasks: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        tasks[record.split, record.task].append(record)
    return tasks
