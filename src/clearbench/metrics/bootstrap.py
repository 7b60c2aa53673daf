"""Intervals over persons: how far a score would move, had others been asked about.

The bootstrap (Efron 1979) of clusters: samples about one person are not independent, so persons are
drawn anew with replacement, each with all its samples of all tasks, and each score is computed
again; the same draw for all metrics and models. Within a person nothing is drawn, for the noise of
its samples is in the persons' own and would count twice (Davison and Hinkley 1997, section 3.8).
Samples that are about nobody are drawn one by one, task by task.

The percentiles are moved by what the drawn scores lie off the score on average: drawing makes two
models' truth ratios differ more, so that forget quality would come out too low. Of few persons the
percentiles are too narrow: `widening` is by how much, and below FEW persons tables say so. Persons
with unequal numbers of samples count for as few as `effective` tells. A share of 0 or 1 is one in
every draw, although others might have done otherwise: it has Wilson's interval. All is rounded, for
the last digits are those of the draw, so that it is the same on every machine.
"""

import math
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from clearbench.data.tasks import DECLARED, HOLDOUT, SPLITS, in_headline
from clearbench.data.tasks import Tasks as Declared
from clearbench.metrics import metric_of, model_metrics
from clearbench.metrics.base import (
    Draws,
    Evaluation,
    ModelMetric,
    Records,
    Values,
    order_by_id,
)
from clearbench.metrics.definitions import DEFINITIONS
from clearbench.metrics.drawn_ratios import log_ratios, mean_reported
from clearbench.metrics.keys import Key
from clearbench.metrics.wilson import at_end, reach

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS = 1000
COVERAGE = 0.95
DECIMALS = 6
FEW = 10
"""Intervals over fewer persons are told to the reader."""
LEAST = 1.5
"""The fewest persons, in effect, that tell how persons differ."""

Task = tuple[str, str]
"""Split and task."""

Tasks = Mapping[Task, Records]


