"""What a method sees of questions and answers: the batches of a step, encoded on demand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from clearbench.data.store import TrainSample
from clearbench.errors import UserError
from clearbench.methods.batches import (
    ALTERNATE,
    FORGET,
    IDK,
    OWN_ANSWERS,
    RETAIN,
    RETAIN_IDK,
    Batch,
    of_retain,
)
from clearbench.models.answers import Answers, Totals
from clearbench.models.checkpoint import Model
from clearbench.models.encoding import Encoder, Example, collate
from clearbench.models.forward import answers_of, answers_of_shared, decoder_layer, unwrapped
from clearbench.models.shared_prompts import SharedBatch, collate_shared, runs_at_once
from clearbench.training.alternates import Alternates
from clearbench.training.other_answers import OtherAnswers
from clearbench.training.references import References


@dataclass(frozen=True)
class Sets:
    """The forget and the retain set of a cell; implements `training.sets.ForgetAndRetain`.

    `shares_prompts` asks for an attention that takes any mask. `references` are the original's
    stored answers, where there are any, `alternates` those that it made up. `as_published` is the
    method's. `positions` are the tokens that the model can place, where there is a limit. `spared`
    are the samples of the forgotten persons that are not to be forgotten, of another modality.
    """

    forget: Sequence[TrainSample]
    retain: Sequence[TrainSample]
    encoder: Encoder
    device: torch.device
    shares_prompts: bool = True
    references: References | None = None
    alternates: Alternates | None = None
    as_published: bool = False
    positions: int | None = None
    spared: Sequence[TrainSample] = ()

    def retaining(self, samples: Sequence[TrainSample]) -> "Sets":
        """The same with other samples in the place of the retain set's."""
        return replace(self, retain=samples)

    @cached_property
    def others(self) -> OtherAnswers:
        """What else the forget questions may be answered with."""
        return OtherAnswers(self.forget, self.retain)

    @cached_property
    def mismatched(self) -> OtherAnswers:
        """The same, of which every question has some. Raises UserError where one has none."""
        self.others.check()
        return self.others

    def made_up(self, sample: TrainSample) -> Sequence[str]:
        """The alternates of a forget sample; of one that has none, the refusals.

        Raises UserError without alternates.
        """
        if self.alternates is None:
            raise UserError("alternates: missing; the method trains on what the original made up")
        return self.alternates[sample.id] or self.others.refusals(sample)

    def lengths(self, part: str) -> list[int]:
        """Lengths in characters: close enough to put like with like, without encoding all."""
        samples = self.forget if part == "forget" else self.retain
        # Samples with an image are longer than any without.
        return [len(s.question) + len(s.answer) + 10_000 * (s.image is not None) for s in samples]

    def longest(self, count: int) -> "Sets":
        """The same on the processor, of so many of each set, two at the least: the longest ones.

        Where these are of one person, the last gives way to the longest of another, whose answer
        is a wrong one for them.
        """
        forget, retain = (self._longest(part, max(2, count)) for part in ("forget", "retain"))
        return replace(self, forget=forget, retain=retain, device=torch.device("cpu"))

    def _longest(self, part: str, count: int) -> list[TrainSample]:
        samples, lengths = getattr(self, part), self.lengths(part)
        order = [samples[i] for i in sorted(range(len(samples)), key=lambda i: -lengths[i])]
        chosen, first = order[:count], order[0]
        if all(_alike(first, sample) for sample in chosen):
            chosen[-1] = next((s for s in order if not _alike(first, s)), chosen[-1])
        return chosen

    def batches(self, forget: list[int], retain: list[int], seed: int) -> "StepBatches":
        """The samples of a step, as one batch of each kind."""
        step = _Step(self, forget, retain, seed)
        return StepBatches(self, step, slice(0, len(forget)), slice(0, len(retain)))

    def answers(
        self, model: Model, batches: "StepBatches", asked: Sequence[Batch], layer: int | None
    ) -> list[Answers]:
        """What a model says of some batches; prompts of more than one are run once for all."""
        empty = [batches.size(one) == 0 for one in asked]
        if any(empty):
            # Of several, all are of the same questions.
            return [Answers.none(self.device) for _ in asked]
        if len(asked) > 1 and self.shares_prompts and layer is None:
            batch = batches.shared(tuple(asked))
            if runs_at_once(unwrapped(model), batch):
                return answers_of_shared(model, batch)
        return [answers_of(model, batches.batch(one), layer) for one in asked]

    def layer(self, model: Model, number: int) -> nn.Module:
        """A decoder layer."""
        return decoder_layer(unwrapped(model), number)

    def stored(self, batches: "StepBatches", asked: Batch) -> Answers | None:
        """The original's answers, where they are stored: to the samples' own."""
        if self.references is None or asked not in OWN_ANSWERS:
            return None
        if not batches.size(asked):
            return Answers.none(self.device)
        return self.references.answers(batches.samples(asked))


