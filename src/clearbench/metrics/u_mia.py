"""U-MIA: a membership attack that knows the evaluated model alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from clearbench.errors import UserError
from clearbench.metrics.faces import (
    FORGET,
    HOLDOUT,
    FaceEvaluation,
    Shares,
    balanced,
    face_metric,
    margin,
    told_apart,
)

if TYPE_CHECKING:
    from clearbench.evaluation.embeddings import Picture

FOLDS = 5
RIDGE = 1e-3
"""Of the slope, so that it stays finite where the two kinds are apart."""


@face_metric(low=0, high=1, better="down")
def u_mia(evaluation: FaceEvaluation) -> float:
    """Accuracy of a logistic regression at telling the forgotten from the held out by the logit.

    Fitted on the pooled logits of four fifths of the persons of both kinds, asked about the others,
    five times; both kinds count alike, and so do the persons of a kind. Above 0.5 where forgetting
    left a trace, be it of knowledge or of its removal; 0.5 is perfect. Source: arXiv 2403.01218, as
    used by CLEAR, arXiv 2410.18057.
    """
    return balanced(_shares(evaluation))


@face_metric(low=0, high=1, better="down")
def u_mia_margin(evaluation: FaceEvaluation) -> float:
    """Half of the 95 % interval of u_mia over persons."""
    return margin(_shares(evaluation))


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

    def loss(found: np.ndarray) -> tuple[float, np.ndarray]:
        slope, intercept = found
        said = slope * scaled + intercept
        excess = weights * (0.5 * (1 + np.tanh(said / 2)) - labels)
        value = weights @ np.logaddexp(0, (1 - 2 * labels) * said) + RIDGE * slope**2 / 2
        return value, np.array([excess @ scaled + RIDGE * slope, excess.sum()])

    slope, intercept = minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    return float(slope / scale), float(intercept - slope * centre / scale)


def _shares(evaluation: FaceEvaluation) -> Shares:
    """The share of right answers of each person, of the forgotten and of the held out."""
    tests = [test for test in evaluation.tests if test.picture.split in (FORGET, HOLDOUT)]
    pictures = [test.picture for test in tests]
    folds = _folds(pictures)
    fits = [
        regression(
            *(
                [
                    test.logit
                    for test in tests
                    if test.picture.split == split and folds[test.picture.person] != fold
                ]
                for split in (FORGET, HOLDOUT)
            )
        )
        for fold in range(FOLDS)
    ]
    verdicts = []
    for test in tests:
        slope, intercept = fits[folds[test.picture.person]]
        verdicts.append(slope * test.logit + intercept)
    return told_apart(pictures, verdicts)


def _folds(pictures: "Sequence[Picture]") -> dict[str, int]:
    """The fold of each person, the persons of each split dealt out in turn.

    Raises UserError where a split has fewer than two persons: then nobody is left to learn from.
    """
    folds: dict[str, int] = {}
    for split in (FORGET, HOLDOUT):
        persons = dict.fromkeys(p.person for p in pictures if p.split == split)
        if len(persons) < 2:
            raise UserError(f"{len(persons)} {split} person: u_mia needs two at least")
        folds |= {person: number % FOLDS for number, person in enumerate(persons)}
    return folds
