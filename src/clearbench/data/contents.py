"""Contents: what a layout makes of its sources, ready to be written as a store."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from clearbench.data.images import rgb
from clearbench.data.store import EvalSample, TrainSample, forget_sizes
from clearbench.data.tasks import HOLDOUT, VALIDATED, Task, check_declared
from clearbench.errors import UserError


@dataclass(frozen=True)
class Contents:
    """The four tables of a store.

    `notes` are the irregularities that were tolerated. `unusable` says for a forget size that the
    sources do not serve what they lack.
    """

    images: list[bytes]
    base: list[TrainSample]
    train: list[TrainSample]
    evaluation: list[EvalSample]
    notes: list[str] = field(default_factory=list)
    unusable: dict[int, str] = field(default_factory=dict)

    @property
    def forget_sizes(self) -> list[int]:
        """The forget sizes that training rows have parts at, sorted."""
        return forget_sizes(self.train)

    def check(self, forget_sizes: Iterable[int], tasks: Iterable[Task]) -> None:
        """Check what no layout may break, and that some forget sizes can be used.

        Raises UserError where a person is in both parts of a size, a size is unusable or has no row
        in a part, or a sample is of another task than the layout's `tasks`.
        """
        known = [f"{split}/{task.name}" for task in tasks for split in task.asked]
        check_declared((f"{s.split}/{s.task}" for s in self.evaluation), known, "evaluation")
        retained: dict[int | None, set[str]] = {}
        for size in self.forget_sizes:
            parts: dict[str | None, set[str]] = {"forget": set(), "retain": set(), None: set()}
            for sample in self.train:
                if sample.person:
                    parts[sample.part(size)].add(sample.person)
            retained[size] = parts["retain"]
            both = sorted(parts["forget"] & parts["retain"])
            if both:
                raise UserError(
                    f"forget size {size}: {both[0]} has rows in both parts;"
                    " a person is either forgotten or retained"
                )
        trained = {sample.person for sample in self.train}
        for asked in self.evaluation:
            if asked.split == HOLDOUT and asked.person in trained:
                raise UserError(
                    f"{asked.id}: {asked.person} has training rows; who is held out must have none"
                )
            if asked.split == VALIDATED and asked.person not in retained.get(asked.forget_size, ()):
                raise UserError(
                    f"{asked.id}: {asked.person} is not retained at forget size"
                    f" {asked.forget_size}; who stands for the forgotten where something is chosen"
                    " must be"
                )
        for size in forget_sizes:
            if size in self.unusable:
                raise UserError(f"forget size {size}: {self.unusable[size]}")
            for part in ("forget", "retain"):
                if not any(sample.part(size) == part for sample in self.train):
                    raise UserError(
                        f"forget size {size}: no training row is of the part {part}; its"
                        " configuration must have rows of full, or leave the size out of"
                        " forget_sizes"
                    )


class ImageTable:
    """Encoded images, each kept once; the row number is the key of an image."""

    def __init__(self, images: Iterable[bytes] = ()) -> None:
        self.images = list(images)
        self._keys = {sha256(image).digest(): key for key, image in enumerate(self.images)}

    def add(self, encoded: bytes, where: str) -> int:
        """The key of an image, which is checked and kept if it is new.

        Raises UserError, beginning with `where`, for bytes that are no whole image.
        """
        digest = sha256(encoded).digest()
        if digest not in self._keys:
            try:
                rgb(encoded, quick=1)
            except ValueError as error:
                raise UserError(
                    f"{where}: image can't be read ({error}); it needs a whole image"
                ) from None
            self._keys[digest] = len(self.images)
            self.images.append(encoded)
        return self._keys[digest]
