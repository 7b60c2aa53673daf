"""Kubernetes: the manifests of jobs, how it is asked, and what its words mean.

Asked by `kubectl`. Jobs see this checkout, its results and its data where they lie here, on volumes
that the site file names.
"""

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearbench.cluster.ask import ask
from clearbench.cluster.pods import never_made
from clearbench.cluster.scripted import Scripted, script
from clearbench.cluster.submitter import Submitter, refusal_by
from clearbench.cluster.words import Refusal
from clearbench.config.site import SITE, Kubernetes, Site
from clearbench.errors import UserError

_RUN = "clearbench-run"
"""The label with the name of the run."""

_GRACE = 120
"""Seconds from the signal that asks a job to end to its end, to save what it has done."""

_KEPT = 3600
"""Seconds for which Kubernetes keeps a job that has ended."""

_ENDS = {
    "OOMKilled": "OUT_OF_MEMORY",
    "DeadlineExceeded": "TIMEOUT",
    "Evicted": "PREEMPTED",
    "Preempting": "PREEMPTED",
    "NodeLost": "NODE_FAIL",
    "NodeShutdown": "NODE_FAIL",
}
"""Why jobs and pods ended, in SLURM's words; all else is the job's own end."""

_NEVER = re.compile(r"ErrImagePull|ImagePullBackOff|InvalidImageName|CreateContainerConfigError")
_EXISTS = re.compile(r'"([^"]+)" already exists')
_AWAY = re.compile(
    r"unable to connect|connection (refused|reset|timed out)|i/o timeout|no such host|timed out"
    r"|etcdserver|TooManyRequests|ServiceUnavailable|InternalError|Unauthorized|EOF",
    re.IGNORECASE,
)
_FULL = re.compile(r"exceeded quota", re.IGNORECASE)


def manifest(
    told: Kubernetes, asked: Any, name: str, run: str, command: str, folder: Path
) -> dict[str, Any]:
    """The job of a name that runs a script in a folder, with the resources that it asks for.

    A GPU is a limit; memory is asked for and a limit as well.
    """
    amounts: dict[str, str] = {"cpu": str(asked.get("cpus_per_task") or asked.get("_cores") or 1)}
    if memory := asked.get("mem_mb"):
        amounts["memory"] = f"{memory}M"
    limits = {key: value for key, value in amounts.items() if key == "memory"}
    if gpus := asked.get("gpu_count"):
        limits["nvidia.com/gpu"] = str(gpus)
    container = {
        "name": "job",
        "image": told.image,
        "command": ["bash", "-c", command],
        "workingDir": str(folder),
        "env": [{"name": "PYTHONPATH", "value": str(folder / "src")}],
        "resources": {"requests": amounts, "limits": limits},
        "volumeMounts": [{"name": c, "mountPath": str(at)} for c, at in told.volumes.items()],
    }
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": _GRACE,
        "containers": [container],
        "volumes": [
            {"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in told.volumes
        ],
    }
    if gpus:
        pod["tolerations"] = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    if kind := asked.get("gpu_type"):
        # As NVIDIA's feature discovery labels nodes.
        pod["nodeSelector"] = {"nvidia.com/gpu.product": kind}
    labels = {_RUN: run}
    job = {
        "backoffLimit": 0,
        "ttlSecondsAfterFinished": _KEPT,
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    if minutes := asked.get("runtime"):
        job["activeDeadlineSeconds"] = 60 * minutes
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": labels},
        "spec": job,
    }


