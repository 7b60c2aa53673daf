"""What a node has to have, as the job that looks is told."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from clearbench.site import Site
from clearbench.suite import Suite


@dataclass(frozen=True)
class Requirements:
    """The image, folders and data of a suite, and whether the job has been given a GPU.

    `token` is a file of the working directory that the login node has just written. `folders` hold
    data; `hub` are the kind (`dataset` or `model`), id and revision of what the hub's cache has to
    hold.
    """

    image: str
    token: str
    scratch: str | None
    gpu: bool
    folders: list[str]
    hub: list[tuple[str, str, str | None]]

    @classmethod
    def of(cls, suite: Suite, site: Site, gpu: bool, token: Path) -> Self:
        """Those of a suite at a site."""
        dataset, model = suite.dataset, suite.model
        sources = [
            ("dataset", dataset.images, dataset.images_revision),
            ("dataset", dataset.texts, dataset.texts_revision),
            ("model", model.hub, model.revision),
        ]
        given = [(kind, name, revision) for kind, name, revision in sources if name]
        return cls(
            image=str(site.image.resolve()),
            token=str(token),
            scratch=str(site.scratch) if site.scratch else None,
            gpu=gpu,
            folders=[name for _, name, _ in given if Path(name).is_dir()],
            hub=[source for source in given if not Path(source[1]).is_dir()],
        )

    def text(self) -> str:
        """As one word of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """From such a word."""
        return cls(**json.loads(text))
