"""Head: what a page is of, how far its runs came, and what the numbers say in a few sentences."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clearbench.errors import UserError
from clearbench.metrics.headline import QUALITY, RETAIN
from clearbench.report.numbers import Entries
from clearbench.results.runs import Outcome, Results
from clearbench.results.strengths import EQUAL
from clearbench.results.tree import Tree
from clearbench.suite.graph import Graph
from clearbench.tables.ahead import significant
from clearbench.tables.base import Column, Entry, Table
from clearbench.tables.caveats import KEPT, failing
from clearbench.tables.remarks import listed
from clearbench.tables.render import head as of_seeds
from clearbench.tables.tradeoff import at_retention

STATES = ("proven", "diverged", "stale", "failed", "missing")


def head_of(
    graph: Graph,
    tree: Tree,
    results: Results,
    columns: Sequence[Column],
    entries: Entries,
    tables: Mapping[str, Table],
) -> dict[str, Any]:
    """The names, the counts of models by state, what they were made with, and the sentences."""
    suite = results.suite
    counts = Counter(map(state_of, results.runs.values()))
    return {
        "suite": suite.name,
        "description": suite.file.description,
        "model": suite.file.model,
        "dataset": suite.file.dataset,
        "domain": suite.domain,
        "seeds": suite.file.seeds,
        "modalities": suite.file.modalities,
        "sizes": suite.file.forget_sizes,
        "models": len(results.runs),
        "states": [[state, counts[state]] for state in STATES if counts[state]],
        "made": _made(graph, tree),
        "sentences": sentences(results, columns, entries, tables),
    }


def state_of(run: Outcome) -> str:
    """How far a run came, in one word of `STATES`; what diverged is proven to have done so."""
    if run.state == "ok":
        return "proven"
    return "stale" if run.detail == "unproven" else run.state


def _made(graph: Graph, tree: Tree) -> list[list[str]]:
    """What the artifacts were made by: commit, image, hardware, hosts; how many jobs, and when."""
    facts: dict[str, Counter[str]] = {
        key: Counter() for key in ("commit", "image", "computed on", "host")
    }
    started = []
    for record in _records(graph, tree):
        said = record.facts
        commit = (said.get("commit") or "unknown")[:12]
        facts["commit"][commit + (" with changes" if said.get("dirty") else "")] += 1
        facts["image"][(record.recipe.image or "none")[:12]] += 1
        facts["computed on"][str(said.get("gpu") or said.get("processor"))] += 1
        facts["host"][str(said.get("host"))] += 1
        started.append((said["started"], float(said["seconds"])))
    lines = [[name, _counted(values)] for name, values in facts.items() if values]
    if started:
        hours = sum(seconds for _, seconds in started) / 3600
        first, last = min(started)[0], max(started)[0]
        lines.append(["jobs", f"{len(started)}, {hours:.2f} hours together"])
        lines.append(["started", f"first {first}, last {last}"])
    return lines


def _records(graph: Graph, tree: Tree) -> list[Any]:
    """The records of all artifacts behind the page that are there."""
    records = []
    for name in graph["report"].reads:
        try:
            records.append(tree.record(name))
        except UserError:
            continue
    return records


def _counted(values: Counter[str]) -> str:
    """As `1a2b3c (12), none (3)`; a value that all have stands alone."""
    if len(values) == 1:
        return next(iter(values))
    return ", ".join(f"{value} ({count} jobs)" for value, count in sorted(values.items()))


def sentences(
    results: Results,
    columns: Sequence[Column],
    entries: Entries,
    tables: Mapping[str, Table],
) -> list[str]:
    """What the numbers say, each with its interval; of one seed, that nothing is ranked."""
    said = [of_seeds(results.suite)]
    keys = [column.key for column in columns]
    if len(results.suite.file.seeds) > 1 and {QUALITY, RETAIN} <= set(keys):
        size = max(results.suite.file.forget_sizes)
        equal = _equal(tables, size)
        for modality in results.suite.file.modalities:
            rows = [
                group.name
                for group in results.of_size(size)
                if group.modality == modality and not group.control
            ]
            where = f"orgetting {'both modalities' if modality == 'both' else modality} at {size} %"
            if equal:
                # Whatever its update breaks at full strength is compared at the share as well.
                share = f"At {EQUAL * 100:.0f} % of the original's retain score, f{where}"
                said += _nearest(share, [equal[name] for name in rows])
                continue
            broken = {group.name for group in failing(results, size)}
            whole = [name for name in rows if name not in broken]
            kept = {name: entries[name][keys.index(RETAIN)] for name in whole}
            said += _nearest(f"F{where}", [entries[n][keys.index(QUALITY)] for n in whole], kept)
    said += _warnings(results)
    return said


def _equal(tables: Mapping[str, Table], size: int) -> dict[str, Entry]:
    """The forget quality of each row that is scaled, where it retains an equal share."""
    if "tradeoff" not in tables:
        return {}
    asked = at_retention(EQUAL, Column(QUALITY, "")).metric
    return {
        entry.group.name: entry
        for entry in tables["tradeoff"].entries.values()
        if entry.column.metric == asked and entry.group.forget_size == size
    }


def _nearest(
    where: str, entries: Sequence[Entry], kept: Mapping[str, Entry] | None = None
) -> Iterator[str]:
    """Which row comes nearest gold, and whether by more than the noise; of one row nothing.

    `kept` is what each row retains, by its name, where that differs.
    """
    known = [entry for entry in entries if entry.mean is not None]
    if len(known) < 2:
        return
    best = max(range(len(known)), key=lambda number: known[number].mean or 0.0)
    pairs = {frozenset(pair) for pair in significant(known)}
    ahead = sum(frozenset((best, other)) in pairs for other in range(len(known)) if other != best)
    entry, others = known[best], len(known) - 1
    many = "none" if not ahead else f"{ahead}" if ahead < others else "all"
    retained = f" at retain {_with_interval(kept[entry.group.name])}" if kept else ""
    yield (
        f"{where}, {entry.group.method} comes nearest gold: forget quality {_with_interval(entry)}"
        f"{retained}; ahead of {many} of {others} others by more than the noise,"
        f" {len(entry.values)} seeds."
    )


def _with_interval(entry: Entry) -> str:
    """As `0.512 [0.490, 0.533]`."""
    if entry.mean is None:
        return "unknown"
    ends = "" if entry.interval is None else " [{:z.3f}, {:z.3f}]".format(*entry.interval)
    return f"{entry.mean:z.3f}{ends}"


def _warnings(results: Results) -> list[str]:
    """Which rows broke, which models have no number, and which are the same bit by bit."""
    lines = []
    broken = [
        group.name for size in results.suite.file.forget_sizes for group in failing(results, size)
    ]
    if broken:
        lines.append(
            f"Broken, with less than {KEPT:.0%} of the original's retain score: {listed(broken)}."
        )
    without = [name for name, run in results.runs.items() if run.state != "ok"]
    if without:
        word = "model" if len(without) == 1 else "models"
        reasons = Counter(results.runs[name].reason for name in without)
        reason, count = reasons.most_common(1)[0]
        why = f" ({count} of them: {reason})" if reason and count > 1 else ""
        lines.append(f"{len(without)} {word} without a number: {listed(without)}{why}.")
    if results.twins:
        lines.append(f"Bit-identical: {'; '.join(map(listed, results.twins))}.")
    return lines
