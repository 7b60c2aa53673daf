"""How runs are evaluated and scored: the same for all kinds of rows."""

from collections.abc import Iterable
from typing import Any

from clearbench.config.settings import EvaluateSettings
from clearbench.stress_tests import settings_of
from clearbench.suite.artifact import Artifact
from clearbench.suite.runs import Run, original_of, persons_of, request_of
from clearbench.suite.suite import Suite


def evaluated(
    suite: Suite,
    name: str,
    base: str,
    stack: tuple[str, ...],
    forget_size: int,
    run: Run | None = None,
) -> Artifact:
    """The records of the models of a stack, the first laid on a base, on the tasks of a size."""
    stressed = None if run is None or run.stress is None else suite.stress_tests[run.stress]
    settings = EvaluateSettings(
        model=suite.model.use,
        evaluation=suite.file.evaluate,
        holdout=suite.holdout,
        persons=suite.persons,
        stress=stressed and settings_of(*stressed),
    )
    scaled = run is not None and run.strength is not None
    strengths = {"strengths": told(suite.file.scaled)} if scaled else {}
    asked = suite.file.gradients
    gradients = {} if asked is None or run is None or scaled else {"gradients": asked}
    models = {f"model/{number}": weights for number, weights in enumerate(stack)}
    inputs = {"base": base, **models, "dataset": "dataset"}
    if run is not None and run.choice is not None:
        inputs["validation"] = persons_of(forget_size)
    elif suite.file.judge is not None and run is not None:
        inputs["original"] = original_of(run)
    if run is not None and run.request is not None:
        inputs["request"] = request_of(run.request)
    return Artifact(
        name,
        "evaluate",
        settings.model_dump(),
        {"forget_size": forget_size, **strengths, **gradients},
        inputs,
        run=run,
    )


def told(strengths: Iterable[float]) -> str:
    """Strengths as one word of a command line."""
    return ",".join(f"{strength:g}" for strength in strengths)


def scored(suite: Suite, run: Run, attack: dict[str, str]) -> Artifact:
    """The scores of a run: of faces by an attack's records, else by those of its gold."""
    faces = suite.file.faces
    inputs = {"records": run.records}
    options: dict[str, Any] = {}
    if run.strength is not None:
        options["strength"] = run.strength
    if faces is not None:
        inputs |= attack
        options["enrolment"] = faces.enrolment
        # Where a model is attacked that was made as the attack's are.
        if run.weights.startswith("original/") or run.cell is not None:
            options["targets"] = faces.shadows
    else:
        assert run.gold is not None
        inputs["gold"] = run.gold
        if run.bound is not None:
            inputs = {"gold": run.gold}
            options["bound"] = run.bound
        elif suite.file.holdout is not None and run.original is not None:
            inputs["original"] = run.original
        if run.prompts == "other":
            options["prompts"] = run.prompts
        if run.point is not None:
            options["point"] = run.point
        if run.request is not None and run.about is not None:
            inputs["request"] = request_of(run.request)
            options["about"] = run.about
        if run.bases == "other":
            options["bases"] = run.bases
    asked = suite.own_tasks | suite.groups | suite.packages
    return Artifact(run.scores, "score", asked, options, inputs, run=run)
