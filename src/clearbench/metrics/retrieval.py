"""Retrieval by likelihood: which caption belongs to a picture, and which picture to a caption."""

from collections.abc import Callable, Mapping, Sequence

from clearbench.data.tasks import CAPTION_TO_IMAGE, IMAGE_TO_CAPTION, IMAGE_TO_CAPTION_OVER_PRIOR
from clearbench.evaluation.records import Record
from clearbench.metrics.base import Records, Values, task_metric

Losses = Sequence[Sequence[float]]
"""Of each of N pictures the loss a token of each of N captions, in nats."""


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def recall_1(records: Records) -> Values | None:
    """Share of queries whose own answer is ranked first among those of all persons asked.

    Of a picture the captions, by their loss a token; over the prior, by that loss less the one that
    the caption has without a picture, since else a caption that is likely by itself wins. Of a
    caption the pictures, by the loss that it has with each: its prior is the same with all, and
    subtracting it moves no rank. A tie is not right; of N persons 1/N is chance. None of any other
    task. Source: recall as in CLIP, arXiv 2103.00020, by likelihood.
    """
    return _of_pictures(records, "recall_1")


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def recall_5(records: Records) -> Values | None:
    """Share of queries whose own answer is among the first five; ranks as in recall_1."""
    return _of_pictures(records, "recall_5")


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def recall_10(records: Records) -> Values | None:
    """Share of queries whose own answer is among the first ten; ranks as in recall_1."""
    return _of_pictures(records, "recall_10")


@task_metric(low=0, high=1, better="up", better_on_forget="down")
def reciprocal_rank(records: Records) -> Values | None:
    """Mean of 1/rank of each query's own answer; ranks as in recall_1."""
    return _of_pictures(records, "reciprocal_rank")


READ: Mapping[str, Callable[[int], float]] = {
    "recall_1": lambda rank: float(rank <= 1),
    "recall_5": lambda rank: float(rank <= 5),
    "recall_10": lambda rank: float(rank <= 10),
    "reciprocal_rank": lambda rank: 1 / rank,
}
"""What each metric makes of the rank of a query's own answer, from 1."""


def ranks(losses: Losses, alone: Sequence[float]) -> dict[str, list[int]]:
    """The ranks of the queries' own answers by direction; `alone` are losses without a picture."""
    over = [[loss - prior for loss, prior in zip(row, alone, strict=True)] for row in losses]
    of_captions = list(zip(*losses, strict=True))
    return {
        IMAGE_TO_CAPTION.name: _ranks(losses),
        IMAGE_TO_CAPTION_OVER_PRIOR.name: _ranks(over),
        CAPTION_TO_IMAGE.name: _ranks(of_captions),
    }


def losses_of(record: Record, own: int) -> list[float]:
    """The losses of all captions in the order of their pictures; a record has its own first."""
    others = record.perturbed_losses
    return [*others[:own], record.answer_loss, *others[own:]]


def _ranks(losses: Losses) -> list[int]:
    return [_rank(row, own) for own, row in enumerate(losses)]


def _rank(losses: Sequence[float], own: int) -> int:
    """How many have no higher loss, itself among them."""
    return sum(loss <= losses[own] for loss in losses)


def _of_pictures(records: Records, name: str) -> Values | None:
    if records[0].task != IMAGE_TO_CAPTION.name:
        return None
    return [READ[name](_rank(losses_of(record, 0), 0)) for record in records]
