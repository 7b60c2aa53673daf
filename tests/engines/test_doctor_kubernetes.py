"""`clearbench doctor --profile kubernetes`, on what kubectl shows by its documentation."""

import copy
import json
from pathlib import Path

import pytest

from clearbench.cluster.nodes import amount, read_nodes
from clearbench.errors import UserError

from .conftest import put

IMAGE = "registry.example.org/clearbench:1"
GPU = "nvidia.com/gpu"


def node(name: str, gpus: int = 0, memory: str = "65536000Ki", **spec: object) -> dict:
    labels = {f"{GPU}.product": "NVIDIA-A100-PCIE-40GB"} if gpus else {}
    allocatable = {"cpu": "7910m", "memory": memory, "pods": "110"}
    taint = {"key": GPU, "value": "present", "effect": "NoSchedule"}
    return {
        "kind": "Node",
        "metadata": {"name": name, "labels": labels},
        "spec": {**({"taints": [taint]} if gpus else {}), **spec},
        "status": {
            "allocatable": {**allocatable, **({GPU: str(gpus)} if gpus else {})},
            "conditions": [
                {"type": "MemoryPressure", "status": "False"},
                {"type": "Ready", "status": "True"},
            ],
            "images": [{"names": [f"{IMAGE}@sha256:{64 * 'a'}", IMAGE], "sizeBytes": 1}],
        },
    }


def quota(hard: dict[str, str], used: dict[str, str] | None = None, **spec: object) -> dict:
    return {
        "kind": "ResourceQuota",
        "metadata": {"name": "team", "namespace": "lab"},
        "spec": {"hard": hard, **spec},
        "status": {"hard": hard, "used": used or {}},
    }


def limit_range(**limits: dict[str, str]) -> dict:
    told = {"kind": "LimitRange", "metadata": {"name": "sizes", "namespace": "lab"}}
    return {**told, "spec": {"limits": [{"type": "Container", **limits}]}}


def claim(phase: str = "Bound", modes: tuple[str, ...] = ("ReadWriteMany",)) -> dict:
    status = {"phase": phase, **({"accessModes": list(modes)} if phase == "Bound" else {})}
    return {"kind": "PersistentVolumeClaim", "metadata": {"name": "shared"}, "status": status}


OBJECTS = {
    "nodes": [node("a"), node("b", gpus=2)],
    "namespaces": [{"metadata": {"name": "lab"}, "status": {"phase": "Active"}}],
    "persistentvolumeclaims": [claim()],
    "resourcequotas": [],
    "limitranges": [],
}


@pytest.fixture
def cluster(commands):
    """A cluster that has all; what is given of other objects is there in their place."""
    put(commands, "kubectl", Path(__file__).with_name("standin_kubectl.py").read_text())

    def change(**objects: list[dict]) -> Path:
        (commands / "objects").mkdir(exist_ok=True)
        for kind, items in {**copy.deepcopy(OBJECTS), **objects}.items():
            (commands / "objects" / kind).write_text(json.dumps(items))
        return commands

    change()
    return change


@pytest.fixture
def site(checkout):
    """A site file with some differences in its keys and in those below `kubernetes`."""

    def differing(kubernetes: dict | None = None, **keys: object) -> dict:
        told = {"image": IMAGE, "namespace": "lab", "volumes": {"shared": str(checkout)}}
        return {"kubernetes": {**told, **(kubernetes or {})}, **keys}

    return differing


def test_a_cluster_that_has_all_is_told_so(cluster, doctor, site, checkout):
    state = cluster()
    status, lines = doctor("kubernetes", site())
    assert status == 0, lines
    assert lines[1:] == [
        "ok    Kubernetes: server v1.31.2",
        f"ok    image: {IMAGE}",
        lines[3],
        "ok    namespace lab: Active",
        "ok    permissions: create jobs, list jobs, delete jobs, list pods",
        f"ok    volume claim shared: Bound, ReadWriteMany, here at {checkout}",
        "ok    jobs: Kubernetes takes those of all stages",
        "ok    nodes: 2 of 2 take jobs, 2 GPUs (NVIDIA-A100-PCIE-40GB)",
        "ok    memory of nodes: at most 67109 MB, enough for every attempt",
        "ok    memory of nodes with GPUs: at most 67109 MB, enough for every attempt",
        "ok    image on nodes: pulled by 2 of 2",
        "ok    quotas: none",
    ]
    assert lines[3].startswith("ok    room below results: ")
    # No job is made.
    assert {path.name for path in state.iterdir()} == {"objects"}


