"""Evaluating a model on all samples of a suite's tasks: records, nothing aggregated."""

from collections.abc import Sequence

from tqdm import tqdm
from transformers import PreTrainedModel

from clearbench.data.store import EvalSample
from clearbench.evaluation.likelihood import Question, reply
from clearbench.evaluation.records import Record
from clearbench.models.encoding import Encoder


def evaluate(
    model: PreTrainedModel,
    encoder: Encoder,
    samples: Sequence[EvalSample],
    batch_size: int,
    max_new_tokens: int,
) -> list[Record]:
    """Records of all samples, in the samples' order.

    Samples of like length share a batch, which changes the speed and, beyond rounding, nothing.
    """
    prompts = [encoder.prompt(sample.question, sample.image) for sample in samples]
    order = sorted(range(len(samples)), key=lambda i: (len(prompts[i].ids), i))
    records: dict[int, Record] = {}
    for start in tqdm(range(0, len(order), batch_size), delay=10, mininterval=10, unit="batch"):
        batch = order[start : start + batch_size]
        questions = [Question(prompts[i], candidates(samples[i])) for i in batch]
        for i, answered in zip(
            batch, reply(model, encoder, questions, max_new_tokens), strict=True
        ):
            answer, paraphrase, *perturbed = answered.losses
            records[i] = Record(
                split=samples[i].split,
                task=samples[i].task,
                id=samples[i].id,
                answer=samples[i].answer,
                generated=answered.generated,
                answer_loss=answer,
                paraphrase_loss=paraphrase,
                perturbed_losses=tuple(perturbed),
            )
    return [records[i] for i in range(len(samples))]


def candidates(sample: EvalSample) -> list[str]:
    """The answers of a sample, in the order of a record's losses."""
    return [sample.answer, sample.paraphrase, *sample.perturbed]
