"""What is looked at where the user types: SLURM, Apptainer, the image, and what a job reports."""

import subprocess
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from clearbench.cluster.ask import ask
from clearbench.cluster.doctor import limits, storage
from clearbench.cluster.doctor.finding import (
    Finding,
    from_text,
    look,
    look_at_packages,
    look_at_setup,
)
from clearbench.cluster.doctor.requirements import Requirements
from clearbench.cluster.settings import Slurm
from clearbench.cluster.slurm import submission
from clearbench.config.files import Need
from clearbench.config.profile import read_profile
from clearbench.config.site import SITE, Site, enter
from clearbench.errors import UserError
from clearbench.jobs.environment import image_digest
from clearbench.suite.suite import Suite

_MEMORY = 4000
_MINUTES = 10
PROFILE = "slurm"
"""The profile that the documentation runs suites with."""


def examine(suite: Suite, site: Site, wait: int, asked: storage.Asked) -> Iterator[Finding]:
    """All findings, in the order in which one needs the other.

    `wait` is how many seconds a job may wait for a node, `asked` what room the results need.
    """
    yield look_at_packages("type `make install` in a new checkout, and see to PYTHONPATH")
    yield from look_at_setup("", site)
    slurm = look("SLURM", _controller, "run this on a login node, where squeue works")
    yield slurm
    apptainer = look("Apptainer", _apptainer, "install Apptainer, or load its module")
    yield apptainer
    image = look("image", partial(_image, site), f"type `make container`, or set image in {SITE}")
    yield image
    yield storage.examine(asked)
    if slurm.remedy is not None:
        return
    refusals = list(_refusals(suite, site))
    yield from refusals or [Finding("jobs", "SLURM takes those of all stages")]
    yield from _limits(suite, site, asked)
    if apptainer.remedy is not None or image.remedy is not None:
        return
    gpus = any(need.gpus for need in suite.model.needs().values())
    for gpu in (False, True) if gpus else (False,):
        yield from _from_a_node(suite, site, gpu, wait)


def _controller() -> str:
    ask("squeue", "--me", "--noheader")
    return ask("sinfo", "--version").strip()


def _apptainer() -> str:
    return ask("apptainer", "--version").strip()


def _image(site: Site) -> str:
    if not site.image.is_file():
        raise UserError(f"{site.image}: no such image")
    return f"{site.image}, sha256 {image_digest(site.image)[:12]}"


def _refusals(suite: Suite, site: Site) -> Iterator[Finding]:
    """Why SLURM would refuse jobs, by stage: partition, account, QOS, limits, kind of GPU."""
    stages: dict[str, list[str]] = defaultdict(list)
    for stage, need in suite.model.needs().items():
        try:
            ask("sbatch", "--test-only", *submission(site, need), "--wrap=true")
        except UserError as error:
            reason = str(error).removeprefix("allocation failure: ")
            asked = f"{need.gpus} GPUs, {need.mem_mb} MB, {need.minutes} minutes"
            stages[reason].append(f"{stage} ({asked})")
    for reason, refused in stages.items():
        yield Finding(
            "jobs",
            f"SLURM refuses those of {', '.join(refused)}: {reason}",
            f"set partition, account, qos or gpu_type in {SITE}, or resources in"
            f" config/models/{suite.file.model}.yaml; `sinfo` shows what there is",
        )


def _limits(suite: Suite, site: Site, asked: storage.Asked) -> Iterator[Finding]:
    """What SLURM's configuration means for the jobs of a run."""
    try:
        profile, slurm = read_profile(PROFILE), Slurm.ask()
    except UserError as error:
        yield Finding("limits of SLURM", str(error), "see to slurm/config.yaml and scontrol")
        return
    yield from limits.examine(slurm, site, suite.model.needs(), profile, asked.jobs)


def _from_a_node(suite: Suite, site: Site, gpu: bool, wait: int) -> list[Finding]:
    """What a job on a node reports, with a GPU or without."""
    what = "node with a GPU" if gpu else "node"
    token = Path(f".doctor-{uuid.uuid4().hex}")
    need = Need(gpus=int(gpu), mem_mb=_MEMORY, minutes=_MINUTES)
    requirements = Requirements.of(suite, site, gpu, token)
    enter(site)
    words = ["srun", *submission(site, need), f"--chdir={Path.cwd()}", "--quiet"]
    words += [f"--immediate={wait}", sys.executable, "-m", "clearbench.cluster.doctor.node"]
    token.touch()
    try:
        done = subprocess.run(
            [*words, requirements.text()], capture_output=True, text=True, check=False
        )
        return from_text(done.stdout)
    except ValueError:
        lines = (done.stderr or done.stdout).strip().splitlines() or [f"status {done.returncode}"]
        if "allocate" in lines[-1]:
            remedy = f"give it longer than {wait} s with --wait; `sinfo` shows whether nodes are up"
            return [Finding(what, f"SLURM gave none: {lines[-1]}", remedy)]
        remedy = f"{sys.prefix} and {Path.cwd()} must lie on a file system that all nodes see"
        return [Finding(what, f"the job gave no report: {lines[-1]}", remedy)]
    finally:
        token.unlink(missing_ok=True)
