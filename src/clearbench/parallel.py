"""Several processes of one job, a GPU each: they share its batches, and the first one publishes.

`accelerate launch` starts a stage so, and tells each process its number. All of them do the work of
the job with the same weights and the same random numbers; a batch belongs to one of them.
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def rank() -> int:
    """The number of this process among those of its job, from 0."""
    return int(os.environ.get("RANK", "0"))


def size() -> int:
    """The number of processes of this job."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def gather(found: list[Any]) -> list[Any]:
    """The lists of all processes as one, in the order of the processes; all have to ask."""
    if size() == 1:
        return found
    import torch
    from accelerate import PartialState
    from accelerate.utils import gather_object

    # The first that asks makes the group of processes.
    PartialState(cpu=not torch.cuda.is_available())
    together: list[Any] = gather_object(found)
    return together


def add_gradients(parameters: "Iterable[Tensor]") -> None:
    """Make each gradient the sum of those of all processes, in place; none counts as zero."""
    if size() == 1:
        return
    import torch

    for parameter in parameters:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        torch.distributed.all_reduce(parameter.grad)
