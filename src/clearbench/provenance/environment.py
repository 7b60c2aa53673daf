"""What a job ran in: lock, image, packages, commit, machine."""

import contextlib
import json
import os
import platform
import re
import socket
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from clearbench.errors import UserError
from clearbench.provenance.artifacts import sha256
from clearbench.provenance.checkout import checkout
from clearbench.provenance.record import digest
from clearbench.site import load_site

LOCKS = Path("envs")
"""The folder of the locks, below the folder that Snakemake runs in."""

PROMISE = "CLEARBENCH_IMAGE"
"""The environment variable with the sha256 of the image that a job has to run in."""

SLURM = "CLEARBENCH_SLURM"
"""The environment variable with what a job was given by SLURM, which no container can ask."""

_KINDS = ("cpu", "cuda")


@dataclass(frozen=True)
class Accepted:
    """The environments whose results count as current here.

    A suite may be run in an image on a cluster and looked at on a machine without one, so each lock
    of the checkout is accepted; `images` are the sha256 of images, and None for "in no image". All
    are accepted where `images` is None.
    """

    locks: frozenset[str | None]
    images: frozenset[str | None] | None


def accepted(image: Path, in_image: bool) -> Accepted:
    """What is accepted here: the checkout's locks, and the image of the site.

    If `in_image`, jobs run in the image, and nothing made outside it counts. Raises UserError where
    it is then missing. If not, what was made in no image counts as well; and where the image is not
    at hand, what was made in any: the lock tells what was in it.
    """
    locks = frozenset(_lock_digest(kind) for kind in _KINDS)
    if in_image:
        if not image.is_file():
            raise UserError(f"{image}: no such image; make it with `make container`")
        return Accepted(locks, frozenset({image_digest(image)}))
    return Accepted(locks, frozenset({None, image_digest(image)}) if image.is_file() else None)


def accepted_here() -> Accepted:
    """What is accepted where results are looked at: jobs may have run in the image or in none."""
    return accepted(load_site().image, in_image=False)


def lock() -> str | None:
    """The digest of the lock that this environment was installed from; None without lock files.

    It covers names and versions, not comments or order. The two locks differ in the CUDA libraries;
    where one of these is installed, it is the CUDA lock.
    """
    only_cuda = _pins("cuda").keys() - _pins("cpu").keys()
    return _lock_digest("cuda" if any(_version(name) for name in only_cuda) else "cpu")


def image() -> str | None:
    """The digest of the image that this process was to run in; None where it was in none.

    A container that no run asked for is somebody's own shell, and tells as much as any other
    machine: the lock. Only the site's image counts there as well. Raises UserError where the run
    was to start this job in another.
    """
    promised = os.environ.get(PROMISE)
    if not promised:
        # Somebody's own may be a folder, or out of sight.
        with contextlib.suppress(UserError):
            found, ours = container(), load_site().image
            if found and ours.is_file() and found == image_digest(ours):
                return found
        return None
    found = container()
    if found != promised:
        inside = f"in the image {found[:12]}" if found else "in no image"
        raise UserError(f"started {inside}; this run promises the image {promised[:12]}")
    return found


def container() -> str | None:
    """The digest of the Apptainer image that this process runs in, whichever; None in none.

    Raises UserError where its file cannot be seen from within.
    """
    path = os.environ.get("APPTAINER_CONTAINER")
    if path and not Path(path).is_file():
        raise UserError(f"{path}: the image cannot be seen from within; bind its folder")
    return image_digest(Path(path)) if path else None


def image_digest(path: Path) -> str:
    """The sha256 of an image file; kept beside it, since an image has gigabytes."""
    path = path.resolve()
    stat = path.stat()
    known = path.with_name(f"{path.name}.sha256")
    # The time of the last change, which no tool can set.
    state = {"size": stat.st_size, "ctime_ns": stat.st_ctime_ns}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        data = json.loads(known.read_text(encoding="utf-8"))
        if {key: data[key] for key in state} == state:
            return str(data["sha256"])
    found = sha256(path)
    # Where the image's folder is read-only, only time is lost.
    with contextlib.suppress(OSError):
        known.write_text(json.dumps({**state, "sha256": found}) + "\n", encoding="utf-8")
    return found


def describe() -> dict[str, Any]:
    """Commit, packages and machine, as a provenance record holds them.

    `packages` are the locked ones with the versions found here; the commit is that of
    `checkout`. `slurm` is None outside of SLURM.
    """
    return {
        **checkout(),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in sorted(_pins("cuda")) if _version(name)},
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "gpu": _gpu(),
        "slurm": json.loads(os.environ.get(SLURM, "null")),
        "visible_gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
    }


@cache
def _pins(kind: str) -> dict[str, str]:
    """The versions of a lock by package."""
    path = LOCKS / f"{kind}.lock"
    if not path.is_file():
        return {}
    text = path.read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE))


def _lock_digest(kind: str) -> str | None:
    pins = _pins(kind)
    text = "\n".join(f"{name}=={version}" for name, version in sorted(pins.items()))
    return digest(text.encode()) if pins else None


@cache
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _gpu() -> str | None:
    """The name of the GPU in use; torch is asked only where the stage has loaded it."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    name: str = torch.cuda.get_device_name()
    return name
