"""What a node has to have, as the job that looks is told."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from clearbench.config.site import Site
from clearbench.hub import Kind, is_named
from clearbench.suite.suite import Suite


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
    hub: list[tuple[Kind, str, str | None]]

    @classmethod
    def of(cls, suite: Suite, site: Site, gpu: bool, token: Path) -> Self:
        """The requirements of a suite at a site."""
        return cls(
            image=str(site.image.resolve()),
            token=str(token),
            scratch=str(site.scratch) if site.scratch else None,
            gpu=gpu,
            folders=[name for kind, name, _ in suite.sources if not is_named(kind, name)],
            hub=[source for source in suite.sources if is_named(*source[:2])],
        )

    def text(self) -> str:
        """The requirements as one word of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """The requirements that such a word holds."""
        return cls(**json.loads(text))
