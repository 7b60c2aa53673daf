"""Fine-tuning on question-answer samples: base, original and gold models."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from clearbench.data.store import TrainSample
from clearbench.models.answers import cross_entropy
from clearbench.models.checkpoint import Model
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answers_of
from clearbench.provenance.state import State
from clearbench.settings import Training
from clearbench.training import memory
from clearbench.training.batches import batches_per_epoch, endless_batches
from clearbench.training.loop import minimise


def finetune(
    model: Model,
    encoder: Encoder,
    samples: Sequence[TrainSample],
    training: Training,
    seed: int,
    state: State,
) -> list[float]:
    """Minimise the cross-entropy of the answers; gives the loss of each optimiser step, in nats."""
    device = next(model.parameters()).device
    examples = [encoder.sequence(s.question, s.image, s.answer) for s in samples]
    lengths = [len(example.ids) for example in examples]
    memory.check(model, training, examples)
    generator = torch.Generator().manual_seed(seed)
    count = training.epochs * batches_per_epoch(len(examples), training.batch_size)

    def loss(batch: list[int]) -> Tensor:
        tensors = collate([examples[i] for i in batch], encoder.padding, device)
        return cross_entropy(answers_of(model, tensors))

    def losses() -> Iterator[Callable[[], Tensor]]:
        order = endless_batches(lengths, training.batch_size, generator)
        for batch in itertools.islice(order, count):
            yield partial(loss, batch)

    return minimise(model, losses(), count, training, state)
