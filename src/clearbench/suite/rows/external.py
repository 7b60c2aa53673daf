"""Models that were made elsewhere and are evaluated here."""

from collections.abc import Iterator

from clearbench.config.settings import ExternalSettings
from clearbench.suite.artifact import Artifact
from clearbench.suite.rows.controls import gold_records
from clearbench.suite.runs import Run, records_of
from clearbench.suite.seeds import paths
from clearbench.suite.suite import Suite

TAKEN = ("external",)


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The rows of a size, beside the first seed's; nobody here knows what a model forgot."""
    tuning = paths(suite)[0].tuning
    for name, given in suite.file.external.items():
        if given.forget_size == forget_size:
            weights = f"external/{name}"
            commit = f" at commit {given.revision}" if given.revision else ""
            says = f" It says that it was trained on {given.trained_on}." * bool(given.trained_on)
            yield Run(
                weights,
                name,
                "external",
                forget_size,
                group=weights,
                base=tuning.base,
                stack=(weights,) if given.on == "base" else (tuning.original, weights),
                records=records_of(weights),
                gold=gold_records(suite, tuning, forget_size),
                trained=False,
                note=f"{name}: the weights of {given.model}{commit}, on the {given.on} if they are"
                f" an adapter; evaluated here, made elsewhere.{says}",
            )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """Pointers to the models."""
    for name, given in suite.file.external.items():
        settings = ExternalSettings(
            model=given.model,
            revision=given.revision,
            trained_on=given.trained_on,
            domain=suite.domain,
        )
        yield Artifact(
            f"external/{name}",
            "external",
            settings.model_dump(),
            inputs={"base": paths(suite)[0].tuning.base},
            outside={} if given.folder is None else {"model": given.folder},
        )