class StepBatches:
    """The batches of a step, or of a part of it, each encoded when first asked for."""

    def __init__(self, sets: Sets, step: "_Step", forget: slice, retain: slice):
        self._sets = sets
        self._step = step
        self._forget, self._retain = forget, retain
        self._batches: dict[Batch, dict[str, Tensor]] = {}
        self._shared: dict[tuple[Batch, ...], SharedBatch] = {}

    def part(self, forget: slice, retain: slice) -> "StepBatches":
        """The batches of some samples of the step."""
        return StepBatches(self._sets, self._step, forget, retain)

    def totals(self, asked: Batch) -> Totals:
        """What the whole step has of what is asked."""
        return self._step.totals(asked)

    def size(self, asked: Batch) -> int:
        """The number of samples in the batch."""
        rows = self._rows(asked)
        return rows.stop - rows.start

    def batch(self, asked: Batch) -> dict[str, Tensor]:
        """What is asked, as a batch of `collate`."""
        if asked not in self._batches:
            padding, left = self._sets.encoder.padding, self._sets.as_published
            examples = self._step.examples(asked)[self._rows(asked)]
            self._batches[asked] = collate(examples, padding, self._sets.device, left)
        return self._batches[asked]

    def shared(self, asked: tuple[Batch, ...]) -> SharedBatch:
        """Several answers to the same questions, as a batch of `collate_shared`."""
        if asked not in self._shared:
            parts = [self._step.examples(one)[self._rows(one)] for one in asked]
            rows = self.size(RETAIN if of_retain(asked[0]) else FORGET)
            padding = self._sets.encoder.padding
            self._shared[asked] = collate_shared(parts, rows, padding, self._sets.device)
        return self._shared[asked]

    def samples(self, asked: Batch) -> list[TrainSample]:
        """The samples of a set: of `FORGET` or `RETAIN`."""
        return self._step.samples(asked)[self._rows(asked)]

    def _rows(self, asked: Batch) -> slice:
        """The batch's part of the step's samples, of which there may be several a question."""
        rows = self._retain if of_retain(asked) else self._forget
        return slice(rows.start * asked.answers, rows.stop * asked.answers)


class _Step:
    """All samples of a step, whose texts are encoded when first asked for.

    `forget` and `retain` are sample numbers. Refusals and mismatched answers are drawn from a
    generator of the step's own seed, so that what one view asks for changes nothing for another,
    and neither does how the step is split.
    """

    def __init__(self, sets: Sets, forget: list[int], retain: list[int], seed: int):
        self._sets = sets
        self._forget = forget
        self._retain = retain
        self._seed = seed
        self._examples: dict[Batch, list[Example]] = {}

    def totals(self, asked: Batch) -> Totals:
        """The answer tokens of each sample that there is of what is asked."""
        return Totals(tuple(example.answer_tokens for example in self.examples(asked)))

    def samples(self, asked: Batch) -> list[TrainSample]:
        """The samples of a set: of `FORGET` or `RETAIN`."""
        if asked == FORGET:
            return [self._sets.forget[i] for i in self._forget]
        return [self._sets.retain[i] for i in self._retain]

    def examples(self, asked: Batch) -> list[Example]:
        """What is asked, encoded."""
        if asked not in self._examples:
            self._examples[asked] = self._encoded(self._pairs(asked))
        return self._examples[asked]

    def _encoded(self, pairs: Sequence[tuple[TrainSample, str]]) -> list[Example]:
        """Raises UserError where a pair is longer than the model has positions."""
        examples = self._sets.encoder.sequences([(s.asked, answer) for s, answer in pairs])
        positions = self._sets.positions
        for example, (sample, answer) in zip(examples, pairs, strict=True):
            length = len(example.ids)
            if positions is not None and length > positions:
                raise UserError(
                    f"{sample.id}: has {length} tokens with the answer {answer!r}; the model has"
                    f" {positions} positions"
                )
        return examples

    def _pairs(self, asked: Batch) -> list[tuple[TrainSample, str]]:
        """Samples with the answers that they are given."""
        if asked in OWN_ANSWERS:
            return [(sample, sample.answer) for sample in self.samples(asked)]
        generator = torch.Generator().manual_seed(self._seed)
        if asked in (IDK, RETAIN_IDK):
            samples = self.samples(FORGET if asked == IDK else RETAIN)
            choices = [self._sets.others.refusals(sample) for sample in samples]
            refusals = [options[_draw(len(options), generator)] for options in choices]
            return list(zip(samples, refusals, strict=True))
        if asked == ALTERNATE:
            samples = self.samples(FORGET)
            made_up = [self._sets.made_up(sample) for sample in samples]
            texts = [texts[_draw(len(texts), generator)] for texts in made_up]
            return list(zip(samples, texts, strict=True))
        if asked.name != "mismatched":
            raise ValueError(f"{asked}: not of texts; its method serves the vision domain alone")
        if self._sets.as_published:
            return self._published_pairs(asked.answers, generator)
        pairs = []
        for number, sample in zip(self._forget, self.samples(FORGET), strict=True):
            wrong = self._sets.mismatched.wrong(number)
            for _ in range(asked.answers):
                other = self._sets.forget[wrong[_draw(len(wrong), generator)]]
                pairs.append((sample, other.answer))
        return pairs

    def _published_pairs(self, k: int, generator: torch.Generator) -> list[tuple[TrainSample, str]]:
        """K forget samples for each, drawn without replacement; texts are asked its question."""
        pairs, everyone = [], self._sets.forget
        for sample in self.samples(FORGET):
            order = torch.randperm(len(everyone), generator=generator).tolist()
            for number in range(k):
                drawn = everyone[order[number % len(order)]]
                asked = drawn if drawn.image is not None else replace(sample, image=None)
                pairs.append((asked, drawn.answer))
        return pairs


def _alike(one: TrainSample, other: TrainSample) -> bool:
    """Whether two samples are of one person, or have one answer."""
    return one.person == other.person or one.answer == other.answer


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(count, (), generator=generator))