def not_ready(name: str) -> dict:
    made = node(name)
    made["status"]["conditions"][1]["status"] = "Unknown"
    return made


KEPT = {"key": "lab", "effect": "NoSchedule"}
SMALL = "20000M"
WRONG = {
    "no such namespace": (
        {"namespaces": []},
        {},
        'FAIL  namespace lab: Error from server (NotFound): namespaces "lab" not found; set'
        " kubernetes.namespace in slurm/site.yaml to one that is there",
    ),
    "a namespace that ends": (
        {"namespaces": [{"metadata": {"name": "lab"}, "status": {"phase": "Terminating"}}]},
        {},
        "FAIL  namespace lab: Terminating; set kubernetes.namespace",
    ),
    "no such claim": (
        {"persistentvolumeclaims": []},
        {},
        "FAIL  volume claim shared: Error from server (NotFound): persistentvolumeclaims",
    ),
    "a claim without a volume": (
        {"persistentvolumeclaims": [claim("Pending")]},
        {},
        "FAIL  volume claim shared: Pending, not bound; name a claim of a volume that is mounted",
    ),
    "a volume of one node": (
        {"persistentvolumeclaims": [claim(modes=("ReadWriteOnce",))]},
        {},
        "warn  volume claim shared: Bound, ReadWriteOnce, so jobs run on one node alone; name",
    ),
    "a volume that is not written": (
        {"persistentvolumeclaims": [claim(modes=("ReadOnlyMany",))]},
        {},
        "FAIL  volume claim shared: Bound, ReadOnlyMany, so no job may write; name",
    ),
    "an image without a tag": (
        {},
        {"kubernetes": {"image": "registry.example.org:5000/lab/clearbench"}},
        "warn  image: registry.example.org:5000/lab/clearbench: without a tag of its own, it may",
    ),
    "no name of an image": (
        {},
        {"kubernetes": {"image": "Registry/Clear Bench"}},
        "FAIL  image: Registry/Clear Bench: no name of an image; set kubernetes.image in slurm/",
    ),
    "no GPUs": (
        {"nodes": [node("a")]},
        {},
        "FAIL  nodes: 1 of 1 take jobs; none has what base (1 GPUs of kind any, 1 processors),"
        " evaluate (2 GPUs of kind any, 1 processors), ",
    ),
    "GPUs of a node that is cordoned": (
        {"nodes": [node("a"), node("b", gpus=2, unschedulable=True)]},
        {},
        "FAIL  nodes: 1 of 2 take jobs; none has what base (1 GPUs of kind any, 1 processors), ",
    ),
    "too few GPUs on a node": (
        {"nodes": [node("a"), node("b", gpus=1), node("c", gpus=1)]},
        {},
        "FAIL  nodes: 3 of 3 take jobs, 2 GPUs (NVIDIA-A100-PCIE-40GB); none has what evaluate (2"
        " GPUs of kind any, 1 processors) asks for; set gpu_type, cpus or gpu_cpus in slurm/",
    ),
    "GPUs of another kind": (
        {},
        {"gpu_type": "NVIDIA-H100"},
        "FAIL  nodes: 2 of 2 take jobs, 2 GPUs (NVIDIA-A100-PCIE-40GB); none has what base (1 GPUs"
        " of kind NVIDIA-H100, 1 processors), ",
    ),
    "processors that no node has": (
        {},
        {"cpus": 9, "gpu_cpus": 1},
        "FAIL  nodes: 2 of 2 take jobs, 2 GPUs (NVIDIA-A100-PCIE-40GB); none has what generate (0"
        " GPUs of kind any, 9 processors), ",
    ),
    "nodes that are not ready or are kept for others": (
        {"nodes": [not_ready("a"), node("c", taints=[KEPT]), node("b", gpus=2)]},
        {},
        "FAIL  nodes: 2 of 3 take jobs, 2 GPUs (NVIDIA-A100-PCIE-40GB); none has what generate (0",
    ),
    "memory for the first attempt alone": (
        {"nodes": [node("a"), node("b", gpus=2, memory=SMALL)]},
        {},
        "warn  memory of nodes with GPUs: at most 20000 MB; no node takes the last attempt of base"
        " (32000 MB), evaluate (32000 MB), reference (32000 MB), alternates (32000 MB); set"
        " max_mem_mb: 20000 in slurm/site.yaml",
    ),
    "memory for no attempt": (
        {"nodes": [node("a", memory="4Gi"), node("b", gpus=2)]},
        {},
        "FAIL  memory of nodes: at most 4295 MB; no node takes the last attempt of generate",
    ),
    "a quota below a job's memory": (
        {"resourcequotas": [quota({"limits.memory": "4G"})]},
        {},
        "FAIL  quota team: limits.memory 4G; Kubernetes makes no pod for the last attempt of",
    ),
    "a quota below a last attempt's memory": (
        {"resourcequotas": [quota({"requests.memory": SMALL})]},
        {},
        "warn  quota team: requests.memory 20000M; Kubernetes makes no pod for the last attempt of",
    ),
    "a quota of too few GPUs": (
        {"resourcequotas": [quota({f"requests.{GPU}": "1"})]},
        {},
        f"FAIL  quota team: requests.{GPU} 1, less than a job asks for of evaluate (2); ask for",
    ),
    "a quota of no jobs": (
        {"resourcequotas": [quota({"count/jobs.batch": "0", "pods": "4"})]},
        {},
        "FAIL  quota team: count/jobs.batch 0, less than a job asks for of generate (1), ",
    ),
    "a quota that wants limits of processors": (
        {"resourcequotas": [quota({"limits.cpu": "8"})]},
        {},
        "FAIL  quota team: limits.cpu: refuses pods that say no limit of processors, as those of",
    ),
    "a limit range below a job": (
        {"limitranges": [limit_range(max={"memory": "4Gi"})]},
        {},
        "FAIL  limit range sizes: memory 4Gi; Kubernetes makes no pod for the last attempt of",
    ),
    "a cap below what is needed": (
        {},
        {"max_mem_mb": 5000},
        "warn  memory: max_mem_mb is 5000, less than dataset (8000 MB), base (8000 MB), ",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_with_the_remedy(cluster, doctor, site, case):
    objects, keys, told = WRONG[case]
    cluster(**objects)
    status, lines = doctor("kubernetes", site(**keys))
    assert status == (1 if told.startswith("FAIL") else 0), lines
    wrong = [line for line in lines if not line.startswith("ok    ")]
    what = told.partition(":")[0]
    assert [line for line in wrong if not line.startswith(what)] == []
    assert wrong[0].startswith(told), wrong


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        (
            {"resourcequotas": [quota({"count/jobs.batch": "5"}, {"count/jobs.batch": "2"})]},
            "ok    quota team: 5 of 20 jobs at a time, by count/jobs.batch 5 (2 in use now)",
        ),
        (
            {"resourcequotas": [quota({"pods": "40", "requests.memory": "64G"})]},
            "ok    quota team: 8 of 20 jobs at a time, by requests.memory 64G",
        ),
        # Our pods have no time limit of their own, and ask for resources.
        ({"resourcequotas": [quota({"pods": "0"}, scopes=["Terminating"])]}, "ok    quotas: none"),
        ({"resourcequotas": [quota({"pods": "0"}, scopes=["BestEffort"])]}, "ok    quotas: none"),
        (
            {"resourcequotas": [quota({"pods": "3"}, scopes=["NotTerminating"])]},
            "ok    quota team: 3 of 20 jobs at a time, by pods 3",
        ),
        (
            {
                "resourcequotas": [quota({"limits.cpu": "8", "pods": "3"})],
                "limitranges": [limit_range(default={"cpu": "1"})],
            },
            "ok    quota team: 3 of 20 jobs at a time, by pods 3",
        ),
        (
            {"limitranges": [limit_range(max={"memory": "64Gi"})]},
            "ok    limit range sizes: memory 64Gi, enough for every attempt",
        ),
    ],
)
def test_a_quota_tells_how_many_jobs_it_lets_be(cluster, doctor, site, objects, told):
    cluster(**objects)
    status, lines = doctor("kubernetes", site())
    assert status == 0, lines
    assert told in lines


