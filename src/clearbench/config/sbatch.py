"""Further options of sbatch that a site file may name, and those that a run says by itself."""

import re
import shlex
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

_MODEL = "of `resources` in the model's file"
_PROFILE = "of slurm/config.yaml"

MANAGED = {
    "account": "the key account",
    "partition": "the key partition or gpu_partition",
    "qos": "the key qos",
    "constraint": "the key constraint",
    "reservation": "the key reservation",
    "mail-user": "the key mail",
    "mail-type": "the key mail",
    "cpus-per-task": "the key cpus or gpu_cpus",
    "cpus-per-gpu": "the key gpu_cpus",
    "time": f"the key minutes {_MODEL}",
    "mem": f"the key mem_mb {_MODEL}",
    "mem-per-cpu": f"the key mem_mb {_MODEL}",
    "mem-per-gpu": f"the key mem_mb {_MODEL}",
    "gres": f"the key gpus {_MODEL}, and gpu_type",
    "gpus": f"the key gpus {_MODEL}",
    "gpus-per-node": f"the key gpus {_MODEL}",
    "gpus-per-socket": f"the key gpus {_MODEL}",
    "gpus-per-task": f"the key gpus {_MODEL}",
    "requeue": f"slurm-requeue {_PROFILE}",
    "no-requeue": f"slurm-no-requeue {_PROFILE}",
    "array": f"slurm-array-jobs {_PROFILE}",
    "export": "the key environment",
    **dict.fromkeys(
        (
            *("job-name", "output", "error", "parsable", "comment", "chdir", "workdir", "wrap"),
            *("ntasks", "ntasks-per-node", "ntasks-per-gpu", "nodes", "clusters", "wait"),
        ),
        "the run, which says it",
    ),
}
"""What the run, or the executor of Snakemake, says in each call of sbatch, and where it is told."""

FORM = r"^--[a-z][a-z-]*(=.*)?$"
"""An option as it stands in a site file."""


def _option(value: str) -> str:
    if not re.fullmatch(FORM, value):
        raise ValueError("input should be a long option of sbatch as --name or --name=value")
    name = value.removeprefix("--").partition("=")[0]
    # sbatch takes the beginning of an option for it; one that is an option itself is meant.
    known = [name] if name in MANAGED else [one for one in MANAGED if one.startswith(name)]
    if known:
        raise ValueError(f"input should leave --{known[0]} to {MANAGED[known[0]]}")
    return value


Option = Annotated[str, AfterValidator(_option)]


def quoted(options: Iterable[str]) -> str:
    """Options as a shell reads them.

    Each is in quotes, also where a shell needs none: Snakemake's executor looks for short options
    of its own in the text, and would take the end of `--exclude=rack-n` for one.
    """
    words = (shlex.quote(option) for option in options)
    return " ".join(word if word.startswith("'") else f"'{word}'" for word in words)
