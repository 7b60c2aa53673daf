"""What a job ran in: lock, image, packages, commit, machine."""

import contextlib
import json
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clearbench.config.site import SITE, load_site
from clearbench.digests import sha256
from clearbench.errors import Unreadable, UserError
from clearbench.jobs.checkout import checkout
from clearbench.jobs.machine import machine
from clearbench.jobs.packages import KINDS, lock_kind, pins, unlocked, versions
from clearbench.jobs.record import digest

PROMISE = "CLEARBENCH_IMAGE"
"""The environment variable with the sha256 of the image that a job has to run in."""

SLURM = "CLEARBENCH_SLURM"
"""The environment variable with what a job was given by SLURM, which no container can ask."""


@dataclass(frozen=True)
class Accepted:
    """The environments whose results count as current here.

    A suite may be run in an image on a cluster and looked at on a machine without one, so each lock
    of the checkout is accepted; `images` are the sha256 of images, and None for "in no image". All
    are accepted where `images` is None. Where packages here are not the lock's,
    which `unlocked` tells, results that were made with these count as well.
    """

    locks: frozenset[str | None]
    images: frozenset[str | None] | None
    unlocked: Mapping[str, str] = field(default_factory=dict)


def accepted(image: Path, in_image: bool) -> Accepted:
    """What is accepted here: the checkout's locks, and the image of the site.

    If `in_image`, jobs run in the image, and nothing made outside it counts. Raises UserError where
    it then can't be run. If not, what was made in no image counts as well; and where the image is
    not at hand, what was made in any: the lock tells what was in it.
    """
    locks = frozenset(_lock_digest(kind) for kind in KINDS)
    if in_image:
        check_image(image)
        return Accepted(locks, frozenset({image_digest(image)}))
    images = None
    # One that this user may not read is not at hand.
    with contextlib.suppress(Unreadable, PermissionError):
        images = frozenset({None, image_digest(image)}) if image.is_file() else None
    return Accepted(locks, images, unlocked())


def check_image(image: Path) -> None:
    """Raise UserError where there is no such image, or this user may not read it, and so not run.

    That its digest can be read beside it tells nothing of that.
    """
    try:
        image.open("rb").close()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise UserError(
            f"{image}: no such image; make it with `make container`, or name another in {SITE}"
        ) from None
    except OSError as error:
        raise Unreadable(image, error) from None


def accepted_here() -> Accepted:
    """What is accepted where results are looked at: jobs may have run in the image or in none."""
    return accepted(load_site().image, in_image=False)


def lock() -> str | None:
    """The digest of the lock that counts here; None without lock files.

    It covers names and versions, not comments or order. `packages.unlocked` tells what is not
    installed from it.
    """
    return _lock_digest(lock_kind())


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
            inside, ours = container(), load_site().image
            if inside and ours.is_file() and inside == image_digest(ours):
                return inside
        return None
    inside = container()
    if inside != promised:
        place = f"in the image {inside[:12]}" if inside else "in no image"
        raise UserError(f"started {place}; this run promises the image {promised[:12]}")
    return inside


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
    checksum = sha256(path)
    # Where the image's folder is read-only, only time is lost.
    with contextlib.suppress(OSError):
        known.write_text(json.dumps({**state, "sha256": checksum}) + "\n", encoding="utf-8")
    return checksum


def describe() -> dict[str, Any]:
    """Commit, packages and machine, as a provenance record holds them.

    `packages` are those that jobs import, and what else is locked, with the versions found here;
    the commit is that of `checkout`. `slurm` is None outside of SLURM.
    """
    return {
        **checkout(),
        "python": platform.python_version(),
        "packages": versions(),
        **machine(),
        "slurm": json.loads(os.environ.get(SLURM, "null")),
    }


def _lock_digest(kind: str) -> str | None:
    locked = pins(kind)
    text = "\n".join(f"{name}=={version}" for name, version in sorted(locked.items()))
    return digest(text.encode()) if locked else None
