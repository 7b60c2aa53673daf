"""The nodes of Kubernetes, and amounts of resources, as its server shows them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from clearbench.errors import UserError

GPU = "nvidia.com/gpu"
"""The resource that is a GPU, and the taint of nodes that are kept for jobs with one."""

_UNITS = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3}
_UNITS |= {unit: 1000.0**power for power, unit in enumerate("MGTPE", 2)}
_UNITS |= {f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)}
_AMOUNT = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)([numkMGTPE]?|[KMGTPE]i)")


def amount(text: str) -> float:
    """An amount as Kubernetes writes it, as `7910m`, `64Gi` or `2`; UserError for another text."""
    match = _AMOUNT.fullmatch(str(text))
    if match is None:
        raise UserError(f"{text!r} is no amount of a resource of Kubernetes")
    return float(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True)
class Node:
    """What jobs may have of a node, which takes some if it is ready and not cordoned.

    `kind` is that of its GPUs, as NVIDIA's feature discovery labels nodes; `kept_for` are what jobs
    have to tolerate, `images` those that it has pulled.
    """

    takes_jobs: bool
    cpus: float
    mem_mb: float
    gpus: int
    kind: str | None
    kept_for: frozenset[str]
    images: frozenset[str]

    def fits(self, cpus: int, gpus: int, kind: str | None) -> bool:
        """Whether a job would be placed on it, some time, whatever memory it asks for."""
        tolerated = {GPU} if gpus else set()
        enough = self.cpus >= cpus and self.gpus >= gpus
        return (
            self.takes_jobs and enough and kind in (None, self.kind) and self.kept_for <= tolerated
        )


def read_nodes(items: Iterable[Mapping[str, Any]]) -> list[Node]:
    """The nodes of `kubectl get nodes -o json`."""
    return [_node(item) for item in items]


def _node(item: Mapping[str, Any]) -> Node:
    spec, status = item.get("spec") or {}, item.get("status") or {}
    given = status.get("allocatable") or {}
    ready = {c["type"] for c in status.get("conditions", []) if c["status"] == "True"}
    taints = spec.get("taints") or []
    return Node(
        takes_jobs="Ready" in ready and not spec.get("unschedulable", False),
        cpus=amount(given.get("cpu", "0")),
        mem_mb=amount(given.get("memory", "0")) / 1e6,
        gpus=int(amount(given.get(GPU, "0"))),
        kind=(item["metadata"].get("labels") or {}).get(f"{GPU}.product"),
        kept_for=frozenset(t["key"] for t in taints if t["effect"] in ("NoSchedule", "NoExecute")),
        images=frozenset(n for one in status.get("images", []) for n in one.get("names") or []),
    )