def states(items: list[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """State and reason of jobs, in SLURM's words, by name, from jobs and their pods."""
    pods: dict[str, list[str]] = {}
    for item in items:
        if item["kind"] == "Pod":
            job = item["metadata"]["labels"].get("job-name", "")
            pods.setdefault(job, []).extend(_reasons(item["status"]))
    states = {}
    for item in items:
        if item["kind"] == "Job":
            name = item["metadata"]["name"]
            states[name] = _state(item.get("status") or {}, pods.get(name, []))
    return states


def _reasons(status: Mapping[str, Any]) -> list[str]:
    """Why a pod and its containers wait or have ended."""
    parts = [
        part
        for container in status.get("containerStatuses", [])
        for part in (container.get("state") or {}).values()
    ]
    return [told["reason"] for told in (status, *parts) if told.get("reason")]


def _state(status: Mapping[str, Any], reasons: list[str]) -> tuple[str, str]:
    conditions = {c["type"]: c for c in status.get("conditions", []) if c["status"] == "True"}
    if "Complete" in conditions:
        return "COMPLETED", ""
    if "Failed" in conditions:
        why = [*reasons, conditions["Failed"].get("reason", "")]
        known = next((reason for reason in why if reason in _ENDS), None)
        return (_ENDS[known], known) if known else ("FAILED", why[-1])
    never = next((reason for reason in reasons if _NEVER.search(reason)), None)
    if never:
        return "PENDING", never
    return ("RUNNING", "") if status.get("active") else ("PENDING", "")


class Kubectl(Submitter):
    """Calls of kubectl that make a job. A job's name is its own, so none is made twice."""

    def _marked(self, call: str, mark: str) -> str:
        return call

    def _taken(self, mark: str) -> str | None:
        # The next call tells.
        return ""

    def _call(self, call: str, script: str | None) -> subprocess.CompletedProcess[str]:
        done = super()._call(call, script)
        match = _EXISTS.search(done.stderr)
        if done.returncode and match:
            return subprocess.CompletedProcess(call, 0, match[1], "")
        return done

    def _refusal(self, words: str) -> tuple[Refusal, str]:
        return refusal_by(words, _AWAY, _FULL)


class Executor(Scripted):
    """Snakemake's executor for Kubernetes."""

    engine = "Kubernetes"
    folder = Path(".snakemake/kubernetes_logs")

    def __init__(self, workflow: Any, logger: Any):
        self.submitter = Kubectl(
            lambda: self.run_uuid, self.site.submit_pause, self.tell_of_waiting
        )
        super().__init__(workflow, logger)

    @classmethod
    def check(cls, site: Site) -> None:
        """Raise UserError where the site file does not say what jobs need, or says more."""
        if site.kubernetes is None:
            raise UserError(
                f"{SITE}: kubernetes: missing; allowed: image, volumes and namespace of the jobs"
            )
        here = Path.cwd()
        if not any(here.is_relative_to(at) for at in site.kubernetes.volumes.values()):
            raise UserError(
                f"{SITE}: kubernetes.volumes: none is mounted at {here} or above; allowed: a claim"
                " of a volume, and the folder where jobs and this machine see it"
            )
        for key in ("partition", "account", "qos", "constraint", "reservation", "mail", "options"):
            if getattr(site, key):
                raise UserError(f"{SITE}: {key}: Kubernetes has no such thing; leave it out")

    def get_python_executable(self) -> str:
        """That of the container's image."""
        return "python"

    def written(self, job: Any, command: str, log: Path) -> tuple[str, str]:
        """The call of kubectl, and the manifest that it reads."""
        asked, folder = job.resources, Path(self.workflow.workdir_init)
        saying = f"exec >> {shlex.quote(str(log))} 2>&1\n{command}"
        name = f"clearbench-{self.run_uuid[:8]}-{log.stem[len(self.run_uuid) + 1 :]}".lower()
        made = manifest(
            self._of_site, asked, name, self.run_uuid, script(saying, asked.get("runtime")), folder
        )
        call = [*self._kubectl, "create", "-o", "name", "-f", "-"]
        return shlex.join(call), json.dumps(made)

    def number_of(self, done: subprocess.CompletedProcess[str]) -> str:
        """The name of a job, as in `job.batch/NAME`."""
        return done.stdout.strip().rpartition("/")[2]

    def find(self) -> dict[str, tuple[str, str]]:
        """State and reason of the run's jobs, by name."""
        words = ("get", "jobs,pods", f"--selector={_RUN}={self.run_uuid}", "-o", "json")
        jobs = states(json.loads(ask(*self._kubectl, *words))["items"])
        podless = [name for name, told in jobs.items() if told == ("PENDING", "")]
        reasons = self._never_made() if podless else {}
        return jobs | {name: ("PENDING", reasons[name]) for name in podless if name in reasons}

    def _never_made(self) -> dict[str, str]:
        """Why pods of jobs will never be made, by the jobs' names, as far as one may ask."""
        fields = "--field-selector=involvedObject.kind=Job,reason=FailedCreate"
        try:
            told = ask(*self._kubectl, "get", "events", fields, "-o", "json")
        except UserError:
            return {}
        return never_made(json.loads(told)["items"])

    def hopeless(self, state: str, reason: str) -> str | None:
        """Why a job that waits for this reason will never start; None if it may."""
        if state != "PENDING" or not reason:
            return None
        if _NEVER.search(reason):
            return f"its container can't be made; name another image in {SITE} (kubernetes.image)"
        return (
            "Kubernetes makes no pod for it; `clearbench doctor --profile kubernetes` tells what"
            " the namespace allows"
        )

    def cancel_one(self, number: str) -> None:
        """Cancel a job."""
        ask(*self._kubectl, "delete", "job", number, "--wait=false")

    def all_cancelled(self) -> tuple[str, ...]:
        """The command that cancels all jobs of the run."""
        words = ("delete", "jobs", f"--selector={_RUN}={self.run_uuid}", "--wait=false")
        return (*self._kubectl, *words)

    @property
    def _of_site(self) -> Kubernetes:
        assert self.site.kubernetes is not None
        return self.site.kubernetes

    @property
    def _kubectl(self) -> tuple[str, ...]:
        return ("kubectl", "--namespace", self._of_site.namespace)
