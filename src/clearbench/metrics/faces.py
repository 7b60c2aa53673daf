"""What the metrics of faces share: an evaluation's tests, its attack, shares and their margin."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from inspect import getdoc
from statistics import fmean, variance
from typing import TYPE_CHECKING

from clearbench.errors import UserError
from clearbench.metrics.base import Better, checked, computed
from clearbench.metrics.wilson import at_end, reach

if TYPE_CHECKING:
    # They load numpy, which takes longer than looking up all metrics.
    from clearbench.evaluation.embeddings import Picture, Seen
    from clearbench.evaluation.enrolment import Test

FORGET, HOLDOUT, RETAIN = "forget", "holdout", "retain"

Shares = Mapping[str, Sequence[float]]
"""A number in [0, 1] for each person, by group."""


@dataclass(frozen=True)
class Asked:
    """A picture that a model is attacked with: its person, its id and the model's logit.

    `known` is whether the model was trained on the person, be it that it forgot it since.
    """

    person: str
    id: str
    logit: float
    known: bool


@dataclass(frozen=True, eq=False)
class Attack:
    """A membership attack: what shadow models make of pictures, and what the models attacked do.

    `shadows` has for each picture the logits of the shadow models that were trained on its person,
    and those of the others; `targets` the pictures of each model that is attacked, known and not.
    """

    shadows: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    targets: Sequence[Sequence[Asked]]


@dataclass(frozen=True, eq=False)
class FaceEvaluation:
    """One evaluated model, the models of an attack, and how many pictures enrol a person.

    Of the attack's models those from the number `targets` are attacked, and those before it are the
    shadow models; where it is None, the evaluated model is attacked.
    """

    seen: "Seen"
    shadows: "Sequence[Seen]"
    enrolment: int
    targets: int | None = None

    @cached_property
    def tests(self) -> "list[Test]":
        """The evaluated model's test pictures."""
        from clearbench.evaluation.embeddings import MODEL
        from clearbench.evaluation.enrolment import enrol

        return enrol(self.seen.pictures, self.seen.embeddings[MODEL], self.enrolment)

    @cached_property
    def attack(self) -> Attack | None:
        """The attack; None where no model is left that it can be tried on.

        It asks of the pictures of the forgotten and the held out that some shadow models know, and
        some do not.
        """
        from clearbench.evaluation.enrolment import enrol

        own = {
            test.picture.id: Asked(
                test.picture.person, test.picture.id, test.logit, test.picture.split == FORGET
            )
            for test in self.tests
            if test.picture.split in (FORGET, HOLDOUT)
        }
        shadows: dict[str, tuple[list[float], list[float]]] = {id: ([], []) for id in own}
        targets: dict[int, list[Asked]] = {}
        for seen in self.shadows:
            for name, vectors in seen.embeddings.items():
                number = int(name)
                for test in enrol(seen.pictures, vectors, self.enrolment):
                    picture = test.picture
                    if picture.id not in own:
                        continue
                    known = number in picture.shadows
                    if self.targets is None or number < self.targets:
                        shadows[picture.id][not known].append(test.logit)
                    else:
                        asked = Asked(picture.person, picture.id, test.logit, known)
                        targets.setdefault(number, []).append(asked)
        whole = {id: logits for id, logits in shadows.items() if all(logits)}
        models = [list(own.values())] if self.targets is None else [*targets.values()]
        attacked = [[asked for asked in model if asked.id in whole] for model in models]
        attacked = [model for model in attacked if len({asked.known for asked in model}) == 2]
        return Attack(whole, attacked) if attacked else None


FaceFunction = Callable[[FaceEvaluation], float | None]


@dataclass(frozen=True)
class FaceMetric:
    """A function of an evaluation in the vision domain; its key is its name.

    Values lie in [`low`, `high`]. One `of_method` is a number of the method: all seeds share it.
    """

    compute: FaceFunction
    low: float
    high: float
    better: Better
    of_method: bool = False

    @property
    def name(self) -> str:
        """The function's name."""
        return self.compute.__name__

    @property
    def doc(self) -> str:
        """The function's docstring: formula and source."""
        return getdoc(self.compute) or ""

    def __call__(self, evaluation: FaceEvaluation) -> float | None:
        """Compute it; None where nothing is attacked, and of a margin that one person alone is in.

        Raises UserError where a split has no picture.
        """
        value = computed(self.compute, self.name, "", evaluation)
        if value is None:
            return None
        return checked(self.compute, self.name, "", value, self.low, self.high)


def face_metric(
    *, low: float, high: float, better: Better, of_method: bool = False
) -> Callable[[FaceFunction], FaceMetric]:
    """Make a function of an evaluation of faces a metric."""
    return lambda compute: FaceMetric(compute, low, high, better, of_method)


def shares(pictures: "Iterable[Picture]", right: Iterable[float], split: str) -> list[float]:
    """The mean of `right` over the pictures of each person of a split.

    Persons count alike and pictures of one do not: those are like each other, so it is the persons
    that an interval may count. Raises UserError where no picture is of the split.
    """
    by_person: dict[str, list[float]] = {}
    for picture, value in zip(pictures, right, strict=True):
        if picture.split == split:
            by_person.setdefault(picture.person, []).append(float(value))
    if not by_person:
        raise UserError(f"no {split} picture: a metric needs one test picture at least")
    return [fmean(values) for values in by_person.values()]


def told_apart(model: Sequence[Asked], verdicts: Iterable[float]) -> Shares:
    """The share of right verdicts of each person, of those that a model was trained on or not.

    A verdict above 0 says that it was. A tie is a guess, half right.
    """
    groups: dict[str, dict[str, list[float]]] = {"known": {}, "unknown": {}}
    for asked, verdict in zip(model, verdicts, strict=True):
        right = (1 + (verdict > 0) - (verdict < 0)) / 2
        group = groups["known" if asked.known else "unknown"]
        group.setdefault(asked.person, []).append(right if asked.known else 1 - right)
    return {name: [fmean(own) for own in group.values()] for name, group in groups.items()}


def accuracy(targets: Sequence[Shares]) -> float:
    """The mean over the models attacked of the balanced accuracy of each."""
    return fmean(map(balanced, targets))


def spread(targets: Sequence[Shares]) -> float | None:
    """Half of the 95 % interval of `accuracy` over the models attacked; of one over its persons."""
    if len(targets) == 1:
        return margin(targets[0])
    return margin({"targets": list(map(balanced, targets))})


def balanced(groups: Shares) -> float:
    """The mean over groups of the mean of their shares."""
    return fmean(fmean(group) for group in groups.values())


def margin(groups: Shares) -> float | None:
    """Half of the 95 % interval of `balanced`, by the variance between the persons of a group.

    √(Σ h²) / G over G groups, where h is t·s/√n of the n persons of a group with their sample
    variance s², t the quantile of Student's distribution with n - 1 degrees of freedom, n of the
    smallest group; of a group whose persons are all at 0, or all at 1, how far Wilson's interval
    reaches. At most 1; None where a group has one person, who does not tell how others differ.
    """
    # Imported here: it loads numpy, which takes longer than looking up all metrics.
    from scipy.special import stdtrit

    fewest = min(map(len, groups.values()))
    if fewest < 2:
        return None
    quantile = float(stdtrit(fewest - 1, 0.975))

    def half(group: Sequence[float]) -> float:
        if at_end(fmean(group)):
            return reach(len(group))
        return quantile * math.sqrt(variance(group) / len(group))

    return min(1.0, math.hypot(*map(half, groups.values())) / len(groups))
