"""The machine that a job computes on, as far as the same work may come out otherwise on another."""

import os
import platform
import re
import socket
import sys
from pathlib import Path
from typing import Any

from clearbench import kernels
from clearbench.errors import UserError
from clearbench.parallel import threads

GPUS = "CLEARBENCH_GPUS"
"""The environment variable with the number of GPUs that a job was promised by a cluster."""

_DRIVER = Path("/proc/driver/nvidia/version")
_CHOICES = re.compile(
    r"ATEN_CPU_CAPABILITY|MKL_\w+|(ONEDNN|DNNL)_\w+|OPENBLAS_\w+|BLIS_\w+|NPY_\w+|KMP_\w+|OMP_\w+"
    r"|CUBLAS_\w+|CUDNN_\w+|NVIDIA_TF32_OVERRIDE|TORCH_\w+|PYTORCH_\w+"
)
"""Environment variables by which libraries choose other kernels or divide the work otherwise."""


def machine() -> dict[str, Any]:
    """Host, processor, GPU, and the kernels that the libraries choose for these.

    `processor` is its name, `instructions` are its vector instructions, `threads` is how many the
    job computes with; `kernels` are whether they are pinned, torch's where the stage has loaded it,
    and the variables that choose some; of a GPU also its driver and how its kernels were chosen.
    """
    name, instructions = kernels.processor()
    return {
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "processor": name,
        "instructions": instructions,
        "threads": threads(),
        "kernels": _kernels(),
        "gpu": _gpu(),
        "visible_gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


def _kernels() -> dict[str, str]:
    chosen = {key: value for key, value in os.environ.items() if _CHOICES.fullmatch(key)}
    # How many threads stands beside it.
    chosen.pop("OMP_NUM_THREADS", None)
    chosen["kernels"] = kernels.in_force()
    torch = sys.modules.get("torch")
    if torch is not None:
        chosen["torch"] = torch.backends.cpu.get_cpu_capability()
        if _gpu() is not None:
            chosen |= {
                "cuda": f"{torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}",
                "driver": _driver(),
                "deterministic": str(torch.are_deterministic_algorithms_enabled()),
                "float32": torch.get_float32_matmul_precision(),
            }
    return dict(sorted(chosen.items()))


def _driver() -> str:
    """The version of NVIDIA's driver; empty where it is not told."""
    try:
        told = _DRIVER.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    version = re.search(r"\d+(\.\d+)+", told)
    return version[0] if version else ""


def _gpu() -> str | None:
    """The name of the GPU in use; torch is asked only where the stage has loaded it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    name: str = torch.cuda.get_device_name()
    return name


def check_gpus() -> None:
    """Raise UserError where torch does not see all GPUs that this job was promised.

    Else it would compute on the processor, which takes days and has other bytes. A stage that has
    not loaded torch computes on no GPU.
    """
    promised = os.environ.get(GPUS, "").strip() or "0"
    if not promised.isdecimal():
        raise UserError(f"{GPUS}: {promised!r}; allowed: a number of GPUs from 0")
    torch = sys.modules.get("torch")
    if torch is None or (seen := torch.cuda.device_count()) >= int(promised):
        return
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    raise UserError(
        f"on {socket.gethostname()}: GPUs promised to this job: {promised}, seen by torch"
        f" {torch.__version__}: {seen} (CUDA_VISIBLE_DEVICES is {visible!r}); the node needs a"
        f" driver and the image CUDA's torch, or let {GPUS} be 0 to compute on processors"
    )
