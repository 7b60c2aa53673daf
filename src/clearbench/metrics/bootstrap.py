"""Intervals over samples: how far a score would move, had other questions been asked.

The bootstrap (Efron 1979): the samples of each task are drawn anew with replacement, the same draw
for all metrics and for the gold model, and each score is computed again. The percentiles are moved
by what the drawn scores lie off the score on average: drawing makes two models' truth ratios
differ more, so that forget quality would come out too low. All is rounded, for the last digits are
those of the draw, so that it is the same on every machine.
"""

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from clearbench.metrics.base import Evaluation, Records, Values
from clearbench.metrics.definitions import DEFINITIONS, Definition
from clearbench.metrics.drawn_ratios import (
    aligned_similarities,
    js_similarities,
    ks_tests,
    log_ratios,
    mean_reported,
)
from clearbench.metrics.forget_samples import compared_tasks
from clearbench.metrics.headline import averaged_keys

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS = 1000
COVERAGE = 0.95
DECIMALS = 6

Task = tuple[str, str]
"""Split and task."""

Tasks = Mapping[Task, Records]


def intervals(
    evaluation: Evaluation, tasks: Tasks, values: Mapping[Task, Mapping[str, Values]]
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of the scores by key; may pass a range's end.

    `evaluation` has all scores, `tasks` its records by task, `values` the numbers of their samples
    by metric. A score of a whole model that this file does not know has none, nor has
    forget_quality_ks, whose logarithm has one.
    """
    import numpy as np

    weights = {task: _draws(task, len(records)) for task, records in tasks.items()}
    tail = 50 * (1 - COVERAGE)
    ends = {}
    for key, found in drawn_scores(evaluation, tasks, values, weights).items():
        draws = found[np.isfinite(found)]
        if draws.size:
            centred = draws + (evaluation.scores[key] - draws.mean())
            low, high = np.round(np.percentile(centred, [tail, 100 - tail]), DECIMALS).tolist()
            ends[key] = (low, high)
    return ends


def _draws(task: Task, size: int) -> "NDArray":
    """How often each sample is drawn, (DRAWS, N): the same for a task of that size everywhere."""
    import numpy as np

    generator = np.random.default_rng(zlib.crc32("/".join(task).encode()))
    return generator.multinomial(size, [1 / size] * size, size=DRAWS).astype(float)


def drawn_scores(
    evaluation: Evaluation,
    tasks: Tasks,
    values: Mapping[Task, Mapping[str, Values]],
    weights: "Mapping[Task, NDArray]",
) -> "dict[str, NDArray]":
    """The scores by key in each of D draws, (D,); NaN where a draw leaves one undefined.

    `weights` (D, N) say how often a draw has each of a task's N samples, which are ordered by id,
    so that their order in a file does not matter; the others are as for `intervals`.
    """
    import numpy as np

    order = {task: _order(records) for task, records in tasks.items()}
    drawn = {
        "/".join((*task, metric)): weights[task] @ np.asarray(numbers)[order[task]] / len(numbers)
        for task, found in values.items()
        for metric, numbers in found.items()
    }
    for definition in DEFINITIONS.values():
        read = evaluation.under(definition)
        if read is None:
            continue
        # A pooled average is one of the samples drawn, so a sample's number is not the same twice.
        for task in tasks if definition.pooled else ():
            key = "/".join((*task, definition.key("truth_ratio")))
            if key in drawn:
                ordered = [tasks[task][i] for i in order[task]]
                ratios = log_ratios(ordered, weights[task], definition)
                drawn[key] = mean_reported(task[0], ratios, weights[task])
        for name, keys in averaged_keys(read, definition).items():
            drawn[definition.key(name)] = _harmonic_mean([drawn[key] for key in keys])
        found = _forget_quality(read, weights, definition)
        drawn |= {key: scores for key, scores in found.items() if key in evaluation.scores}
    return drawn


def _order(records: Records) -> list[int]:
    """The records by id; of samples of one id, those with other contents are told apart."""
    return sorted(range(len(records)), key=lambda i: (records[i].id, repr(records[i])))


def _harmonic_mean(terms: "list[NDArray]") -> "NDArray":
    """Of each draw; 0 where a term is."""
    import numpy as np

    with np.errstate(divide="ignore", over="ignore"):
        return len(terms) / np.sum([1 / term for term in terms], axis=0)


def _forget_quality(
    evaluation: Evaluation, weights: "Mapping[Task, NDArray]", definition: Definition
) -> "dict[str, NDArray]":
    """Forget quality in each draw by key, the gold model's samples drawn with the model's own."""
    import numpy as np

    # Every measure of forget quality needs what this one does.
    if definition.key("forget_quality_ks") not in evaluation.scores:
        return {}
    tasks = [("forget", task) for task in compared_tasks(evaluation.records, definition)]
    drawn = np.hstack([weights[task] for task in tasks])

    def ratios(records: Records) -> "NDArray":
        groups = [[record for record in records if (record.split, record.task) == t] for t in tasks]
        found = [
            log_ratios([group[i] for i in _order(group)], weights[task], definition)
            for task, group in zip(tasks, groups, strict=True)
        ]
        return np.hstack(found)

    own, gold = ratios(evaluation.records), ratios(evaluation.gold_records)
    statistic, log_p = ks_tests(own, gold, drawn)
    similarities = aligned_similarities if definition.aligned else js_similarities
    found = {
        "forget_quality_js": similarities(own, gold, drawn),
        "forget_quality_ks_log10": log_p / np.log(10),
        "forget_quality_ks_ln": log_p,
        "forget_quality_ks_statistic": statistic,
    }
    return {definition.key(name): scores for name, scores in found.items()}
