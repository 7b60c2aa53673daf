"""Training output layers on the states of a model's first layers, of several numbers at once."""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from clearbench.config.settings import Training
from clearbench.data.store import TrainSample
from clearbench.jobs.state import State
from clearbench.models.answers import Answers, Totals, cross_entropy
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answer_states
from clearbench.models.logits import logits_of
from clearbench.models.probed import first_layers
from clearbench.training.batches import batches_per_epoch, endless_batches, parts
from clearbench.training.loop import Share, minimise


def train_heads(
    model: PreTrainedModel,
    heads: Mapping[int, nn.Linear],
    encoder: Encoder,
    samples: Sequence[TrainSample],
    training: Training,
    seed: int,
    state: State,
) -> list[float]:
    """Minimise each head's cross-entropy of the answers; gives the sum of them at each step.

    `heads` are output layers by the number of the first layers whose states they read; nothing else
    is trained. All see the same batches. No gradient is clipped, so that each is trained as it
    would be alone.
    """
    examples = encoder.sequences([(s.asked, s.answer) for s in samples])
    lengths = [len(example.ids) for example in examples]
    generator = torch.Generator().manual_seed(seed)
    size = training.batch_size * training.accumulation
    count = training.epochs * batches_per_epoch(len(examples), size)

    def share(batch: list[int], step: Totals) -> Tensor:
        tensors = collate([examples[i] for i in batch], encoder.padding, model.device)
        return torch.stack([loss(tensors, layers, step) for layers in heads]).sum()

    def loss(tensors: dict[str, Tensor], layers: int, step: Totals) -> Tensor:
        with torch.no_grad(), first_layers(model, layers):
            states, part = answer_states(model, tensors)
        head = heads[layers]
        return cross_entropy(
            Answers(
                project=lambda: logits_of(model, states, head),
                labels=part.labels,
                sample=part.sample,
                size=part.size,
                step=step,
            )
        )

    def losses() -> Iterator[list[Share]]:
        for batch in itertools.islice(endless_batches(lengths, size, generator), count):
            step = Totals(tuple(examples[i].answer_tokens for i in batch))
            yield [
                partial(share, batch[part], step) for part in parts(len(batch), training.batch_size)
            ]

    apart = nn.ModuleList(heads.values())
    free = training.model_copy(update={"max_grad_norm": math.inf})
    return minimise(apart, losses(), count, free, state)
