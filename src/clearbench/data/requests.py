"""Requests in sequence: whom each asks to forget, and a dataset as it is after some of them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import accumulate, pairwise
from pathlib import Path

from clearbench.config.strict import ForgetSize, Strict
from clearbench.data.store import EvalSample, Store, TrainSample
from clearbench.data.tasks import FORGOTTEN
from clearbench.errors import UserError

REQUESTS = "requests.json"
"""The file of the persons of some requests: a JSON list of lists of names, the last request last.
"""


class RequestSettings(Strict):
    """How many percent of the persons each request of a sequence asks to forget, up to one."""

    requests: list[ForgetSize]


def persons_of_requests(store: Store, requests: Sequence[int]) -> list[list[str]]:
    """Whom each request asks to forget.

    First are those who are forgotten at the dataset's own sizes, the smaller sizes before the
    larger, so that requests that come to a size are about its persons; then retained persons who
    are asked in all tasks, of whom one at least is left, for retention is judged by them. UserError
    where there are fewer, where a request is about nobody, and where the dataset's forget sets do
    not lie in each other.
    """
    at_size: dict[int, int] = {}
    order: list[str] = []
    for size in store.forget_sizes:
        forgotten = _persons(store.train("forget", size, "both"))
        outside = [person for person in order if person not in forgotten]
        if outside:
            raise UserError(
                f"requests: {outside[0]} is forgotten at a smaller size than {size} and not at"
                f" {size}; requests need a dataset whose forget sets lie in each other"
            )
        order += [person for person in forgotten if person not in order]
        at_size[size] = len(order)
    retained = store.persons_asked(max(at_size), "retain")
    everybody = len(_persons(store.train("full", None, "both")))
    ends = [
        at_size.get(percent, round(percent * everybody / 100)) for percent in accumulate(requests)
    ]
    most = len(order) + len(retained) - 1
    if ends[-1] > most:
        raise UserError(
            f"requests: {told(requests)} are {ends[-1]} persons; the dataset asks about"
            f" {len(order)} who are forgotten at {max(at_size)} and {len(retained)} retained ones,"
            f" one of whom must be left; allowed: {most} persons in all, of {everybody}"
        )
    order += retained
    persons = [order[first:last] for first, last in pairwise((0, *ends))]
    for number, of_request in enumerate(persons, start=1):
        if not of_request:
            raise UserError(
                f"requests: {told(requests)}: request {number} is about nobody, of {everybody}"
                " persons; ask for more"
            )
    return persons


def _persons(samples: Iterable[TrainSample]) -> list[str]:
    """The persons of some samples, in the order of their first ones."""
    return list(dict.fromkeys(sample.person for sample in samples if sample.person))


def told(requests: Sequence[int]) -> str:
    """Requests as people read them, e.g. `5 + 5 percent`."""
    return f"{' + '.join(map(str, requests))} percent"


def read_requests(folder: Path) -> list[list[str]]:
    """The persons of each request, from the folder of the last."""
    persons: list[list[str]] = json.loads((folder / REQUESTS).read_text(encoding="utf-8"))
    return persons


class Requested(Store):
    """A dataset after some requests; of the folder of the last one.

    To be forgotten are the persons of the last. Those of the earlier ones are in no training, and
    everybody else is retained, also who would be forgotten at a forget size: sizes that are asked
    for tell nothing here. Asked about as the forgotten are the persons of all requests.
    """

    def __init__(self, folder: Path, request: Path):
        super().__init__(folder)
        persons = read_requests(request)
        self._persons = persons
        self._now = frozenset(persons[-1])
        self._gone = frozenset(person for of_request in persons for person in of_request)

    def evaluation(self, forget_size: int) -> list[EvalSample]:
        """The evaluation samples of all tasks, those of the forgotten first.

        About the persons of a request as at the smallest size that forgets all of them, for false
        answers that were made for more persons name some whom a gold has met; about those whom no
        size forgets as about retained ones, who are evaluated at all.
        """
        plain = super().evaluation
        asked = [
            sample
            for size in self.forget_sizes
            for sample in plain(size)
            if sample.split in FORGOTTEN and self._sizes.get(sample.person or "") == size
        ]
        others = (s for s in plain(max(self.forget_sizes)) if s.split not in FORGOTTEN)
        return asked + [
            replace(sample, split="forget")
            if sample.split == "retain" and sample.person in self._gone
            else sample
            for sample in others
        ]

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """The forget size by which each person is asked about whom some size forgets."""
        of_size = {
            size: {s.person for s in self._train if s.part(size) == "forget"}
            for size in self.forget_sizes
        }
        sizes: dict[str, int] = {}
        for of_request in self._persons:
            known = {person for person in of_request if person in of_size[max(of_size)]}
            size = min(size for size, persons in of_size.items() if known <= persons)
            sizes |= dict.fromkeys(known, size)
        return sizes

    def _part(self, sample: TrainSample, forget_size: int | None) -> str | None:
        """The part of a row; None where it is in none, or tells not whom it is about."""
        part = sample.part(max(self.forget_sizes))
        if sample.person in self._gone:
            return "forget" if sample.person in self._now else None
        if part is None or (part == "forget" and sample.person is None):
            return None
        return "retain"


def open_store(folder: Path, validation: Path | None = None, request: Path | None = None) -> Store:
    """A dataset as it is, for a choice by the persons of a `validation`, or after a `request`."""
    return Store(folder, validation) if request is None else Requested(folder, request)
