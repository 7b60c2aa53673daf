"""Aligned: whether the same question by picture and by name is known, or forgotten, in both ways.

Measures of UMU-Bench, which asks in pairs: what is forgotten by picture alone is still there. The
biography by picture (`face_qa`) and by name is asked in pairs, too.
"""

from collections.abc import Callable, Iterator
from statistics import fmean

from clearbench.data.tasks import (
    BIOGRAPHY,
    BLANKS_BY_NAME,
    BLANKS_BY_PICTURE,
    GENERATION_BY_NAME,
    GENERATION_BY_PICTURE,
    OPTIONS_BY_NAME,
    OPTIONS_BY_PICTURE,
    Task,
)
from clearbench.evaluation.records import Record
from clearbench.metrics.accuracy import accuracy
from clearbench.metrics.base import Evaluation, Records, Values, model_metric, not_drawn
from clearbench.metrics.filled import filled
from clearbench.metrics.rouge_l import rouge_scores

Numbers = Callable[[Records], Values | None]

_ANSWERED: tuple[tuple[Task, Task, Numbers], ...] = (
    (OPTIONS_BY_PICTURE, OPTIONS_BY_NAME, accuracy.values),
    (BLANKS_BY_PICTURE, BLANKS_BY_NAME, filled.values),
    (*BIOGRAPHY, accuracy.values),
)
_OPEN = ((GENERATION_BY_PICTURE, GENERATION_BY_NAME), BIOGRAPHY)


@model_metric(low=0, high=1, better="up", splits=("forget",), draw=not_drawn)
def aligned_forget(evaluation: Evaluation) -> float | None:
    """Share of the forget split's questions that are wrong by picture and by name alike.

    Of options, blanks and, where the dataset asks `face_qa`, biographies: these by whether the true
    answer is the likeliest. None where nothing is asked in pairs. Source: UMU-Bench,
    github.com/QDRhhhh/UMU-bench.
    """
    return _mean(float(a == b == 0) for a, b in _answered(evaluation, "forget"))


@model_metric(low=0, high=1, better="up", splits=("retain",), draw=not_drawn)
def aligned_retain(evaluation: Evaluation) -> float | None:
    """Share of the retain split's questions that are right by picture and by name alike.

    Of options, blanks and, where the dataset asks `face_qa`, biographies: these by whether the true
    answer is the likeliest. None where nothing is asked in pairs. Source: UMU-Bench,
    github.com/QDRhhhh/UMU-bench.
    """
    return _mean(float(a == b == 1) for a, b in _answered(evaluation, "retain"))


@model_metric(low=0, high=1, better="up", splits=("real",), draw=not_drawn)
def aligned_real(evaluation: Evaluation) -> float | None:
    """Share of the real split's options and blanks that are right by picture and by name alike.

    None where nothing is asked in pairs. Source: UMU-Bench, github.com/QDRhhhh/UMU-bench.
    """
    return _mean(float(a == b == 1) for a, b in _answered(evaluation, "real"))


@model_metric(low=0, high=1, better="down", splits=("forget",), draw=not_drawn)
def aligned_rouge_forget(evaluation: Evaluation) -> float | None:
    """Mean of (a² + b²) / (a + b) over the forget split's open questions.

    a and b are the F-measures of ROUGE-L of the answers by picture and by name: the mean of both in
    which the larger counts for more. 0 where both are. Source: UMU-Bench,
    github.com/QDRhhhh/UMU-bench.
    """
    pairs = _open(evaluation, "forget")
    return _mean((a * a + b * b) / (a + b) if a + b else 0.0 for a, b in pairs)


@model_metric(low=0, high=1, better="up", splits=("retain",), draw=not_drawn)
def aligned_rouge_retain(evaluation: Evaluation) -> float | None:
    """Mean of 2ab / (a + b) over the retain split's open questions.

    a and b are the F-measures of ROUGE-L of the answers by picture and by name; it is their
    harmonic mean. 0 where both are. Source: UMU-Bench, github.com/QDRhhhh/UMU-bench.
    """
    return _mean(_harmonic(a, b) for a, b in _open(evaluation, "retain"))


@model_metric(low=0, high=1, better="up", splits=("real",), draw=not_drawn)
def aligned_rouge_real(evaluation: Evaluation) -> float | None:
    """Mean of 2ab / (a + b) over the real split's open questions.

    a and b are the F-measures of ROUGE-L of the answers by picture and by name; it is their
    harmonic mean. 0 where both are. Source: UMU-Bench, github.com/QDRhhhh/UMU-bench.
    """
    return _mean(_harmonic(a, b) for a, b in _open(evaluation, "real"))


def _mean(numbers: Iterator[float]) -> float | None:
    known = list(numbers)
    return fmean(known) if known else None


def _harmonic(a: float, b: float) -> float:
    return 2 * a * b / (a + b) if a + b else 0.0


def _answered(evaluation: Evaluation, split: str) -> Iterator[tuple[float, float]]:
    """1 or 0 by picture and by name for each pair that is right or wrong."""
    for picture, name, numbers in _ANSWERED:
        yield from _pairs(evaluation, split, picture, name, numbers)


def _open(evaluation: Evaluation, split: str) -> Iterator[tuple[float, float]]:
    """The F-measures of ROUGE-L by picture and by name for each pair of open questions."""

    def measures(records: Records) -> Values:
        return [score.fmeasure for score in rouge_scores(records, "ascii")]

    for picture, name in _OPEN:
        yield from _pairs(evaluation, split, picture, name, measures)


def _pairs(
    evaluation: Evaluation, split: str, picture: Task, name: Task, numbers: Numbers
) -> Iterator[tuple[float, float]]:
    """The numbers of both halves of each pair, in the order of the ids."""
    halves = []
    for task in (picture, name):
        records = [
            record
            for record in evaluation.records
            if (record.split, record.task) == (split, task.name)
        ]
        values = (numbers(records) if records else None) or []
        halves.append({_common(r): value for r, value in zip(records, values, strict=False)})
    one, other = halves
    return ((one[key], other[key]) for key in sorted(one.keys() & other.keys()))


def _common(record: Record) -> str:
    """What the ids of a pair have in common: all but the names of their tasks."""
    return record.id.replace(record.task, "")
