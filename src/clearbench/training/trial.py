"""A trial of a method on numbers drawn at random: its mistakes, before anything is trained.

The model is two layers of a few weights, and has what methods are shown of a domain's models. What
a method does wrong with these it does wrong with any.
"""

import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from clearbench import methods
from clearbench.config.settings import Domain
from clearbench.errors import UserError
from clearbench.methods.alternation import ForgetStep
from clearbench.methods.base import Choice, Constraint, Loss, Method, Projection, states
from clearbench.methods.batches import (
    ALTERNATE,
    FLIPPED,
    FORGET,
    OWN_ANSWERS,
    RETAIN,
    Batch,
    of_retain,
)
from clearbench.methods.importances import ByWeight
from clearbench.methods.parts import Part, check_declared
from clearbench.models.answers import Answers
from clearbench.models.neurons import Activations, Layer, Rows, Tower
from clearbench.plugins import mistake
from clearbench.training.dual import Dual
from clearbench.training.model_view import ModelView

_FORGET, _RETAIN = 4, 3
_LENGTH, _WIDTH, _VOCABULARY = 6, 5, 7
_RATE = 1e-3
_GATED = ("gate_proj", "up_proj", "down_proj")
_OF_METHODS = (
    *(ArithmeticError, AttributeError, LookupError, NameError, NotImplementedError),
    *(TypeError, ValueError),
)
"""What a method's own code raises; what a machine raises (memory, kernels) is none of these."""