@pytest.mark.parametrize("right", ["create jobs", "list jobs", "delete jobs", "list pods"])
def test_what_a_user_may_not_do_is_named(cluster, doctor, site, right):
    (cluster() / "denied").write_text(right)
    status, lines = doctor("kubernetes", site())
    assert status == 1
    (line,) = [line for line in lines if not line.startswith("ok    ")]
    assert line == f"FAIL  permissions: you may not {right}; ask for a role in namespace lab"
    assert not any(line.startswith("ok    jobs") for line in lines)


@pytest.mark.parametrize("kind", ["nodes", "namespaces", "persistentvolumeclaims", "limitranges"])
def test_what_a_user_may_not_look_at_keeps_no_suite_from_being_run(cluster, doctor, site, kind):
    (cluster() / "forbidden").write_text(kind)
    status, lines = doctor("kubernetes", site())
    assert status == 0, lines
    (line,) = [line for line in lines if not line.startswith("ok    ")]
    assert line.startswith("warn  ")
    assert f"Error from server (Forbidden): {kind} is forbidden" in line


def test_what_the_server_refuses_is_told_with_its_words(cluster, doctor, site):
    words = 'admission webhook "policy" denied the request: images come from registry.lab'
    (cluster() / "refuse").write_text(f"Error from server: {words}")
    status, lines = doctor("kubernetes", site())
    assert status == 1
    (line,) = [line for line in lines if not line.startswith("ok    ")]
    assert line.startswith(
        "FAIL  jobs: Kubernetes refuses those of generate (0 GPUs, 3000 MB, 60 minutes), dataset"
    )
    assert (
        f"Error from server: {words}; set kubernetes, gpu_type or cpus in slurm/site.yaml" in line
    )


