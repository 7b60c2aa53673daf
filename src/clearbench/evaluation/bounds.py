"""Records of models that there are not: between which values of forget quality does a method lie?

Both are dealt from a gold's records of the forget split, at random but the same every time, so that
they have its questions, candidates and sizes of losses.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, repeat

from clearbench.evaluation.records import Record

BOUNDS = {
    "floor": "random losses",
    "ceiling": "gold drawn anew",
}
"""The models that there are not, and what they are in a few words."""

_OF_THE_SAMPLE = ("split", "task", "id", "person")


def draw_bound(name: str, gold: Sequence[Record]) -> list[Record]:
    """The records of a bound, in gold's order.

    `floor` is told nothing: the losses of a task's candidates are dealt among all of them, and so
    are the greedy answers. `ceiling` answers each sample as gold answers one that is drawn with
    replacement from its task: another sample of gold's own law. Neither has tokens.
    """
    tasks: dict[str, list[Record]] = defaultdict(list)
    for record in gold:
        if record.split == "forget":
            tasks[record.task].append(record)
    deal = {"floor": _dealt, "ceiling": _redrawn}[name]
    return [
        record
        for task, records in tasks.items()
        for record in deal(records, random.Random(f"{name}/{task}"))
    ]


def _dealt(records: list[Record], draw: random.Random) -> Iterator[Record]:
    pool = [
        pair
        for record in records
        for pair in zip(record.losses, record.likelihoods or repeat(None), strict=False)
    ]
    draw.shuffle(pool)
    answers = [record.generated for record in records]
    draw.shuffle(answers)
    pairs = iter(pool)
    for record, generated in zip(records, answers, strict=True):
        losses, parts = zip(*islice(pairs, len(record.losses)), strict=True)
        yield replace(
            record,
            generated=generated,
            answer_loss=losses[0],
            paraphrase_loss=losses[1],
            perturbed_losses=losses[2:],
            likelihoods=None if record.likelihoods is None else parts,
            tokens=None,
        )


def _redrawn(records: list[Record], draw: random.Random) -> Iterator[Record]:
    for record, drawn in zip(records, draw.choices(records, k=len(records)), strict=True):
        own = {name: getattr(record, name) for name in _OF_THE_SAMPLE}
        yield replace(drawn, **own, tokens=None)
