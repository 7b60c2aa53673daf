"""U-LIRA: the likelihood-ratio attack on unlearning, one example at a time."""

import math
from collections.abc import Sequence
from statistics import fmean, median

from clearbench.metrics.faces import (
    Asked,
    Attack,
    FaceEvaluation,
    Shares,
    accuracy,
    face_metric,
    margin,
    spread,
    told_apart,
)

NORMAL_MAD = 0.6745
"""The median absolute deviation of the standard normal distribution."""

LEAST_DEVIATION = 1e-3
"""The least deviation of a Gaussian in logits: a few shadow models may agree to the last digit."""

FALSE_ALARMS = 0.01
"""The share of pictures of persons whom a model never met that may be taken for known ones."""


@face_metric(low=0, high=1, better="down", of_method=True)
def u_lira(evaluation: FaceEvaluation) -> float | None:
    """Accuracy at telling forgotten persons from those never met, by shadow models of both.

    Shadow models and the models attacked are alike: each was trained on half of the persons in
    question and forgot them by the method. For each picture one Gaussian of the logits by shadow
    models that forgot the person, one of those by the others (median, MAD / 0.6745); the likelier
    one says whether a model ever knew the person. Both answers count alike, and so do persons and
    the models attacked. 1 where the forgotten are known for sure, 0.5 is perfect. The original's
    models forgot nothing. A gold is attacked itself, with the original's shadow models: 0.5 but for
    chance. Source: arXiv 2403.01218, as used by CLEAR, arXiv 2410.18057.
    """
    attack = evaluation.attack
    return None if attack is None else accuracy(_shares(attack))


@face_metric(low=0, high=1, better="down", of_method=True)
def u_lira_margin(evaluation: FaceEvaluation) -> float | None:
    """Half of the 95 % interval of u_lira over the models attacked; of one alone over persons."""
    attack = evaluation.attack
    return None if attack is None else spread(_shares(attack))


@face_metric(low=0, high=1, better="down", of_method=True)
def u_lira_tpr(evaluation: FaceEvaluation) -> float | None:
    """Share of the pictures of forgotten persons that U-LIRA is sure of, at 1 % false alarms.

    Found by their likelihood ratios alone: above all but 1 % (rounded down) of those of pictures of
    persons never met, over all models attacked. 0.01 is perfect. An attack that is right about few
    pictures, but sure of them, does more harm than its accuracy tells. Unlike in u_lira all
    Gaussians of a kind share one deviation, over all pictures: of a few shadow models some
    happen to agree, and the ratios that come of it would set the threshold. Source, for this too:
    arXiv 2112.03570.
    """
    attack = evaluation.attack
    return None if attack is None else fmean(_found(attack))


@face_metric(low=0, high=1, better="down", of_method=True)
def u_lira_tpr_margin(evaluation: FaceEvaluation) -> float | None:
    """Half of the 95 % interval of u_lira_tpr over the models attacked; none of a single one."""
    attack = evaluation.attack
    return None if attack is None else margin({"targets": _found(attack)})


def likelihood_ratio(value: float, known: Sequence[float], unknown: Sequence[float]) -> float:
    """log p(value | known) - log p(value | unknown), with robust Gaussians of the two samples."""
    return _log_density(value, *_gaussian(known)) - _log_density(value, *_gaussian(unknown))


def _gaussian(sample: Sequence[float]) -> tuple[float, float]:
    """Centre and deviation."""
    centre = median(sample)
    deviation = median(abs(other - centre) for other in sample) / NORMAL_MAD
    return centre, max(LEAST_DEVIATION, deviation)


def _log_density(value: float, centre: float, deviation: float) -> float:
    """Up to a constant that all Gaussians share."""
    return -math.log(deviation) - ((value - centre) / deviation) ** 2 / 2


def _pooled(samples: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """The centre of each sample, and the deviation of all from their centres."""
    centres = list(map(median, samples))
    away = [
        value - centre for sample, centre in zip(samples, centres, strict=True) for value in sample
    ]
    _, deviation = _gaussian(away)
    return [(centre, deviation) for centre in centres]


def _fits(attack: Attack, pooled: bool) -> dict[str, tuple[tuple[float, float], ...]]:
    """The Gaussians of each picture, of models that knew the person and of the others."""
    if not pooled:
        return {id: tuple(map(_gaussian, logits)) for id, logits in attack.shadows.items()}
    kinds = zip(*attack.shadows.values(), strict=True)
    pairs = zip(*map(_pooled, kinds), strict=True)
    return dict(zip(attack.shadows, pairs, strict=True))


def _ratios(attack: Attack, pooled: bool = False) -> list[list[float]]:
    """The likelihood ratio of each picture of each model attacked."""
    fits = _fits(attack, pooled)

    def ratio(asked: Asked) -> float:
        known, unknown = fits[asked.id]
        return _log_density(asked.logit, *known) - _log_density(asked.logit, *unknown)

    return [list(map(ratio, model)) for model in attack.targets]


def _shares(attack: Attack) -> list[Shares]:
    """The shares of right answers of each model attacked."""
    pairs = zip(attack.targets, _ratios(attack), strict=True)
    return [told_apart(model, ratios) for model, ratios in pairs]


def _found(attack: Attack) -> list[float]:
    """The share of the known pictures of each model attacked that are above the threshold."""
    pairs = [
        list(zip(model, ratios, strict=True))
        for model, ratios in zip(attack.targets, _ratios(attack, pooled=True), strict=True)
    ]
    never = sorted((r for pair in pairs for asked, r in pair if not asked.known), reverse=True)
    threshold = never[math.floor(FALSE_ALARMS * len(never))]
    return [fmean(ratio > threshold for asked, ratio in pair if asked.known) for pair in pairs]
