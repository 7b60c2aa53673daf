"""What a method sees of questions and answers: the batches of a step, encoded on demand."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from clearbench.data.refusals import REFUSALS
from clearbench.data.store import TrainSample
from clearbench.models.answers import Answers
from clearbench.models.checkpoint import Model
from clearbench.models.encoding import Encoder, Example, collate
from clearbench.models.forward import answers_of


@dataclass(frozen=True)
class Sets:
    """The forget and the retain set of a cell; implements `training.unlearn.Task`."""

    forget: Sequence[TrainSample]
    retain: Sequence[TrainSample]
    encoder: Encoder
    device: torch.device

    def lengths(self, part: str) -> list[int]:
        """Lengths in characters: close enough to put like with like, without encoding all."""
        samples = self.forget if part == "forget" else self.retain
        # Samples with an image are longer than any without.
        return [len(s.question) + len(s.answer) + 10_000 * (s.image is not None) for s in samples]

    def longest(self) -> Iterator[Example]:
        """The longest sample of each set, by the same measure."""
        for part, samples in (("forget", self.forget), ("retain", self.retain)):
            lengths = self.lengths(part)
            sample = samples[lengths.index(max(lengths))]
            yield self.encoder.sequence(sample.question, sample.image, sample.answer)

    def batches(self, forget: list[int], retain: list[int], seed: int) -> "StepBatches":
        """The batches of a step."""
        return StepBatches(self, forget, retain, seed)

    def answers(self, model: Model, batch: dict[str, Tensor], layer: int | None) -> Answers:
        """What a model says of a batch of `collate`."""
        return answers_of(model, batch, layer)


class StepBatches:
    """The batches of one step, each encoded when first asked for.

    `forget` and `retain` are sample numbers. Refusals and mismatched answers are drawn from a
    generator of the step's own seed, so that what one view asks for changes nothing for another.
    """

    def __init__(self, sets: Sets, forget: list[int], retain: list[int], seed: int):
        self._sets = sets
        self._forget = forget
        self._retain = [sets.retain[i] for i in retain]
        self._seed = seed
        self._mismatched: dict[int, dict[str, Tensor]] = {}

    @cached_property
    def forget(self) -> dict[str, Tensor]:
        """The forget samples with their own answers."""
        return self._batch([(s, s.answer) for s in self._forget_samples])

    @cached_property
    def retain(self) -> dict[str, Tensor]:
        """The retain samples with their own answers."""
        return self._batch([(s, s.answer) for s in self._retain])

    @cached_property
    def idk(self) -> dict[str, Tensor]:
        """The forget samples, each with a refusal."""
        draws = torch.randint(len(REFUSALS), (len(self._forget),), generator=self._generator())
        pairs = zip(self._forget_samples, draws.tolist(), strict=True)
        return self._batch([(sample, REFUSALS[draw]) for sample, draw in pairs])

    def mismatched(self, k: int) -> dict[str, Tensor]:
        """The forget samples, each k times, with the answers of other forget samples."""
        if k not in self._mismatched:
            generator, size = self._generator(), len(self._sets.forget)
            pairs = []
            for i in self._forget:
                # A shift by 1..size-1 never gives the sample itself.
                shifts = torch.randint(1, max(2, size), (k,), generator=generator).tolist()
                others = [self._sets.forget[(i + shift) % size] for shift in shifts]
                pairs += [(self._sets.forget[i], other.answer) for other in others]
            self._mismatched[k] = self._batch(pairs)
        return self._mismatched[k]

    @property
    def _forget_samples(self) -> list[TrainSample]:
        return [self._sets.forget[i] for i in self._forget]

    def _generator(self) -> torch.Generator:
        return torch.Generator().manual_seed(self._seed)

    def _batch(self, pairs: Sequence[tuple[TrainSample, str]]) -> dict[str, Tensor]:
        encoder = self._sets.encoder
        examples = [encoder.sequence(s.question, s.image, answer) for s, answer in pairs]
        return collate(examples, encoder.padding, self._sets.device)
