"""Generate: the source of the suites whose world is drawn here, in the layouts of the hubs."""

from pathlib import Path

from clearbench.config.generator import MiniSettings
from clearbench.data.mini.write import generate
from clearbench.jobs.job import Job


def run(settings: MiniSettings, out: Path, holdout: int | None = None) -> None:
    """Write `clear/` and `tofu/`; `settings` are the dataset's `generator`.

    `holdout` is the percent of persons who are drawn in addition, for no model to be trained on.
    """
    given = settings.model_dump() | ({} if holdout is None else {"holdout": holdout})
    Job("generate", out, {}, given).run(lambda job: generate(job.folder, settings, holdout))
