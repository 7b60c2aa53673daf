"""The two models that a loss compares, each as it answers the batches of a step."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial

import torch
from peft import PeftModel
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils.other import AuxiliaryTrainingWrapper
from torch import Tensor, nn

from clearbench.methods.base import Method
from clearbench.methods.batches import Batch
from clearbench.models.answers import Answers
from clearbench.training.sets import Batches, ForgetAndRetain

_ADAPTED = (BaseTunerLayer, AuxiliaryTrainingWrapper)
"""The modules of PEFT that run with an adapter, or without one."""


class Student:
    """The model in training; implements `model_view.Answering`."""

    name = "student"

    def __init__(self, model: nn.Module, sets: ForgetAndRetain, method: Method):
        self.reads = method.reads.student
        self.weights: Sequence[Tensor] = [p for p in model.parameters() if p.requires_grad]
        self._model = model
        self._run = _Run(sets, method)

    def answers(self, batches: Batches, asked: Sequence[Batch]) -> list[Answers]:
        """The model on batches of the same questions."""
        return self._run(self._model, batches, asked)

    def stored(self, batches: Batches, asked: Batch) -> None:
        """None: it changes."""


class Reference:
    """The frozen original, or gold; implements `model_view.Answering`.

    The original is the `student` without its adapter, where it has one; else, and of gold, it is
    the model that `load` gives, when it is first asked for what is not stored.
    """

    name = "reference"
    weights: Sequence[Tensor] = ()

    def __init__(
        self,
        student: nn.Module,
        load: Callable[[], nn.Module],
        sets: ForgetAndRetain,
        method: Method,
        is_original: bool = True,
    ):
        self.reads = method.reads.reference
        self._student = student
        self._load = load
        self._sets = sets
        self._run = _Run(sets, method)
        self._within = is_original and isinstance(student, PeftModel)
        # Found once: PEFT looks for them, in all modules, whenever it switches them.
        self._modules = list(student.modules())
        self._adapted = [m for m in self._modules if isinstance(m, _ADAPTED)]

    @torch.no_grad()
    def answers(self, batches: Batches, asked: Sequence[Batch]) -> list[Answers]:
        """The model on batches of the same questions, without a gradient."""
        if self._within:
            with self._without_adapter():
                said = self._run(self._student, batches, asked)
        else:
            said = self._run(self._load(), batches, asked)
        for answers in said:
            # Computed here, where no gradient is recorded; projections run on first use otherwise.
            if self._run.layer is None:
                _ = answers.log_probabilities
            if answers.whole is not None:
                answers.whole = partial(self._project, answers.whole)
        return said

    def stored(self, batches: Batches, asked: Batch) -> Answers | None:
        """What the original says of a batch, where that is stored."""
        return self._sets.stored(batches, asked)

    @torch.no_grad()
    def _project(self, project: Callable[[], Tensor]) -> Tensor:
        """A projection that few methods ask for, made when they do as if it were made at once."""
        if self._within:
            with self._without_adapter():
                return project()
        return project()

    @contextmanager
    def _without_adapter(self) -> Iterator[None]:
        """While it lasts, the student is the original, without the dropout that the base may have.

        The original is asked, not trained.
        """
        training = [module for module in self._modules if module.training]
        for module in training:
            module.training = False
        for layer in self._adapted:
            layer.enable_adapters(False)
        try:
            yield
        finally:
            for layer in self._adapted:
                layer.enable_adapters(True)
            for module in training:
                module.training = True


def once(load: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    """The model that `load` gives, loaded when first asked for."""

    @cache
    def loaded() -> nn.Module:
        # Loading may draw random numbers, at another step in a job that goes on than in one that
        # is never interrupted.
        with torch.random.fork_rng():
            return load()

    return loaded


class _Run:
    """Runs a model on batches of a step as a method asks for it."""

    def __init__(self, sets: ForgetAndRetain, method: Method):
        self.layer = method.hidden_layer()
        self._sets = sets
        self._of_batch = method.as_published

    def __call__(self, model: nn.Module, batches: Batches, asked: Sequence[Batch]) -> list[Answers]:
        said = self._sets.answers(model, batches, asked, self.layer)
        if not self._of_batch:
            for batch, answers in zip(asked, said, strict=True):
                answers.step = batches.totals(batch)
        return said
