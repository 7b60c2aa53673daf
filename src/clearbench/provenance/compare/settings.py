"""What two runs were made of, and where that differs."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from clearbench.jobs.differences import flat
from clearbench.provenance.compare.side import Side
from clearbench.provenance.conditions import made_with

_TOLD_APART = ("description", "single_domain", "methods", "imported", "external")
"""Keys of a suite that change no number, or that rows tell."""

_LONGEST = 60


def settings_apart(one: Side, other: Side) -> Iterator[tuple[str, str, str]]:
    """Each setting, model, data or circumstance that is another: what, and what it is on each side.

    Of rows that both have, the settings of their methods count.
    """
    yield from _apart("", _of_suite(one), _of_suite(other))
    for kind in ("model", "dataset"):
        specs = [getattr(side.graph.suite, kind).model_dump() for side in (one, other)]
        yield from _apart(f"{kind}: ", *specs)
    mine, theirs = (side.graph.suite.file.methods for side in (one, other))
    for row in [row for row in mine if row in theirs]:
        yield from _apart(f"methods.{row}.", mine[row], theirs[row])
    for name in ("dataset", *one.graph.bases):
        its, others = (side.tree.manifest_digest(name) for side in (one, other))
        if its and others and its != others:
            yield f"{name}, its bytes", f"sha256 {its[:12]}", f"sha256 {others[:12]}"
    keys: tuple[Literal["commit", "image", "lock"], ...] = ("commit", "image", "lock")
    for key in keys:
        had, has = (made_with(side.graph, side.tree, key) for side in (one, other))
        if had != has:
            yield key, had, has
    ran, runs = _kinds(one), _kinds(other)
    if ran != runs:
        yield "computed on", ran, runs


def _of_suite(side: Side) -> dict[str, Any]:
    told = side.graph.suite.file.model_dump(mode="json")
    return {key: value for key, value in told.items() if key not in _TOLD_APART}


def _apart(
    prefix: str, one: Mapping[str, Any], other: Mapping[str, Any]
) -> Iterator[tuple[str, str, str]]:
    mine, theirs = dict(flat(one)), dict(flat(other))
    for key in sorted(mine.keys() | theirs.keys()):
        if mine.get(key) != theirs.get(key):
            yield f"{prefix}{key}", _short(mine.get(key)), _short(theirs.get(key))


def _short(value: Any) -> str:
    text = "–" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _kinds(side: Side) -> str:
    return ", ".join(sorted({kind for kinds in side.results.hardware.values() for kind in kinds}))
