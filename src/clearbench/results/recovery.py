"""What a stress test brought back: a score before and after it, read in the ways of the literature.

A score is one of knowledge: higher where a model knows more. 1 is always the best reading.
"""


def relearning(before: float, after: float, gold_before: float, gold_after: float) -> float:
    """R = (what gold gained)/(what the model gained), in [0, 1]: 1 where it gained no more.

    min((m_gold,after - m_gold,before)/(m_after - m_before), 1). Where the model gained nothing, or
    lost, nothing came back: 1, also at 0/0. Where gold lost and the model gained: 0. Source:
    OpenUnlearning, arXiv 2506.12618.
    """
    gained, by_gold = after - before, gold_after - gold_before
    return 1.0 if gained <= 0 else max(0.0, min(by_gold / gained, 1.0))


def likeness(before: float, after: float, gold_before: float, gold_after: float) -> float:
    """1 - |Δ - Δ_gold|/(|Δ| + |Δ_gold|), in [0, 1], with Δ = after - before.

    1 where both moved alike, so that a model that learns slower than gold is marked down as well.
    0/0, where neither moved, is 1. Source: arXiv 2605.24614.
    """
    return _alike(after - before, gold_after - gold_before)


def unrecovered(before: float, after: float) -> float:
    """Q = min(before/after, 1), in [0, 1]: what came back is marked down, what was lost is not.

    1 at 0/0 and where nothing is left; 0 where all came back that was none. Source: OpenUnlearning,
    arXiv 2506.12618.
    """
    return _share(before, after)


def unlost(before: float, after: float) -> float:
    """Q = min(after/before, 1), in [0, 1]: what was lost is marked down, what came back is not.

    1 at 0/0 and where there was nothing to lose. Public code of multimodal benchmarks reads Q so.
    """
    return _share(after, before)


def unmoved(before: float, after: float) -> float:
    """Q = 1 - |after - before|/(after + before), in [0, 1]: either is marked down.

    0/0 is 1; 0 where one of the two is 0. Source: arXiv 2605.24614.
    """
    return _alike(after, before)


def _share(part: float, whole: float) -> float:
    """min(part/whole, 1) of numbers from 0 on; 1 where the whole is nothing."""
    return 1.0 if whole <= 0 else min(part / whole, 1.0)


def _alike(one: float, other: float) -> float:
    size = abs(one) + abs(other)
    return 1.0 if size == 0 else 1 - abs(one - other) / size
