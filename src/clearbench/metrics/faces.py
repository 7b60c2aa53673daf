"""What the metrics of faces share: the tests of an evaluation, shares a person and their margin."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import getdoc
from statistics import fmean, variance
from typing import TYPE_CHECKING

from clearbench.errors import UserError
from clearbench.metrics.base import Better

if TYPE_CHECKING:
    # They load numpy, which takes longer than looking up all metrics.
    from clearbench.evaluation.embeddings import Picture, Seen
    from clearbench.evaluation.enrolment import Test

FORGET, HOLDOUT, RETAIN = "forget", "holdout", "retain"

Shares = Mapping[str, Sequence[float]]
"""Of each split a number in [0, 1] a person."""


@dataclass(frozen=True, eq=False)
class FaceEvaluation:
    """One evaluated model, the shadow models, and how many pictures enrol a person."""

    seen: "Seen"
    shadows: "Sequence[Seen]"
    enrolment: int

    @cached_property
    def tests(self) -> "list[Test]":
        """The evaluated model's test pictures."""
        from clearbench.evaluation.embeddings import MODEL
        from clearbench.evaluation.enrolment import enrol

        return enrol(self.seen.pictures, self.seen.embeddings[MODEL], self.enrolment)

    @cached_property
    def shadow_logits(self) -> dict[str, tuple[list[float], list[float]]]:
        """The logits of a test picture by shadow models that know its person, and by the others.

        By the picture's id; of the forgotten and the held out at the suite's largest size.
        """
        from clearbench.evaluation.enrolment import enrol

        found: dict[str, tuple[list[float], list[float]]] = {}
        for seen in self.shadows:
            for name, vectors in seen.embeddings.items():
                for test in enrol(seen.pictures, vectors, self.enrolment):
                    known, unknown = found.setdefault(test.picture.id, ([], []))
                    shown = int(name) in test.picture.shadows
                    (known if shown else unknown).append(test.logit)
        return found


FaceFunction = Callable[[FaceEvaluation], float]


@dataclass(frozen=True)
class FaceMetric:
    """A function of an evaluation in the vision domain; its key is its name.

    Values lie in [`low`, `high`].
    """

    compute: FaceFunction
    low: float
    high: float
    better: Better

    @property
    def name(self) -> str:
        """The function's name."""
        return self.compute.__name__

    @property
    def doc(self) -> str:
        """The function's docstring: formula and source."""
        return getdoc(self.compute) or ""

    def __call__(self, evaluation: FaceEvaluation) -> float:
        """Compute it; UserError where a split has no test picture."""
        return self.compute(evaluation)


def face_metric(*, low: float, high: float, better: Better) -> Callable[[FaceFunction], FaceMetric]:
    """Make a function of an evaluation of faces a metric."""
    return lambda compute: FaceMetric(compute, low, high, better)


def shares(pictures: "Iterable[Picture]", right: Iterable[float], split: str) -> list[float]:
    """The mean of `right` over the pictures of each person of a split.

    Persons count alike and pictures of one do not: those are like each other, so it is the persons
    that an interval may count. Raises UserError where no picture is of the split.
    """
    found: dict[str, list[float]] = {}
    for picture, value in zip(pictures, right, strict=True):
        if picture.split == split:
            found.setdefault(picture.person, []).append(float(value))
    if not found:
        raise UserError(f"no {split} picture: a metric needs one test picture at least")
    return [fmean(values) for values in found.values()]


def told_apart(pictures: "Sequence[Picture]", verdicts: Iterable[float]) -> Shares:
    """The share of right verdicts of each person, of the forgotten and of the held out.

    A verdict above 0 says that the model knows the person: right of a forgotten one. A tie is a
    guess, half right.
    """
    known = [(1 + (verdict > 0) - (verdict < 0)) / 2 for verdict in verdicts]
    return {
        FORGET: shares(pictures, known, FORGET),
        HOLDOUT: shares(pictures, [1 - value for value in known], HOLDOUT),
    }


def balanced(groups: Shares) -> float:
    """The mean over groups of the mean of their shares."""
    return fmean(fmean(group) for group in groups.values())


def margin(groups: Shares) -> float:
    """Half of the 95 % interval of `balanced`, by the variance between the persons of a group.

    t·√(Σ s²/n) / G, with the sample variance s² of the n persons of each of G groups and t the
    quantile of Student's distribution with n - 1 degrees of freedom, n of the smallest group. At
    most 1; 0 where no group has two persons.
    """
    # Imported here: it loads numpy, which takes longer than looking up all metrics.
    from scipy.special import stdtrit

    large = [group for group in groups.values() if len(group) > 1]
    if not large:
        return 0.0
    spread = math.fsum(variance(group) / len(group) for group in large)
    quantile = float(stdtrit(min(map(len, large)) - 1, 0.975))
    return min(1.0, quantile * math.sqrt(spread) / len(groups))
