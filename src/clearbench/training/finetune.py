"""Fine-tuning on question-answer samples: base, original and gold models."""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from clearbench.config.settings import Training
from clearbench.data.store import TrainSample
from clearbench.jobs.state import State
from clearbench.models.answers import Totals, cross_entropy
from clearbench.models.checkpoint import Model
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answers_of
from clearbench.training import memory
from clearbench.training.batches import batches_per_epoch, endless_batches, parts
from clearbench.training.loop import Share, minimise


def finetune(
    model: Model,
    encoder: Encoder,
    samples: Sequence[TrainSample],
    training: Training,
    seed: int,
    state: State,
    kept: dict[int, dict[str, Tensor]] | None = None,
) -> list[float]:
    """Minimise the cross-entropy of the answers; gives the loss of each optimiser step, in nats.

    With `kept`, whose keys are steps, it ends after the last of these and not after the epochs; put
    there are the weights, by name, after each.
    """
    device = next(model.parameters()).device
    examples = encoder.sequences([(s.asked, s.answer) for s in samples])
    lengths = [len(example.ids) for example in examples]
    memory.check(model, training, partial(_on_longest, encoder, samples, lengths, seed))
    generator = torch.Generator().manual_seed(seed)
    size = training.batch_size * training.accumulation
    count = max(kept) if kept else training.epochs * batches_per_epoch(len(examples), size)

    def share(batch: list[int], step: Totals) -> Tensor:
        tensors = collate([examples[i] for i in batch], encoder.padding, device)
        answers = answers_of(model, tensors)
        answers.step = step
        return cross_entropy(answers)

    def losses() -> Iterator[list[Share]]:
        for samples in itertools.islice(endless_batches(lengths, size, generator), count):
            step = Totals(tuple(examples[i].answer_tokens for i in samples))
            batches = parts(len(samples), training.batch_size)
            yield [partial(share, samples[batch], step) for batch in batches]

    return minimise(model, losses(), count, training, state, kept=kept)


def _on_longest(
    encoder: Encoder,
    samples: Sequence[TrainSample],
    lengths: Sequence[int],
    seed: int,
    model: Model,
    training: Training,
    _: memory.Held,
) -> None:
    """Train on the longest samples alone, as many as a step has."""
    longest = sorted(range(len(samples)), key=lambda i: -lengths[i])
    step = training.batch_size * training.accumulation
    finetune(model, encoder, [samples[i] for i in longest[:step]], training, seed, State())
