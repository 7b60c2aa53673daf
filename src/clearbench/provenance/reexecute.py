"""Running a cell's jobs again, beside the results, and comparing the bytes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from clearbench.digests import sha256
from clearbench.errors import UserError
from clearbench.jobs import environment
from clearbench.jobs.artifacts import MANIFEST
from clearbench.jobs.record import read_record
from clearbench.kernels import CHOICE, NATIVE
from clearbench.parallel import THREADS, threads
from clearbench.provenance.conditions import changed_conditions
from clearbench.results.tree import Tree
from clearbench.suite.graph import Graph

_UNCHANGED = "code, settings, inputs, packages, processor, kernels and threads are the same"


def reexecute(
    graph: Graph, tree: Tree, run: str, same: Callable[[str, Path], None] | None = None
) -> Iterator[tuple[str, bool]]:
    """Run the jobs of a run's weights, records and scores again from the inputs that lie here.

    So are those of the method's own attack, where there is one. Gives, job by job, a line and
    whether the manifest came out the same; a line on one that did not says what was different then.
    Each runs with as many threads as then, and with kernels pinned or not as then. `same` is told
    each artifact that came out the same, and where it lies until the last job is done. Raises
    UserError for an unknown run, one that is not there, one made in another image than this process
    runs in, and a job that fails.
    """
    if run not in graph.runs:
        raise UserError(f"{run}: no run of suite {graph.suite.name}")
    with TemporaryDirectory(prefix="clearbench-reexecute-") as scratch:
        for name in jobs_of(graph, run):
            then = tree.record(name)
            made_in = then.recipe.image
            if made_in != environment.image() and made_in != environment.container():
                here = environment.container() or "none"
                raise UserError(f"{name}: made in image {made_in}, this is {here}; run it there")
            out = Path(scratch) / name
            words = graph.command(name, tree.root, out)
            count = then.facts.get("threads", threads())
            kernels = then.facts.get("kernels", {}).get("kernels", NATIVE)
            done = subprocess.run(
                [sys.executable, "-m", *words],
                # Sums of another number of threads, or by other kernels, are rounded otherwise.
                env={**os.environ, THREADS: str(count), CHOICE: kernels.partition(":")[0]},
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
                raise UserError(f"{name}: running it again failed: {said[-1]}")
            holds = sha256(out / MANIFEST) == tree.manifest_digest(name)
            asked = f" (threads: {count}, as then)" if count != threads() else ""
            if holds:
                if same is not None:
                    same(name, out)
                yield f"{name}: the same bytes{asked}", True
            else:
                changed = "; ".join(changed_conditions(then, read_record(out)))
                yield f"{name}: DIFFERENT bytes{asked}; {changed or _UNCHANGED}", False


def jobs_of(graph: Graph, run: str) -> list[str]:
    """The artifacts of a run that are made again: weights, records, its attack, and scores."""
    made = graph.runs[run]
    inputs = graph[made.scores].inputs.values()
    attack = [name for name in inputs if graph[name].stage == "unlearn_shadows"]
    return list(dict.fromkeys((made.weights, made.records, *attack, made.scores)))
