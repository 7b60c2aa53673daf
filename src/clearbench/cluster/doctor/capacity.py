"""Whether the nodes of Kubernetes can take the jobs of a suite."""

from collections.abc import Iterator, Mapping, Sequence

from clearbench.cluster.doctor.attempts import Attempts
from clearbench.cluster.doctor.finding import Finding
from clearbench.cluster.nodes import Node
from clearbench.config.files import Need
from clearbench.config.profile import Profile
from clearbench.config.site import SITE, Site

_REMEDY = (
    f"set gpu_type, cpus or gpu_cpus in {SITE}, or gpus in the model's file; or let nodes be added"
)


def examine(
    nodes: Sequence[Node], image: str, site: Site, needs: Mapping[str, Need], profile: Profile
) -> Iterator[Finding]:
    """All findings from here."""
    open_to_jobs = [node for node in nodes if node.takes_jobs]
    fitting = {stage: _fitting(open_to_jobs, site, need) for stage, need in needs.items()}
    lacking = [
        f"{stage} ({need.gpus} GPUs of kind {site.gpu_kind(need) or 'any'},"
        f" {_cpus(site, need)} processors)"
        for stage, need in needs.items()
        if not fitting[stage]
    ]
    seen = f"{len(open_to_jobs)} of {len(nodes)} take jobs"
    if not lacking:
        yield Finding("nodes", f"{seen}{_gpus(open_to_jobs)}")
    else:
        told = f"{seen}{_gpus(open_to_jobs)}; none has what {', '.join(lacking)} asks for"
        yield Finding("nodes", told, _REMEDY)
    for what, gpus in (("memory of nodes", False), ("memory of nodes with GPUs", True)):
        stages = {s: n for s, n in needs.items() if bool(n.gpus) is gpus and fitting[s]}
        if stages:
            # A kind of GPU may be on small nodes alone.
            most = min(max(node.mem_mb for node in fitting[stage]) for stage in stages)
            asked = Attempts.memory(site, stages, profile)
            yield asked.within(most, what, f"at most {most:.0f} MB", "no node takes")
    if open_to_jobs:
        pulled = sum(_has(node, image) for node in open_to_jobs)
        yield Finding("image on nodes", f"pulled by {pulled} of {len(open_to_jobs)}")


def _fitting(nodes: Sequence[Node], site: Site, need: Need) -> list[Node]:
    kind, cpus = site.gpu_kind(need), _cpus(site, need)
    return [node for node in nodes if node.fits(cpus, need.gpus, kind)]


def _cpus(site: Site, need: Need) -> int:
    """The processors of a job: one where the site says nothing."""
    return site.cpus_of(need.gpus) or 1


def _gpus(nodes: Sequence[Node]) -> str:
    """The GPUs of nodes, for people; empty where there are none."""
    kinds = sorted({node.kind or "of no kind that is told" for node in nodes if node.gpus})
    return f", {sum(node.gpus for node in nodes)} GPUs ({', '.join(kinds)})" if kinds else ""


def _has(node: Node, image: str) -> bool:
    """Whether a node has an image, whose name may leave out the registry that is usual there."""
    return any(name == image or name.endswith(f"/{image}") for name in node.images)
