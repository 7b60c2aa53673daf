"""What a method is, and what it sees at a step."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from torch import Tensor

from clearbench.config.settings import Domain
from clearbench.methods.alternation import ForgetStep
from clearbench.methods.batches import Reads
from clearbench.methods.importances import ByWeight
from clearbench.methods.parts import Part
from clearbench.models.answers import Answers
from clearbench.models.neurons import Activations, Layer, Rows


class View(Protocol):
    """One model's view of the batches of a step; a batch is encoded and run when first asked for.

    `forget` and `retain` are batches of the two sets, `idk` the forget questions answered with "I
    don't know" variants, `retain_idk` the retain questions answered so, `mismatched(k)` the forget
    questions with k answers of other forget persons each, or of one person's that are not right;
    `alternate` the forget questions with an answer that the original made up, of language models.
    `seed` is the seed of the run, `epoch` the pass over the forget set that a step is of, from 0.

    In the vision domain a sample is a picture and its answer the person; `idk` are the forget
    pictures with another person each, `retain_idk` the retain pictures. `flipped`, there only, are
    the forget pictures mirrored. `weight_l1` is ‖θ‖₁ of the weights in training, or a batch's share
    of it where a step has several.
    """

    seed: int
    epoch: int

    @property
    def forget(self) -> Answers: ...
    @property
    def retain(self) -> Answers: ...
    @property
    def idk(self) -> Answers: ...
    @property
    def retain_idk(self) -> Answers: ...
    def mismatched(self, k: int) -> Answers: ...
    @property
    def alternate(self) -> Answers: ...
    @property
    def flipped(self) -> Answers: ...
    @property
    def weight_l1(self) -> Tensor: ...


Loss = Callable[[View, View], Tensor]
Projection = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Gives factors U (D, k) and V (k, D) by directions (D, K), a column each, and a moment (D, D)."""


@dataclass(frozen=True)
class Constraint:
    """A bound that holds beside a loss, by a dual variable λ: minimised is loss + λ·violation.

    `violation` is a term as a loss is, above 0 where the bound is broken. λ is `weight` at the
    first step; after each step it becomes max(0, λ + `rate`·violation), once the share `warmup` of
    the steps is done. It is the trainer's, so that it outlives a step, and a job that is killed.
    """

    violation: Loss
    weight: float
    rate: float
    warmup: float = 0.0


Choice = Callable[[Mapping[Layer, tuple[Activations, Activations]]], Rows]
"""Neurons, by what those of each feed-forward layer put out on the forget and the retain set."""


class Trainer(Protocol):
    """What a method that is more than a loss may do with the model."""

    def minimise(
        self, loss: Loss, constraint: Constraint | None = None, mask: ByWeight | None = None
    ) -> None:
        """Train by the suite's settings; with a `mask`, the weights alone where it is true.

        The others are the same after each step to the last bit.
        """

    def alternate(self, retain: Loss, forget: ForgetStep, retain_steps: int) -> None:
        """Train by the suite's settings, the sets by steps of their own.

        After each step on the forget set there are so many on the retain set, or at 0 as many as it
        has samples for one of the forget set, rounded down, at least one. There are as many steps
        on the forget set as `minimise` takes.
        """

    def importances(self, *of: Part, squared: bool = True) -> Sequence[ByWeight]:
        """The mean over batches of the square of each weight's gradient of CE, or of the gradient.

        Asked for are all parts of the samples that the method declares (`Method.importances`), at
        once. A batch has as many samples as a step; those that do not reach a weight, as texts a
        vision tower, are not counted for it.
        """

    def scale(self, factors: ByWeight) -> None:
        """Multiply each weight by a factor."""

    def negate_update(self, scale: float = 1.0) -> None:
        """Replace θ by θ₀ - scale·(θ - θ₀)."""

    def neurons_by_activity(self, choose: Choice, threshold: float) -> Rows:
        """The neurons that `choose` takes of those in training; see `models.neurons`.

        It is asked once, after a pass over both sets; its |z| are counted above `threshold`.
        """

    def neurons_by_influence(self, count: int, steps: int) -> Rows:
        """The neurons that the answer of some forget sample owes most to.

        Of each feed-forward part of a block they are `count` a sample. With z the inputs of the
        layer that a part ends in, and L the mean log-likelihood of the answer's tokens: of the text
        decoder by integrated gradients of L along all z together, in so many `steps`, and of a
        vision tower by (∂L/∂z)², each summed over the positions of the sample. Given are their rows
        in the layers that the part begins with.
        """

    def zero(self, neurons: Rows) -> None:
        """Set the rows and biases of neurons to zero."""

    def minimise_rows(self, loss: Loss, neurons: Rows) -> None:
        """Train the rows and biases of some neurons, and nothing else."""

    def project(self, layer: int, projection: Projection, of_persons: bool = False) -> None:
        """Replace W by W - U·V·W in every linear map of a layer that is trained.

        `projection` gives U and V by the moment of what the map puts out, and by how its mean on F
        differs from that on R: a direction for samples with an image and one for those without, or
        `of_persons` these of every person who is forgotten.
        """

    def instruct(self, words: str) -> None:
        """Leave the weights, and have every question asked after these words.

        `{persons}` in them becomes the names of all who are forgotten. Of language models alone.
        """


