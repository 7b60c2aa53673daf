"""Generate: the source of the suites whose world is drawn here, in the layouts of the hubs."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from clearbench.data.mini import MiniSettings
from clearbench.data.mini import generate as write
from clearbench.errors import UserError
from clearbench.provenance.job import Job


def run(settings: Mapping[str, Any], out: Path) -> None:
    """Write `clear/` and `tofu/`; `settings` are the dataset's `generator`.

    Raises UserError for a setting that the generator does not have or cannot serve.
    """
    checked = _check(settings)
    Job("generate", out, {}, settings).run(lambda job: write(job.folder, checked))


def _check(settings: Mapping[str, Any]) -> MiniSettings:
    allowed = [field.name for field in fields(MiniSettings)]
    for key, value in settings.items():
        if key not in allowed:
            raise UserError(f"generator.{key}: unknown key; allowed: {', '.join(allowed)}")
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise UserError(f"generator.{key}: {value!r}; allowed: whole numbers from 0")
    try:
        return MiniSettings(**settings)
    except ValueError as error:
        raise UserError(f"generator: {error}") from None
