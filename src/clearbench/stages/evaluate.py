"""Evaluate: per-sample records of one model on the tasks of one forget size."""

import math
from pathlib import Path

from clearbench.data.store import Store
from clearbench.evaluation.evaluate import evaluate
from clearbench.evaluation.records import RECORDS, write_records
from clearbench.models.checkpoint import load_model, load_processor
from clearbench.models.device import prepare_device
from clearbench.models.encoding import Encoder
from clearbench.provenance.job import Job
from clearbench.settings import EvaluateSettings


def run(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    finetuned: Path,
    unlearned: Path | None,
    dataset: Path,
    out: Path,
) -> None:
    """Write the records of a fine-tuned model, with a cell's result on it where one is given."""
    use, evaluation = settings.model, settings.evaluation

    def work(job: Job) -> None:
        device = prepare_device(0)
        store = Store(dataset)
        stack = [finetuned, *([unlearned] if unlearned else [])]
        model = load_model(base, stack, use.domain, use.precision, device, use.attention)
        encoder = Encoder(load_processor(base, use.domain), store)
        samples = store.evaluation(forget_size)
        job.state.start("evaluation")
        records = evaluate(
            model, encoder, samples, evaluation.batch_size, evaluation.max_new_tokens, job.state
        )
        seconds = job.state.seconds("evaluation")
        if any(math.isnan(loss) for record in records for loss in record.losses):
            job.diverged(None)
            return
        write_records(job.folder / RECORDS, records)
        job.measures.update(
            samples=len(records), samples_per_second=round(len(records) / seconds, 3)
        )

    inputs = {"base": base, "finetuned": finetuned, "dataset": dataset}
    if unlearned is not None:
        inputs["unlearned"] = unlearned
    Job("evaluate", out, inputs, {**settings.model_dump(), "forget_size": forget_size}).run(work)
