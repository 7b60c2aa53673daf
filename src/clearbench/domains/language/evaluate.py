"""Records: losses of the candidate answers, and a greedy answer."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from transformers import PreTrainedModel

from clearbench.config.settings import EvaluateSettings
from clearbench.data.store import EvalSample, Store
from clearbench.domains.place import Place
from clearbench.evaluation.evaluate import check_room, judge, with_gradients
from clearbench.evaluation.evaluate import evaluate as evaluate_samples
from clearbench.evaluation.likelihood import check_replies
from clearbench.evaluation.records import Record, records_at, write_records
from clearbench.models.checkpoint import load_model, positions_of
from clearbench.models.encoding import load_encoder
from clearbench.models.instruction import instruction_of
from clearbench.models.scaled import load_scaled
from clearbench.models.sharding import loading
from clearbench.stress_tests import test_of


def run(
    settings: EvaluateSettings,
    forget_size: int,
    base: Path,
    stack: Sequence[Path],
    place: Place,
    strengths: Sequence[float] | None = None,
    original: Path | None = None,
    gradients: bool = False,
) -> dict[str, int] | None:
    """Losses of the candidate answers and a greedy answer, of every sample of every task.

    At each of some strengths, or at each point of a stress test, if any; with an `original`, also
    how likely that finds the greedy answers, and with `gradients` those of the samples that attacks
    on membership are about. Gives how many there are, and how many true answers are longer than a
    greedy one may be; None where a loss is NaN.
    """
    use, evaluation = settings.model, settings.evaluation
    store = encoder = None
    said: list[_Said] = []
    evaluated = longer = 0
    for version in _versions(settings, stack, place.store, strengths):
        if encoder is None or version.store is not store:
            store = version.store
            encoder = load_encoder(base, use.domain, store, use.date, instruction_of(stack))
            samples = store.evaluation(forget_size)
            check_room(encoder, samples, evaluation.max_new_tokens, positions_of(base))
        # Anew for each: one model in memory, and none that was merged and taken apart again.
        with loading(use.shard, place.device) as here:
            model = load_scaled(
                base, version.stack, use.domain, use.precision, here.first, version.strength
            )
            version.change(model)
            here.divided(model)
        check_replies(model, encoder, samples)
        if not evaluated:
            place.state.start("evaluation")
        records = evaluate_samples(
            model, encoder, samples, evaluation.batch_size, evaluation.max_new_tokens, place.state
        )
        if any(math.isnan(loss) for record in records for loss in record.losses):
            return None
        if gradients:
            records = with_gradients(model, encoder, samples, records, use.frozen, place.state)
        path = records_at(place.folder, version.point)
        path.parent.mkdir(exist_ok=True)
        write_records(path, records)
        evaluated += len(records)
        # The token that ends an answer needs no room.
        lengths = [record.likelihoods[0].tokens for record in records if record.likelihoods]
        longer = sum(length > evaluation.max_new_tokens for length in lengths)
        # One model in memory.
        del model
        if original is not None:
            said.append(_Said(path, version.store, samples, records))
    if original is not None:
        _judge(settings, base, original, place, said)
    return {"samples": evaluated, "longer_answers": longer}


@dataclass(frozen=True)
class _Said:
    """What was asked of a store, the records of what a model said, and where they lie."""

    path: Path
    store: Store
    samples: Sequence[EvalSample]
    records: Sequence[Record]


def _judge(
    settings: EvaluateSettings, base: Path, original: Path, place: Place, said: Sequence[_Said]
) -> None:
    """Add to the records how likely the original finds the greedy answers to the same questions.

    It is asked without the words that an instruction puts before them.
    """
    use, size = settings.model, settings.evaluation.batch_size
    with loading(use.shard, place.device) as here:
        model = here.divided(load_model(base, [original], use.domain, use.precision, here.first))
    for each in said:
        encoder = load_encoder(base, use.domain, each.store, use.date)
        judged = judge(model, encoder, each.samples, each.records, size, place.state)
        write_records(each.path, judged)


@dataclass(frozen=True)
class _Version:
    """A model that is evaluated: its records' folder, if any, and how it and its samples come."""

    point: str | None
    stack: Sequence[Path]
    store: Store
    strength: float = 1.0
    change: Callable[[PreTrainedModel], None] = lambda model: None


def _versions(
    settings: EvaluateSettings,
    stack: Sequence[Path],
    store: Store,
    strengths: Sequence[float] | None,
) -> Iterator[_Version]:
    """The model as it is; or at each of some strengths; or at each point of a stress test."""
    if settings.stress is not None:
        test = test_of(settings.stress)
        for point in test.points:
            yield _Version(
                point,
                test.stack(stack, point),
                test.asked(store, point),
                change=partial(test.change, point=point, stack=stack),
            )
        return
    if strengths is None:
        yield _Version(None, stack, store)
    for strength in strengths or ():
        yield _Version(f"{strength:g}", stack, store, strength)
