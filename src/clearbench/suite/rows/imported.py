"""Models that another group evaluated: their logs, compared with the logs of their golds."""

from collections.abc import Iterator
from pathlib import Path

from clearbench.suite.artifact import Artifact
from clearbench.suite.runs import Run
from clearbench.suite.suite import Suite

TAKEN = ("imported", "import")


def runs(suite: Suite, forget_size: int) -> Iterator[Run]:
    """The rows of a size; what records there are stands for the weights too."""
    for name, given in suite.file.imported.items():
        if given.forget_size == forget_size:
            other = " The two were asked in other words." if given.prompts == "other" else ""
            yield Run(
                f"imported/{name}",
                name,
                "imported",
                forget_size,
                group=f"imported/{name}",
                base=None,
                stack=(_log(name, "model"),),
                records=_log(name, "model"),
                gold=_log(name, "gold"),
                trained=False,
                prompts=given.prompts,
                note=f"{name}: records imported from {given.log} and, as gold, {given.gold};"
                f" nothing of it was made here.{other}",
            )


def artifacts(suite: Suite) -> Iterator[Artifact]:
    """The logs, as records."""
    for name, given in suite.file.imported.items():
        for part, log in (("model", given.log), ("gold", given.gold)):
            yield Artifact(
                _log(name, part),
                "import_logs",
                options={"log": log},
                outside={"log": Path(log)},
            )


def _log(name: str, part: str) -> str:
    return f"import/{name}/{part}"
