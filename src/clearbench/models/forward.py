"""One forward pass over a training batch, keeping only what the answers need."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from typing import Any, cast

import torch
from peft import PeftModel
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench.errors import UserError
from clearbench.models.answers import IGNORED, Answers
from clearbench.models.checkpoint import Model


def answers_of(model: Model, batch: dict[str, Tensor], layer: int | None = None) -> Answers:
    """Run a batch of `collate` and give what the model says of its answers.

    The states that predict an answer token are picked before the output layer, so the vocabulary
    is never spread over prompt, image or padding positions. `layer` asks for a decoder layer's
    output at the same positions. Weights in training that are more precise than their model are
    used in the model's precision.
    """
    inner = unwrapped(model)
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    captured: list[Tensor] = []
    mixed = _mixed_precision(inner)
    with ExitStack() as hooks, mixed():
        if layer is not None:
            hook = decoder_layer(inner, layer).register_forward_hook(
                lambda module, args, output: captured.append(
                    output if isinstance(output, Tensor) else output[0]
                )
            )
            hooks.callback(hook.remove)
        states = inner.model(**inputs, use_cache=False).last_hidden_state
    labels = batch["labels"][:, 1:]
    sample, position = (labels != IGNORED).nonzero(as_tuple=True)
    picked = states[sample, position]
    head = inner.get_output_embeddings()

    def project(states: Tensor) -> Tensor:
        with mixed():
            logits: Tensor = head(states)
        return logits

    return Answers(
        project=lambda: project(picked),
        labels=labels[sample, position],
        sample=sample,
        size=len(labels),
        hidden=captured[0][sample, position] if captured else None,
        whole=lambda: project(states),
        whole_hidden=captured[0] if captured else None,
    )


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
