"""What any of several tries brings back: of each sample the try at which a model knew it best."""

from collections import defaultdict
from collections.abc import Sequence

from clearbench.data.tasks import DECLARED, Tasks
from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.metrics import task_metrics
from clearbench.metrics.base import Evaluation, Records, TaskMetric, Values
from clearbench.metrics.score import Scored, means_of, with_intervals

_Task = tuple[str, str]


def score_tries(tries: Sequence[Records], declared: Tasks = DECLARED) -> Scored:
    """The scores of tasks by key, each the mean over samples of the highest number of any try.

    Of accuracy it is the share of samples that at least one try gets right. Of the metrics that are
    higher where a model knows more; their intervals and the persons behind them are those of any
    score. Raises UserError for tries of different samples, and as `score_with_draws`.
    """
    first, *others = [_by_task(records) for records in tries]
    if any(_ids(other) != _ids(first) for other in others):
        raise UserError("records of different samples: all tries of a test ask about the same")
    values: dict[_Task, dict[str, Values]] = {}
    for task in sorted(first):
        of_tries = [
            {metric.name: metric.values(by_task[task]) for metric in _of_knowledge()}
            for by_task in (first, *others)
        ]
        values[task] = {
            name: [max(numbers) for numbers in zip(*each, strict=True)]
            for name in of_tries[0]
            if None not in (each := [numbers[name] for numbers in of_tries])
        }
    records = [record for records in first.values() for record in records]
    return with_intervals(Evaluation(means_of(values), records, records, declared), first, values)


def _of_knowledge() -> list[TaskMetric]:
    """The metrics of a task that are higher the more a model knows, of no further package."""
    metrics = [metric for metric in task_metrics().values() if not metric.package]
    return [m for m in metrics if (m.better, m.better_on_forget) == ("up", "down")]


def _by_task(records: Records) -> dict[_Task, list[Record]]:
    tasks: dict[_Task, list[Record]] = defaultdict(list)
    for record in records:
        tasks[record.split, record.task].append(record)
    return dict(tasks)


def _ids(tasks: dict[_Task, list[Record]]) -> dict[_Task, list[str]]:
    return {task: [record.id for record in records] for task, records in tasks.items()}
