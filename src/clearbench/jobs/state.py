"""State: what a job has done so far, saved so that an interrupted job goes on from there.

It lies beside the artifact, `.NAME.state/KEY.safetensors` by the key of the job's recipe: a state
of the same recipe leads to the same bytes, one of any other is of no use. What the tensors and the
results in it mean is known to the work alone.
"""

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from clearbench import parallel
from clearbench.errors import Unreadable, disk_errors
from clearbench.jobs.artifacts import flush, plain_mode
from clearbench.jobs.interruption import Interruption, TimeIsUp
from clearbench.jobs.pace import Pace

if TYPE_CHECKING:
    # Most jobs have no state, and many of them no need of torch.
    from torch import Tensor

_NOTES = "notes"
_OUT_OF_TIME = "out-of-time"


class Holder(Protocol):
    """What the steps of a loop change; `load_state_dict` puts back what `state_dict` gave.

    `together` says that all processes have to ask for `state_dict`, for each has a part of it.
    """

    @property
    def together(self) -> bool: ...
    def state_dict(self) -> "dict[str, Tensor]": ...
    def load_state_dict(self, state: "Mapping[str, Tensor]") -> None: ...


@dataclass(frozen=True)
class Loop:
    """A loop of steps, perhaps begun by an earlier attempt of the job.

    `results` is the list that the steps append to, as JSON takes it; at first, it holds those of
    the earlier attempt, and all of them where that was past this loop. The work calls `end_step`
    after each step: there the state is saved, and the job ends if it was asked to.
    """

    results: list[Any]
    end_step: Callable[[], None]


class State:
    """The state of one job: the loops that its work is made of, in their order.

    Without `out` there is no file: nothing is saved.
    """

    def __init__(
        self,
        out: Path | None = None,
        key: str = "",
        pace: Pace | None = None,
        interruption: Interruption | None = None,
    ):
        self.resumed_at: list[int] = []
        """The steps after which an interrupted attempt was gone on from."""
        self.counts: dict[str, float] = {}
        """What the steps so far counted, by name, with those of earlier attempts."""
        self._path = None if out is None else state_folder(out) / f"{key}.safetensors"
        self._pace = pace or Pace()
        self._interruption = interruption or Interruption()
        self._tensors: dict[str, Tensor] = {}
        self._results: list[list[Any]] = []
        self._steps = 0
        self._begun = 0
        self._earlier: dict[str, float] = {}
        self._started: dict[str, float] = {}
        self._rehearsed = False
        self._warned = False

    def find(self) -> None:
        """Go on from the state of an earlier attempt, where there is one; remove any other."""
        path = self._path
        if path is None or not path.parent.is_dir():
            return
        for other in path.parent.iterdir():
            if other != path:
                other.unlink()
                if other.suffix == path.suffix:
                    print(f"{other}: state of another recipe, removed", file=sys.stderr)
        try:
            # Opened, since the library takes one that may not be read for one that is not there.
            path.open("rb").close()
        except FileNotFoundError:
            return
        except OSError as error:
            raise Unreadable(path, error) from None
        try:
            self._tensors, notes = _read(path)
        except ValueError as error:
            path.unlink()
            print(f"{path}: damaged state, removed ({error})", file=sys.stderr)
            return
        self._results, self._steps = notes["results"], notes["steps"]
        self._earlier, self.counts = notes["seconds"], notes["counts"]
        self.resumed_at = [*notes["resumed_at"], self._steps]
        print(f"{path}: goes on after step {self._steps}", file=sys.stderr)

    def follow(self) -> None:
        """Go on as `find` does, in a further process of the job, which saves nothing."""
        self.find()
        self._path = None

    def start(self, clock: str) -> None:
        """Start a clock."""
        self._started[clock] = time.monotonic()

    def seconds(self, clock: str) -> float:
        """The seconds of a clock, with those of earlier attempts up to where this one went on."""
        return time.monotonic() - self._started[clock] + self._earlier.get(clock, 0.0)

    def count(self, name: str, amount: float) -> None:
        """Add to a count, before the end of the step that it is of."""
        self.counts[name] = self.counts.get(name, 0) + amount

    @contextmanager
    def loop(self, holder: Holder | None = None) -> Iterator[Loop]:
        """The next loop of the work; `holder` has what its steps change beyond the results.

        A state that was saved in this loop has been put back into `holder`. A signal that asks the
        job to end waits for the end of a step.
        """
        self._begun += 1
        if self._begun > len(self._results):
            self._results.append([])
        elif self._begun == len(self._results) and holder is not None:
            holder.load_state_dict(self._tensors)
            self._tensors = {}
        self._pace.begin()
        self._rehearsed = False
        with self._interruption.deferred():
            results = self._results[self._begun - 1]
            yield Loop(results, lambda: self._end_step(holder))

    def remove(self) -> None:
        """Remove the saved state: the artifact is there."""
        if self._path is not None:
            shutil.rmtree(self._path.parent, ignore_errors=True)

    def _end_step(self, holder: Holder | None) -> None:
        self._steps += 1
        self._pace.step()
        asked = self._interruption.signal is not None
        # Of several processes, the one that saves ends them all.
        path = self._path
        up = path is not None and self._pace.up()
        due = asked or up or self._pace.due()
        if holder is not None and holder.together:
            # By the clock of the one that saves; a signal may reach another first.
            told = parallel.gather([(asked, due)])
            due = told[0][1] or any(signalled for signalled, _ in told)
        saved = due and self._save(holder)
        where = f" after step {self._steps}{', which is saved' if saved else ''}"
        if not (due or self._rehearsed):
            self._rehearse(holder)
        self._rehearsed = True
        if asked:
            self._interruption.check(where)
        # What can't be saved goes on: it may yet be done in time.
        if up and saved and path is not None:
            path.with_name(_OUT_OF_TIME).touch()
            raise TimeIsUp(where)

    def _save(self, holder: Holder | None) -> bool:
        if self._path is None:
            _take_part(holder)
            return False
        begun = time.monotonic()
        notes = {
            "results": self._results,
            "steps": self._steps,
            "counts": self.counts,
            "seconds": {clock: self.seconds(clock) for clock in self._started},
            "resumed_at": self.resumed_at,
        }
        saved = self._try(self._path, {} if holder is None else holder.state_dict(), notes)
        self._pace.saved(time.monotonic() - begun)
        return saved

    def _rehearse(self, holder: Holder | None) -> None:
        """Go the way of a save, but write next to nothing, and remove that.

        What saving needs is in memory then: a signal may end the process that shows an image's
        files to this one as well, which can read nothing more there.
        """
        if self._path is None:
            _take_part(holder)
            return
        tensors = {} if holder is None else holder.state_dict()
        self._pace.weigh(sum(tensor.nbytes for tensor in tensors.values()))
        path = self._path.with_name("rehearsal")
        self._try(path, {}, {})
        with suppress(OSError):
            path.unlink(missing_ok=True)
            # Where it holds nothing else.
            path.parent.rmdir()

    def _try(self, path: Path, tensors: "dict[str, Tensor]", notes: Mapping[str, Any]) -> bool:
        """Write a state; says so, once, where the disk does not take it."""
        try:
            _write(path, tensors, notes)
        except OSError as error:
            # The work itself may yet find its place on the disk.
            if not self._warned:
                print(f"{self._path}: {error.strerror}; state not saved", file=sys.stderr)
            self._warned = True
            return False
        return True


