"""The kernels of a job: pinned, so that the same job gives the same bytes on any x86-64 processor.

Torch, oneDNN, MKL, numpy and OpenBLAS choose their code by the processor's instructions, and MKL by
its maker as well. Sums are rounded otherwise by each, and training turns a last digit into another
model. Pinned, all of them take what any processor with AVX2 and FMA can do, and MKL is told that
the processor is Intel's. The number of threads changes bytes too; it is on record.
"""

import ctypes
import mmap
import os
import platform
import re
import sys
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from clearbench.errors import UserError

CHOICE = "CLEARBENCH_KERNELS"
"""The environment variable that says which kernels; empty counts as unset."""

Kernels = Literal["pinned", "native"]
PINNED: Kernels = "pinned"
NATIVE: Kernels = "native"

_PINS = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "AVX2,STRICT",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
_CHOOSING = re.compile(r"ATEN_CPU_CAPABILITY|(MKL|ONEDNN|DNNL|OPENBLAS|NPY)_\w+")
"""The variables by which these libraries choose."""

_NEEDED = {"avx2", "fma"}
_PROCESSOR = Path("/proc/cpuinfo")
_INSTRUCTIONS = re.compile(r"avx\w*|amx\w*|fma\w*|f16c|sse4\w*|asimd\w*|sve\w*|bf16|i8mm|vnni")
_MAKER = ("mkl_serv_intel_cpu_true", "mkl_serv_intel_cpu")
"""The functions by which MKL asks whether a processor is Intel's."""

_YES = bytes.fromhex("b801000000c3")
"""`mov eax, 1; ret`: a function that answers 1."""


def chosen() -> Kernels | None:
    """The kernels that the environment asks for, `pinned` or `native`; None where it says nothing.

    Raises UserError for any other word.
    """
    text = os.environ.get(CHOICE, "").strip()
    if not text:
        return None
    for kernels in (PINNED, NATIVE):
        if text == kernels:
            return kernels
    raise UserError(f"{CHOICE}: {text!r}; allowed: {PINNED}, {NATIVE}, or nothing")


def choose(kernels: Kernels) -> None:
    """Let this process and its children compute with such kernels.

    For the libraries that are not imported yet: they read the environment when they are. Where the
    processor lacks what kernels are pinned to, nothing is pinned.
    """
    if kernels == NATIVE and _pinned_by_variables():
        # A process that was pinned has started this one.
        for name in _PINS:
            del os.environ[name]
    if kernels == NATIVE or not possible():
        return
    for name in filter(_CHOOSING.fullmatch, list(os.environ)):
        del os.environ[name]
    os.environ.update(_PINS)
    if "torch" in sys.modules:
        _answer_mkl()
    elif not any(isinstance(finder, _AtTorch) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AtTorch())


class _AtTorch:
    """A finder that answers MKL as soon as torch is imported, by whatever, before it computes."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """The spec of torch, whose import ends with the answer; None for all other modules."""
        if fullname != "torch":
            return None
        # Some only ask whether there is a torch, and never use what they are given.
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next(filter(None, specs), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _answer_mkl()

            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _answer_mkl() -> None:
    """Let MKL take any processor for Intel's, before it has asked.

    Where memory cannot be written to, or torch was built with another MKL, it says so, and so does
    the record.
    """
    if _answered():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for address in _addresses():
        pages = ctypes.c_void_p(address & -mmap.PAGESIZE), ctypes.c_size_t(2 * mmap.PAGESIZE)
        if libc.mprotect(*pages, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) == 0:
            ctypes.memmove(address, _YES, len(_YES))
            libc.mprotect(*pages, mmap.PROT_READ | mmap.PROT_EXEC)
    if not _answered():
        print(f"clearbench: kernels are not pinned: {in_force()}", file=sys.stderr)


def in_force() -> str:
    """The kernels that this process computes with: `pinned`, or `native` and why."""
    if not possible():
        return f"{NATIVE}: pins are for x86-64 processors with {' and '.join(sorted(_NEEDED))}"
    if not _pinned_by_variables():
        return NATIVE
    if "torch" in sys.modules and not _answered():
        return f"{NATIVE}: MKL cannot be told that the processor is Intel's"
    return PINNED


@cache
def possible() -> bool:
    """Whether the processor has the instructions that kernels are pinned to."""
    return platform.machine() in ("x86_64", "AMD64") and set(processor()[1]) >= _NEEDED


def processor() -> tuple[str, list[str]]:
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


def _pinned_by_variables() -> bool:
    return _PINS.items() <= os.environ.items()


def _answered() -> bool:
    """Whether MKL takes this processor for Intel's because it is told so."""
    addresses = _addresses()
    return bool(addresses) and all(ctypes.string_at(a, len(_YES)) == _YES for a in addresses)


@cache
def _addresses() -> tuple[int, ...]:
    """Where MKL's functions lie in the loaded torch; none where it has no such MKL."""
    import torch

    try:
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib/libtorch_cpu.so"))
        functions = [getattr(library, name) for name in _MAKER]
    except (OSError, AttributeError):
        return ()
    return tuple(ctypes.cast(f, ctypes.c_void_p).value or 0 for f in functions)
