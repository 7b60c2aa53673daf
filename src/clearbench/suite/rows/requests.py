"""Requests: models that forget group after group, each from the one before, and those beside them.

After each request there is a gold that never saw anybody forgotten so far. Originals, golds and
cells are asked about all of these, and scored about all and about the persons of each request.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from clearbench.config.settings import Cell, FinetuneSettings
from clearbench.data.requests import RequestSettings
from clearbench.suite.artifact import Artifact
from clearbench.suite.rows.cells import unlearning
from clearbench.suite.rows.controls import NO_MODALITY
from clearbench.suite.runs import Run, records_of, request_of
from clearbench.suite.seeds import Path, Tuning, own_tunings, paths
from clearbench.suite.suite import Suite

TAKEN = ("requests",)


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The models after each request, with the suite's first size: they are of no size."""
    if forget_size != suite.file.forget_sizes[0]:
        return
    for number in range(1, len(suite.file.requests) + 1):
        for run in _after(suite, number):
            for about in (None, *range(1, number + 1)):
                yield replace(
                    run,
                    name=name_of(run.name, number, about),
                    group=name_of(run.group, number, about),
                    about=about,
                )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """The persons of each request, their golds, and the layer of each cell."""
    requests = suite.file.requests
    training = FinetuneSettings(model=suite.model.use, training=suite.file.finetune).model_dump()
    for number, forgotten in enumerate(suite.file.requested, start=1):
        asked = RequestSettings(requests=requests[:number]).model_dump()
        yield Artifact(request_of(number), "request", asked, inputs={"dataset": "dataset"})
        for tuning in own_tunings(suite):
            gold = _gold(suite, tuning, number)
            if gold.startswith("request_gold/"):
                options = {"part": "retain", "forget_size": forgotten, "seed": tuning.seed}
                inputs = {"base": tuning.base, "dataset": "dataset", "request": request_of(number)}
                yield Artifact(gold, "finetune", training, options, inputs)
        for run in _after(suite, number):
            if run.cell is not None:
                yield _unlearned(suite, run, number)


def name_of(run: str, number: int, about: int | None) -> str:
    """The run of a row and a seed after a request, asked about all or about those of one."""
    return f"requests/{number}/{'all' if about is None else f'of{about}'}/{run}"


def _after(suite: Suite, number: int) -> Iterator[Run]:
    """The originals, golds and cells after a request, each once, by what they are without it."""
    for row in ("original", "gold"):
        for tuning in own_tunings(suite):
            weights = tuning.original if row == "original" else _gold(suite, tuning, number)
            yield _run(suite, number, row, NO_MODALITY, tuning, tuning.name, (weights,))
    for row, modality, path in product(suite.file.methods, suite.file.modalities, paths(suite)):
        layers = (_layer(row, modality, path, earlier) for earlier in range(1, number + 1))
        stack = (path.tuning.original, *layers)
        size = suite.file.requests[number - 1]
        cell = Cell(suite.method(row), modality, size, path.seed)
        yield _run(suite, number, row, modality, path.tuning, path.name, stack, cell)


def _run(
    suite: Suite,
    number: int,
    row: str,
    modality: str,
    tuning: Tuning,
    seed: str,
    stack: tuple[str, ...],
    cell: Cell | None = None,
) -> Run:
    group = row if cell is None else f"{row}/{modality}"
    return Run(
        f"{group}/{seed}",
        row,
        modality,
        suite.file.requested[number - 1],
        group=group,
        base=tuning.base,
        stack=stack,
        records=_records(number, f"{group}/{seed}"),
        gold=_records(number, f"gold/{tuning.name}"),
        cell=cell,
        request=number,
    )


def _records(number: int, run: str) -> str:
    return records_of(f"requests/{number}/{run}")


def _layer(row: str, modality: str, path: Path, number: int) -> str:
    """The weights of a cell of a request."""
    return f"request_cell/{number}/{row}/{modality}/{path.name}"


def _gold(suite: Suite, tuning: Tuning, number: int) -> str:
    """The gold of those forgotten so far; that of a forget size of the suite where they are its."""
    forgotten = suite.file.requested[number - 1]
    if forgotten in suite.file.forget_sizes:
        return tuning.gold(forgotten)
    return f"request_gold/{number}/{tuning.name}"


def _unlearned(suite: Suite, run: Run, number: int) -> Artifact:
    """The layer of a cell of a request, on those of the requests before."""
    assert run.base is not None
    original, *earlier = run.stack[:-1]
    inputs = {"base": run.base, "original": original}
    inputs |= {f"model/{place}": layer for place, layer in enumerate(earlier)}
    inputs |= {"dataset": "dataset", "request": request_of(number)}
    settings = unlearning(suite, run.row, run.modality).model_dump()
    return Artifact(run.weights, "unlearn", settings, vars(run.cell), inputs, run=run)