def _take_part(holder: Holder | None) -> None:
    """Ask for the state as the process does that saves it, where that needs all of them."""
    if holder is not None and holder.together:
        holder.state_dict()


def state_folder(folder: Path) -> Path:
    """Where the state of the job lies that makes the artifact `folder`."""
    return folder.with_name(f".{folder.name}.state")


def out_of_time(folder: Path) -> bool:
    """Whether the last job that was to make the artifact `folder` ended ahead of its time limit."""
    return (state_folder(folder) / _OUT_OF_TIME).exists()


def _write(path: Path, tensors: "dict[str, Tensor]", notes: Mapping[str, Any]) -> None:
    """Write a state whole or not at all; OSError where the disk does not take it."""
    import torch
    from safetensors.torch import save_file

    # A tensor, for the header has a limit that the records of an evaluation may pass.
    text = bytearray(json.dumps(notes).encode())
    tensors = {**tensors, _NOTES: torch.frombuffer(text, dtype=torch.uint8)}
    aside = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with disk_errors(aside):
            save_file(tensors, aside, {"sha256": _checksum(tensors)})
        # Where the file is one that the library lets nobody else read, another may go on from it.
        with suppress(OSError):
            aside.chmod(plain_mode(path.parent))
        flush(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _read(path: Path) -> "tuple[dict[str, Tensor], dict[str, Any]]":
    """The tensors and notes of a state; ValueError where it is not what was written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            checksum = (file.metadata() or {}).get("sha256")
    except (SafetensorError, OSError) as error:
        raise ValueError(str(error)) from None
    if checksum != _checksum(tensors):
        raise ValueError("its checksum is another")
    return tensors, json.loads(tensors.pop(_NOTES).numpy().tobytes())


def _checksum(tensors: "Mapping[str, Tensor]") -> str:
    import torch

    checksum = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        checksum.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        checksum.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return checksum.hexdigest()
