"""Stress: originals, golds and unlearned models under the tests of a suite, at each point.

Where the points are variants of one thing, also at all of them together.

All by the same recipe, and compared with a gold under the same: what counts is the distance to it.
"""

from collections.abc import Iterator
from dataclasses import replace

from clearbench.stress_tests import StressTest, settings_of
from clearbench.suite.artifact import Artifact
from clearbench.suite.rows import cells, controls, external
from clearbench.suite.runs import Run, records_of
from clearbench.suite.seeds import own_tunings, paths
from clearbench.suite.suite import Suite

TAKEN = ("stress",)


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The models of a size under each test, at each point."""
    for name, (kind, test) in suite.stress_tests.items():
        for run, _ in _seeded(suite, forget_size):
            for point in test.scored:
                yield _stressed(run, name, kind, test, point)


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """The layers of the tests that have one; the points of a model share its layer."""
    for name, (kind, test) in suite.stress_tests.items():
        for size in suite.file.forget_sizes if test.LAYER else ():
            for run, seed in _seeded(suite, size):
                assert run.base is not None
                below = {f"model/{number}": layer for number, layer in enumerate(run.stack)}
                yield Artifact(
                    _layer(kind, name, run),
                    kind,
                    {"model": suite.model.use.model_dump(), "stress": settings_of(kind, test)},
                    {"forget_size": size, "seed": seed},
                    {"base": run.base, **below, "dataset": "dataset"},
                    run=_stressed(run, name, kind, test, test.points[0]),
                )


def name_of(run: str, test: str, point: str) -> str:
    """The run that is another one under a test at a point."""
    return f"stress/{test}/{run}/{point}"


def _stressed(run: Run, name: str, kind: str, test: StressTest, point: str) -> Run:
    assert run.gold is not None
    gold = run.gold.removeprefix(records_of(""))
    return replace(
        run,
        name=name_of(run.name, name, point),
        group=name_of(run.group, name, point),
        stack=(*run.stack, _layer(kind, name, run)) if test.LAYER else run.stack,
        records=records_of(f"stress/{name}/{run.name}"),
        gold=records_of(f"stress/{name}/{gold}"),
        trained=test.LAYER,
        stress=name,
        point=point,
        note="",
    )


def _layer(kind: str, name: str, run: Run) -> str:
    return f"{kind}/{name}/{run.name}"


def _seeded(suite: Suite, forget_size: int) -> Iterator[tuple[Run, int]]:
    """The models that are tested, with the seeds by which they are taught again."""
    for tuning in own_tunings(suite):
        for run in controls.of_tunings(suite, [tuning], forget_size):
            yield run, tuning.seed
    for run in external.runs(suite, forget_size):
        yield run, paths(suite)[0].seed
    for run in cells.runs(suite, forget_size):
        assert run.cell is not None
        yield run, run.cell.seed
