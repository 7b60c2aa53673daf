"""U-MIA: the membership attack of one classifier for all examples."""

from collections.abc import Sequence

from clearbench.metrics.faces import (
    Attack,
    FaceEvaluation,
    Shares,
    accuracy,
    face_metric,
    spread,
    told_apart,
)

RIDGE = 1e-3
"""The penalty on the slope, so that it stays finite where the two kinds are apart."""


@face_metric(low=0, high=1, better="down", of_method=True)
def u_mia(evaluation: FaceEvaluation) -> float | None:
    """Accuracy of a logistic regression at telling forgotten persons from those never met.

    Fitted on the pooled logits of all shadow models, of persons that they forgot and of the others,
    and asked about the models attacked; persons and models are those of u_lira, and count as there.
    Above 0.5 where forgetting left a trace, be it of knowledge or of its removal; 0.5 is perfect.
    Source: arXiv 2403.01218, as used by CLEAR, arXiv 2410.18057.
    """
    attack = evaluation.attack
    return None if attack is None else accuracy(_shares(attack))


@face_metric(low=0, high=1, better="down", of_method=True)
def u_mia_margin(evaluation: FaceEvaluation) -> float | None:
    """Half of the 95 % interval of u_mia over the models attacked; of a single one over persons."""
    attack = evaluation.attack
    return None if attack is None else spread(_shares(attack))


def regression(yes: Sequence[float], no: Sequence[float]) -> tuple[float, float]:
    """Slope and intercept of the logistic regression that tells two samples of values apart.

    Minimises the sum of the two mean log losses and RIDGE/2·slope², with the values in units of
    their own deviation.
    """
    # Imported here: they take longer than all other metrics together.
    import numpy as np
    from scipy.optimize import minimize

    values = np.array([*yes, *no])
    labels = np.repeat([1.0, 0.0], [len(yes), len(no)])
    weights = np.repeat([1 / len(yes), 1 / len(no)], [len(yes), len(no)])
    centre, scale = values.mean(), values.std() or 1.0
    scaled = (values - centre) / scale

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        slope, intercept = coefficients
        said = slope * scaled + intercept
        excess = weights * (0.5 * (1 + np.tanh(said / 2)) - labels)
        value = weights @ np.logaddexp(0, (1 - 2 * labels) * said) + RIDGE * slope**2 / 2
        return value, np.array([excess @ scaled + RIDGE * slope, excess.sum()])

    slope, intercept = minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    return float(slope / scale), float(intercept - slope * centre / scale)


def _shares(attack: Attack) -> list[Shares]:
    """The shares of right answers of each model attacked."""
    known, unknown = (
        [logit for logits in attack.shadows.values() for logit in logits[place]] for place in (0, 1)
    )
    slope, intercept = regression(known, unknown)
    return [
        told_apart(model, (slope * asked.logit + intercept for asked in model))
        for model in attack.targets
    ]
