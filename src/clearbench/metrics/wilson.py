"""Wilson's interval of a share that is at its end: none, or all, of n persons.

There the spread of what was seen is 0, and an interval by it would be of no width. Source: Wilson
1927, Journal of the American Statistical Association 22.
"""

NORMAL = 1.959964
"""The 97.5 % quantile of the normal distribution."""


def at_end(share: float) -> bool:
    """Whether a share is 0 or 1."""
    return share in (0, 1)


def reach(count: float) -> float:
    """How far the 95 % interval of 0 or 1 in `count` reaches inwards: z²/(n + z²).

    0.66 of 2, 0.49 of 4, 0.16 of 20, 0.02 of 200.
    """
    return NORMAL**2 / (count + NORMAL**2)
