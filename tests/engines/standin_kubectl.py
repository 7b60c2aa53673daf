#!/usr/bin/env python3
"""A stand-in for kubectl: it checks the manifests of jobs, and runs their containers as processes.

Jobs are folders of $STANDIN, with `manifest`, and `status` once they have ended. An image that is
called `nowhere` is never pulled.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ["STANDIN"])


def create(words):
    made = json.load(sys.stdin)
    assert (made["apiVersion"], made["kind"]) == ("batch/v1", "Job"), made
    folder = ROOT / made["metadata"]["name"]
    if folder.exists():
        sys.exit(f'Error from server (AlreadyExists): jobs.batch "{folder.name}" already exists')
    folder.mkdir()
    (folder / "manifest").write_text(json.dumps(made))
    subprocess.Popen(
        [sys.executable, __file__, "run", folder.name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    print(f"job.batch/{folder.name}")


def run(name):
    made = json.loads((ROOT / name / "manifest").read_text())
    (container,) = made["spec"]["template"]["spec"]["containers"]
    if container["image"] == "nowhere":
        return
    given = {told["name"]: told["value"] for told in container["env"]}
    # The image has the packages, and the code is the checkout's.
    given["PYTHONPATH"] = os.environ["PYTHONPATH"]
    done = subprocess.run(
        container["command"], cwd=container["workingDir"], env={**os.environ, **given}
    )
    (ROOT / name / "new").write_text(str(done.returncode))
    (ROOT / name / "new").rename(ROOT / name / "status")


def get(words):
    (selector,) = [word.partition("=")[2] for word in words if word.startswith("--selector=")]
    label, _, value = selector.partition("=")
    items = []
    for path in ROOT.glob("*/manifest"):
        made = json.loads(path.read_text())
        if made["metadata"]["labels"].get(label) == value:
            items += both(made, path.with_name("status"))
    print(json.dumps({"kind": "List", "items": items}))


def both(made, ended):
    """A job and its pod, as the server shows them."""
    name = made["metadata"]["name"]
    image = made["spec"]["template"]["spec"]["containers"][0]["image"]
    job, state = {"active": 1}, {"running": {}}
    if image == "nowhere":
        state = {"waiting": {"reason": "ImagePullBackOff"}}
    if ended.exists():
        code = int(ended.read_text())
        state = {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed"}}
        kind, reason = ("Failed", "BackoffLimitExceeded") if code else ("Complete", "")
        job = {"conditions": [{"type": kind, "status": "True", "reason": reason}]}
    pod = {"containerStatuses": [{"name": "job", "state": state}]}
    labels = {**made["spec"]["template"]["metadata"]["labels"], "job-name": name}
    return [
        {"kind": "Job", "metadata": {"name": name}, "status": job},
        {"kind": "Pod", "metadata": {"name": f"{name}-x", "labels": labels}, "status": pod},
    ]


def delete(words):
    (ROOT / "deleted").open("a").write(" ".join(words) + "\n")


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[0] == "run":
        run(words[1])
    else:
        verb = next(word for word in words if word in ("create", "get", "delete"))
        {"create": create, "get": get, "delete": delete}[verb](words)
