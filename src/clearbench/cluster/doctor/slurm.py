"""What SLURM is asked where the user types, and what a job of it reports from a node."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

from clearbench.cluster.ask import ask
from clearbench.cluster.doctor import apptainer, limits, refusals, storage
from clearbench.cluster.doctor.finding import Finding, from_text, look
from clearbench.cluster.doctor.requirements import Requirements
from clearbench.cluster.settings import Slurm
from clearbench.cluster.slurm import submission
from clearbench.config.files import Need
from clearbench.config.profile import Profile
from clearbench.config.site import Site, enter
from clearbench.errors import UserError
from clearbench.suite.suite import Suite

_MEMORY = 4000
_MINUTES = 10


def examine(
    suite: Suite, site: Site, profile: Profile, wait: int, asked: storage.Asked
) -> Iterator[Finding]:
    """All findings, in the order in which one needs the other."""
    slurm = look("SLURM", _controller, "run this on a login node, where squeue works")
    yield slurm
    there = apptainer.examine(site)
    yield from there
    yield storage.examine(asked)
    if slurm.remedy is not None:
        return
    yield from refusals.examine(
        "SLURM",
        suite,
        lambda need: ask("sbatch", "--test-only", *submission(site, need), "--wrap=true"),
        "partition, account, qos or gpu_type",
        "sinfo",
    )
    yield from _limits(suite, site, profile, asked)
    if any(finding.remedy is not None for finding in there):
        return
    gpus = any(need.gpus for need in suite.model.needs().values())
    for gpu in (False, True) if gpus else (False,):
        yield from _from_a_node(suite, site, gpu, wait)


def _controller() -> str:
    ask("squeue", "--me", "--noheader")
    return ask("sinfo", "--version").strip()


def _limits(suite: Suite, site: Site, profile: Profile, asked: storage.Asked) -> Iterator[Finding]:
    """What SLURM's configuration means for the jobs of a run."""
    try:
        slurm = Slurm.ask()
    except UserError as error:
        yield Finding("limits of SLURM", str(error), "see to scontrol")
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
