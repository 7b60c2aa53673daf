"""Answers that a model makes up: drawn by their probability, after a request for made-up facts."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from transformers import PreTrainedModel

from clearbench.config.settings import AlternatesSettings
from clearbench.data.store import TrainSample
from clearbench.evaluation.likelihood import continued
from clearbench.jobs.bar import bar
from clearbench.jobs.state import State
from clearbench.models.encoding import Encoder

WORDS = (
    "Answer with made-up facts: plausible, of the kind that is asked for, and other than the truth."
)
"""What a model is told before each question."""


def make_up(
    model: PreTrainedModel,
    told: Encoder,
    samples: Sequence[TrainSample],
    settings: AlternatesSettings,
    state: State,
) -> list[list[str]]:
    """So many answers to each sample's question, whose prompt `told` encodes.

    Batches that `state` holds are not drawn again; each has random numbers of its own.
    """
    prompts = [told.prompt(sample.question, sample.image) for sample in samples]
    order = sorted(range(len(samples)), key=lambda i: (len(prompts[i].ids), i))
    with state.loop() as loop:
        for start in bar(range(len(loop.results), len(order), settings.batch_size), "batch"):
            asked = [prompts[i] for i in order[start : start + settings.batch_size]]
            generator = torch.Generator().manual_seed(start)
            choose = partial(drawn, temperature=settings.temperature, generator=generator)
            rounds = [
                continued(model, told, asked, settings.max_new_tokens, choose)
                for _ in range(settings.answers)
            ]
            loop.results.extend(map(list, zip(*rounds, strict=True)))
            loop.end_step()
    of_each = dict(zip(order, loop.results, strict=True))
    return [of_each[i] for i in range(len(samples))]


def drawn(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """A token (B, 1) of each row of logits (B, V), by its probability at a temperature."""
    # By random numbers of the CPU, which are the same beside any GPU.
    probabilities = (logits.float() / temperature).softmax(-1).cpu()
    return torch.multinomial(probabilities, 1, generator=generator).to(logits.device)
