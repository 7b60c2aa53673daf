"""Running some cells of a crate again, from its own data or from what lies here."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from clearbench.errors import UserError
from clearbench.provenance.crate.read import Crate
from clearbench.provenance.crate.verify import Verification
from clearbench.provenance.reexecute import jobs_of, reexecute
from clearbench.results.tree import Tree


def run_again(
    crate: Crate, verification: Verification, count: int, seed: int, results: Path
) -> Iterator[tuple[str, bool]]:
    """Draw cells and run their jobs again; a line a job or a cell, and whether it holds.

    What they are made from comes from the crate, or from the trees below `results`, where these
    hold the same bytes.
    """
    cells = sorted(crate.graph.cells)
    for run in sorted(Random(seed).sample(cells, min(count, len(cells)))):
        if not verification.proven([crate.graph.runs[run].scores]):
            yield f"{run}: not run again: what it is made from does not hold", False
            continue
        with TemporaryDirectory(prefix="clearbench-verify-") as scratch:
            root = Path(scratch) / crate.graph.suite.name
            missing = _lay_out(crate, run, results, root)
            if missing:
                where = f"neither in the crate nor below {results}"
                yield f"{run}: not run again: {', '.join(missing)}: {where}", False
                continue
            yield from _run(crate, run, root)


def _run(crate: Crate, run: str, root: Path) -> Iterator[tuple[str, bool]]:
    """Run a cell's jobs on what lies below `root`, and each on what the one before made anew."""

    def take(name: str, made: Path) -> None:
        (root / name).unlink()
        (root / name).symlink_to(made, target_is_directory=True)

    try:
        for line, same in reexecute(crate.graph, Tree(root), run, take):
            yield line, same
            if not same:
                # The jobs below would be run on other bytes, or on none.
                return
    except UserError as error:
        yield str(error), False


def _lay_out(crate: Crate, run: str, results: Path, root: Path) -> list[str]:
    """Link what a run's jobs take and made below `root`; gives what of it is not at hand.

    What the jobs make themselves they need not find.
    """
    jobs = jobs_of(crate.graph, run)
    taken = {source for name in jobs for source in crate.graph[name].inputs.values()}
    missing = []
    for name in dict.fromkeys((*jobs, *sorted(taken))):
        folder: Path | None = crate.tree.folder(name)
        if name not in jobs and not crate.holds(name):
            folder = _here(crate, name, results)
        if folder is None:
            missing.append(name)
            continue
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(folder.resolve(), target_is_directory=True)
    return missing


def _here(crate: Crate, name: str, results: Path) -> Path | None:
    """The folder of an artifact that some tree below `results` has with the crate's manifest."""
    wanted = crate.tree.manifest_digest(name)
    for tree in map(Tree, sorted(results.glob("*"))):
        # Another's damaged tree is nothing to tell here.
        with suppress(UserError):
            if tree.manifest_digest(name) == wanted and tree.damage(name) is None:
                return tree.folder(name)
    return None
