"""All metrics of one model."""

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clearbench.evaluation.records import Record
from clearbench.metrics import face_metrics, model_metrics, task_metrics
from clearbench.metrics.base import Evaluation, Records, check
from clearbench.metrics.faces import FaceEvaluation

if TYPE_CHECKING:
    from clearbench.evaluation.embeddings import Seen

SCORES = "scores.json"
"""The file's name in an artifact: metric key to value."""


def score_records(records: Records, gold_records: Records) -> dict[str, float]:
    """Every metric by key: `split/task/metric` of each task, then those of the whole model.

    `gold_records` are those of the gold model of the same dataset and forget size. All values are
    finite. A metric that lacks its task is absent. Raises UserError for no records, a NaN loss
    (named by its sample) and a gold model that was evaluated on other forget samples.
    """
    check(records)
    check(gold_records)
    tasks: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        tasks[record.split, record.task].append(record)
    scores = {
        f"{split}/{task}/{name}": metric(group)
        for (split, task), group in sorted(tasks.items(), key=lambda item: item[0])
        for name, metric in task_metrics().items()
    }
    present = {key: value for key, value in scores.items() if value is not None}
    evaluation = Evaluation(present, records, gold_records)
    for name, metric in model_metrics().items():
        value = metric(evaluation)
        if value is not None:
            present[name] = value
    return present


def score_faces(seen: "Seen", shadows: "Sequence[Seen]", enrolment: int) -> dict[str, float]:
    """Every metric of the vision domain by key.

    `shadows` are the records of the shadow models, some models in each; `enrolment` pictures enrol
    a person. Raises UserError where a split has no test picture.
    """
    evaluation = FaceEvaluation(seen, shadows, enrolment)
    return {name: metric(evaluation) for name, metric in face_metrics().items()}