def states(hidden: Tensor | None) -> Tensor:
    """The states of `hidden_layer`; ValueError where the method has not asked for one."""
    if hidden is None:
        raise ValueError("needs hidden states, and hidden_layer names no layer")
    return hidden


@dataclass(frozen=True)
class Method:
    """An unlearning method; its fields are its parameters.

    `student_reads` and `reference_reads` declare the batches that a step asks the two models for,
    as a view names them: `("forget", "mismatched(5)")`, or `mismatched(count)` for a parameter
    `count`. What is not declared is not answered. Answers to the same questions are run together,
    their prompts once for all.
    `importances` are the samples whose importances it asks the trainer for. With `separate` its
    steps are on either set alone, and it has the parameter `retain_steps` (`Trainer.alternate`).
    `weights` are what it can train: no adapter, where it is about single weights of the model.
    `domains` are those that it serves: all of them where it is a loss on answers, for a person is
    the answer to a picture. `unaugmented` says that it is only valid where no training augments.
    With `few_rows` it trains no more than rows of some neurons. `surveys` are its passes over a
    whole set beside those of training, as `(("forget", 2), ("retain", 1))`, where a backward pass
    counts as one more. One that never `trains` takes no steps: what it reads, it reads in these.
    `compares_with` says what the reference is: the original, or gold, which only a variant that
    was published so takes, for gold is what results are compared with.
    With `as_published` the batches are those of CLEAR's loader: padded on the left; the forget
    batch in the place of `idk`, for it drops the refusals; and of the `mismatched` answers, which
    are of any forget samples, those to images each with its own image and question.
    """

    student_reads: ClassVar[tuple[str, ...]] = ()
    reference_reads: ClassVar[tuple[str, ...]] = ()
    importances: ClassVar[tuple[Part, ...]] = ()
    separate: ClassVar[bool] = False
    weights: ClassVar[tuple[str, ...]] = ("full", "lora")
    domains: ClassVar[tuple[Domain, ...]] = ("multimodal", "text", "vision")
    unaugmented: ClassVar[bool] = False
    few_rows: ClassVar[bool] = False
    surveys: ClassVar[tuple[tuple[str, int], ...]] = ()
    trains: ClassVar[bool] = True
    compares_with: ClassVar[Literal["original", "gold"]] = "original"
    as_published: ClassVar[bool] = False

    def loss(self, student: View, reference: View) -> Tensor:
        """The scalar to minimise at a step.

        `student` is the model being trained, `reference` the frozen original, or what the method
        `compares_with` (no gradient). A step
        may come in several batches, whose losses are summed: a mean is taken by `over_tokens` or
        `over_samples` of the answers, which divide by what the step has. With `as_published` any
        mean is one of its batch, and the step's loss the mean over its batches, as in CLEAR's code.
        """
        raise NotImplementedError(f"{type(self).__name__} has neither a loss nor its own unlearn")

    def unlearn(self, trainer: Trainer) -> None:
        """Unlearn; a method that is a loss is trained by it."""
        trainer.minimise(self.loss)

    def hidden_layer(self) -> int | None:
        """The decoder layer (from 0) whose output `Answers.hidden` holds; None for no layer.

        A language model is then run up to that layer, and its answers have no logits.
        """
        return None

    @property
    def reads(self) -> Reads:
        """The batches that it declares, with its parameters."""
        return Reads.declared(self.student_reads, self.reference_reads, vars(self))
