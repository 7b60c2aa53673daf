"""Which tasks and which of their scores speak for a split in the headline numbers."""

from collections.abc import Mapping
from statistics import harmonic_mean

from clearbench.metrics.base import Evaluation, Records
from clearbench.metrics.definitions import HEADLINE, Definition
from clearbench.metrics.keys import Key

TEXT_TASK = "text_qa"
TERMS = ("rouge_l", "probability", "truth_ratio")


def headline_tasks(records: Records, split: str) -> list[str]:
    """The tasks of a split that its headline is made of, sorted.

    All of them, but text_qa only where the split has nothing else: a multimodal suite is judged
    by what it says of images, as in CLEAR's tables, and shows its text_qa beside the headline.
    """
    return _headline({record.task for record in records if record.split == split})


def _headline(tasks: set[str]) -> list[str]:
    return sorted(tasks - {TEXT_TASK} or tasks)


def aggregate(evaluation: Evaluation, name: str, definition: Definition) -> float | None:
    """The harmonic mean that an aggregate is under a definition; None where a score lacks."""
    keys = averaged_keys(evaluation.scores, definition).get(name)
    return harmonic_mean([evaluation.scores[key] for key in keys]) if keys else None


def averaged_keys(scores: Mapping[str, float], definition: Definition) -> dict[str, list[str]]:
    """The keys of the task scores that each aggregate is the mean of, by the aggregate's name.

    The aggregates are real, retain, forget and model_utility; one that lacks a score is absent.
    """
    found = {
        split: _keys(scores, split, definition, _terms(scores, split, definition))
        for split in ("real", "retain", "forget")
    }
    retain, real = (_keys(scores, split, definition, TERMS) for split in ("retain", "real"))
    found["model_utility"] = retain + real if retain and real else []
    return {name: keys for name, keys in found.items() if keys}


def _keys(
    scores: Mapping[str, float], split: str, definition: Definition, terms: tuple[str, ...]
) -> list[str]:
    """The keys of some terms of the split's headline tasks; none where any lacks.

    A term that the definition does not read in its own way is the headline's.
    """
    found = []
    for task in _scored_tasks(scores, split):
        for term in terms:
            own, plain = (read.key(term, split, task) for read in (definition, HEADLINE))
            found.append(own if own in scores else plain)
    return found if all(key in scores for key in found) else []


def _scored_tasks(scores: Mapping[str, float], split: str) -> list[str]:
    """The headline tasks of a split, by the keys of its tasks' scores."""
    return _headline({key.task for key in map(Key.parse, scores) if key.split == split})


def _terms(scores: Mapping[str, float], split: str, definition: Definition) -> tuple[str, ...]:
    """The terms of a split's aggregate under a definition."""
    of_text = _scored_tasks(scores, split) == [TEXT_TASK]
    rouge = definition.rouge_of_text if of_text else definition.rouge
    return TERMS if split in rouge else TERMS[1:]
