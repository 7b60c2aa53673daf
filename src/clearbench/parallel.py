"""The threads and processes of a job: of several, a GPU each, the first one publishes.

`clearbench --processes N STAGE …` has `accelerate launch` start them, and tells each on its command
line that it is one. All of them do the work of the job with the same weights and the same random
numbers; a batch belongs to one of them. What others left in the environment of a shell (torchrun,
MPI, a configured accelerate) makes no process one of several, and is hidden from the libraries.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from clearbench.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

THREADS = "OMP_NUM_THREADS"

LAUNCHED = "--launched"
"""The option of a process that `launch` has started."""

_NUMBERS = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
_MEETING = (*_NUMBERS, "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_")
"""The variables by which the processes that `launch` starts find each other."""

_STRANGE = (
    *_MEETING,
    *("GROUP_RANK", "GROUP_WORLD_SIZE", "NODE_RANK", "ROLE_", "PET_", "FORK_LAUNCHED"),
    *("ACCELERATE_", "FSDP_", "MEGATRON_LM_", "PARALLELISM_CONFIG_"),
    *("PMI_", "PMIX_", "MPI_", "OMPI_", "MV2_"),
)
"""What launchers and their libraries read; a name that ends in an underscore is a beginning."""

_CONFIG = Path(__file__).with_name("accelerate.yaml")
"""The configuration of `accelerate`, in place of one that `accelerate config` made."""

_place = (0, 0, 1)


def threads() -> int:
    """One, unless OMP_NUM_THREADS says otherwise; of a list, which OpenMP allows, the first.

    Raises UserError where it says no number from 1; empty counts as unset.
    """
    text = os.environ.get(THREADS, "").strip()
    first = text.split(",")[0].strip() if text else "1"
    if not (first.isascii() and first.isdecimal() and 1 <= int(first) <= 65_536):
        raise UserError(f"{THREADS}: {text!r}; allowed: a number of threads from 1, or nothing")
    return int(first)


def rank() -> int:
    """The number of this process among those of its job, from 0."""
    return _place[0]


def local_rank() -> int:
    """The number of this process among those of its job on this machine, from 0."""
    return _place[1]


def size() -> int:
    """The number of processes of this job."""
    return _place[2]


def launch(processes: int) -> NoReturn:
    """Become `accelerate launch` of this command line, once for each of several processes."""
    program, *words = sys.argv
    # Of `python -m clearbench`, the program is a file of the package.
    called = ["--no_python", program] if program.endswith("clearbench") else ["-m", "clearbench"]
    options = {
        "config_file": _CONFIG,
        "num_machines": 1,
        "num_processes": processes,
        "main_process_port": 0,
        "mixed_precision": "no",
        "dynamo_backend": "no",
    }
    given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", *given]
    environment = {key: value for key, value in os.environ.items() if not _is(key, _STRANGE)}
    os.execve(
        sys.executable,
        [*command, *called, LAUNCHED, *words],
        {**environment, THREADS: str(threads())},
    )


def join(processes: int) -> None:
    """Be one of the processes that `launch` has started.

    Raises UserError where their launcher has not told which one.
    """
    global _place
    given = {name: os.environ.get(name, "") for name in _NUMBERS}
    numbers = [int(value) if value.isdecimal() else -1 for value in given.values()]
    number, local, count = numbers
    if count != processes or not 0 <= local <= number < count:
        told = ", ".join(f"{name} is {value!r}" for name, value in given.items())
        raise UserError(f"{LAUNCHED}: for `clearbench --processes {processes}` alone; {told}")
    _place = (number, local, count)
    # The command that is recorded is the one that was given.
    sys.argv.remove(LAUNCHED)


def hide_strangers() -> None:
    """Take out of this process's environment what is not of its own launcher."""
    own = _MEETING if size() > 1 else ()
    for key in list(os.environ):
        if _is(key, _STRANGE) and not _is(key, own):
            del os.environ[key]


def gather(own: list[Any]) -> list[Any]:
    """The lists of all processes as one, in the order of the processes; all have to ask."""
    if size() == 1:
        return own
    import torch
    from accelerate import PartialState
    from accelerate.utils import gather_object

    # The first that asks makes the group of processes.
    PartialState(cpu=not torch.cuda.is_available())
    together: list[Any] = gather_object(own)
    return together


def add_gradients(parameters: "Iterable[Tensor]") -> None:
    """Make each gradient the sum of those of all processes, in place; none counts as zero.

    What no process has a gradient of keeps none, for an optimiser moves what has a zero: by decay,
    and by what it remembers of steps before.
    """
    if size() == 1:
        return
    import torch

    trained = list(parameters)
    if not trained:
        return
    known = torch.tensor([p.grad is not None for p in trained], device=trained[0].device).int()
    torch.distributed.all_reduce(known)
    for parameter, processes in zip(trained, known.tolist(), strict=True):
        if processes:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            torch.distributed.all_reduce(parameter.grad)


def _is(key: str, names: tuple[str, ...]) -> bool:
    return any(key.startswith(name) if name.endswith("_") else key == name for name in names)
