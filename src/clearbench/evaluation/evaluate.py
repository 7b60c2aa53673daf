"""Evaluating a model on all samples of a suite's tasks: records, nothing aggregated."""

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedModel

from clearbench import parallel
from clearbench.data.store import EvalSample, TrainSample
from clearbench.errors import UserError
from clearbench.evaluation.likelihood import Question, Reply, reply
from clearbench.evaluation.records import Record, fields_of, parse_record
from clearbench.jobs.bar import bar
from clearbench.jobs.state import State
from clearbench.models.encoding import Encoder


def evaluate(
    model: PreTrainedModel,
    encoder: Encoder,
    samples: Sequence[EvalSample],
    batch_size: int,
    max_new_tokens: int,
    state: State | None = None,
) -> list[Record]:
    """Records of all samples, in the samples' order.

    Samples of like length share a batch, which changes the speed and, beyond rounding, nothing.
    Batches that `state` holds are not computed again; several processes take turns with the others.
    """
    prompts = encoder.prompts([sample.asked for sample in samples])

    def length(i: int) -> float:
        """The length of a sample's prompt and candidates, in tokens of some four letters."""
        return len(prompts[i].ids) + sum(map(len, candidates(samples[i]))) / 4

    order = sorted(range(len(samples)), key=lambda i: (length(i), i))
    with (state or State()).loop() as loop:
        starts = range(len(loop.results), len(order), batch_size)
        rounds = range(0, len(starts), parallel.size())
        for first in bar(rounds, "batch"):
            # The batches are those of one process, so the records are the same to the last bit.
            mine = starts[first : first + parallel.size()][parallel.rank() :][:1]
            rows: list[dict[str, Any]] = []
            for start in mine:
                batch = order[start : start + batch_size]
                questions = [Question(prompts[i], candidates(samples[i])) for i in batch]
                replies = reply(model, encoder, questions, max_new_tokens)
                records = map(_record, (samples[i] for i in batch), replies)
                rows += [fields_of(record) for record in records]
            loop.results.extend(parallel.gather(rows))
            loop.end_step()
    done = {i: parse_record(fields) for i, fields in zip(order, loop.results, strict=True)}
    return [done[i] for i in range(len(samples))]


def check_room(
    encoder: Encoder,
    samples: Sequence[EvalSample | TrainSample],
    max_new_tokens: int,
    positions: int | None,
) -> None:
    """Raise UserError, with the sample, where a model could not place the longest greedy answer.

    `positions` are the tokens that it can place, where there is a limit.
    """
    if positions is None:
        return
    prompts = encoder.prompts([sample.asked for sample in samples])
    for sample, prompt in zip(samples, prompts, strict=True):
        length = len(prompt.ids)
        # The last token of an answer is not run.
        if length + max_new_tokens - 1 > positions:
            raise UserError(
                f"{sample.id}: has {length} tokens before its answer; the model has {positions}"
                f" positions, which leaves fewer than evaluate: max_new_tokens: {max_new_tokens}"
            )


def candidates(sample: EvalSample) -> list[str]:
    """The answers of a sample, in the order of a record's likelihoods."""
    return [sample.answer, sample.paraphrase, *sample.perturbed]


def _record(sample: EvalSample, answered: Reply) -> Record:
    return Record.measured(
        answered.likelihoods,
        split=sample.split,
        task=sample.task,
        id=sample.id,
        answer=sample.answer,
        generated=answered.generated,
        person=sample.person,
        question=sample.question,
        tokens=answered.tokens.rounded(),
        answers=sample.answers,
    )
