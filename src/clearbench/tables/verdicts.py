"""How a claim ends: supported, contradicted or undecided, of one number and of many."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from clearbench.tables.measured import Measured, holm, signed

Verdict = Literal["supported", "contradicted", "undecided"]
SUPPORTED: Verdict = "supported"
CONTRADICTED: Verdict = "contradicted"
UNDECIDED: Verdict = "undecided"

_OPPOSITE: dict[Verdict, Verdict] = {
    SUPPORTED: CONTRADICTED,
    CONTRADICTED: SUPPORTED,
    UNDECIDED: UNDECIDED,
}

MARGIN = 0.02
"""A difference in gain that counts as none, a fiftieth of forget quality's range."""

RULES = {
    SUPPORTED: "the number lies on the claimed side of 0 by more than the noise; on either side"
    " where the claim is that two differ",
    CONTRADICTED: "it lies on the other side by more than the noise; where the claim is that two"
    f" differ, the whole 95 % interval lies within {MARGIN} of 0, even beyond the noise",
    UNDECIDED: "otherwise, and always of one seed",
}
"""What each verdict on a number means."""

OF_METHODS = (
    "Over methods: the verdict on the mean of all that have a number in all seeds, unless more"
    " methods are of the opposite verdict than of this one; then undecided."
)
OF_CLAIM = (
    "Of a claim: supported where all that it compares is, contradicted where any is, else"
    " undecided."
)
BEYOND = (
    "By more than the noise: at 5 %, corrected by Holm's method for all numbers of a table, for its"
    " means over methods, and for all ρ."
)


def directed(numbers: Sequence[Measured | None]) -> list[Verdict]:
    """The verdicts on the claim that numbers are above 0, all taken together."""
    beyond = _beyond(numbers)
    return [
        UNDECIDED
        if number is None or place not in beyond
        else SUPPORTED
        if number.mean > 0
        else CONTRADICTED
        for place, number in enumerate(numbers)
    ]


def differing(numbers: Sequence[Measured | None]) -> list[Verdict]:
    """The verdicts on the claim that numbers are not 0, all taken together.

    One that is surely within MARGIN of 0 contradicts it, even if it is not 0.
    """
    beyond = _beyond(numbers)
    return [
        UNDECIDED
        if number is None
        else CONTRADICTED
        if max(map(abs, number.interval)) <= MARGIN
        else SUPPORTED
        if place in beyond
        else UNDECIDED
        for place, number in enumerate(numbers)
    ]


def _beyond(numbers: Sequence[Measured | None]) -> set[int]:
    """The places of the numbers that are beyond the noise."""
    known = [place for place, number in enumerate(numbers) if number is not None]
    rejected = holm([number.p for number in numbers if number is not None])
    return {known[place] for place in rejected}


@dataclass(frozen=True)
class Finding:
    """What a claim compares, how that ended, and the number that says so."""

    claim: str
    compared: str
    verdict: Verdict
    number: str


def over_methods(
    claim: str,
    compared: str,
    mean: Measured | None,
    verdict: Verdict,
    of_each: Sequence[Verdict | None],
) -> Finding:
    """The finding of a comparison over methods, by the verdict on their mean and that of each.

    None stands for a method without a number.
    """
    counts = Counter(of_each)
    parts = [f"{counts[v]} {v}" for v in (SUPPORTED, CONTRADICTED, UNDECIDED)]
    parts += [f"{counts[None]} without a number"] if counts[None] else []
    number = f"of {len(of_each)} methods {', '.join(parts)}"
    if mean is not None:
        number = f"{signed(mean.mean, mean.interval)} on average; {number}"
    opposed = counts[_OPPOSITE[verdict]] > counts[verdict]
    return Finding(claim, compared, UNDECIDED if opposed else verdict, number)


def of_claim(findings: Sequence[Finding]) -> Verdict:
    """The verdict on a claim by all that it compares; undecided where that is nothing."""
    verdicts = {finding.verdict for finding in findings}
    if verdicts == {SUPPORTED}:
        return SUPPORTED
    return CONTRADICTED if CONTRADICTED in verdicts else UNDECIDED
