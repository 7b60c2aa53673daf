"""The states that a model ends in, and the logits that it makes of them, as the model does it.

Between a model's last states and its logits stands its output layer, and in many architectures
more: scales (granite, cohere), caps (gemma2), layers of their own. All of that is written in the
model's own forward and nowhere else. So the forward is run, on states that are there already.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench.errors import UserError


def last_states(model: PreTrainedModel, inputs: dict[str, Any]) -> Tensor:
    """The states (B, T, H) that a model ends in, before its output layer."""
    states: Tensor = body(model)(**inputs).last_hidden_state
    return states


def logits_of(model: PreTrainedModel, states: Tensor, head: nn.Module | None = None) -> Tensor:
    """The logits (…, V) of states (…, H) of two or three dimensions.

    `head` takes the place of the model's output layer.
    """
    rows = states if states.dim() == 3 else states.unsqueeze(0)
    with _standing_in(model, rows, head):
        logits: Tensor = model(inputs_embeds=rows, use_cache=False).logits
    return logits if states.dim() == 3 else logits.squeeze(0)


def body(model: PreTrainedModel) -> Any:
    """A model without its output layer. Raises UserError where it has no such part."""
    part = model.base_model
    if part is model:
        raise UserError(
            f"model of type {model.config.model_type}: transformers has no part of it that ends"
            " before the output layer; choose a model of another type"
        )
    return part


class _Ran:
    """Stands for a model's body, or its decoder, that has run and gave states."""

    def __init__(self, part: nn.Module, decoder: nn.Module, states: Tensor):
        self._part, self._decoder, self._states = part, decoder, states

    def __call__(self, *_: Any, **__: Any) -> "_Output":
        return _Output(self._states)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._part, name)
        return self if value is self._decoder else value


class _Output:
    """What a body gives: states, and nothing that it may give beside them."""

    def __init__(self, states: Tensor):
        self.last_hidden_state = states

    def __getitem__(self, place: int | slice) -> Any:
        return (self.last_hidden_state,)[place]

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


@contextmanager
def _standing_in(model: PreTrainedModel, states: Tensor, head: nn.Module | None) -> Iterator[None]:
    """While it lasts, a model's body gives states without being run.

    A module's own attributes come before its parts, so that no part is moved.
    """
    places: list[tuple[nn.Module, str, Any]] = [
        (model, model.base_model_prefix, _Ran(body(model), model.get_decoder(), states))
    ]
    if head is not None:
        name = next(n for n, m in model.named_modules() if m is model.get_output_embeddings())
        owner, _, last = name.rpartition(".")
        places.append((model.get_submodule(owner), last, head))
    for owner, name, standing in places:
        vars(owner)[name] = standing
    try:
        yield
    finally:
        for owner, name, _ in places:
            del vars(owner)[name]
