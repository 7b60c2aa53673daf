"""External: a pointer to a checkpoint that was made elsewhere, checked against the base."""

from pathlib import Path

from clearbench.config.settings import ExternalSettings
from clearbench.jobs.job import Job
from clearbench.models.checkpoint import check_checkpoint, write_pointer


def run(settings: ExternalSettings, base: Path, out: Path) -> None:
    """Write the pointer; UserError says in a line why a checkpoint can't be laid on the base."""

    def work(job: Job) -> None:
        settings.check_folder("model")
        commit = write_pointer(job.folder, settings.model, settings.revision)
        check_checkpoint(job.folder, base, settings.domain, settings.trained_on)
        if commit is not None:
            job.measures.update(commit=commit)

    outside = {} if settings.folder is None else {"model": settings.folder}
    Job("external", out, {"base": base}, settings.model_dump(), outside=outside).run(work)
