"""Pictures that several rows share, in the same bytes or in others that show the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clearbench.data.contents import Contents
from clearbench.data.findings import Findings
from clearbench.data.images import rgb
from clearbench.data.store import EvalSample, Parts, TrainSample
from clearbench.data.tasks import FORGOTTEN

SIDE = 8
"""A picture is compared by the mean colours of its parts, so many on a side."""

NEAR = 5.0
"""Pictures no further apart, by the root of the mean square over the parts' colours (0 to 255), are
the same. Other encodings stay below; other faces are twice as far and more, even drawn ones."""

FINE = 256
"""Pixels of a side to which a large picture may be decoded, so that its parts are whole ones."""


@dataclass(frozen=True)
class _Use:
    """A row that has a picture, with its parts."""

    id: str
    person: str | None
    parts: Parts
    trained: bool

    def __str__(self) -> str:
        config, number, *_ = [*self.id.split("/"), ""]
        return f"{config}: row {number} ({self.person or 'nobody named'})"

    def against(self, other: "_Use") -> str | None:
        """What is wrong where both have one picture; None where nothing is."""
        for size, part in self.parts.items():
            if {part, other.parts.get(size)} == {"forget", "retain"}:
                return f"forgotten and retained at forget size {size}"
        if None not in (self.person, other.person) and self.person != other.person:
            return "two persons"
        return None


def check_pictures(contents: Contents, findings: Findings) -> None:
    """Report a picture that is learnt of one person and belongs to another as well.

    So does one that is to be forgotten, and that a gold model is shown or retained samples have.
    """
    uses: dict[int, dict[tuple[object, ...], _Use]] = {}
    for sample, use in _uses(contents):
        if sample.image is not None:
            # One row of each kind is enough to tell.
            kind = (use.person, *use.parts.values(), use.trained)
            uses.setdefault(sample.image, {}).setdefault(kind, use)
    for key in uses:
        _report(list(uses[key].values()), [], "the same picture", findings)
    learnt = sorted({sample.image for sample in contents.train if sample.image is not None})
    for one, other in _near(contents.images, learnt):
        if other in uses:
            ours, theirs = (list(uses[key].values()) for key in (one, other))
            _report(ours, theirs, "the same picture in two encodings", findings)


def _uses(contents: Contents) -> Iterator[tuple[TrainSample | EvalSample, _Use]]:
    sizes = contents.forget_sizes
    for sample in contents.train:
        parts = {size: sample.part(size) for size in sizes}
        yield sample, _Use(sample.id, sample.person, parts, True)
    for sample in contents.base:
        yield sample, _Use(sample.id, sample.person, dict.fromkeys(sizes, "retain"), False)
    for asked in contents.evaluation:
        part = "forget" if asked.split in FORGOTTEN else "retain"
        parts = {size: part if asked.forget_size in (None, size) else None for size in sizes}
        yield asked, _Use(asked.id, asked.person, parts, False)


def _report(ours: Sequence[_Use], theirs: Sequence[_Use], what: str, findings: Findings) -> None:
    """Report the first rows of two pictures, or of one, that are against one another."""
    for place, one in enumerate(ours):
        for other in theirs or ours[place + 1 :]:
            wrong = one.against(other) if one.trained or other.trained else None
            if wrong:
                findings.report("shared_pictures", f"{one} and {other} have {what}: {wrong}")
                return


def _near(images: Sequence[bytes], learnt: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Learnt images, each with every other one that shows the same."""
    if not learnt:
        return
    prints = np.stack([_print(encoded) for encoded in images])
    means = prints.mean(axis=1)
    order = np.argsort(means, kind="stable")
    ranked, known = means[order], set(learnt)
    for one in learnt:
        # What is near has a near mean.
        ends = np.searchsorted(ranked, means[one] + np.array([-NEAR, NEAR]))
        others = np.sort(order[ends[0] : ends[1]])
        apart = np.sqrt(((prints[others] - prints[one]) ** 2).mean(axis=1))
        for other in others[apart <= NEAR].tolist():
            # Of two learnt ones, the pair is met at the first.
            if other > one or (other != one and other not in known):
                yield one, other


def _print(encoded: bytes) -> NDArray[np.float32]:
    small = rgb(encoded, quick=FINE).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).ravel()
