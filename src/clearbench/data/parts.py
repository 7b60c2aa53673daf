"""Parts: which rows of the full set each forget size forgets and which it retains."""

from collections.abc import Mapping, Sequence
from typing import Any

from clearbench.data.findings import Findings
from clearbench.data.sources import Kind, Source
from clearbench.data.store import Parts
from clearbench.errors import UserError

FORGET_SIZES = (1, 5, 10)
"""Those that CLEAR and TOFU have parts for, in percent of persons."""

Key = tuple[str | None, ...]
"""A row by the texts in its columns: the parts hold copies of the full set's rows."""


def read_keys(source: Source, config: str, columns: Mapping[str, Kind]) -> dict[Key, int]:
    """The rows of a configuration by their texts, with their row numbers."""
    rows = source.rows(config, columns)
    return {key_of(row, columns): number for number, row in enumerate(rows)}


def key_of(row: Mapping[str, Any], columns: Mapping[str, Kind]) -> Key:
    """A row's key by some columns."""
    return tuple(row[column] for column in columns)


def read_parts(
    source: Source, columns: Mapping[str, Kind], full: Sequence[Key], findings: Findings
) -> list[Parts]:
    """The parts of each row of the full set.

    Raises UserError where a smaller forget set is not inside the larger one; reports rows that are
    not in exactly one part.
    """
    parts: list[dict[int, str | None]] = [{} for _ in full]
    known = set(full)
    smaller: tuple[str, dict[Key, int]] = ("", {})
    for size in FORGET_SIZES:
        names = (f"forget{size:02d}", f"retain{100 - size}")
        forget, retain = (read_keys(source, name, columns) for name in names)
        outside = [number for key, number in smaller[1].items() if key not in forget]
        if outside:
            raise UserError(
                f"{source.where(smaller[0], outside[0])}: not in {names[0]};"
                " a smaller forget set must be inside the larger ones"
            )
        smaller = (names[0], forget)
        counts = {
            f"rows in both {names[0]} and {names[1]}": len(forget.keys() & retain.keys()),
            f"rows of full in neither {names[0]} nor {names[1]}": len(
                known - (forget | retain).keys()
            ),
            f"rows of {names[0]} not in full": len(forget.keys() - known),
            f"rows of {names[1]} not in full": len(retain.keys() - known),
        }
        for what, count in counts.items():
            if count:
                findings.report("uneven_parts", f"{source.name}: {what}: {count}")
        for part, key in zip(parts, full, strict=True):
            part[size] = "forget" if key in forget else "retain" if key in retain else None
    return list[Parts](parts)


def check_perturbed(
    source: Source, part: str, perturbed: str, columns: Mapping[str, Kind], findings: Findings
) -> None:
    """Report rows of a forget set without perturbed answers, and perturbed rows outside of it."""
    rows, evaluated = (read_keys(source, config, columns) for config in (part, perturbed))
    missing = [number for key, number in rows.items() if key not in evaluated]
    if missing:
        findings.report(
            "missing_perturbed", f"{source.where(part, missing[0])}: not in {perturbed}"
        )
    outside = [number for key, number in evaluated.items() if key not in rows]
    if outside:
        findings.report("uneven_parts", f"{source.where(perturbed, outside[0])}: not in {part}")


def check_retained(source: Source, columns: Mapping[str, Kind]) -> None:
    """Raise UserError where a row of `retain_perturbed`, valid at all sizes, is to be forgotten."""
    forget = f"forget{max(FORGET_SIZES):02d}"
    forgotten = read_keys(source, forget, columns)
    for key, number in read_keys(source, "retain_perturbed", columns).items():
        if key in forgotten:
            where = source.where("retain_perturbed", number)
            raise UserError(f"{where}: is in {forget}; it must be retained at every forget size")
