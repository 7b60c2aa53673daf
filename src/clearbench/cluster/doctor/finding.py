"""What a check found."""

import json
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass

from clearbench.cluster.shell import prepare
from clearbench.config.site import SITE, Site
from clearbench.errors import UserError
from clearbench.jobs import packages


@dataclass(frozen=True)
class Finding:
    """A line of the report: what was looked at, what was seen, and the remedy if it's wrong.

    What is wrong and not grave may cost work, and keeps no suite from being run.
    """

    what: str
    seen: str
    remedy: str | None = None
    grave: bool = True

    @property
    def failed(self) -> bool:
        """Whether it is wrong and grave."""
        return self.remedy is not None and self.grave

    @property
    def line(self) -> str:
        """The finding for people."""
        if self.remedy is None:
            return f"ok    {self.what}: {self.seen}"
        return f"{'FAIL' if self.grave else 'warn'}  {self.what}: {self.seen}; {self.remedy}"


def look(what: str, see: Callable[[], str], remedy: str) -> Finding:
    """What `see` tells, or how it fails: with a UserError or an OSError."""
    try:
        return Finding(what, see())
    except (UserError, OSError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Finding(what, lines[-1], remedy)


def look_at_setup(where: str, site: Site) -> Iterator[Finding]:
    """Whether the lines of the site file run here, if it has any; what they leave then holds."""

    def see() -> str:
        prepare(site)
        return f"bash runs {len(site.setup)} lines of {SITE}"

    finding = look(
        f"{where}setup", see, "`module` may need `source /etc/profile` as the first line"
    )
    if site.setup:
        yield finding


def look_at_packages(remedy: str) -> Finding:
    """Whether this process imports what is locked."""

    def see() -> str:
        unlocked = packages.unlocked()
        if unlocked:
            raise UserError(packages.remark(unlocked))
        return f"those of {packages.LOCKS / packages.lock_kind()}.lock"

    return look(f"packages of Python {platform.python_version()}", see, remedy)


def to_text(findings: Iterable[Finding]) -> str:
    """Findings as one line, to be read by `from_text`."""
    return json.dumps([asdict(finding) for finding in findings])


def from_text(text: str) -> list[Finding]:
    """The findings that a process printed in its last line; ValueError for another text."""
    data = json.loads(text.strip().splitlines()[-1]) if text.strip() else None
    if not isinstance(data, list):
        raise ValueError("no findings")
    return [Finding(**fields) for fields in data]
