"""Records: losses of the candidate answers, and a greedy answer."""

import math
from collections.abc import Sequence
from pathlib import Path

from clearbench.config.settings import EvaluateSettings
from clearbench.domains.place import Place
from clearbench.evaluation.evaluate import check_room
from clearbench.evaluation.evaluate import evaluate as evaluate_samples
from clearbench.evaluation.likelihood import check_replies
from clearbench.evaluation.records import records_at, write_records
from clearbench.models.checkpoint import positions_of
from clearbench.models.encoding import load_encoder
from clearbench.models.scaled import load_scaled


def run(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    stack: Sequence[Path],
    place: Place,
    strengths: Sequence[float] | None = None,
) -> dict[str, int] | None:
    """Losses of the candidate answers and a greedy answer, of every sample of every task.

    At each of some strengths, if any. Gives how many there are, and how many true answers are
    longer than a greedy one may be; None where a loss is NaN.
    """
    use, evaluation = settings.model, settings.evaluation
    encoder = load_encoder(base, use.domain, place.store, use.date)
    samples = place.store.evaluation(forget_size)
    check_room(encoder, samples, evaluation.max_new_tokens, positions_of(base))
    evaluated = 0
    for strength in [None] if strengths is None else strengths:
        # Anew for each: one model in memory, and none that was merged and taken apart again.
        scale = 1.0 if strength is None else strength
        model = load_scaled(base, stack, use.domain, use.precision, place.device, scale)
        check_replies(model, encoder, samples)
        if not evaluated:
            place.state.start("evaluation")
        records = evaluate_samples(
            model, encoder, samples, evaluation.batch_size, evaluation.max_new_tokens, place.state
        )
        if any(math.isnan(loss) for record in records for loss in record.losses):
            return None
        path = records_at(place.folder, strength)
        path.parent.mkdir(exist_ok=True)
        write_records(path, records)
        evaluated += len(records)
    # The token that ends an answer needs no room.
    lengths = [record.likelihoods[0].tokens for record in records if record.likelihoods]
    longer = sum(length > evaluation.max_new_tokens for length in lengths)
    return {"samples": evaluated, "longer_answers": longer}
