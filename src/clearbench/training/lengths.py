"""Whether all that a cell may train on has room in its model, before anything is trained."""

from collections.abc import Collection, Iterator

from clearbench.data.refusals import REFUSALS
from clearbench.data.store import TrainSample
from clearbench.errors import UserError
from clearbench.methods.batches import Batch
from clearbench.training.views import Sets


def check_lengths(sets: Sets, asked: Collection[Batch], positions: int | None) -> None:
    """Raise UserError where a question may get another answer that the model can't take.

    `asked` are the batches that the method asks for, `positions` the tokens that the model can
    place. What is drawn depends on the seed; an answer that may be drawn is refused for all.
    """
    if positions is None:
        return
    names = {batch.name for batch in asked}
    for kind, part, answers_of in (
        ("idk", "forget", _refusals),
        ("retain_idk", "retain", _refusals),
        ("mismatched", "forget", _mismatched),
        ("alternate", "forget", _alternates),
    ):
        if kind not in names or (kind == "idk" and sets.as_published):
            continue
        samples = sets.forget if part == "forget" else sets.retain
        texts: Collection[str] = REFUSALS
        if kind == "mismatched":
            texts = [s.answer for s in samples]
        elif kind == "alternate":
            texts = [text for s in samples for text in sets.made_up(s)]
        longest = max(len(text.encode()) for text in texts)
        prompts = sets.encoder.prompts(
            [(s.question, None if sets.as_published else s.image) for s in samples]
        )
        for number, (sample, prompt) in enumerate(zip(samples, prompts, strict=True)):
            if longest <= sets.encoder.room(prompt, positions):
                continue
            answers = dict(answers_of(sets, sample, number))
            answer, length = sets.encoder.too_long(prompt, list(answers), positions)
            if length:
                raise UserError(
                    f"{part} set: {sample.id}: has {length} tokens with {answers[answer]}, which"
                    f" the method may give it ({answer!r}); the model has {positions} positions"
                )


def _refusals(sets: Sets, sample: TrainSample, number: int) -> Iterator[tuple[str, str]]:
    """The refusals that a sample may be given, and what they are called."""
    for refusal in sets.others.refusals(sample):
        yield refusal, "a refusal"


def _alternates(sets: Sets, sample: TrainSample, number: int) -> Iterator[tuple[str, str]]:
    """The answers that the original made up for a sample, and what they are called."""
    for text in sets.made_up(sample):
        yield text, "an alternate"


def _mismatched(sets: Sets, sample: TrainSample, number: int) -> Iterator[tuple[str, str]]:
    """The answers of other samples that a forget sample may be given, and what they are called."""
    others: list[TrainSample]
    if sets.as_published:
        # Pictures keep their own question; see `views`.
        others = [sample for sample in sets.forget if sample.image is None]
    else:
        others = [sets.forget[other] for other in sets.mismatched.wrong(number)]
    for other in others:
        yield other.answer, f"the answer of {other.id}"
