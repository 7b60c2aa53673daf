"""A job: one run of a stage, from its inputs to a published artifact with its provenance record."""

import contextlib
import errno
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from tempfile import TemporaryDirectory
from typing import Any, Self

from clearbench import parallel
from clearbench.digests import folder_digest, sha256
from clearbench.errors import Unreadable, UserError, check_seen
from clearbench.jobs import environment, packages
from clearbench.jobs.artifacts import (
    FAILURE,
    INVALID,
    MANIFEST,
    PROVENANCE,
    Manifest,
    discard,
    held,
    manifest_text,
    part_folder,
    publish,
    read_manifest,
    recover,
    settle,
    take_stock,
    write_manifest,
)
from clearbench.jobs.differences import differences
from clearbench.jobs.environment import Accepted
from clearbench.jobs.fingerprint import code_of
from clearbench.jobs.interruption import Interruption
from clearbench.jobs.machine import check_gpus
from clearbench.jobs.pace import pace
from clearbench.jobs.record import (
    Recipe,
    Record,
    digest,
    read_record,
    restore_manifest,
    whole_manifest,
)
from clearbench.jobs.state import State
from clearbench.parallel import threads


class Job:
    """Makes an artifact: the work fills a folder, which is then published with its record.

    ::

        def work(job: Job) -> None:
            (job.folder / "scores.json").write_text(...)

        Job("score", out, inputs={"records": folder}, settings={}).run(work)

    `inputs` are artifacts, `reads` single files that count as well, `outside` folders of data that
    no job made. An artifact that was made by the same code with the same settings from the same
    inputs stays as it is: the job says so and does no work. One whose inputs diverged is diverged
    itself, unless not `diverges`: tables tell of what diverged. Work that fails leaves
    `failure.json`, which says what went wrong, and the artifact that was there before. A job that
    is asked to end by a signal leaves nothing but its state, from which the next attempt goes on.
    What is finished but could not be published is published by the next attempt. Of several
    processes of a job, the first does all this; the others do the work with it, and leave nothing.
    """

    def __init__(
        self,
        stage: str,
        out: Path,
        inputs: Mapping[str, Path],
        settings: Mapping[str, Any],
        reads: Mapping[str, Path] | None = None,
        outside: Mapping[str, Path] | None = None,
        diverges: bool = True,
    ):
        self.out = out
        self.folder = part_folder(out)
        """The folder to fill."""
        self.inputs: dict[str, Manifest] = {}
        """The manifests of the inputs."""
        self.measures: dict[str, Any] = {}
        """Figures of this run for the `cost` table, by name (`samples_per_second`, …)."""
        self.state = State()
        """What an earlier attempt did already, and where this one saves what it does."""
        self._stage = stage
        self._paths = dict(inputs)
        self._reads = dict(reads or {})
        self._outside = dict(outside or {})
        self._settings = dict(settings)
        self._diverges = diverges
        self._manifest = Manifest(stage)
        self._finished = False
        self._recipe: Recipe | None = None
        self._invalidations: list[dict[str, str]] = []
        self._interruption = Interruption()
        self._pace = pace()
        # Now, and not when the work is done.
        threads()

    def run(self, work: Callable[[Self], None]) -> None:
        """Do the work and publish, unless the artifact is what the work would make."""
        if parallel.rank():
            self._follow(work)
            return
        for path in (*self._paths.values(), *self._reads.values(), self.out.parent):
            check_seen(path)
        with self._interruption.watched(), held(self.out):
            try:
                recover(self.out)
                restore_manifest(self.out)
                recipe = self._begin()
                if self._kept(recipe):
                    self.state.remove()
                    parallel.gather([False])
                    return
                if self._made_by(recipe, self.folder):
                    self._finished = True
                    parallel.gather([False])
                else:
                    self.state.find()
                    discard(self.folder)
                    self.folder.mkdir(parents=True)
                    parallel.gather([True])
                    self._work(work)
                    self._finish(recipe)
                with self._interruption.deferred():
                    publish(self.folder, self.out)
                    self.state.remove()
            except Exception as error:
                # What breaks after a signal, such as a pipe whose reader got it too, is no failure.
                self._interruption.check()
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    # A write that fails knows no file, and the user must know the disk.
                    error.filename = error.filename or str(self.out)
                self._leave_failure(error)
                raise
            finally:
                if not self._finished:
                    discard(self.folder)

    def _follow(self, work: Callable[[Self], None]) -> None:
        """Do the work beside the first process, once that has begun it."""
        if not parallel.gather([False])[0]:
            return
        with self._interruption.watched(), TemporaryDirectory() as folder:
            self._begin()
            self.state.follow()
            self.folder = Path(folder)
            self._work(work)

    def _work(self, work: Callable[[Self], None]) -> None:
        check_gpus()
        diverged = next((m for m in self.inputs.values() if m.diverged), None)
        if diverged is None or not self._diverges:
            work(self)
        else:
            self.diverged(diverged.step)

    def diverged(self, step: int | None) -> None:
        """Publish the cell as diverged at an optimiser step, without the files written so far.

        The job has done its work, and says in its log how that ended; tables say so too.
        """
        if not parallel.rank():
            at = "" if step is None else f" at step {step}"
            print(
                f"clearbench: {self.out}: diverged{at}; published without files, and the tables say"
                " so (a smaller lr may help)",
                file=sys.stderr,
            )
        discard(self.folder)
        self.folder.mkdir()
        self._manifest = Manifest(self._stage, status="diverged", step=step)

    def _begin(self) -> Recipe:
        self._started = datetime.now(UTC)
        self._invalidations = invalidations_of(self.out)
        self.inputs = {name: read_manifest(path) for name, path in self._paths.items()}
        edges = {name: path / MANIFEST for name, path in self._paths.items()} | self._reads
        recipe = Recipe(
            self._stage,
            self._settings,
            {name: sha256(path) for name, path in edges.items()}
            | {name: folder_digest(path) for name, path in self._outside.items()},
            code_of(self._stage, self._settings),
            environment.lock(),
            environment.image(),
            self._unlocked(),
        )
        self._recipe = recipe
        self.state = State(self.out, recipe.key, self._pace, self._interruption)
        self.state.start("job")
        return recipe

    def _unlocked(self) -> Mapping[str, str]:
        """What this process imports that is not the lock's; says so.

        UserError in an image, which is to hold what is locked.
        """
        unlocked = packages.unlocked()
        if unlocked and environment.image() is not None:
            raise UserError(
                f"{packages.remark(unlocked)}; build the image again (`make container`)"
            )
        if unlocked and not parallel.rank():
            print(f"clearbench: {packages.remark(unlocked)}; no audit proves this", file=sys.stderr)
        return unlocked

    def _kept(self, recipe: Recipe) -> bool:
        """Whether the artifact is there, whole, and made by the same recipe; then it is kept."""
        if (self.out / INVALID).exists():
            return False
        text = self._made_by(recipe, self.out)
        if text is None:
            return False
        (self.out / FAILURE).unlink(missing_ok=True)
        write_manifest(self.out, text)
        ending = " (diverged)" if read_manifest(self.out).diverged else ""
        print(f"{self.out}: unchanged, kept{ending}", file=sys.stderr)
        return True

    def _made_by(self, recipe: Recipe, folder: Path) -> str | None:
        """The manifest of what a job of a recipe has finished in a folder, whole; else None."""
        try:
            record = read_record(folder)
        except Unreadable:
            raise
        except UserError:
            return None
        here = Accepted(frozenset({recipe.lock}), frozenset({recipe.image}), recipe.unlocked)
        if differences(record.recipe, recipe, here):
            return None
        return whole_manifest(record, folder)

    def _finish(self, recipe: Recipe) -> None:
        """Complete what is to be published: permissions, manifest, record."""
        stock = take_stock(self.folder, self._manifest)
        text = manifest_text(stock)
        write_manifest(self.folder, text)
        settle(self.folder)
        inputs = {**self._paths, **self._reads, **self._outside}
        paths = {name: str(path) for name, path in inputs.items()}
        times = {name: (self.folder / name).stat().st_ctime_ns for name in stock.files}
        facts = {**self._facts(), "files": asdict(stock)["files"]}
        record = Record(recipe, paths, digest(text.encode()), times, facts)
        (self.folder / PROVENANCE).write_text(record.text(), encoding="utf-8")
        self._finished = True

    def _facts(self) -> dict[str, Any]:
        return {
            "status": self._manifest.status,
            "step": self._manifest.step,
            "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
            "started": self._started.isoformat(timespec="seconds"),
            "seconds": round(self.state.seconds("job"), 3),
            "resumed_at_steps": self.state.resumed_at,
            "peak_memory_bytes": getrusage(RUSAGE_SELF).ru_maxrss * 1024,
            "processes": parallel.size(),
            "measures": self.measures,
            "invalidations": self._invalidations,
            **environment.describe(),
        }

    def _leave_failure(self, error: Exception) -> None:
        message = str(error).strip().splitlines() or [""]
        note = {
            "stage": self._stage,
            "error": type(error).__name__,
            "message": message[0],
            "invalidations": self._invalidations,
            "recipe": self._recipe and asdict(self._recipe),
        }
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            text = json.dumps(note, indent=1, sort_keys=True) + "\n"
            (self.out / FAILURE).write_text(text, encoding="utf-8")
        except OSError:
            # On a full disk the note is lost; the error itself is what the user must see.
            with contextlib.suppress(OSError):
                (self.out / FAILURE).unlink(missing_ok=True)


def invalidations_of(folder: Path) -> list[dict[str, str]]:
    """Why an artifact was marked as untrusted, the latest last; failed attempts pass it on."""
    invalidations: list[dict[str, str]] = []
    # Without a record there is no history to carry on.
    with contextlib.suppress(UserError):
        invalidations += read_record(folder).facts["invalidations"]
    for name in (FAILURE, INVALID):
        path = folder / name
        # A note that is damaged tells of nothing.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, ValueError, KeyError):
            data = json.loads(path.read_text(encoding="utf-8"))
            notes = data["invalidations"] if name == FAILURE else [data]
            invalidations += [note for note in notes if note not in invalidations]
    return invalidations
