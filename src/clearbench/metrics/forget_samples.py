"""The two samples that every measure of forget quality compares."""

from clearbench.errors import UserError
from clearbench.metrics.base import Evaluation, Records
from clearbench.metrics.headline import headline_tasks
from clearbench.metrics.losses import has_candidates
from clearbench.metrics.truth_ratio import log_truth_ratios


def forget_samples(evaluation: Evaluation) -> tuple[list[float], list[float]] | None:
    """log R of the forget split's headline tasks, pooled: of the model and of its gold model.

    None where there is no such task, or one without perturbed answers. UserError where the gold
    model was evaluated on other samples.
    """
    tasks = headline_tasks(evaluation.records, "forget")
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
    return _pooled(groups), _pooled(gold_groups)


def _of_task(records: Records, task: str) -> Records:
    return [record for record in records if record.split == "forget" and record.task == task]


def _pooled(groups: list[Records]) -> list[float]:
    return [ratio for group in groups for ratio in log_truth_ratios(group)]
