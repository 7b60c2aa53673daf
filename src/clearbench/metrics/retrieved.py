"""The scores of records in which pictures are asked with the captions of several persons."""

from clearbench.data.tasks import CAPTION_ALONE, DECLARED, IMAGE_TO_CAPTION, Tasks
from clearbench.metrics.base import Evaluation, Records, Values, check
from clearbench.metrics.retrieval import READ, losses_of, ranks
from clearbench.metrics.score import Scored, means_of, with_intervals


def is_retrieval(records: Records) -> bool:
    """Whether records are of that kind."""
    return any(record.task == IMAGE_TO_CAPTION.name for record in records)


def score_retrieval(records: Records, declared: Tasks = DECLARED) -> Scored:
    """The scores of retrieval by key, `split/direction/metric`.

    Their intervals draw the persons who are looked for, among all that are there. Raises UserError
    for a NaN loss.
    """
    check(records)
    tasks: dict[tuple[str, str], Records] = {}
    values: dict[tuple[str, str], dict[str, Values]] = {}
    for split in dict.fromkeys(record.split for record in records):
        of_split = sorted((r for r in records if r.split == split), key=lambda record: record.id)
        pictures = [record for record in of_split if record.task == IMAGE_TO_CAPTION.name]
        (alone,) = [record for record in of_split if record.task == CAPTION_ALONE.name]
        losses = [losses_of(record, own) for own, record in enumerate(pictures)]
        for direction, of_direction in ranks(losses, losses_of(alone, 0)).items():
            tasks[split, direction] = pictures
            values[split, direction] = {
                name: [read(rank) for rank in of_direction] for name, read in READ.items()
            }
    return with_intervals(Evaluation(means_of(values), records, records, declared), tasks, values)
