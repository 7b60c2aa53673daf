"""Generate: the source of the suites whose world is drawn here, in the layouts of the hubs."""

from pathlib import Path

from clearbench.config.generator import MiniSettings
from clearbench.data.mini.write import generate
from clearbench.jobs.job import Job


def run(settings: MiniSettings, out: Path) -> None:
    """Write `clear/` and `tofu/`; `settings` are the dataset's `generator`."""
    Job("generate", out, {}, settings.model_dump()).run(lambda job: generate(job.folder, settings))
