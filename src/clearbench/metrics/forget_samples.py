"""The two samples that every measure of forget quality compares."""

from typing import TYPE_CHECKING

from clearbench.data.tasks import CAPTIONS, headline_tasks
from clearbench.errors import UserError
from clearbench.metrics.base import Draws, Evaluation, Records, order_by_id
from clearbench.metrics.definitions import HEADLINE, Definition
from clearbench.metrics.losses import has_candidates
from clearbench.metrics.truth_ratio import log_truth_ratios

if TYPE_CHECKING:
    from numpy.typing import NDArray


def forget_samples(
    evaluation: Evaluation, definition: Definition = HEADLINE
) -> tuple[list[float], list[float]] | None:
    """log R of the forget split's headline tasks together: of the model and of its gold model.

    In the order of their records; a definition that compares sample by sample does so on captions
    alone, where there are any. None where there is no such task, or one without perturbed answers.
    UserError where the gold model was evaluated on other samples.
    """
    sides = _groups(evaluation, definition)
    return (
        None
        if sides is None
        else (_together(sides[0], definition), _together(sides[1], definition))
    )


def forget_groups(
    evaluation: Evaluation, definition: Definition = HEADLINE
) -> list[tuple[list[float], list[float]]] | None:
    """The same of each task apart, the samples of both models in the order of their ids."""
    sides = _groups(evaluation, definition)
    if sides is None:
        return None
    own, gold = (
        [log_truth_ratios([group[i] for i in order_by_id(group)], definition) for group in groups]
        for groups in sides
    )
    return list(zip(own, gold, strict=True))


def drawn_groups(draws: Draws, definition: Definition) -> "list[tuple[NDArray, NDArray, NDArray]]":
    """log R of each compared task by its draws: of the model, of its gold, and the weights.

    As `drawn_ratios` takes them.
    """
    # Imported here: it loads numpy, which takes longer than looking up all metrics.
    from clearbench.metrics.drawn_ratios import log_ratios

    evaluation = draws.evaluation
    drawn = []
    for task in compared_tasks(evaluation, definition):
        weights = draws.weights["forget", task]
        groups = (_of_task(side, task) for side in (evaluation.records, evaluation.gold_records))
        own, gold = (
            log_ratios([group[i] for i in order_by_id(group)], weights, definition)
            for group in groups
        )
        drawn.append((own, gold, weights))
    return drawn


def drawn_together(draws: Draws, definition: Definition) -> "tuple[NDArray, NDArray, NDArray]":
    """The same of all compared tasks together."""
    import numpy as np

    own, gold, weights = zip(*draws.once(drawn_groups, definition), strict=True)
    return np.hstack(own), np.hstack(gold), np.hstack(weights)


def _groups(
    evaluation: Evaluation, definition: Definition
) -> tuple[list[Records], list[Records]] | None:
    """The records of each compared task, of the model and of its gold model."""
    tasks = compared_tasks(evaluation, definition)
    groups = [_of_task(evaluation.records, task) for task in tasks]
    gold_groups = [_of_task(evaluation.gold_records, task) for task in tasks]
    for task, group, gold_group in zip(tasks, groups, gold_groups, strict=True):
        if sorted(record.id for record in group) != sorted(record.id for record in gold_group):
            raise UserError(
                f"forget/{task}: the gold model was evaluated on other samples"
                f" ({len(gold_group)}, the model on {len(group)}); give the gold of the same"
                " dataset and forget size"
            )
    if not tasks or not all(map(has_candidates, groups + gold_groups)):
        return None
    return groups, gold_groups


def compared_tasks(evaluation: Evaluation, definition: Definition) -> list[str]:
    """The tasks of the forget split whose truth ratios are compared, sorted."""
    names = {record.task for record in evaluation.records if record.split == "forget"}
    tasks = headline_tasks(evaluation.tasks, names)
    return [CAPTIONS.name] if definition.aligned and CAPTIONS.name in tasks else tasks


def _of_task(records: Records, task: str) -> Records:
    return [record for record in records if record.split == "forget" and record.task == task]


def _together(groups: list[Records], definition: Definition) -> list[float]:
    return [ratio for group in groups for ratio in log_truth_ratios(group, definition)]