def try_out(key: str, parameters: Mapping[str, Any], domain: Domain) -> None:
    """Let a method unlearn once. Raises UserError, with its file and line, for its mistakes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        method = methods.create(key, parameters)
        trainer = _Trainer(method, key, domain)
        before = [weight.detach().clone() for weight in trainer.weights]
        try:
            trainer.check_layer()
            method.unlearn(trainer)
        except UserError:
            raise
        except Exception as error:
            raise _mistake(method, key, "", error) from error
        if not trainer.instructed and all(map(torch.equal, before, trainer.weights)):
            raise _mistake(method, key, "leaves the model as it is")
        unread = trainer.unread
        if unread and method != type(method)():
            # Parameters may switch off a term of a loss.
            plain = _Trainer(type(method)(), key, domain)
            with suppress(Exception):
                type(method)().unlearn(plain)
                unread = [text for text in unread if text in plain.unread]
        if unread:
            raise _mistake(method, key, f"never asks for what it declares: {', '.join(unread)}")


def checked_loss(method: Method, loss: Loss, whole: bool = True) -> Loss:
    """A loss of a method; what it does wrong raises UserError, with the method's file and line.

    Of batches that are not `whole`, which have nothing of what a loss may ask for, it need have no
    gradient.
    """
    key = methods.key_of(method)

    def run(student: Any, reference: Any) -> Tensor:
        try:
            value = loss(student, reference)
        except _OF_METHODS as error:
            raise _mistake(method, key, "", error) from error
        if not isinstance(value, Tensor):
            raise _mistake(method, key, f"the loss is {value!r}; it must be a tensor of one number")
        if value.numel() != 1:
            raise _mistake(
                method,
                key,
                f"the loss has the shape {tuple(value.shape)}; it must be one number: take a mean",
            )
        if whole and not value.requires_grad:
            raise _mistake(
                method, key, "the loss has no gradient: nothing in it is of the model in training"
            )
        return value

    return run


def _mistake(method: Method, key: str, text: str, error: BaseException | None = None) -> UserError:
    """The line for a method: at its class, or, of an error, where it or a parent raised it."""
    kind = type(method)
    own, line = inspect.getfile(kind), inspect.getsourcelines(kind)[1]
    files = {inspect.getfile(one) for one in kind.__mro__ if issubclass(one, Method)}
    files -= {inspect.getfile(Method)}
    raised = [f.filename for f in traceback.extract_tb(error.__traceback__ if error else None)]
    file = next((name for name in reversed(raised) if name in files), own)
    return mistake(f"method {key}", file, line, text, error)


class _Trainer:
    """Trains a small model a step at a time; implements `methods.base.Trainer`."""

    def __init__(self, method: Method, key: str, domain: Domain):
        self._method, self._key, self._domain = method, key, domain
        reads = method.reads
        models = [_Model(method, domain) for _ in range(2)]
        self._named = dict(models[0].named_parameters())
        self.weights = list(self._named.values())
        models[1].requires_grad_(False)
        self._student = _Asked("student", reads.student, models[0], self.weights)
        self._reference = _Asked("reference", reads.reference, models[1], ())
        self._asked: set[tuple[str, Batch]] = set()
        self._measured: set[Part] = set()
        self.instructed = False
        """Whether the method has put words before the questions."""

    @property
    def unread(self) -> list[str]:
        """What the method declares and has not asked for, as `idk of the reference`."""
        measured = [
            f"the importances of {part}"
            for part in self._method.importances
            if part not in self._measured
        ]
        return measured + [
            f"{batch} of the {model.name}"
            for model in (self._student, self._reference)
            for batch in model.reads
            if (model.name, batch) not in self._asked
        ]

    def check_layer(self) -> None:
        """What a method says of its layer."""
        layer = self._method.hidden_layer()
        if layer is not None and (not isinstance(layer, int) or layer < 0):
            raise self._told(f"hidden_layer gives {layer!r}; allowed: None, and numbers from 0")

    def minimise(
        self, loss: Loss, constraint: Constraint | None = None, mask: ByWeight | None = None
    ) -> None:
        """One step downhill."""
        self._step(loss if constraint is None else Dual(constraint, 1).added_to(loss), mask)

    def alternate(self, retain: Loss, forget: ForgetStep, retain_steps: int) -> None:
        """One step on either set."""

        def divided(student: Any, reference: Any) -> Tensor:
            loss = forget.factor(0.0) * forget.loss(student, reference)
            return loss if forget.divisor is None else loss / forget.divisor(student, reference)

        self._step(divided, forget.mask)
        self._step(retain)

    def importances(self, *of: Part, squared: bool = True) -> list[dict[str, Tensor]]:
        """Drawn at random; every second weight is one that the forget set alone needs."""
        check_declared(self._method.importances, of)
        self._measured.update(of)
        importances = [{name: torch.rand_like(w) for name, w in self._named.items()} for _ in of]
        for part, values in zip(of, importances, strict=True):
            for value in values.values() if part != "forget" else ():
                value.view(-1)[::2] = 0
        return importances

    def scale(self, factors: ByWeight) -> None:
        """As it is."""
        with torch.no_grad():
            for name, weight in self._named.items():
                weight.mul_(factors[name])

    def _step(self, loss: Loss, mask: ByWeight | None = None) -> None:
        student, reference = (
            ModelView(model, None, 0, self._method.as_published)
            for model in (self._student, self._reference)
        )
        value = checked_loss(self._method, loss)(student, reference)
        self._asked |= {("student", batch) for batch in student.asked}
        self._asked |= {("reference", batch) for batch in reference.asked}
        if not torch.isfinite(value).all():
            raise self._told(f"the loss is {value.item()} on numbers drawn at random")
        by_weight = torch.autograd.grad(value.sum(), self.weights, allow_unused=True)
        gradients = [gradient for gradient in by_weight if gradient is not None]
        if not all(torch.isfinite(gradient).all() for gradient in gradients):
            raise self._told("the gradient of the loss is not finite on numbers drawn at random")
        if not any(gradient.any() for gradient in gradients):
            raise self._told("the loss does not depend on the model in training: no gradient")
        with torch.no_grad():
            for (name, weight), gradient in zip(self._named.items(), by_weight, strict=True):
                if gradient is not None:
                    weight.sub_(_RATE * gradient * (1 if mask is None else mask[name]))

    def negate_update(self, scale: float = 1.0) -> None:
        """Any other change does."""
        with torch.no_grad():
            for weight in self.weights:
                weight.neg_()

    def neurons_by_activity(self, choose: Choice, threshold: float) -> Rows:
        """Of the layers of two towers, with numbers drawn at random."""
        self._check_neurons()
        towers: dict[Tower, tuple[str, ...]] = {"language": _GATED, "vision": ("fc1", "fc2")}
        seen = {
            Layer(f"{tower}.0.{kind}", tower, 0, 1): (_drawn(threshold), _drawn(threshold))
            for tower, kinds in towers.items()
            for kind in kinds
        }
        return choose(seen)

    def neurons_by_influence(self, count: int, steps: int) -> Rows:
        """The first ones."""
        self._check_neurons()
        return {f"language.0.{kind}": range(count) for kind in _GATED[:2]}

    def zero(self, neurons: Rows) -> None:
        """Any other change does."""
        self.negate_update()

    def minimise_rows(self, loss: Loss, neurons: Rows) -> None:
        """One step downhill."""
        self.minimise(loss)

    def _check_neurons(self) -> None:
        if self._domain == "vision":
            raise self._told(
                "asks for neurons, which face models have none of; domains: leave vision out"
            )

    def project(self, layer: int, projection: Projection, of_persons: bool = False) -> None:
        """By the states that the method would be shown."""
        forget, retain = (self._student.answers(None, [one])[0] for one in (FORGET, RETAIN))
        self._asked |= {("student", FORGET), ("student", RETAIN)}
        ours, theirs = states(forget.hidden), states(retain.hidden)
        both = torch.cat([ours, theirs]).detach()
        direction = (ours.mean(0) - theirs.mean(0)).detach()[:, None]
        left, right = projection(direction, both.T @ both / len(both))
        with torch.no_grad():
            inner = self.weights[0]
            inner.sub_((left @ (right @ inner.T)).T)

    def instruct(self, words: str) -> None:
        """Of nobody."""
        self.instructed = bool(words.format(persons=""))

    def _told(self, text: str) -> UserError:
        return _mistake(self._method, self._key, text)


@dataclass(frozen=True)
class _Asked:
    """A small model as a view asks it; implements `model_view.Answering`."""

    name: str
    reads: tuple[Batch, ...]
    model: "_Model"
    weights: Sequence[Tensor]

    def answers(self, batches: None, asked: Sequence[Batch]) -> list[Answers]:
        """What it says of batches."""
        return [self.model.answers(batch) for batch in asked]

    def stored(self, batches: None, asked: Batch) -> None:
        """None."""


class _Model(nn.Module):
    """Two random layers, and what a domain's models show of a batch."""

    def __init__(self, method: Method, domain: Domain):
        super().__init__()
        self._layer, self._domain = method.hidden_layer(), domain
        self.inner = nn.Parameter(torch.randn(_WIDTH, _WIDTH))
        self.head = nn.Parameter(torch.randn(_VOCABULARY, _WIDTH))

    def answers(self, asked: Batch) -> Answers:
        """A batch; the same inputs for every model."""
        of_faces = self._domain == "vision"
        if asked == FLIPPED and not of_faces:
            raise ValueError("flipped: not of texts; its method serves the vision domain alone")
        if asked == ALTERNATE and of_faces:
            raise ValueError("alternate: of texts alone; its method serves no vision models")
        size = _RETAIN if of_retain(asked) else _FORGET * asked.answers
        # Of questions with other answers, the questions are the same.
        generator = torch.Generator().manual_seed(int(of_retain(asked)))
        inputs = torch.randn(size, _LENGTH, _WIDTH, generator=generator)
        states = torch.tanh(inputs @ self.inner)
        # Other answers than the samples' own have other labels.
        first = int(asked not in OWN_ANSWERS)
        return self._of_faces(states, first) if of_faces else self._of_texts(states, first)

    def _of_texts(self, states: Tensor, first: int) -> Answers:
        size = len(states)
        # Answers of one token and more, at the ends of the sequences.
        lengths = torch.arange(size) % 3 + 1
        sample = torch.arange(size).repeat_interleave(lengths)
        position = torch.cat([torch.arange(_LENGTH - 1 - n, _LENGTH - 1) for n in lengths.tolist()])
        picked = states[sample, position]
        project: Callable[[], Tensor] = lambda: picked @ self.head.T  # noqa: E731
        labels = (first + torch.arange(len(sample))) % _VOCABULARY
        if self._layer is not None:
            return Answers(_no_logits, labels, sample, size, hidden=picked, whole_hidden=states)
        return Answers(
            project,
            labels,
            sample,
            size,
            whole=lambda: states @ self.head.T,
            position=position,
        )

    def _of_faces(self, states: Tensor, first: int) -> Answers:
        size, averaged = len(states), states.mean(1)
        embeddings = normalize(averaged, dim=-1)
        return Answers(
            lambda: embeddings @ self.head.T,
            (first + torch.arange(size)) % _VOCABULARY,
            torch.arange(size),
            size,
            hidden=None if self._layer is None else averaged,
            embeddings=embeddings,
        )


def _drawn(threshold: float) -> Activations:
    return Activations.of(torch.randn(_FORGET, _WIDTH), threshold)


def _no_logits() -> Tensor:
    raise ValueError("there are no logits where a method asks for a hidden layer")
