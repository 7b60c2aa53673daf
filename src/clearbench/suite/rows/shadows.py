"""The models of a vision suite's membership attacks, some a job: no rows, but what these need."""

from collections.abc import Iterator

from clearbench.config.settings import ShadowSettings, UnlearnShadowsSettings
from clearbench.suite.artifact import Artifact
from clearbench.suite.evaluation import evaluated, told
from clearbench.suite.rows.cells import unlearning
from clearbench.suite.runs import Run, records_of
from clearbench.suite.seeds import paths
from clearbench.suite.suite import Suite

TAKEN = ("shadows",)


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """None: what the models make of pictures is told by the scores of others."""
    yield from ()


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """The models and their records, and the records of the same models after each row's method.

    One set of models, on the first seed's base, serves all methods, forget sizes and seeds; it is
    unlearned by each method at each size.
    """
    file, faces = suite.file, suite.file.faces
    if faces is None:
        return
    settings = ShadowSettings(
        model=suite.model.use,
        training=file.finetune,
        holdout=faces.holdout,
        persons=faces.persons,
        population=faces.population,
        forget_sizes=sorted(file.forget_sizes),
    ).model_dump()
    base = paths(suite)[0].tuning.base
    inputs = {"base": base, "dataset": "dataset"}
    for number in range(faces.jobs):
        yield Artifact(trained(number), "shadows", settings, {"number": number}, inputs)
        # Of the largest size: the smaller forget sets lie in it.
        largest = max(file.forget_sizes)
        yield evaluated(suite, records_of(trained(number)), base, (trained(number),), largest)
    for row in file.methods:
        unlearned = UnlearnShadowsSettings(
            **unlearning(suite, row, "visual").model_dump(),
            population=faces.population,
            evaluation=file.evaluate,
        ).model_dump()
        # Of an attack on a scaled cell; the weights are not kept, so it is of the same job.
        strengths = {"strengths": told(file.scaled)} if file.scaled else {}
        for size in file.forget_sizes:
            for number in range(faces.jobs):
                yield Artifact(
                    _unlearned(row, size, number),
                    "unlearn_shadows",
                    unlearned,
                    {
                        "number": number,
                        "method": suite.method(row),
                        "forget_size": size,
                        **strengths,
                    },
                    {**inputs, "shadows": trained(number)},
                )


def attack_on(suite: Suite, run: Run) -> dict[str, str]:
    """The records of the models that a run is attacked by, as inputs of its scores.

    The models that attack a cell have unlearned by its method. None in suites of words.
    """
    faces = suite.file.faces
    return {
        trained(number): records_of(trained(number))
        if run.cell is None
        else _unlearned(run.row, run.forget_size, number)
        for number in range(faces.jobs if faces else 0)
    }


def trained(number: int) -> str:
    """The models that a job trains, and that are evaluated together."""
    return f"shadows/{number}"


def _unlearned(row: str, forget_size: int, number: int) -> str:
    return f"unlearn_shadows/{row}/forget{forget_size:02d}/{number}"
