#!/usr/bin/env python3
"""A stand-in for kubectl: it checks the manifests of jobs, and runs their containers as processes.

Jobs are folders of $STANDIN, with `manifest`, and `status` once they have ended. An image that is
called `nowhere` is never pulled, and of one called `toolarge` a quota lets no pod be. What a server
has beside jobs is in `objects`, a file for each kind of them; while there is a file `down` it is
out of reach. `refuse` has what it says of jobs, `denied` what this user may not do, and `forbidden`
the kinds of objects that may not be seen.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ["STANDIN"])


SCOPE = {"nodes": "at the cluster scope", "namespaces": "at the cluster scope"}


def told(name):
    path = ROOT / name
    return path.read_text().strip().splitlines() if path.exists() else []


def create(words):
    made = json.load(sys.stdin)
    assert (made["apiVersion"], made["kind"]) == ("batch/v1", "Job"), made
    if told("refuse"):
        sys.exit(told("refuse")[0])
    if "--dry-run=server" in words:
        print(f"job.batch/{made['metadata']['name']}")
        return
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
    if container["image"] in ("nowhere", "toolarge"):
        return
    given = {told["name"]: told["value"] for told in container["env"]}
    # The image has the packages, and the code is the checkout's.
    given["PYTHONPATH"] = os.environ["PYTHONPATH"]
    done = subprocess.run(
        container["command"], cwd=container["workingDir"], env={**os.environ, **given}
    )
    (ROOT / name / "new").write_text(str(done.returncode))
    (ROOT / name / "new").rename(ROOT / name / "status")


def version(words):
    assert words[-2:] == ["-o", "json"]
    print(json.dumps({"clientVersion": {}, "serverVersion": {"gitVersion": "v1.31.2"}}))


def auth(words):
    action = " ".join(words[words.index("can-i") + 1 :])
    answer = "no" if action in told("denied") else "yes"
    print(answer)
    sys.exit(answer == "no")


def objects(kinds, names):
    """What the server has of some kinds, or the one of a name."""
    plural = [kind if kind.endswith("s") else f"{kind}s" for kind in kinds.split(",")]
    for kind in plural:
        if kind in told("forbidden"):
            where = SCOPE.get(kind, "in the namespace")
            sys.exit(
                f'Error from server (Forbidden): {kind} is forbidden: User "me" cannot list'
                f' resource "{kind}" in API group "" {where}'
            )
    items = [item for kind in plural for item in json.loads("".join(told(f"objects/{kind}")))]
    if not names:
        print(json.dumps({"kind": "List", "items": items}))
        return
    named = [item for item in items if item["metadata"]["name"] == names[0]]
    if not named:
        sys.exit(f'Error from server (NotFound): {plural[0]} "{names[0]}" not found')
    print(json.dumps(named[0]))


def events():
    """What the controller of jobs says of pods that a quota leaves no room for."""
    for path in ROOT.glob("*/manifest"):
        name = path.parent.name
        said = (
            f'Error creating: pods "{name}-{os.getpid()}" is forbidden: exceeded quota: small,'
            " requested: pods=1,limits.memory=400M, used: pods=0,limits.memory=0,"
            " limited: pods=9,limits.memory=200Mi"
        )
        yield {"involvedObject": {"name": name}, "message": said, "lastTimestamp": str(os.getpid())}


def get(words):
    if "events" in words:
        assert "--field-selector=involvedObject.kind=Job,reason=FailedCreate" in words
        print(json.dumps({"kind": "List", "items": list(events())}))
        return
    if not any(word.startswith("--selector=") for word in words):
        kinds, *names = words[words.index("get") + 1 : words.index("-o")]
        return objects(kinds, names)
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
    if image == "toolarge":
        return [{"kind": "Job", "metadata": {"name": name}, "status": {}}]
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
        if (ROOT / "down").exists():
            sys.exit(
                "The connection to the server 10.0.0.1:6443 was refused - did you specify the right"
                " host or port?"
            )
        verbs = {"auth": auth, "version": version, "create": create, "get": get, "delete": delete}
        verbs[next(word for word in words if word in verbs)](words)
