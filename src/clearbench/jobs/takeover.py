"""Taking an artifact over from another folder, in place of making it."""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from stat import S_IMODE

from clearbench.errors import UserError
from clearbench.jobs.artifacts import (
    INVALID,
    PROVENANCE,
    discard,
    held,
    part_folder,
    plain_mode,
    publish,
    recover,
    settle,
    write_manifest,
)
from clearbench.jobs.job import invalidations_of
from clearbench.jobs.record import Record, whole_manifest
from clearbench.jobs.state import state_folder

TAKEN_OVER = "taken_over"
"""The fact of a record that tells from where its artifact was taken, the latest time last."""


def take_over(
    source: Path,
    record: Record,
    out: Path,
    paths: Mapping[str, Path],
    command: Sequence[str],
    origin: Mapping[str, str],
) -> None:
    """Publish what lies in `source` and is told by its `record` as the artifact `out`.

    Files are hard links, or copies where there can be none, and each is read to be whole. The
    record comes along, with what is of this place: the `paths` of the inputs, the `command` that
    makes it, the times of the files; and with `origin`. Raises UserError or OSError, and has
    changed nothing, where another job makes the artifact, or the source is not what the record
    tells or is by now marked as untrusted.
    """
    with held(out, wait=False) as ours:
        if not ours:
            raise UserError("another job makes it")
        recover(out)
        part = part_folder(out)
        finished = False
        try:
            discard(part)
            part.mkdir(parents=True)
            _fill(part, source, record)
            facts = {
                **record.facts,
                "command": [*command],
                "invalidations": _merged(record.facts["invalidations"], invalidations_of(out)),
                TAKEN_OVER: [*record.facts.get(TAKEN_OVER, ()), {**origin, "at": _now()}],
            }
            times = {name: (part / name).stat().st_ctime_ns for name in record.times}
            here = {name: str(paths[name]) for name in record.recipe.inputs}
            sealed = replace(record, paths=here, times=times, facts=facts)
            (part / PROVENANCE).write_text(sealed.text(), encoding="utf-8")
            finished = True
            publish(part, out)
            shutil.rmtree(state_folder(out), ignore_errors=True)
        finally:
            if not finished:
                discard(part)


def _fill(part: Path, source: Path, record: Record) -> None:
    """Bring the files of a record, and its manifest, into a part folder."""
    mode = plain_mode(part)
    for name in record.times:
        target = part / name
        target.parent.mkdir(parents=True, exist_ok=True)
        _bring(source / name, target, mode)
    # What is looked at is the part: whatever becomes of the source, these bytes stay.
    text = whole_manifest(record, part)
    if text is None:
        raise UserError("damaged, or just replaced")
    if (source / INVALID).exists():
        raise UserError("marked as untrusted")
    write_manifest(part, text)
    settle(part)


def _bring(source: Path, target: Path, mode: int) -> None:
    """Link a file; copy what is another user's to change, has another mode, or cannot be linked."""
    stat = source.stat()
    if stat.st_uid == os.geteuid() and S_IMODE(stat.st_mode) == mode:
        with suppress(OSError):
            os.link(source.resolve(), target)
            return
    shutil.copyfile(source, target)


def _merged(notes: list[dict[str, str]], others: list[dict[str, str]]) -> list[dict[str, str]]:
    return [*notes, *(note for note in others if note not in notes)]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
