"""What is looked at in the image, on a node: the image itself, the data, the GPU.

`python -m clearbench.cluster.doctor.inside REQUIREMENTS` prints its findings.
"""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from clearbench import hub
from clearbench.cluster.doctor.finding import Finding, look, look_at_packages, to_text
from clearbench.cluster.doctor.requirements import Requirements
from clearbench.config.site import SITE
from clearbench.errors import UserError


def examine(required: Requirements) -> Iterator[Finding]:
    """All findings from here."""
    if required.gpu:
        yield look("GPU in the image", _gpu, "the image needs CUDA's torch, the node a driver")
        return
    rebuild = "build it again from this checkout with `make container`"
    yield look("image", partial(_image, required.image), rebuild)
    yield look_at_packages(f"{rebuild}, and see to PYTHONPATH")
    for folder in required.folders:
        yield look(f"data {folder}", partial(_folder, folder), f"add it to binds in {SITE}")
    for kind, name, revision in required.hub:
        fill = f"run `clearbench fetch` on the login node, and add HF_HOME to binds in {SITE}"
        yield look(f"{kind} {name}", partial(_cached, kind, name, revision), fill)


def _image(path: str) -> str:
    """Whether an image can be seen from within, as its jobs need it, and imports what is locked."""
    import torch
    import transformers

    from clearbench.jobs.environment import container

    if container() is None:
        raise UserError(f"{path}: this process does not run in it")
    return f"readable, runs torch {torch.__version__} and transformers {transformers.__version__}"


def _folder(path: str) -> str:
    if not Path(path).is_dir():
        raise UserError("cannot be seen from within the image")
    return "there"


def _cached(kind: hub.Kind, name: str, revision: str | None) -> str:
    try:
        folder = hub.snapshot(kind, name, revision, cached=True)
    except UserError:
        raise UserError(f"revision {revision or 'main'} is not in the hub's cache") from None
    return f"in the cache, revision {folder.name[:12]}"


def _gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        raise UserError(f"torch {torch.__version__} sees none")
    return torch.cuda.get_device_name()


if __name__ == "__main__":
    print(to_text(examine(Requirements.read(sys.argv[1]))))
