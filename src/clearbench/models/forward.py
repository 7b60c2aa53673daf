"""One forward pass over a training batch, keeping only what the answers need."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench.errors import UserError
from clearbench.models.answers import IGNORED, Answers
from clearbench.models.checkpoint import Model
from clearbench.models.positions import positions
from clearbench.models.shared_prompts import Part, SharedBatch, attention


def answers_of(model: Model, batch: dict[str, Tensor], layer: int | None = None) -> Answers:
    """Run a batch of `collate` and give what the model says of its answers.

    The states that predict an answer token are picked before the output layer, so the vocabulary
    is never spread over prompt, image or padding positions. `layer` asks for the output of a
    decoder layer at the same positions instead: the run ends there, and there are no logits.
    """
    inputs, part = _inputs(batch), _part(batch)
    if layer is None:
        return _answers(model, _states(model, inputs), part)
    states = _states_of_layer(model, inputs, layer)
    return Answers(
        project=_no_logits,
        labels=part.labels,
        sample=part.sample,
        size=part.size,
        hidden=states[part.row, part.position],
        whole_hidden=states,
    )


def answer_states(model: Model, batch: dict[str, Tensor]) -> tuple[Tensor, Part]:
    """The states (N, H) that predict the answer tokens of a batch of `collate`, and the tokens."""
    part = _part(batch)
    return _states(model, _inputs(batch))[part.row, part.position], part


def answers_of_shared(model: Model, batch: SharedBatch) -> list[Answers]:
    """As `answers_of`, for each part of a batch in which prompts stand once; needs SDPA."""
    prompts = {**batch.inputs, "attention_mask": batch.prompts}
    placed, after = positions(unwrapped(model), prompts)
    placed = torch.where(batch.segment == 0, placed, after + batch.offset)
    sight = attention(batch.segment, batch.segment)
    states = _states(model, {**batch.inputs, "attention_mask": sight, "position_ids": placed})
    return [_answers(model, states, part) for part in batch.parts]


def _inputs(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in batch.items() if name != "labels"}


def _part(batch: dict[str, Tensor]) -> Part:
    """All answer tokens of a batch of `collate`."""
    labels = batch["labels"][:, 1:]
    row, position = (labels != IGNORED).nonzero(as_tuple=True)
    return Part(row, position, labels[row, position], row, len(labels))


def _states(model: Model, inputs: dict[str, Tensor]) -> Tensor:
    """The states (B, T, H) that the output layer takes.

    Weights in training that are more precise than their model are used in the model's precision.
    """
    inner = unwrapped(model)
    with _mixed_precision(inner)():
        states: Tensor = inner.model(**inputs, use_cache=False).last_hidden_state
    return states


def _states_of_layer(model: Model, inputs: dict[str, Tensor], layer: int) -> Tensor:
    """The output (B, T, H) of a decoder layer; those after it are not run."""
    inner = unwrapped(model)
    last = decoder_layer(inner, layer)
    captured: list[Tensor] = []
    hook = last.register_forward_hook(
        lambda module, args, output: captured.append(
            output if isinstance(output, Tensor) else output[0]
        )
    )
    decoder = inner.get_decoder()
    layers = decoder.layers
    decoder.layers = layers[: layer + 1]
    try:
        _states(model, inputs)
    finally:
        decoder.layers = layers
        hook.remove()
    return captured[0]


def _answers(model: Model, states: Tensor, part: Part) -> Answers:
    """The answers of a part, from the states (B, T, H) of all."""
    inner = unwrapped(model)
    picked = states[part.row, part.position]

    def project(states: Tensor) -> Tensor:
        with _mixed_precision(inner)():
            logits: Tensor = inner.get_output_embeddings()(states)
        return logits

    return Answers(
        project=lambda: project(picked),
        labels=part.labels,
        sample=part.sample,
        size=part.size,
        whole=lambda: project(states),
    )


def _no_logits() -> Tensor:
    raise ValueError("there are no logits where a method asks for a hidden layer")


def unwrapped(model: Model) -> PreTrainedModel:
    """The model of transformers inside an adapter's wrapper (its layers carry the adapter)."""
    inner = model.get_base_model() if isinstance(model, PeftModel) else model
    return cast(PreTrainedModel, inner)


def decoder_layer(model: PreTrainedModel, layer: int) -> nn.Module:
    """A layer of the text decoder, from 0; UserError names the layers there are."""
    layers = model.get_decoder().layers
    if not 0 <= layer < len(layers):
        raise UserError(f"layer: {layer} does not exist; the model has 0 to {len(layers) - 1}")
    found: nn.Module = layers[layer]
    return found


def _mixed_precision(model: PreTrainedModel) -> Callable[[], AbstractContextManager[Any]]:
    """What to compute under: half precision where a model of it has weights of single precision."""
    dtype, head = model.config.dtype, model.get_output_embeddings().weight
    if dtype != torch.bfloat16 or head.dtype == dtype:
        return nullcontext
    return partial(torch.autocast, head.device.type, dtype=torch.bfloat16)
