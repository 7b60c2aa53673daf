"""Validation: persons who stand for the forget set where something is chosen before the test."""

from clearbench.data.store import Store
from clearbench.errors import UserError


def validation_persons(store: Store, forget_size: int, count: int | None) -> list[str]:
    """Retained persons who are evaluated, the first ones of the dataset.

    By default as many as the forget set has, at most half of those there are: retention is judged
    by the others. UserError where a `count` leaves none of them.
    """
    asked: dict[str, dict[str, None]] = {}
    for sample in store.evaluation(forget_size):
        if sample.split == "retain" and sample.person is not None:
            asked.setdefault(sample.task, {})[sample.person] = None
    # Who is asked about in one task alone would not be forgotten in the others.
    everywhere = [p for p in next(iter(asked.values()), {}) if all(p in t for t in asked.values())]
    forgotten = {sample.person for sample in store.train("forget", forget_size, "both")}
    most = len(everywhere) - 1
    if most < 1:
        raise UserError(
            f"select: at forget size {forget_size} {len(everywhere)} retained persons are evaluated"
            " in all tasks; a choice needs 2 or more, for retention is judged by those it leaves"
        )
    if count is None:
        count = min(len(forgotten - {None}), len(everywhere) // 2)
    if count > most:
        raise UserError(
            f"select: persons: {count}; at forget size {forget_size} {len(everywhere)} retained"
            f" persons are evaluated, and retention is judged by those left; allowed: 1 to {most}"
        )
    return everywhere[:count]
