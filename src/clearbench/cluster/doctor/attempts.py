"""Whether a limit leaves room for what the attempts of a job ask for."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from clearbench.cluster.doctor.finding import Finding
from clearbench.config.files import Need
from clearbench.config.profile import Profile
from clearbench.config.site import SITE, Site


@dataclass(frozen=True)
class Attempts:
    """What the jobs of stages ask for, by stage, in the first attempt and in the last one.

    `key` of the site file bounds it.
    """

    first: Mapping[str, int]
    last: Mapping[str, int]
    unit: str
    key: str

    @classmethod
    def minutes(cls, site: Site, stages: Mapping[str, Need], profile: Profile) -> "Attempts":
        """The minutes that they ask for."""
        asked = {stage: need.minutes for stage, need in stages.items()}
        return cls._of(asked, site.minutes, profile, "minutes", "max_minutes")

    @classmethod
    def memory(cls, site: Site, stages: Mapping[str, Need], profile: Profile) -> "Attempts":
        """The megabytes that they ask for."""
        asked = {stage: need.mem_mb for stage, need in stages.items()}
        return cls._of(asked, site.mem_mb, profile, "MB", "max_mem_mb")

    @classmethod
    def _of(
        cls,
        asked: Mapping[str, int],
        bounded: Callable[[int], int],
        profile: Profile,
        unit: str,
        key: str,
    ) -> "Attempts":
        first = {stage: bounded(amount) for stage, amount in asked.items()}
        last = {stage: bounded(amount * 2**profile.retries) for stage, amount in asked.items()}
        return cls(first, last, unit, key)

    def within(
        self, most: float, what: str, text: str, then: str, sure: float | None = None
    ) -> Finding:
        """Whether a limit leaves room: `most`, shown as `text`, beyond which `then` happens.

        `sure` is what it leaves in any case, where `most` is not known so well.
        """
        beyond = [
            f"{stage} ({asked} {self.unit})" for stage, asked in self.last.items() if asked > most
        ]
        if not beyond:
            return Finding(what, f"{text}, enough for every attempt")
        return Finding(
            what,
            f"{text}; {then} the last attempt of {', '.join(beyond)}",
            f"set {self.key}: {math.floor(most if sure is None else sure)} in {SITE}",
            grave=any(asked > most for asked in self.first.values()),
        )


def look_at_cap(site: Site, needs: Mapping[str, Need]) -> Iterator[Finding]:
    """Whether the site's cap takes memory from first attempts."""
    short = [
        f"{stage} ({need.mem_mb} MB)"
        for stage, need in needs.items()
        if site.mem_mb(need.mem_mb) < need.mem_mb
    ]
    if short:
        yield Finding(
            "memory",
            f"max_mem_mb is {site.max_mem_mb}, less than {', '.join(short)} need",
            f"set it higher in {SITE}, or mem_mb of `resources` in the model's file lower",
            grave=False,
        )
