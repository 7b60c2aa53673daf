"""The machine that a job computes on, as far as the same work may come out otherwise on another."""

import os
import platform
import re
import socket
import sys
from pathlib import Path
from typing import Any

from clearbench.parallel import threads

_PROCESSOR = Path("/proc/cpuinfo")
_INSTRUCTIONS = re.compile(r"avx\w*|amx\w*|fma\w*|f16c|sse4\w*|asimd\w*|sve\w*|bf16|i8mm|vnni")
_CHOICES = re.compile(
    r"ATEN_CPU_CAPABILITY|MKL_\w+|(ONEDNN|DNNL)_\w+|OPENBLAS_\w+|BLIS_\w+|NPY_\w+|KMP_\w+|OMP_\w+"
    r"|CUBLAS_\w+|CUDNN_\w+|NVIDIA_TF32_OVERRIDE|TORCH_\w+|PYTORCH_\w+"
)
"""Environment variables by which libraries choose other kernels or divide the work otherwise."""


def machine() -> dict[str, Any]:
    """Host, processor, GPU, and the kernels that the libraries choose for these.

    `processor` is its name, `instructions` are its vector instructions, `threads` is how many the
    job computes with; `kernels` are torch's (where the stage has loaded it) and the variables that
    choose some.
    """
    name, instructions = _processor()
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


def _processor() -> tuple[str, list[str]]:
    """The name of the processor and its vector instructions, sorted; none where none are told."""
    try:
        text = _PROCESSOR.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    fields = dict(re.findall(r"^([^\t:]+?)\s*: *(.*)$", text, re.MULTILINE))
    arm = " ".join(fields[key] for key in ("CPU implementer", "CPU part") if key in fields)
    name = fields.get("model name") or arm or platform.processor() or platform.machine()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return name, sorted(flag for flag in set(flags) if _INSTRUCTIONS.fullmatch(flag))


def _kernels() -> dict[str, str]:
    kernels = {key: value for key, value in os.environ.items() if _CHOICES.fullmatch(key)}
    # How many threads stands beside it.
    kernels.pop("OMP_NUM_THREADS", None)
    torch = sys.modules.get("torch")
    if torch is not None:
        kernels["torch"] = torch.backends.cpu.get_cpu_capability()
        if _gpu() is not None:
            kernels["cuda"] = f"{torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}"
    return dict(sorted(kernels.items()))


def _gpu() -> str | None:
    """The name of the GPU in use; torch is asked only where the stage has loaded it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    name: str = torch.cuda.get_device_name()
    return name
