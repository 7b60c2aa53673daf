"""Fine-tune: the base on everything (original), or on a retain set only (gold)."""

from pathlib import Path

from clearbench.data.store import Store
from clearbench.models.checkpoint import (
    load_model,
    load_processor,
    prepare_training,
    save_checkpoint,
    stored_bytes,
)
from clearbench.models.device import prepare_device
from clearbench.models.encoding import Encoder
from clearbench.provenance.job import Job
from clearbench.settings import FinetuneSettings
from clearbench.training.finetune import finetune


def run(
    settings: FinetuneSettings,
    part: str,
    forget_size: int | None,
    seed: int,
    base: Path,
    dataset: Path,
    out: Path,
) -> None:
    """Write the fine-tuned weights; `part` is `full`, or `retain` with a forget size in percent."""
    use, training = settings.model, settings.training

    def work(job: Job) -> None:
        device = prepare_device(seed)
        store = Store(dataset)
        encoder = Encoder(load_processor(base, use.domain), store)
        model = load_model(base, [], use.domain, use.precision, device, use.attention)
        trained = prepare_training(
            model, training.weights, use.lora, use.frozen, use.gradient_checkpointing
        )
        modality = "both" if use.domain == "multimodal" else "text"
        samples = store.train(part, forget_size, modality)
        job.state.start("training")
        history = finetune(trained, encoder, samples, training, seed, job.state)
        seconds = job.state.seconds("training")
        save_checkpoint(trained, job.folder)
        job.measures.update(
            steps=len(history),
            first_loss=history[0],
            last_loss=history[-1],
            training_seconds=round(seconds, 3),
            samples_per_second=round(len(samples) * training.epochs / seconds, 3),
            stored_bytes=stored_bytes(job.folder),
        )

    resolved = {**settings.model_dump(), "part": part, "forget_size": forget_size, "seed": seed}
    Job("finetune", out, {"base": base, "dataset": dataset}, resolved).run(work)
