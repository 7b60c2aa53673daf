"""Jobs of Kubernetes as manifests, and Snakemake on a stand-in for kubectl: no cluster was met."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from clearbench.cluster.kubernetes import Executor, Kubectl, manifest, states
from clearbench.cluster.pods import never_made
from clearbench.cluster.words import FAILED, Refusal
from clearbench.config.site import Kubernetes, Mail, Site
from clearbench.errors import UserError

ROOT = Path(__file__).resolve().parents[2]
TOLD = Kubernetes(image="here/clearbench:1", volumes={"shared": Path("/shared")}, namespace="lab")

SNAKEFILE = """
from pathlib import Path

from clearbench.cluster.ends import ends
from clearbench.config.site import Kubernetes, Site
from clearbench.workflow.process import use_own_executor

JOBS = ["made/good", "made/bad"]

localrules: all

onerror:
    for path in JOBS:
        print("ends", path, ends(path))

def before(wildcards):
    if workflow.is_main_process:
        told = Kubernetes(image=config["image"], volumes={"shared": Path.cwd()})
        use_own_executor(workflow, Site(submit_pause=0, kubernetes=told))
    return []

rule all:
    default_target: True
    input: JOBS

rule job:
    input: before
    output: "made/{name}"
    resources:
        mem_mb=400,
        runtime=50,
    shell: "[ {wildcards.name} = good ]; touch {output}"
