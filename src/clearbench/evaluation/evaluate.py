"""Evaluating a model on all samples of a suite's tasks: records, nothing aggregated."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedModel

from clearbench import parallel
from clearbench.data.store import EvalSample, TrainSample
from clearbench.data.tasks import ATTACKED
from clearbench.errors import UserError
from clearbench.evaluation.gradients import Gradients
from clearbench.evaluation.likelihood import Question, Reply, likelihoods_of, reply
from clearbench.evaluation.records import Gradient, Likelihood, Record, fields_of, parse_record
from clearbench.jobs.bar import bar
from clearbench.jobs.state import State
from clearbench.models.encoding import Encoder
from clearbench.models.sharding import taking_turns


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

    def fields(batch: Sequence[int]) -> Iterator[Any]:
        questions = [Question(prompts[i], candidates(samples[i])) for i in batch]
        replies = reply(model, encoder, questions, max_new_tokens)
        records = map(_record, (samples[i] for i in batch), replies)
        return map(fields_of, records)

    # In tokens of some four letters.
    lengths = [
        len(prompt.ids) + sum(map(len, candidates(sample))) / 4
        for prompt, sample in zip(prompts, samples, strict=True)
    ]
    rows = _in_batches(model, lengths, batch_size, fields, state or State())
    return list(map(parse_record, rows))


def judge(
    original: PreTrainedModel,
    encoder: Encoder,
    samples: Sequence[EvalSample],
    records: Sequence[Record],
    batch_size: int,
    state: State | None = None,
) -> list[Record]:
    """The records of samples, with how likely an original finds the greedy answers.

    `encoder` asks as the original is asked. Batches are those of `evaluate`.
    """
    prompts = encoder.prompts([sample.asked for sample in samples])

    def likelihoods(batch: Sequence[int]) -> Iterator[Any]:
        texts = [records[i].generated for i in batch]
        return map(list, likelihoods_of(original, encoder, [prompts[i] for i in batch], texts))

    lengths = [
        len(prompt.ids) + len(record.generated) / 4
        for prompt, record in zip(prompts, records, strict=True)
    ]
    in_order = _in_batches(original, lengths, batch_size, likelihoods, state or State())
    return [
        replace(record, generated_likelihood=Likelihood(*likelihood))
        for record, likelihood in zip(records, in_order, strict=True)
    ]


def with_gradients(
    model: PreTrainedModel,
    encoder: Encoder,
    samples: Sequence[EvalSample],
    records: Sequence[Record],
    frozen: str,
    state: State | None = None,
) -> list[Record]:
    """The records of samples, with the gradients of those that attacks on membership are about.

    Of the forgotten and of strangers, a backward pass each; `frozen` is what nobody trained.
    """
    gradients = Gradients(model, encoder, frozen)
    places = [i for i, sample in enumerate(samples) if sample.split in ATTACKED]

    def norms(batch: Sequence[int]) -> Iterator[Any]:
        return (list(gradients.of(samples[places[i]])) for i in batch)

    lengths = [len(samples[i].answer) for i in places]
    in_order = _in_batches(model, lengths, 1, norms, state or State())
    told = {i: Gradient(*norm) for i, norm in zip(places, in_order, strict=True)}
    return [replace(record, gradient=told.get(i)) for i, record in enumerate(records)]


def _in_batches(
    model: PreTrainedModel,
    lengths: Sequence[float],
    batch_size: int,
    compute: Callable[[Sequence[int]], Iterable[Any]],
    state: State,
) -> list[Any]:
    """What is computed of each sample, plain data, in the order of the samples.

    `compute` takes the places of a batch, whose lengths are alike.
    """
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    with state.loop() as loop:
        starts = range(len(loop.results), len(order), batch_size)
        rounds = range(0, len(starts), parallel.size())
        for first in bar(rounds, "batch"):
            # The batches are those of one process, so the records are the same to the last bit.
            mine = starts[first : first + parallel.size()][parallel.rank() :][:1]
            rows: list[Any] = []
            with taking_turns(model):
                for start in mine:
                    rows += compute(order[start : start + batch_size])
            loop.results.extend(parallel.gather(rows))
            loop.end_step()
    done = dict(zip(order, loop.results, strict=True))
    return [done[i] for i in range(len(lengths))]


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
