"""One forward pass over a training batch, keeping only what the answers need."""

from collections.abc import Iterable
from typing import cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench.data.store import EvalSample, TrainSample
from clearbench.errors import UserError
from clearbench.models.answers import IGNORED, Answers, log_likelihood
from clearbench.models.checkpoint import Model
from clearbench.models.encoding import Encoder, collate, first_of_each
from clearbench.models.logits import last_states, logits_of
from clearbench.models.positions import positions
from clearbench.models.sharding import rows_of_all
from clearbench.models.shared_prompts import Part, SharedBatch, attention

_ROUNDING, _ROUNDING_IN_HALF = 1e-2, 0.3
"""How far, relative to itself, rounding takes a log-likelihood at the most."""


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
        position=part.position,
    )


def answer_states(model: Model, batch: dict[str, Tensor]) -> tuple[Tensor, Part]:
    """The states (N, H) that predict the answer tokens of a batch of `collate`, and the tokens."""
    part = _part(batch)
    return _states(model, _inputs(batch))[part.row, part.position], part


def answers_of_shared(model: Model, batch: SharedBatch) -> list[Answers]:
    """What the model says of each part of a batch in which prompts stand once; needs SDPA."""
    prompts = {**batch.inputs, "attention_mask": batch.prompts}
    inner = unwrapped(model)
    placed, after = positions(inner, prompts)
    placed = torch.where(batch.segment == 0, placed, after + batch.offset)
    sight = attention(inner, batch.segment, batch.segment)
    states = _states(model, {**batch.inputs, "attention_mask": sight, "position_ids": placed})
    return [_answers(model, states, part) for part in batch.parts]


@torch.no_grad()
def check_answers(
    model: PreTrainedModel, encoder: Encoder, samples: Iterable[TrainSample | EvalSample]
) -> None:
    """Hold what a model says of answers to its own forward, without an image and with one.

    Raises UserError, which names the model's type and the sample.
    """
    for sample in first_of_each(samples):
        example = encoder.sequence(sample.question, sample.image, sample.answer)
        batch = collate([example], encoder.padding, model.device)
        log_likelihoods = answers_of(model, batch).token_log_likelihood
        check_likelihood(model, sample.id, batch, log_likelihoods.sum().item(), "training")


@torch.no_grad()
def check_likelihood(
    model: PreTrainedModel, name: str, batch: dict[str, Tensor], likelihood: float, where: str
) -> None:
    """Hold the log-likelihood of a sample's answer to the one that the model's own forward gives.

    `batch` is one of `collate` of one sample. Raises UserError where it differs by more than
    rounding; a model that says nothing finite is left to those who look for that.
    """
    logits = model(**_inputs(batch), use_cache=False).logits
    own = log_likelihood(Answers.from_logits(logits, batch["labels"])).item()
    rounding = _ROUNDING_IN_HALF if model.config.dtype == torch.bfloat16 else _ROUNDING
    if abs(likelihood - own) > rounding * max(abs(own), 1):
        raise UserError(
            f"model of type {model.config.model_type}: its answer to {name} has a log-likelihood"
            f" of {own:.4g} by its own forward and of {likelihood:.4g} in {where}: such models"
            " can't be used here"
        )


def _inputs(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in batch.items() if name != "labels"}


def _part(batch: dict[str, Tensor]) -> Part:
    """All answer tokens of a batch of `collate`."""
    labels = batch["labels"][:, 1:]
    row, position = (labels != IGNORED).nonzero(as_tuple=True)
    return Part(row, position, labels[row, position], row, len(labels))


def _states(model: Model, inputs: dict[str, Tensor]) -> Tensor:
    """The states (B, T, H) that the output layer takes."""
    return last_states(unwrapped(model), {**inputs, "use_cache": False})


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
    return rows_of_all(model, captured[0])


def _answers(model: Model, states: Tensor, part: Part) -> Answers:
    """The answers of a part, from the states (B, T, H) of all."""
    inner = unwrapped(model)
    picked = states[part.row, part.position]
    return Answers(
        project=lambda: logits_of(inner, picked),
        labels=part.labels,
        sample=part.sample,
        size=part.size,
        whole=lambda: logits_of(inner, states),
        position=part.position,
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
    chosen: nn.Module = layers[layer]
    return chosen