def test_a_cluster_out_of_reach_is_told_and_nothing_more_is_asked(
    cluster, doctor, site, monkeypatch
):
    (cluster() / "down").touch()
    status, lines = doctor("kubernetes", site())
    assert status == 1
    (line,) = [line for line in lines if not line.startswith("ok    ")]
    assert line.startswith("FAIL  Kubernetes: The connection to the server 10.0.0.1:6443 was refus")
    # This machine may have a kubectl as well.
    monkeypatch.setenv("PATH", "/nowhere")
    status, lines = doctor("kubernetes", site())
    assert status == 1
    (line,) = [line for line in lines if not line.startswith("ok    ")]
    assert line.startswith(
        "FAIL  Kubernetes: kubectl: no such command; name a cluster in kubectl's"
    )


def test_a_volume_that_is_not_mounted_here_is_told(cluster, doctor, site, checkout):
    volumes = {"shared": str(checkout), "data": "/no/such/folder"}
    other = {**claim(), "metadata": {"name": "data"}}
    cluster(persistentvolumeclaims=[claim(), other])
    status, lines = doctor("kubernetes", site({"volumes": volumes}))
    assert status == 1
    (line,) = [line for line in lines if not line.startswith("ok    ")]
    assert line.startswith(
        "FAIL  volume claim data: Bound, ReadWriteMany, and there is no /no/such/folder here; mount"
    )


def test_a_site_file_that_kubernetes_does_not_know_is_one_line(cluster, doctor, site):
    for told, words in (
        ({}, "slurm/site.yaml: kubernetes: missing; allowed: image, volumes and namespace"),
        (site({"volumes": {"shared": "/elsewhere"}}), "slurm/site.yaml: kubernetes.volumes: none"),
        (site(qos="high"), "slurm/site.yaml: qos: Kubernetes has no such thing; leave it out"),
    ):
        status, lines = doctor("kubernetes", told)
        assert status == 1
        assert lines[-1].startswith(f"clearbench: {words}")


@pytest.mark.parametrize(
    ("text", "number"),
    [("7910m", 7.91), ("2", 2), ("64Gi", 64 * 2**30), ("1500M", 1.5e9), ("12e6", 12e6)],
)
def test_amounts_are_read_as_kubernetes_writes_them(text, number):
    assert amount(text) == pytest.approx(number)
    with pytest.raises(UserError, match="'much' is no amount of a resource"):
        amount("much")


def test_a_node_gives_what_it_may_allocate():
    (one,) = read_nodes([node("b", gpus=2)])
    assert one.fits(cpus=7, gpus=2, kind="NVIDIA-A100-PCIE-40GB")
    # It is kept for jobs with a GPU.
    assert not one.fits(cpus=1, gpus=0, kind=None)
    assert not one.fits(cpus=8, gpus=1, kind=None)
