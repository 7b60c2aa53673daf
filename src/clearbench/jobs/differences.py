"""Why an artifact is not what a job would make now: its recipe then, beside the one now."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from clearbench.jobs.environment import Accepted
from clearbench.jobs.record import Recipe

Kind = Literal[
    "missing",
    "damaged",
    "failed",
    "invalidated",
    "settings",
    "code",
    "input",
    "lock",
    "image",
    "packages",
]


@dataclass(frozen=True)
class Cause:
    """Why an artifact has to be made again: the kind of cause, and what exactly, in a line.

    `subject` is the name of the input that changed, for this kind of cause.
    """

    kind: Kind
    text: str
    subject: str = ""


def differences(then: Recipe, now: Recipe, environments: Accepted) -> list[Cause]:
    """What of a recipe has changed; lock, image, packages only where the old are not accepted."""
    causes = list(_settings(then.settings, now.settings))
    causes += _code(then.code, now.code)
    causes += _inputs(then.inputs, now.inputs)
    if then.lock not in environments.locks:
        known = ", ".join(sorted(map(_short, environments.locks)))
        causes.append(Cause("lock", f"{_short(then.lock)} then, here {known}"))
    if environments.images is not None and then.image not in environments.images:
        known = ", ".join(sorted(map(_short, environments.images)))
        causes.append(Cause("image", f"{_short(then.image)} then, here {known}"))
    if then.unlocked not in ({}, environments.unlocked):
        causes += (Cause("packages", f"{name} {had}") for name, had in then.unlocked.items())
    return causes


def _settings(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Cause]:
    old, new = dict(flat(then)), dict(flat(now))
    for key in sorted(old.keys() | new.keys()):
        if key not in new:
            yield Cause("settings", f"{key}: {old[key]!r} → gone")
        elif key not in old:
            yield Cause("settings", f"{key}: new, {new[key]!r}")
        elif old[key] != new[key]:
            yield Cause("settings", f"{key}: {old[key]!r} → {new[key]!r}")


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The plain values of nested settings, by dotted key."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _code(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Cause]:
    for name in sorted(then.keys() | now.keys()):
        if then.get(name) != now.get(name):
            change = "changed" if name in then and name in now else "new" if name in now else "gone"
            yield Cause("code", f"{name} {change}")


def _inputs(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Cause]:
    for name in sorted(then.keys() | now.keys()):
        if name not in now:
            yield Cause("input", f"{name}: no longer an input")
        elif name not in then:
            yield Cause("input", f"{name}: new")
        elif then[name] != now[name]:
            yield Cause("input", f"{name}: {_short(then[name])} → {_short(now[name])}", name)


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none"
