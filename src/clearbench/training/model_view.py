"""What a method sees of a model at a step: its answers on the batches, each run on demand."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from clearbench.methods.batches import (
    ALTERNATE,
    FLIPPED,
    FORGET,
    IDK,
    RETAIN,
    RETAIN_IDK,
    Batch,
    of_same_questions,
)
from clearbench.models.answers import Answers


class Answering(Protocol):
    """A model that answers the batches of a step.

    `name` is `student` or `reference`; `reads` are the batches that its method declares to ask it
    for; `weights` those in training, none of a reference.
    """

    @property
    def name(self) -> str: ...
    @property
    def reads(self) -> tuple[Batch, ...]: ...
    @property
    def weights(self) -> Sequence[Tensor]: ...

    def answers(self, batches: Any, asked: Sequence[Batch]) -> list[Answers]:
        """What it says of some batches, which have the same questions where they are several."""

    def stored(self, batches: Any, asked: Batch) -> Answers | None:
        """What is stored of what it says of a batch."""


class ModelView:
    """The batches of a step as one model sees them; implements `methods.base.View`.

    Of a method `as_published` the forget batch stands in the place of the refusals, nothing is run
    together, and a mean is one of the batch. `share` is the batch's part of what a step has once,
    `epoch` the pass over the forget set.
    """

    def __init__(
        self,
        model: Answering,
        batches: Any,
        seed: int,
        as_published: bool = False,
        share: float = 1.0,
        epoch: int = 0,
    ):
        self.seed = seed
        self.epoch = epoch
        self.asked: set[Batch] = set()
        """What the method has asked for so far."""
        self._model = model
        self._batches = batches
        self._as_published = as_published
        self._share = share
        self._answers: dict[Batch, Answers] = {}
        self._run: dict[Batch, Answers] = {}

    @property
    def forget(self) -> Answers:
        """The model on the forget batch."""
        return self._ask(FORGET)

    @property
    def retain(self) -> Answers:
        """The model on the retain batch."""
        return self._ask(RETAIN)

    @property
    def idk(self) -> Answers:
        """The model on the refusals."""
        return self._ask(IDK)

    @property
    def retain_idk(self) -> Answers:
        """The model on the refusals of the retain questions."""
        return self._ask(RETAIN_IDK)

    def mismatched(self, k: int) -> Answers:
        """The model on the mismatched answers."""
        return self._ask(Batch("mismatched", k))

    @property
    def alternate(self) -> Answers:
        """The model on what the original made up, in the language domains."""
        return self._ask(ALTERNATE)

    @property
    def flipped(self) -> Answers:
        """The model on the mirrored forget pictures, in the vision domain."""
        return self._ask(FLIPPED)

    @property
    def weight_l1(self) -> Tensor:
        """The sum of the absolute values of the weights in training, or the batch's share of it."""
        norms = [weight.abs().sum() for weight in self._model.weights]
        return torch.stack(norms).sum() * self._share

    def _ask(self, asked: Batch) -> Answers:
        """Raises ValueError for a batch that the method does not declare."""
        if asked not in self._model.reads:
            name, reads = self._model.name, self._model.reads
            declared = ", ".join(map(str, reads)) or "nothing"
            raise ValueError(f"asks the {name} for {asked}; {name}_reads declares {declared}")
        self.asked.add(asked)
        meant = FORGET if asked == IDK and self._as_published else asked
        if meant not in self._answers:
            stored = self._model.stored(self._batches, meant)
            self._answers[meant] = stored or self._computed(meant)
        return self._answers[meant]

    def _computed(self, asked: Batch) -> Answers:
        """What the model says of a batch, run together with other answers to its questions."""
        if asked not in self._run:
            alone = self._as_published or asked not in self._model.reads
            group = (asked,) if alone else of_same_questions(asked, self._model.reads)
            said = self._model.answers(self._batches, group)
            self._run.update(zip(group, said, strict=True))
        return self._run[asked]