def intervals(
    scores: Mapping[str, float],
    drawn: "Mapping[str, NDArray]",
    persons: Mapping[str, float],
    units: Mapping[str, float],
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of the scores by key; may pass a range's end.

    `drawn` as `drawn_scores` gives them, `persons` as `persons_behind`, `units` as `units_behind`.
    A score of a single person (LEAST) has none, nor has one that is not drawn.
    """
    import numpy as np

    tail = 50 * (1 - COVERAGE)
    ends = {}
    for key, numbers in drawn.items():
        draws = numbers[np.isfinite(numbers)]
        wider = widening(persons[key]) if key in persons else 1.0
        if draws.size and wider and _is_share(key) and at_end(scores[key]) and units[key] >= LEAST:
            width = round(reach(units[key]), DECIMALS)
            ends[key] = (scores[key] - width, scores[key] + width)
        elif draws.size and wider:
            off = np.percentile(draws - draws.mean(), [tail, 100 - tail])
            low, high = np.round(scores[key] + wider * off, DECIMALS).tolist()
            ends[key] = (low, high)
    return ends


def widening(persons: float) -> float:
    """By what an interval over so many persons is widened; 0 of fewer than LEAST, for no interval.

    t/z·√(n/(n-1)), with the 97.5 % quantiles of Student's t of n-1 degrees of freedom and of the
    normal distribution: the variance of n drawn persons is (n-1)/n of what it should be, and is
    itself uncertain. 9.2 for 2 persons, 1.25 for 9, 1.10 for 20, 1.01 for 200.
    """
    if persons < LEAST:
        return 0.0
    # Imported here: it loads numpy, which takes longer than looking up all metrics.
    from scipy.special import ndtri, stdtrit

    degrees = persons - 1
    return float(stdtrit(degrees, 0.975) / ndtri(0.975)) * math.sqrt(persons / degrees)


def _is_share(key: str) -> bool:
    """Whether a score is a mean of numbers in [0, 1], and no comparison of two models."""
    metric = metric_of(key)
    if isinstance(metric, ModelMetric):
        return metric.mean
    return (metric.low, metric.high) == (0, 1)


def effective(counts: Collection[int]) -> float:
    """How many persons of equal numbers of samples would tell as much: (Σn)²/Σn²; 0 of none.

    The number of persons where all have as many samples; 2.2 of one with 200 and 19 with 5. Source:
    Kish 1965, Survey Sampling.
    """
    return round(sum(counts) ** 2 / sum(n * n for n in counts), DECIMALS) if counts else 0.0


def persons_behind(
    tasks: Tasks, keys: "Mapping[str, NDArray]", declared: Declared = DECLARED
) -> dict[str, float]:
    """How many persons a score's samples are about, in effect; the fewest of any of its splits.

    By key; a score is absent whose samples are about nobody. Those of a whole model are about the
    samples of the tasks that are declared to enter the headline.
    """
    counts = {task: _samples_of_persons(records) for task, records in tasks.items()}
    return _fewest({task: effective(samples) for task, samples in counts.items()}, keys, declared)


def units_behind(
    tasks: Tasks, keys: "Mapping[str, NDArray]", declared: Declared = DECLARED
) -> dict[str, float]:
    """How many are drawn for a score, by key: persons, and each sample that is about nobody."""
    alone = {
        task: [1 for record in records if record.person is None] for task, records in tasks.items()
    }
    counts = {task: _samples_of_persons(records) + alone[task] for task, records in tasks.items()}
    return _fewest({task: effective(samples) for task, samples in counts.items()}, keys, declared)


def _samples_of_persons(records: Records) -> list[int]:
    """How many samples each person has."""
    samples = Counter(record.person for record in records if record.person is not None)
    return list(samples.values())


def _fewest(
    of_task: Mapping[Task, float], keys: "Mapping[str, NDArray]", declared: Declared
) -> dict[str, float]:
    """The least count above 0 of a score's tasks, by key; absent where there is none."""
    of_split = {
        split: [
            count
            for (other, name), count in of_task.items()
            if other == split and count and in_headline(declared, [name])
        ]
        for split in (*SPLITS, HOLDOUT)
    }
    fewest = {}
    for key in keys:
        parsed = Key.parse(key)
        if parsed.task:
            counts = [count for count in [of_task[parsed.split, parsed.task]] if count]
        else:
            splits = model_metrics()[key].splits
            counts = [count for split in splits for count in of_split[split]]
        if counts:
            fewest[key] = min(counts)
    return fewest


def draw_weights(tasks: Tasks, declared: Declared = DECLARED) -> "dict[Task, NDArray]":
    """How often each of a task's samples is drawn, (DRAWS, N), the samples ordered by id.

    The persons of a split are drawn together for all its tasks; those whom only tasks beside the
    headline are about are drawn apart, for they must not change what others are drawn. The same for
    as many persons or samples everywhere, so that models which were asked the same are drawn alike.
    """
    import numpy as np

    def draw(purpose: str, size: int) -> "NDArray":
        generator = np.random.default_rng(zlib.crc32(purpose.encode()))
        return generator.multinomial(size, [1 / size] * size, size=DRAWS).astype(float)

    by_task = {}
    for split in sorted({split for split, _ in tasks}):
        of_split = {task: records for task, records in tasks.items() if task[0] == split}
        headline = in_headline(declared, [name for _, name in of_split])
        first = _persons(records for (_, name), records in of_split.items() if name in headline)
        beside = _persons(of_split.values()) - first
        number = {person: i for i, person in enumerate([*sorted(first), *sorted(beside)])}
        drawn = [draw(split, len(first))] if first else []
        drawn += [draw(f"{split}, beside the headline", len(beside))] if beside else []
        persons = np.hstack(drawn) if drawn else None
        for task, records in of_split.items():
            ordered = [records[i].person for i in order_by_id(records)]
            alone = [i for i, person in enumerate(ordered) if person not in number]
            weights = np.zeros((DRAWS, len(ordered)))
            if persons is not None:
                about = [i for i, person in enumerate(ordered) if person in number]
                weights[:, about] = persons[:, [number[ordered[i] or ""] for i in about]]
            if alone:
                weights[:, alone] = draw("/".join(task), len(alone))
            by_task[task] = weights
    return by_task


def _persons(groups: Iterable[Records]) -> set[str]:
    """Whom some records are about."""
    return {record.person for group in groups for record in group if record.person is not None}


def drawn_scores(
    evaluation: Evaluation,
    tasks: Tasks,
    values: Mapping[Task, Mapping[str, Values]],
    weights: "Mapping[Task, NDArray]",
) -> "dict[str, NDArray]":
    """The scores by key in each of D draws, (D,); NaN where a draw leaves one undefined.

    `evaluation` has all scores, `tasks` its records by task, `values` the numbers of their samples
    by metric. `weights` (D, N) say how often a draw has each of a task's N samples, which are
    ordered by id, so that their order in a file does not matter. A metric says itself how it is
    drawn; one that is not, as forget_quality_ks, whose logarithm is, is absent.
    """
    import numpy as np

    order = {task: order_by_id(records) for task, records in tasks.items()}
    totals = {task: times.sum(1) for task, times in weights.items()}
    # A draw may have no sample of a task that few persons have.
    with np.errstate(invalid="ignore"):
        drawn = {
            str(Key.parse(metric).of_task(*task)): weights[task]
            @ np.asarray(numbers)[order[task]]
            / totals[task]
            for task, by_metric in values.items()
            for metric, numbers in by_metric.items()
        }
        for definition in DEFINITIONS.values():
            read = evaluation.under(definition)
            if read is None:
                continue
            # A pooled average is one of the samples drawn, so a sample's number varies.
            for task in tasks if definition.pooled else ():
                key = definition.key("truth_ratio", *task)
                if key in drawn:
                    ordered = [tasks[task][i] for i in order[task]]
                    ratios = log_ratios(ordered, weights[task], definition)
                    drawn[key] = mean_reported(task[0], ratios, weights[task])
            draws = Draws(read, weights, drawn)
            metrics = [m for m in model_metrics().values() if m.definition is definition]
            # Means first, and then what compares two models.
            for metric in sorted(metrics, key=lambda metric: not metric.mean):
                scores = metric.drawn(draws) if metric.name in evaluation.scores else None
                if scores is not None:
                    drawn[metric.name] = scores
    return drawn
