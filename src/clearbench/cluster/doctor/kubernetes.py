"""What Kubernetes is asked where the user types: namespace, rights, volumes, nodes, quotas."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from clearbench.cluster.ask import ask
from clearbench.cluster.doctor import capacity, quotas, refusals, storage
from clearbench.cluster.doctor.attempts import look_at_cap
from clearbench.cluster.doctor.finding import Finding, look
from clearbench.cluster.kubernetes import Executor, manifest
from clearbench.cluster.nodes import read_nodes
from clearbench.config.files import Need
from clearbench.config.profile import Profile
from clearbench.config.site import SITE, Kubernetes, Site
from clearbench.errors import UserError
from clearbench.suite.suite import Suite

_RIGHTS = (("create", "jobs"), ("list", "jobs"), ("delete", "jobs"), ("list", "pods"))
_NAMESPACE = f"set kubernetes.namespace in {SITE} to one that is there"
_CLAIM = f"name a claim of a volume that is mounted here too in kubernetes.volumes of {SITE}"
_IMAGE = re.compile(
    r"(?:[\w.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::(?P<tag>\w[\w.-]*))?"
    r"(?P<digest>@sha256:[0-9a-f]{64})?"
)


def examine(
    suite: Suite, site: Site, profile: Profile, wait: int, asked: storage.Asked
) -> Iterator[Finding]:
    """All findings, in the order in which one needs the other; no job is sent, so none waits."""
    Executor.check(site)
    assert site.kubernetes is not None
    told, needs = site.kubernetes, suite.model.needs()
    server = look(
        "Kubernetes", _server, "name a cluster in kubectl's configuration that it reaches"
    )
    yield server
    yield _image(told.image)
    yield storage.examine(asked)
    if server.remedy is not None:
        return
    name = told.namespace
    yield from _shown(f"namespace {name}", _NAMESPACE, partial(_namespace, told))
    rights = look("permissions", lambda: _rights(told), f"ask for a role in namespace {name}")
    yield rights
    for claim, folder in told.volumes.items():
        yield from _shown(f"volume claim {claim}", _CLAIM, partial(_volume, told, claim, folder))
    yield from look_at_cap(site, needs)
    if rights.remedy is None:
        yield from refusals.examine(
            "Kubernetes",
            suite,
            partial(_try, told, site),
            "kubernetes, gpu_type or cpus",
            "kubectl get nodes",
        )

    def nodes() -> Iterable[Finding]:
        there = read_nodes(_get(told, "nodes")["items"])
        return capacity.examine(there, told.image, site, needs, profile)

    def limits() -> Iterable[Finding]:
        items = _get(told, "resourcequotas,limitranges")["items"]
        return quotas.examine(items, site, needs, profile, profile.at_once(asked.jobs))

    yield from _shown("nodes", "ask what nodes there are", nodes)
    yield from _shown("quotas", "ask what quotas there are", limits)


def _server() -> str:
    told = json.loads(ask("kubectl", "version", "-o", "json"))
    return f"server {told['serverVersion']['gitVersion']}"


def _image(image: str) -> Finding:
    """Whether an image can be one, and stays the same; only a node tells whether it can be had."""
    key = f"kubernetes.image in {SITE}"
    match = _IMAGE.fullmatch(image)
    if match is None:
        return Finding("image", f"{image}: no name of an image", f"set {key} to REGISTRY/NAME:TAG")
    if match["digest"] is None and match["tag"] in (None, "latest"):
        seen = f"{image}: without a tag of its own, it may be another one in the next job"
        return Finding("image", seen, f"set a tag or a digest in {key}", grave=False)
    return Finding("image", image)


def _namespace(told: Kubernetes) -> Iterator[Finding]:
    what = f"namespace {told.namespace}"
    phase = _get(told, "namespace", told.namespace)["status"]["phase"]
    yield Finding(what, phase, None if phase == "Active" else _NAMESPACE)


def _rights(told: Kubernetes) -> str:
    """What a run does in the namespace, if this user may."""
    lacking = []
    for verb, kind in _RIGHTS:
        try:
            ask("kubectl", "--namespace", told.namespace, "auth", "can-i", verb, kind)
        except UserError as error:
            if re.match(r"no\b", str(error)) is None:
                raise
            lacking.append(f"{verb} {kind}")
    if lacking:
        raise UserError(f"you may not {', '.join(lacking)}")
    return ", ".join(" ".join(right) for right in _RIGHTS)


def _volume(told: Kubernetes, claim: str, folder: Path) -> Iterator[Finding]:
    """Whether a claim is bound to a volume that many nodes may write, and is mounted here."""
    what, item = f"volume claim {claim}", _get(told, "persistentvolumeclaim", claim)
    phase, modes = item["status"].get("phase", "unknown"), item["status"].get("accessModes") or []
    seen = ", ".join([phase, *modes])
    if phase != "Bound":
        yield Finding(what, f"{seen}, not bound", _CLAIM)
    elif not folder.is_dir():
        yield Finding(what, f"{seen}, and there is no {folder} here", "mount it here as well")
    elif not {"ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"} & set(modes):
        yield Finding(what, f"{seen}, so no job may write", _CLAIM)
    elif "ReadWriteMany" not in modes:
        yield Finding(what, f"{seen}, so jobs run on one node alone", _CLAIM, grave=False)
    else:
        yield Finding(what, f"{seen}, here at {folder}")


def _try(told: Kubernetes, site: Site, need: Need) -> None:
    """Let the server look at a job with a need, and make none."""
    asked = {**site.resources(need), "mem_mb": site.mem_mb(need.mem_mb)}
    asked["runtime"] = site.minutes(need.minutes)
    name = "clearbench-doctor"
    made = manifest(told, asked, name, name, "true", Path.cwd())
    words = ("create", "--dry-run=server", "-o", "name", "-f", "-")
    ask("kubectl", "--namespace", told.namespace, *words, reads=json.dumps(made))


def _get(told: Kubernetes, *what: str) -> Mapping[str, Any]:
    words = ("kubectl", "--namespace", told.namespace, "get", *what, "-o", "json")
    answer: Mapping[str, Any] = json.loads(ask(*words))
    return answer


def _shown(what: str, remedy: str, see: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """What is found; where this user may not look, a run may go well all the same."""
    try:
        yield from see()
    except UserError as error:
        yield Finding(what, str(error), remedy, grave="(Forbidden)" not in str(error))
