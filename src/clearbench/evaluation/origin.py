"""Origin: how records came about, as the provenance beside them tells."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from clearbench.errors import UserError
from clearbench.jobs.artifacts import read_manifest
from clearbench.jobs.record import read_record


@dataclass(frozen=True)
class Origin:
    """Whether some records, or the model that they are of, were made elsewhere.

    `way` is what their samples were asked by, with its value; empty where nothing tells.
    """

    elsewhere: bool = False
    way: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> "Origin":
        """The origin of a folder of records; none where provenance is damaged, as audits tell."""
        try:
            record = read_record(folder)
        except UserError:
            return cls()
        recipe = record.recipe
        if recipe.stage != "evaluate":
            return cls(elsewhere=recipe.stage == "import_logs")
        stages = {_stage_of(Path(path)) for path in record.paths.values()}
        evaluation, model = (recipe.settings.get(key, {}) for key in ("evaluation", "model"))
        way = {
            "max_new_tokens": str(evaluation.get("max_new_tokens")),
            "date in the prompts": str(model.get("date")),
            **{key: recipe.inputs.get(key, "")[:12] for key in ("dataset", "base")},
            **{f"code in {module}": digest[:12] for module, digest in recipe.code.items()},
        }
        return cls("external" in stages, way)

    def difference(
        self, other: "Origin", free: Collection[str] = ()
    ) -> tuple[str, str, str] | None:
        """The first thing, none of the `free`, that two were asked by otherwise, and its values."""
        for key in {**self.way, **other.way} if self.way and other.way else ():
            ours, theirs = self.way.get(key, "none"), other.way.get(key, "none")
            if ours != theirs and key not in free:
                return key, ours, theirs
        return None


def _stage_of(folder: Path) -> str | None:
    """The stage that made an artifact; None where it is no longer there."""
    with suppress(UserError, OSError):
        return read_manifest(folder).stage
    return None