"""


def run(folder: Path, image: str) -> tuple[int, str]:
    """Snakemake with two jobs, one of which fails: its exit status, and all that it wrote."""
    (folder / "bin").mkdir()
    (folder / "jobs").mkdir()
    (folder / "bin/kubectl").write_text(Path(__file__).with_name("standin_kubectl.py").read_text())
    (folder / "bin/kubectl").chmod(0o755)
    (folder / "Snakefile").write_text(SNAKEFILE)
    path = os.pathsep.join(
        [str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    words = ["--executor", "clearbench-kubernetes", "--jobs", "9", "--keep-going"]
    words += ["--seconds-between-status-checks", "1", "--config", f"image={image}"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=folder,
        env={
            **os.environ,
            "STANDIN": str(folder / "jobs"),
            "PATH": path,
            "PYTHONPATH": str(ROOT / "src"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_jobs_are_made_looked_at_and_their_failures_told(tmp_path):
    status, output = run(tmp_path, "here")
    assert status == 1, output
    assert (tmp_path / "made/good").exists(), output
    assert "ends made/good []" in output
    assert "ends made/bad ['FAILED']" in output
    assert re.search(r"Kubernetes job clearbench-\S+ ended as FAILED: its command failed", output)


def test_a_job_whose_image_is_nowhere_is_cancelled_and_told(tmp_path):
    status, output = run(tmp_path, "nowhere")
    assert status == 1, output
    assert "would never have started (ImagePullBackOff): its container can't be made; " in output
    assert (tmp_path / "jobs/deleted").read_text().count("delete job clearbench-") == 2


def test_a_job_that_no_quota_will_ever_let_be_is_cancelled_and_told(tmp_path):
    status, output = run(tmp_path, "toolarge")
    assert status == 1, output
    told = "(quota small: limits.memory 400M, where at most 200Mi may be used): Kubernetes makes no"
    assert f"would never have started {told} pod for it; `clearbench doctor --profile" in output
    assert (tmp_path / "jobs/deleted").read_text().count("delete job clearbench-") == 2


QUOTA = (
    "exceeded quota: q, requested: pods=1,requests.nvidia.com/gpu=2, used: pods=3,"
    "requests.nvidia.com/gpu=2, limited: pods=3,requests.nvidia.com/gpu="
)
UNBOUND = "failed quota: q: must specify limits.cpu for: job"
GREEDY = "maximum memory usage per Container is 2Gi, but limit is 4G"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        # Others are in the way, and will be gone.
        (f'pods "a-x" is forbidden: {QUOTA}2', {}),
        (
            f'pods "a-x" is forbidden: {QUOTA}1',
            {"a": "quota q: requests.nvidia.com/gpu 2, where at most 1 may be used"},
        ),
        (f'pods "a-x" is forbidden: {UNBOUND}', {"a": UNBOUND}),
        (f'pods "a-x" is forbidden: {GREEDY}', {"a": GREEDY}),
        ("Internal error occurred: failed calling webhook", {}),
    ],
)
def test_no_pod_is_waited_for_or_final_by_the_last_word_on_it(said, told):
    def event(message, time):
        named = {"involvedObject": {"name": "a"}, "message": f"Error creating: {message}"}
        return {**named, "lastTimestamp": time}

    before = event(f'pods "a-y" is forbidden: {GREEDY[:-1]}', "2026-01-01T00:00:00Z")
    assert never_made([event(said, "2026-01-01T00:00:10Z"), before]) == told


def test_a_manifest_asks_for_what_a_job_needs_on_the_volumes_of_the_site():
    asked = {"mem_mb": 64000, "runtime": 60, "gpu_count": 2, "gpu_type": "A100", "_cores": 1}
    made = manifest(TOLD, asked, "name", "run", "true", Path("/shared/checkout"))
    assert made["metadata"] == {"name": "name", "labels": {"clearbench-run": "run"}}
    job = made["spec"]
    assert (job["backoffLimit"], job["activeDeadlineSeconds"]) == (0, 3600)
    pod = job["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"] == {
        "requests": {"cpu": "1", "memory": "64000M"},
        "limits": {"memory": "64000M", "nvidia.com/gpu": "2"},
    }
    assert container["volumeMounts"] == [{"name": "shared", "mountPath": "/shared"}]
    assert pod["volumes"] == [{"name": "shared", "persistentVolumeClaim": {"claimName": "shared"}}]
    assert pod["nodeSelector"] == {"nvidia.com/gpu.product": "A100"}
    plain = manifest(TOLD, {"cpus_per_task": 4}, "name", "run", "true", Path("/shared"))
    without = plain["spec"]["template"]["spec"]
    assert without["containers"][0]["resources"] == {"requests": {"cpu": "4"}, "limits": {}}
    assert "tolerations" not in without
    json.dumps(made)


@pytest.mark.parametrize(
    ("job", "container", "pod", "told"),
    [
        ({}, {}, {}, ("PENDING", "")),
        ({"active": 1}, {"running": {}}, {}, ("RUNNING", "")),
        ({"active": 1}, {"waiting": {"reason": "ContainerCreating"}}, {}, ("RUNNING", "")),
        ({"active": 1}, {"waiting": {"reason": "ErrImagePull"}}, {}, ("PENDING", "ErrImagePull")),
        ("Complete", {"terminated": {"reason": "Completed"}}, {}, ("COMPLETED", "")),
        ("Failed", {"terminated": {"reason": "Error"}}, {}, ("FAILED", "BackoffLimitExceeded")),
        ("Failed", {"terminated": {"reason": "OOMKilled"}}, {}, ("OUT_OF_MEMORY", "OOMKilled")),
        ("Failed", {}, {"reason": "Evicted"}, ("PREEMPTED", "Evicted")),
        ("DeadlineExceeded", {}, {}, ("TIMEOUT", "DeadlineExceeded")),
    ],
)
def test_states_are_those_that_decide_what_a_retry_gets(job, container, pod, told):
    if isinstance(job, str):
        kind = job if job == "Complete" else "Failed"
        reason = "BackoffLimitExceeded" if job == "Failed" else job
        job = {"conditions": [{"type": kind, "status": "True", "reason": reason}]}
    status = {**pod, "containerStatuses": [{"state": container}]}
    items = [
        {"kind": "Pod", "metadata": {"labels": {"job-name": "a"}}, "status": status},
        {"kind": "Job", "metadata": {"name": "a"}, "status": job},
    ]
    assert states(items) == {"a": told}
    assert told[0] in {*FAILED, "PENDING", "RUNNING", "COMPLETED"}


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Unable to connect to the server: dial tcp: i/o timeout", Refusal.AWAY),
        ('jobs.batch "a" is forbidden: exceeded quota: q, requested: pods=1', Refusal.FULL),
        ('namespaces "lab" not found', Refusal.FINAL),
    ],
)
def test_what_kubectl_says_is_waited_for_or_final(words, kind):
    assert Kubectl(lambda: "run", 0, lambda *_: None)._refusal(words)[0] is kind


@pytest.mark.parametrize(
    ("site", "told"),
    [
        (Site(), "kubernetes: missing; allowed: image, volumes and namespace"),
        (Site(kubernetes=TOLD), "kubernetes.volumes: none is mounted at "),
        (Site(kubernetes=TOLD, partition="gpu"), "partition: Kubernetes has no such thing"),
        (Site(kubernetes=TOLD, mail=Mail(user="me")), "mail: Kubernetes has no such thing"),
    ],
)
def test_a_site_file_that_does_not_fit_is_a_line_before_anything_runs(
    site, told, tmp_path, monkeypatch
):
    if "volumes" not in told:
        at = {"shared": tmp_path}
        site = site.model_copy(
            update={"kubernetes": site.kubernetes and TOLD.model_copy(update={"volumes": at})}
        )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=rf"^slurm/site.yaml: {told}"):
        Executor.check(site)
