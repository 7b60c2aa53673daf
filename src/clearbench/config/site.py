"""What differs from cluster to cluster, read from `slurm/site.yaml`; all of it may be left out."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from clearbench.config.checkout import of_workflow
from clearbench.config.files import Need
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.sbatch import Option
from clearbench.config.strict import File, Positive, Strict, validate
from clearbench.errors import UserError
from clearbench.kernels import CHOICE, PINNED, Kernels, chosen

SITE = Path("slurm/site.yaml")
"""The site file in the workflow."""

_DRIVER = Path("/dev/nvidiactl")

Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class Mail(Strict):
    """Who gets a mail of SLURM about each job, and when."""

    user: str = Field(description="address, or a name that the cluster knows")
    when: list[Literal["begin", "end", "fail", "requeue", "time_limit", "all"]] = Field(
        default=["fail"], min_length=1, description="what a mail is sent for"
    )


class Kubernetes(Strict):
    """What jobs of Kubernetes are made of."""

    image: str = Field(
        description="container image that jobs run in: the locked packages, and `clearbench` for"
        " `python -m clearbench`"
    )
    volumes: dict[str, File] = Field(
        description="claims of persistent volumes with the folder where jobs see each, which is"
        " where this machine sees it: with the checkout, results and data",
        min_length=1,
    )
    namespace: str = Field("default", description="namespace of the jobs")


class Site(Strict):
    """The keys of the site file."""

    image: File = Field(
        Path("clearbench-cuda.sif"), description="the Apptainer image that jobs run in"
    )
    partition: str | None = Field(None, description="SLURM partition; null for the default one")
    gpu_partition: str | None = Field(
        None, description="partition of the jobs with a GPU; null for the same"
    )
    account: str | None = Field(None, description="SLURM account; null to let SLURM choose")
    qos: str | None = Field(None, description="quality of service; null to let SLURM choose")
    gpu_type: str | None = Field(None, description="kind of GPU, as `a100`; null for any")
    gpu_types: dict[str, Positive] = Field(
        default_factory=dict,
        description="kinds of GPU with their gigabytes; a job gets the smallest that is enough",
    )
    submit_pause: float = Field(
        0.2, ge=0, description="seconds between two calls of sbatch, of which some sites allow few"
    )
    cpus: Positive | None = Field(
        None,
        description="processors that each job is given; null for one. Threads that compute stay as"
        " they are, and so do results",
    )
    gpu_cpus: Positive | None = Field(
        None, description="processors for each GPU of a job that has some; null for `cpus` a job"
    )
    constraint: str | None = Field(
        None, description="features that a job's node must have, as `a100&nvlink`; null for any"
    )
    reservation: str | None = Field(None, description="reservation that jobs use; null for none")
    mail: Mail | None = Field(
        None, description="mails of SLURM about jobs, of which a suite has hundreds; null for none"
    )
    options: list[Option] = Field(
        default_factory=list,
        description="further options of sbatch, each as `--name` or `--name=value`",
    )
    max_minutes: Positive | None = Field(
        None,
        description="longest time limit of a job, in minutes, however often it is tried again; null"
        " for any",
    )
    max_mem_mb: Positive | None = Field(
        None,
        description="most memory of a job, in megabytes, however often it is tried again; null for"
        " any",
    )
    group_minutes: Positive | None = Field(
        None,
        description="cells share a job as long as their time limits fit into so many minutes"
        " together; null for a job for each stage of a cell",
    )
    setup: list[str] = Field(
        default_factory=list,
        description="lines for bash, on the login node and on each node before a job, as"
        " `module load apptainer/1.3`; jobs get the environment that these leave",
    )
    environment: dict[Variable, str] = Field(
        default_factory=dict, description="environment variables of jobs, as `https_proxy`"
    )
    scratch: File | None = Field(
        None, description="folder for temporary files on each node; null for the system's"
    )
    binds: list[File] = Field(
        default_factory=list,
        description="folders outside this one that jobs read: data, a hub's cache",
    )
    kubernetes: Kubernetes | None = Field(
        None, description="what jobs of Kubernetes are made of; null on other clusters"
    )
    kernels: Kernels = Field(
        PINNED,
        description="pinned for the same bytes on every x86-64 processor, native for the fastest",
    )

    def resources(self, need: Need) -> dict[str, str | int]:
        """What a job with this need asks for beside memory and time, in no engine's own words.

        `gpu_count` are its GPUs, of the kind `gpu_type`; `cpus_per_task` its processors, if the
        site says how many; `tmpdir` is where it keeps temporary files, if the site does. UserError
        where no kind of GPU here has the memory that it must have.
        """
        asked = {
            "gpu_type": self.gpu_kind(need),
            "cpus_per_task": self.cpus_of(need.gpus),
            "tmpdir": self.scratch and str(self.scratch),
        }
        # Not `gpus`, which a step of Snakemake's on a node of SLURM would ask for once more.
        return {"gpu_count": need.gpus, **{name: told for name, told in asked.items() if told}}

    def cpus_of(self, gpus: int) -> int | None:
        """The processors of a job with so many GPUs; None for what the engine gives."""
        return gpus * (self.gpu_cpus or 0) or self.cpus

    def partition_of(self, gpus: int) -> str | None:
        """The partition of a job with so many GPUs; None for the default one."""
        return (self.gpu_partition if gpus else None) or self.partition

    def minutes(self, asked: int) -> int:
        """The minutes that a job gets which asks for some."""
        return min(asked, self.max_minutes or asked)

    def mem_mb(self, asked: int) -> int:
        """The megabytes that a job gets which asks for some."""
        return min(asked, self.max_mem_mb or asked)

    def gpu_kind(self, need: Need) -> str | None:
        """The kind of GPU of a job: the smallest with enough memory; None for any, or no GPU."""
        if not need.gpus:
            return None
        if not (need.gpu_gb and self.gpu_types):
            return self.gpu_type
        enough = {kind: size for kind, size in self.gpu_types.items() if size >= need.gpu_gb}
        if not enough:
            kinds = ", ".join(f"{kind}: {size}" for kind, size in self.gpu_types.items())
            raise UserError(
                f"{SITE}: gpu_types: a job needs a GPU with {need.gpu_gb} GB, there are: {kinds};"
                " add one, or change gpu_gb in the model's file"
            )
        return min(enough, key=lambda kind: enough[kind])

    def container_environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """What Apptainer is told by its environment, beside what it is told already.

        The image's own folder is bound, so that a job can tell which image it runs in. The driver
        is brought in where there is one, but not for a SLURM job that has asked for no GPU.
        """
        bound = [self.image.resolve().parent, *self.binds]
        if self.scratch:
            bound.append(self.scratch)
        given = [path for path in environment.get("APPTAINER_BIND", "").split(",") if path]
        variables = {"APPTAINER_BIND": ",".join(dict.fromkeys([*given, *map(str, bound)]))}
        granted = "SLURM_JOB_ID" not in environment or environment.get("CUDA_VISIBLE_DEVICES")
        if _DRIVER.exists() and granted:
            variables["APPTAINER_NV"] = "1"
        return variables


def load_site(path: Path | None = None) -> Site:
    """Read and check a site file, by default the workflow's; the defaults where there is none.

    Raises UserError with file, key and what is allowed.
    """
    path = path or of_workflow(SITE)
    data: dict[str, Any] = read_yaml(path) if path.exists() else {}
    return validate(Site, data, str(path))


def enter(site: Site) -> None:
    """Set up this process so that the containers of its jobs have what they need."""
    os.environ.update(site.container_environment(os.environ))


def choose_kernels() -> Kernels:
    """The kernels that the environment asks for, else the site; kept in the environment.

    Raises UserError where either says something else than `pinned` or `native`.
    """
    os.environ[CHOICE] = choice = chosen() or load_site().kernels
    return choice
