"""Gradients of a sample's loss: how much it pulls at a model, by which an attack goes."""

import math

import torch
from torch import Tensor
from transformers import PreTrainedModel

from clearbench.data.store import EvalSample
from clearbench.evaluation.records import Gradient
from clearbench.models.checkpoint import frozen_weights
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answers_of
from clearbench.models.precise_linear import PreciseLinear


class Gradients:
    """The gradients of a model's weights but the `frozen` ones, whose names an expression matches.

    Of an adapter that was merged they are those of the weights below it, so that models are
    compared by the same weights, however each was trained.
    """

    def __init__(self, model: PreTrainedModel, encoder: Encoder, frozen: str):
        self._model = model
        self._encoder = encoder
        spared = frozen_weights(model, frozen)
        # What rounding left of a weight is no other weight.
        modules = model.named_modules()
        spared |= {f"{name}.rest" for name, module in modules if isinstance(module, PreciseLinear)}
        for name, weight in model.named_parameters():
            weight.requires_grad_(name not in spared)
        self._weights = [weight for weight in model.parameters() if weight.requires_grad]

    def of(self, sample: EvalSample) -> Gradient:
        """The gradient of the mean loss a token of a true answer and its end, in nats."""
        example = self._encoder.sequence(sample.question, sample.image, sample.answer)
        with torch.enable_grad():
            batch = collate([example], self._encoder.padding, self._model.device)
            loss = -answers_of(self._model, batch).token_log_likelihood.mean()
            gradients = torch.autograd.grad(loss, self._weights, allow_unused=True)
        norms = [0.0 if one is None else _norm(one) for one in gradients]
        return Gradient(math.hypot(*norms), math.fsum(norms) / len(norms))


def _norm(gradient: Tensor) -> float:
    return float(torch.linalg.vector_norm(gradient, dtype=torch.float32))
