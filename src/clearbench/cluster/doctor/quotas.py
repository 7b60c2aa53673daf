"""Whether quotas and limits of a namespace of Kubernetes let the jobs of a suite be."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from clearbench.cluster.doctor.attempts import Attempts
from clearbench.cluster.doctor.finding import Finding
from clearbench.cluster.nodes import GPU, amount
from clearbench.config.files import Need
from clearbench.config.profile import Profile
from clearbench.config.site import SITE, Site

_OURS = {"NotBestEffort", "NotTerminating"}
"""The scopes that our jobs are in: their pods ask for resources, and have no time limit."""

_MEMORY = ("requests.memory", "limits.memory", "memory")


@dataclass(frozen=True)
class _Jobs:
    """The jobs of a run: what those of its stages need, and how many there are at a time."""

    site: Site
    needs: Mapping[str, Need]
    profile: Profile
    at_once: int

    def demands(self) -> Iterator[tuple[str, str, float]]:
        """What counts in a quota of a first attempt: resource, stage, amount above 0."""
        for stage, need in self.needs.items():
            yield from ((kind, stage, 1.0) for kind in ("pods", "count/pods", "count/jobs.batch"))
            cpus = float(self.site.cpus_of(need.gpus) or 1)
            yield from ((kind, stage, cpus) for kind in ("cpu", "requests.cpu"))
            yield from ((kind, stage, 1e6 * self.site.mem_mb(need.mem_mb)) for kind in _MEMORY)
            if need.gpus:
                yield f"requests.{GPU}", stage, float(need.gpus)

    def memory(self, what: str, resource: str, text: str) -> Finding:
        """Whether a limit gives the memory that the last attempt of a job asks for."""
        asked = Attempts.memory(self.site, self.needs, self.profile)
        most = amount(text) / 1e6
        return asked.within(most, what, f"{resource} {text}", "Kubernetes makes no pod for")


def examine(
    items: Iterable[Mapping[str, Any]],
    site: Site,
    needs: Mapping[str, Need],
    profile: Profile,
    at_once: int,
) -> Iterator[Finding]:
    """All findings of quotas and limit ranges, for a run that has `at_once` jobs at a time."""
    objects, jobs = list(items), _Jobs(site, needs, profile, at_once)
    quotas = [item for item in objects if item["kind"] == "ResourceQuota" and _counts(item)]
    limits = [
        (f"limit range {item['metadata']['name']}", limit)
        for item in objects
        if item["kind"] == "LimitRange"
        for limit in item["spec"]["limits"]
    ]
    if not quotas and not limits:
        yield Finding("quotas", "none")
    limited = any("cpu" in (limit.get("default") or {}) for _, limit in limits)
    for item in quotas:
        yield from _quota(item, jobs, limited)
    for what, limit in limits:
        most = (limit.get("max") or {}).get("memory")
        if most and limit["type"] in ("Container", "Pod"):
            yield jobs.memory(what, "memory", most)


def _counts(item: Mapping[str, Any]) -> bool:
    """Whether a quota counts our jobs; of priorities, which it may ask for, they have none."""
    spec = item["spec"]
    return set(spec.get("scopes") or []) <= _OURS and not spec.get("scopeSelector")


def _quota(item: Mapping[str, Any], jobs: _Jobs, limited: bool) -> Iterator[Finding]:
    """Whether a quota has room for a job of each stage, and for how many at a time.

    `limited` is whether the namespace gives each pod a limit of processors.
    """
    what, hard = f"quota {item['metadata']['name']}", item["spec"].get("hard") or {}
    if "limits.cpu" in hard and not limited:
        yield Finding(
            what,
            "limits.cpu: refuses pods that say no limit of processors, as those of jobs",
            "ask for a limit range with a default for cpu in the namespace",
        )
    lacking: dict[str, list[str]] = {}
    rooms: dict[str, float] = {}
    for resource, stage, asked in jobs.demands():
        if resource in hard:
            room = amount(hard[resource]) // asked
            rooms[resource] = min(room, rooms.get(resource, room))
            if not room and resource not in _MEMORY:
                lacking.setdefault(resource, []).append(f"{stage} ({asked:g})")
    for resource, stages in lacking.items():
        yield Finding(
            what,
            f"{resource} {hard[resource]}, less than a job asks for of {', '.join(stages)}",
            f"ask for more, or set another kubernetes.namespace in {SITE}",
        )
    yield from (jobs.memory(what, kind, hard[kind]) for kind in _MEMORY if kind in hard)
    if rooms and all(rooms.values()):
        of = min(rooms, key=lambda name: rooms[name])
        runs = f"{min(rooms[of], jobs.at_once):.0f} of {jobs.at_once} jobs at a time"
        used = ((item.get("status") or {}).get("used") or {}).get(of)
        now = f" ({used} in use now)" if used is not None else ""
        yield Finding(what, f"{runs}, by {of} {hard[of]}{now}")
