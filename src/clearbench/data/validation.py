"""Validation: persons who stand for the forget set where something is chosen before the test."""

from clearbench.data.store import Store
from clearbench.data.tasks import VALIDATED
from clearbench.errors import UserError


def validation_persons(store: Store, forget_size: int, count: int | None) -> list[str]:
    """Retained persons who are evaluated in all tasks, the first ones of the dataset.

    Where the source asks about some as about those to be forgotten, it is these, all of them unless
    a `count` says fewer. Else they are of those by whom retention is judged, as many as the forget
    set has, at most half: the others go on to judge it. UserError where a `count` can't be had.
    """
    apart = store.persons_asked(forget_size, VALIDATED)
    if apart:
        if count is not None and count > len(apart):
            raise UserError(
                f"select: persons: {count}; at forget size {forget_size} the dataset asks about"
                f" {len(apart)} for a choice; allowed: 1 to {len(apart)}"
            )
        return apart[:count]
    retained = store.persons_asked(forget_size, "retain")
    forgotten = {sample.person for sample in store.train("forget", forget_size, "both")}
    most = len(retained) - 1
    if most < 1:
        raise UserError(
            f"select: at forget size {forget_size} {len(retained)} retained persons are evaluated"
            " in all tasks; a choice needs 2 or more, for retention is judged by those it leaves"
        )
    if count is None:
        count = min(len(forgotten - {None}), len(retained) // 2)
    if count > most:
        raise UserError(
            f"select: persons: {count}; at forget size {forget_size} {len(retained)} retained"
            f" persons are evaluated, and retention is judged by those left; allowed: 1 to {most}"
        )
    return retained[:count]
