"""Why Kubernetes makes no pod of a job, by what its controller of jobs tells in events."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from clearbench.cluster.nodes import amount

_FORBIDDEN = re.compile(r"is forbidden: (.+)", re.DOTALL)
_QUOTA = re.compile(r"exceeded quota: (\S+), requested: (\S+), used: \S+, limited: (\S+)")


def never_made(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Why no pod of a job will be made as long as all is as it is, by the job's name.

    `events` are those of the reason FailedCreate. A job that only has to wait until others have
    left it room in a quota has no entry.
    """
    last: dict[str, Mapping[str, Any]] = {}
    for event in sorted(events, key=_time):
        last[event["involvedObject"]["name"]] = event
    reasons = {name: _reason(event["message"]) for name, event in last.items()}
    return {name: reason for name, reason in reasons.items() if reason}


def _time(event: Mapping[str, Any]) -> str:
    """When an event was seen last."""
    series = event.get("series") or {}
    times = series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime")
    return next((time for time in times if time), "")


def _reason(message: str) -> str:
    """Why there is no pod; empty where there may be one later."""
    match = _FORBIDDEN.search(message)
    if match is None:
        return ""
    quota = _QUOTA.search(match[1])
    if quota is None:
        return match[1].strip()
    name, requested, limited = quota[1], _amounts(quota[2]), _amounts(quota[3])
    beyond = [
        f"{key} {asked}, where at most {limited[key]} may be used"
        for key, asked in requested.items()
        if key in limited and amount(asked) > amount(limited[key])
    ]
    return f"quota {name}: {'; '.join(beyond)}" if beyond else ""


def _amounts(text: str) -> dict[str, str]:
    """Amounts by resource, of `pods=1,requests.cpu=2`."""
    return {key: value for key, _, value in (part.partition("=") for part in text.split(","))}
