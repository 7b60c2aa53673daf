"""How much GPU memory a suite's trainings take, by stage and row, before any of them is started."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from clearbench import methods
from clearbench.config.files import Shape
from clearbench.config.settings import FinetuneSettings, Finetuning, UnlearnSettings
from clearbench.errors import UserError
from clearbench.memory import language, vision
from clearbench.suite.rows.cells import unlearning
from clearbench.suite.suite import Suite
from clearbench.training.memory import SampleSize, gigabytes, largest_batch

GPUS = (24, 40, 80, 141)
"""The memory of usual GPUs in GB. What they have beyond is left to CUDA itself and to gaps."""

_PROMPT, _PICTURE, _PERSONS = 64, 1024, 200


@dataclass(frozen=True)
class Need:
    """What a training takes: bytes at its batch size, and the largest batch by the GB of a GPU."""

    stage: str
    row: str
    weights: str
    batch_size: int
    bytes: int
    largest: dict[int, int]


def sample_size(suite: Suite, given: tuple[int, int, int] | None = None) -> SampleSize:
    """How large a suite's samples are taken to be: what is `given`, else what is usual.

    Given are tokens of a prompt without its picture and of an answer, pixels of a picture's side.
    """
    prompt, answer, picture = given or (_PROMPT, suite.file.evaluate.max_new_tokens, _PICTURE)
    shows = suite.domain == "multimodal"
    width, persons = suite.model.embedding or 0, suite.persons or _PERSONS
    return SampleSize(prompt, answer, picture if shows else None, width, persons)


def needs(suite: Suite, size: SampleSize) -> Iterator[Need]:
    """What the trainings of a suite take, one after the other; UserError for an unknown shape."""
    file, use = suite.file, suite.model.use
    shape: Shape | None = suite.model.build or suite.model.shape
    if shape is None:
        raise UserError(
            f"{file.model}: its file of config/models has no shape, so that its memory can't be"
            " counted; write architecture and config of its config.json there as `shape`"
        )
    if suite.model.shard:
        raise UserError(
            f"{file.model}: is divided among GPUs (shard: true), and what each of them takes is not"
            " counted; for one that holds all of it, plan with shard: false"
        )
    counts: Any = vision if suite.domain == "vision" else language
    if suite.model.build is not None and file.base is not None:
        base = FinetuneSettings(model=use, training=Finetuning(**file.base.model_dump()))
        yield _need("base", "", base, partial(counts.finetuning, shape, size=size, whole=True))
    settings = FinetuneSettings(model=use, training=file.finetune)
    yield _need("finetune", "", settings, partial(counts.finetuning, shape, size=size))
    # Of images and of both, one batch is as large as the other; texts alone take less.
    modality = file.modalities[-1]
    if modality == "text" and size.picture is not None:
        size = SampleSize(size.prompt, size.answer)
    for row in file.methods:
        key = suite.method(row)
        points = suite.points(row, modality)
        cell = unlearning(suite, row, modality, points[0].values if points else {})
        described = methods.describe(key)
        count = partial(
            counts.unlearning,
            shape,
            method=methods.create(key, cell.parameters),
            trained=file.finetune.weights,
            size=size,
            stored=file.reference == "stored" and described.takes_stored_reference,
        )
        yield _need("unlearn", row, cell, count)


def report(rows: Iterator[Need], size: SampleSize) -> Iterator[str]:
    """What trainings take, as lines for people, each as soon as it is known."""
    heads = " ".join(f"{gpu:>5} GB" for gpu in GPUS)
    yield f"{'stage':<9} {'row':<24} {'weights':<7} {'batch':>5} {'rows':>9}  fits up to: {heads}"
    for need in rows:
        sizes = " ".join(f"{need.largest[gpu] or '-':>8}" for gpu in GPUS)
        yield (
            f"{need.stage:<9} {need.row:<24} {need.weights:<7} {need.batch_size:>5}"
            f" {gigabytes(need.bytes):>9} {'':>12} {sizes}"
        )
    taken = f"with a prompt of {size.prompt} tokens and an answer of {size.answer}"
    if size.width:
        taken = f"of {size.persons} persons"
    elif size.picture is not None:
        taken += f", and pictures of {size.picture} pixels a side where a model takes any size"
    yield (
        f"counted for samples that are all as large, {taken}; not counted are what kernels and CUDA"
        " take for themselves, and gaps between tensors"
    )


def _need(
    stage: str,
    row: str,
    settings: FinetuneSettings | UnlearnSettings,
    count: Callable[..., int],
) -> Need:
    training = settings.training
    batch_size = training.batch_size
    counted = {}
    for size in sorted({1, batch_size, 4 * max(batch_size, 4)}):
        sized = training.model_copy(update={"batch_size": size})
        counted[size] = count(settings=settings.model_copy(update={"training": sized}))
    largest = {gpu: largest_batch(gpu * 10**9, list(counted.items())) for gpu in GPUS}
    return Need(stage, row, training.weights, batch_size, counted[batch_size], largest)
