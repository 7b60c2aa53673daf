"""Held-out persons: no model is trained on them, and all are asked about them as of the forgotten.

What a model says of them is what it says of strangers, by which an attack on membership is judged.
"""

from dataclasses import replace

from clearbench.data.contents import Contents
from clearbench.data.persons import named_and_gone, spread
from clearbench.data.tasks import HOLDOUT
from clearbench.errors import UserError


def hold_out(contents: Contents, percent: int | None) -> Contents:
    """The contents with so many percent of the persons held out; without any for None.

    A source that has persons apart from its training rows gives all of those. Of another, they are
    persons whom it evaluates and retains at every forget size, spread over their order: their
    training rows go. UserError where that leaves none by whom retention is judged.
    """
    own = [sample for sample in contents.evaluation if sample.split == HOLDOUT]
    if percent is None:
        others = [sample for sample in contents.evaluation if sample.split != HOLDOUT]
        return replace(contents, evaluation=others)
    if own:
        return contents
    held = _retained(contents, percent)
    return replace(
        contents,
        train=[sample for sample in contents.train if sample.person not in held],
        evaluation=[
            replace(sample, split=HOLDOUT) if sample.person in held else sample
            for sample in contents.evaluation
        ],
        notes=[
            *contents.notes,
            f"holdout: the source has no persons apart; {len(held)} of those whom it evaluates as"
            " retained are held out, so models are trained on fewer persons than published ones",
        ],
    )


def _retained(contents: Contents, percent: int) -> set[str]:
    """Persons who can be held out: evaluated in all tasks of the retain split."""
    persons, gone = named_and_gone(contents.train)
    asked: dict[str, set[str | None]] = {}
    for sample in contents.evaluation:
        if sample.split == "retain":
            asked.setdefault(sample.task, set()).add(sample.person)
    able = [
        person
        for person in persons
        if person not in gone and asked and all(person in task for task in asked.values())
    ]
    count = max(1, round(len(persons) * percent / 100))
    if count >= len(able):
        least = 100 * (len(able) - 1) // len(persons)
        raise UserError(
            f"holdout: {percent} % are {count} persons; {len(able)} are retained at every forget"
            f" size and evaluated in all tasks, and retention is judged by those left; allowed:"
            f" {'none' if least < 1 else f'1 to {least}'}"
        )
    return set(spread(able, count))
