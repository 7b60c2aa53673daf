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
from clearbench.metrics.forget_quality_js import bin_of
from clearbench.metrics.headline import TERMS, headline_tasks
from clearbench.metrics.losses import has_candidates
from clearbench.metrics.truth_ratio import log_truth_ratios

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS = 1000
COVERAGE = 0.95
DECIMALS = 6

Task = tuple[str, str]
"""Split and task."""


def intervals(
    evaluation: Evaluation,
    tasks: Mapping[Task, Records],
    values: Mapping[Task, Mapping[str, Values]],
) -> dict[str, tuple[float, float]]:
    """The 95 % interval of the headline's scores by key; may pass a range's end.

    `evaluation` has all scores, `tasks` its records by task, `values` the numbers of their samples
    by metric. Scores of the whole model are those of real, retain, forget, model utility and forget
    quality (JS).
    """
    import numpy as np

    weights = {task: _draws(task, records) for task, records in tasks.items()}
    drawn: dict[str, NDArray] = {}
    for task, found in values.items():
        for metric, numbers in found.items():
            ordered = np.asarray(numbers)[_order(tasks[task])]
            drawn["/".join((*task, metric))] = weights[task] @ ordered / len(ordered)
    terms = {split: _terms(evaluation, split, drawn) for split in ("real", "retain", "forget")}
    terms["model_utility"] = terms["retain"] + terms["real"] if terms["retain"] else []
    if not terms["real"]:
        terms["model_utility"] = []
    drawn |= {name: _harmonic_mean(found) for name, found in terms.items() if found}
    quality = _forget_quality(tasks, weights, evaluation)
    if quality is not None:
        drawn["forget_quality_js"] = quality
    tail = 50 * (1 - COVERAGE)
    ends = {}
    for key, draws in drawn.items():
        centred = draws + (evaluation.scores[key] - draws.mean())
        low, high = np.round(np.percentile(centred, [tail, 100 - tail]), DECIMALS).tolist()
        ends[key] = (low, high)
    return ends


def _draws(task: Task, records: Records) -> "NDArray":
    """How often each sample is drawn, (DRAWS, N): the same for a task of that size everywhere."""
    import numpy as np

    generator = np.random.default_rng(zlib.crc32("/".join(task).encode()))
    size = len(records)
    return generator.multinomial(size, [1 / size] * size, size=DRAWS)


def _order(records: Records) -> list[int]:
    """The records by id, so that their order in a file does not matter."""
    return sorted(range(len(records)), key=lambda i: (records[i].id, repr(records[i])))


def _terms(evaluation: Evaluation, split: str, drawn: "Mapping[str, NDArray]") -> "list[NDArray]":
    """The drawn terms of a split's aggregate; none where one lacks."""
    tasks = headline_tasks(evaluation.records, split)
    found = [drawn.get(f"{split}/{task}/{term}") for task in tasks for term in TERMS]
    present = [term for term in found if term is not None]
    return present if len(present) == len(found) else []


def _harmonic_mean(terms: "list[NDArray]") -> "NDArray":
    """Of each draw; 0 where a term is."""
    import numpy as np

    with np.errstate(divide="ignore", over="ignore"):
        return len(terms) / np.sum([1 / term for term in terms], axis=0)


def _forget_quality(
    tasks: Mapping[Task, Records], weights: "Mapping[Task, NDArray]", evaluation: Evaluation
) -> "NDArray | None":
    """Forget quality (JS) of each draw, the gold model's samples drawn with the model's own."""
    import numpy as np

    names = [("forget", task) for task in headline_tasks(evaluation.records, "forget")]
    if not names or not all(has_candidates(tasks[name]) for name in names):
        return None
    counted = []
    for name in names:
        gold = [record for record in evaluation.gold_records if (record.split, record.task) == name]
        for records in (tasks[name], gold):
            ratios = log_truth_ratios([records[i] for i in _order(records)])
            counted.append([bin_of(ratio) for ratio in ratios])
    bins = {key: number for number, key in enumerate(sorted({k for row in counted for k in row}))}
    sides = [np.zeros((DRAWS, len(bins))) for _ in range(2)]
    for number, row in enumerate(counted):
        member = np.zeros((len(row), len(bins)))
        member[range(len(row)), [bins[key] for key in row]] = 1
        sides[number % 2] += weights[names[number // 2]] @ member
    p, q = (side / side.sum(1, keepdims=True) for side in sides)
    middle = (p + q) / 2
    divergence = np.zeros(DRAWS)
    for side in (p, q):
        logs = np.log2(np.divide(side, middle, out=np.ones_like(side), where=side > 0))
        divergence += (side * logs).sum(1) / 2
    return 1 - np.sqrt(np.clip(divergence, 0, 1))
