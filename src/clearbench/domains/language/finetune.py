"""Original and golds: the base trained on question-answer samples."""

from pathlib import Path

from clearbench.config.settings import FinetuneSettings
from clearbench.domains.place import Place, Trained
from clearbench.models.checkpoint import load_model, prepare_training, save_checkpoint
from clearbench.models.encoding import load_encoder
from clearbench.models.forward import check_answers, unwrapped
from clearbench.models.sharding import loading
from clearbench.training.finetune import finetune as train


def run(
    settings: FinetuneSettings,
    part: str,
    forget_size: int | None,
    seed: int,
    base: Path,
    place: Place,
) -> Trained:
    """Train on the question-answer samples of a part, of all modalities that the model has."""
    use, training, store, state = settings.model, settings.training, place.store, place.state
    encoder = load_encoder(base, use.domain, store, use.date)
    modality = "both" if use.domain == "multimodal" else "text"
    samples = store.train(part, forget_size, modality)
    with loading(use.shard, place.device) as here:
        model = load_model(base, [], use.domain, use.precision, here.first, use.attention)
        trained = here.divided(
            prepare_training(
                model, training.weights, use.lora, use.frozen, use.gradient_checkpointing
            )
        )
    check_answers(unwrapped(trained.eval()), encoder, samples)
    state.start("training")
    history = train(trained, encoder, samples, training, seed, state)
    done = place.trained(trained, history, len(samples) * training.epochs)
    save_checkpoint(trained, place.folder)
    return done
