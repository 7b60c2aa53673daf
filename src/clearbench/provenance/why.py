"""Telling people whether results are current, and if not, why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from clearbench.errors import UserError
from clearbench.jobs.differences import Cause
from clearbench.jobs.takeover import TAKEN_OVER
from clearbench.results.currency import Status
from clearbench.results.tree import Tree
from clearbench.suite.graph import TABLES, Graph

_NAMED_CELLS = 3
_GRAVEST = {"failed": 0, "damaged": 1, "invalidated": 2, "missing": 3}


def explain(
    statuses: Iterable[Status], tree: Tree, origins: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """Lines on each artifact that is not current: its causes, or what it waits for.

    And on each that is, but was made with other packages than the lock's, or was taken over;
    `origins` are the folders from where a run would take others over.
    """
    for status in statuses:
        origin = origin_of(status, tree)
        if status.current and (status.unlocked or origin):
            yield status.artifact.name
        if status.current and status.unlocked:
            yield f"  not proven: {_packages(status)}"
        if status.current and origin:
            yield f"  taken over from {origin}"
        if status.current:
            continue
        yield status.artifact.name
        for cause in status.causes:
            yield f"  {cause.kind}: {cause.text}{_maker(status, cause, tree)}"
        for name in status.waits:
            yield f"  waits for {name}"
        if status.artifact.name in origins:
            yield f"  a run takes it over from {origins[status.artifact.name]}"


def origin_of(status: Status, tree: Tree) -> str | None:
    """From where an artifact was taken over, if it was, as `mini/base` in the results folder."""
    try:
        taken = tree.record(status.artifact.name).facts.get(TAKEN_OVER)
    except UserError:
        return None
    return str(taken[-1]["from"]) if taken else None


def from_elsewhere(origins: Mapping[str, str], taken: str) -> Iterator[str]:
    """A line for each results tree that artifacts come from; `taken` says whether they do yet.

    `origins` has for each artifact its source, as `mini/base` in the results folder.
    """
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for name, origin in origins.items():
        kinds[origin.partition("/")[0]][name.partition("/")[0]] += 1
    for suite, counts in kinds.items():
        number, told = counts.total(), ", ".join(f"{n} {kind}" for kind, n in counts.items())
        word = "artifact" if number == 1 else "artifacts"
        yield f"{number} {word} {taken} over from {suite} ({told})"


def summarise(
    graph: Graph,
    statuses: Mapping[str, Status],
    tree: Tree,
    origins: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[str]:
    """Lines on a whole suite: how many cells are current, the others by cause.

    And how many artifacts were taken over, or would be from `origins`.
    """
    of_cause: dict[str, list[str]] = defaultdict(list)
    current = 0
    for run in graph.cells.values():
        chain = [statuses[artifact.name] for artifact in graph.ancestors(run.scores)]
        causes = {line for status in chain for line in _causes(status)}
        current += not causes
        for line in causes:
            of_cause[line].append(run.name)
    made = sum(status.current for status in statuses.values())
    yield f"{current} of {len(graph.cells)} cells are current"
    yield f"{made} of {len(statuses)} artifacts are current"
    for line, cells in sorted(of_cause.items(), key=lambda item: (-len(item[1]), item[0])):
        names = ", ".join(cells[:_NAMED_CELLS]) + (", …" if len(cells) > _NAMED_CELLS else "")
        yield f"  {len(cells)} {'cell' if len(cells) == 1 else 'cells'}: {line} ({names})"
    # Of what no cell is made from: a row of another's model, the second gold, the tables.
    others = dict.fromkeys(line for status in statuses.values() for line in _causes(status))
    yield from (f"  {line}" for line in others if line not in of_cause)
    unproven = Counter(_packages(status) for status in statuses.values() if status.unlocked)
    yield from (f"{count} artifacts not proven: {line}" for line, count in unproven.items())
    taken = {name: origin_of(status, tree) for name, status in statuses.items() if status.current}
    yield from from_elsewhere({name: origin for name, origin in taken.items() if origin}, "taken")
    yield from from_elsewhere(origins, "would be taken")


def not_current(graph: Graph, statuses: Mapping[str, Status]) -> Iterator[str]:
    """A line on how many of the cells that tables show are not current, and why; none if all are.

    Original and golds count as cells.
    """
    runs: dict[str, set[str]] = defaultdict(set)
    told: dict[str, str] = {}
    for run in graph.runs.values():
        for artifact in graph.ancestors(run.scores):
            status = statuses[artifact.name]
            for cause, line in zip(status.causes, _causes(status), strict=True):
                runs[cause.kind].add(run.name)
                told.setdefault(cause.kind, line)
    # What is wrong before what is only old.
    kinds = sorted(runs, key=lambda kind: (_GRAVEST.get(kind, len(_GRAVEST)), -len(runs[kind])))
    if runs:
        count = len(set[str]().union(*runs.values()))
        causes = "; ".join(f"{len(runs[kind])} by {told[kind]}" for kind in kinds)
        yield (
            f"Not current: {count} of {len(graph.runs)} cells, original and golds included:"
            f" {causes}. More: clearbench why --suite {graph.suite.name}"
        )
    for line in _causes(statuses[TABLES]):
        if not runs:
            yield f"Not current: these tables: {line.partition(': ')[2]}"
            return


def brief(statuses: Iterable[Status]) -> Iterator[str]:
    """A line for each cause for which artifacts that are there have to be made again."""
    of_cause: dict[str, int] = defaultdict(int)
    for status in statuses:
        for line in _causes(status):
            of_cause[line] += status.causes[0].kind != "missing"
    for line, count in of_cause.items():
        if count:
            yield line if count == 1 else f"{line} ({count} artifacts)"


def _causes(status: Status) -> Iterator[str]:
    """The causes of a status, those of all cells' artifacts of one stage in the same words."""
    stage = status.artifact.rule
    for cause in status.causes:
        # An environment is not of a stage.
        where = "" if cause.kind in ("lock", "image", "packages") else f"{stage}: "
        yield f"{where}{cause.kind}: {cause.text}"


def _packages(status: Status) -> str:
    names = ", ".join(f"{name} {here}" for name, here in status.unlocked.items())
    return f"made with other packages than the lock's: {names}"


def _maker(status: Status, cause: Cause, tree: Tree) -> str:
    """Which job made a changed input, and when."""
    source = status.artifact.inputs.get(cause.subject)
    if source is None:
        return ""
    return f", {source} as made at {tree.record(source).facts['started']}"
