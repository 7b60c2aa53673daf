"""What results were computed on, and whether that was mixed."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from clearbench.kernels import PINNED
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact

Hardware = Mapping[str, Mapping[str, int]]
"""By stage, how many jobs each kind of hardware has done."""


def hardware(artifacts: Iterable[Artifact], tree: Tree) -> Hardware:
    """What the jobs that made some artifacts computed on, by their records.

    Raises UserError where one has no record.
    """
    jobs: dict[str, Counter[str]] = defaultdict(Counter)
    for artifact in artifacts:
        jobs[artifact.stage][_kind(tree.record(artifact.name).facts)] += 1
    return jobs


def mixed(jobs: Hardware) -> str | None:
    """The stages whose jobs may differ by what they ran on; None where there is no such stage."""
    stages = [
        f"{stage} ({', '.join(f'{number} on {kind}' for kind, number in sorted(kinds.items()))})"
        for stage, kinds in jobs.items()
        if len(kinds) > 1
    ]
    if not stages:
        return None
    return f"mixed hardware, so that rows may differ by rounding: {'; '.join(stages)}"


def _kind(facts: Mapping[str, Any]) -> str:
    """What the bytes of a job go by beside its recipe: a GPU; or threads, and what computes."""
    if facts.get("gpu"):
        return str(facts["gpu"])
    threads = facts.get("threads", 1)
    several = f", {threads} threads" if threads > 1 else ""
    if facts.get("kernels", {}).get("kernels") == PINNED:
        return f"processors with pinned kernels{several}"
    wide = any(name.startswith("avx512") for name in facts.get("instructions", ()))
    return f"{facts.get('processor')}{' with AVX-512' if wide else ''}{several}"
