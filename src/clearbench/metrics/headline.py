"""The headline numbers, and which scores of which tasks speak for a split in them."""

from collections.abc import Mapping
from functools import lru_cache
from statistics import harmonic_mean
from typing import TYPE_CHECKING

from clearbench.data.tasks import SPLITS, TEXT_QA, Tasks, headline_tasks
from clearbench.metrics.base import Draw, Draws, Evaluation
from clearbench.metrics.definitions import HEADLINE, Definition
from clearbench.metrics.keys import Key

if TYPE_CHECKING:
    from numpy.typing import NDArray

AGGREGATES = ("real", "retain", "forget")
"""The scores that are one number of a split, named for it, in the order of CLEAR's tables."""

RETAIN = "retain"
QUALITY = "forget_quality_js"
PRINTED = (*AGGREGATES, QUALITY)
"""The scores of CLEAR's tables."""

COMPARED = (*PRINTED, "forget_quality_paired")
"""The scores by which models are compared: they are ranked by them, and their draws are kept."""

TERMS = ("rouge_l", "probability", "truth_ratio")


def aggregate(evaluation: Evaluation, name: str, definition: Definition) -> float | None:
    """The harmonic mean that an aggregate is under a definition; None where a score lacks."""
    keys = averaged_keys(evaluation.scores, definition, evaluation.tasks).get(name)
    return harmonic_mean([evaluation.scores[key] for key in keys]) if keys else None


def drawn_aggregate(name: str) -> Draw:
    """The draws of an aggregate."""

    def draw(draws: Draws, definition: Definition) -> "NDArray":
        import numpy as np

        evaluation = draws.evaluation
        keys = averaged_keys(evaluation.scores, definition, evaluation.tasks)[name]
        with np.errstate(divide="ignore", over="ignore"):
            return len(keys) / np.sum([1 / draws.scores[key] for key in keys], axis=0)

    return draw


def averaged_keys(
    scores: Mapping[str, float], definition: Definition, tasks: Tasks
) -> dict[str, list[str]]:
    """The keys of the task scores that each aggregate is the mean of, by the aggregate's name.

    The aggregates are real, retain, forget and model_utility; one that lacks a score is absent.
    """
    scored = _scored_tasks(frozenset(scores))
    asked = {split: headline_tasks(tasks, scored[split]) for split in SPLITS}

    def keys(split: str, terms: tuple[str, ...]) -> list[str]:
        """The keys of some terms of the split's headline tasks; none where any lacks.

        A term that the definition does not read in its own way is the headline's.
        """
        of_terms = []
        for task in asked[split]:
            for term in terms:
                own, plain = (read.key(term, split, task) for read in (definition, HEADLINE))
                of_terms.append(own if own in scores else plain)
        return of_terms if all(key in scores for key in of_terms) else []

    averaged = {split: keys(split, _terms(asked[split], split, definition)) for split in AGGREGATES}
    retain, real = (keys(split, TERMS) for split in ("retain", "real"))
    averaged["model_utility"] = retain + real if retain and real else []
    return {name: keys for name, keys in averaged.items() if keys}


# Runs of a suite have the same keys, and each entry of a table asks of them.
@lru_cache
def _scored_tasks(keys: frozenset[str]) -> dict[str, set[str]]:
    """The tasks of each split that some keys are of."""
    parsed = [Key.parse(key) for key in keys]
    return {split: {key.task for key in parsed if key.split == split} for split in SPLITS}


def _terms(tasks: list[str], split: str, definition: Definition) -> tuple[str, ...]:
    """The terms of a split's aggregate under a definition."""
    rouge = definition.rouge_of_text if tasks == [TEXT_QA.name] else definition.rouge
    return TERMS if split in rouge else TERMS[1:]
