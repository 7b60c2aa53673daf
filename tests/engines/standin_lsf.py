#!/usr/bin/env python3
"""A stand-in for LSF's commands, called by their names: it runs the jobs on this machine.

It knows what the tests rely on, by IBM's documentation of LSF 10.1, and refuses all else. Jobs are
folders of $STANDIN: `call` has the options, `state` what bjobs tells. While there is a file `down`,
LSF is out of reach; `refuse` has what bsub says in place of taking a job. A minute of `-W` takes as
many seconds as $STANDIN_MINUTE says. What the commands of `SHOWN` print is in files of their names.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(os.environ["STANDIN"])
VALUED = ("-J", "-Jd", "-o", "-cwd", "-n", "-W", "-M", "-R", "-q", "-P", "-U", "-u", "-gpu")
FLAGS = ("-r", "-N", "-x")
SHOWN = {
    "lsid": [],
    "bqueues": ["-l", "-u"],
    "busers": ["-w"],
    "bhosts": ["-gpu", "-w"],
}
"""Commands that show how LSF is set up, with the options that they are called with."""


def bsub(words):
    call, rest = {"-R": []}, list(words)
    while rest:
        name = rest.pop(0)
        if name not in VALUED + FLAGS:
            sys.exit(f"{name}: Illegal option. Job not submitted.")
        value = rest.pop(0) if name in VALUED else True
        if name == "-R":
            call["-R"].append(value)
        else:
            call[name] = value
    if (ROOT / "refuse").exists():
        refused(call, (ROOT / "refuse").read_text())
    for name in ("-M", "-R"):
        told = " ".join(call.get(name, [])) if name == "-R" else call.get(name, "1MB")
        assert re.search(r"\d+MB", told), told
    number = 1 + sum(1 for _ in ROOT.glob("*/call"))
    folder = ROOT / str(number)
    folder.mkdir()
    (folder / "call").write_text(json.dumps(call))
    (folder / "script").write_text(sys.stdin.read())
    tell(folder, "PEND")
    subprocess.Popen(
        [sys.executable, __file__, "run", str(number)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    if (ROOT / "lose").exists():
        (ROOT / "lose").unlink()
        sys.exit("Failed in an LSF library call: Communication time out. Job not submitted.")
    print(f"Job <{number}> is submitted to queue <{call.get('-q', 'normal')}>.")


def refused(call, text):
    queue, _, words = text.partition(":")
    if queue in ("*", call.get("-q")):
        sys.exit(words.strip())


def run(number):
    folder = ROOT / number
    call = json.loads((folder / "call").read_text())
    tell(folder, "RUN")
    with Path(call["-o"]).open("ab") as log:
        job = subprocess.Popen(
            ["bash", str(folder / "script")],
            cwd=call["-cwd"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "LSB_JOBID": number},
            start_new_session=True,
        )
    (folder / "group").write_text(str(job.pid))
    limit = float(call.get("-W", 10**6)) * float(os.environ.get("STANDIN_MINUTE", "60"))
    try:
        job.wait(limit)
    except subprocess.TimeoutExpired:
        (folder / "reason").write_text(
            "TERM_RUNLIMIT: job killed after reaching LSF run time limit"
        )
        end(job.pid, (signal.SIGUSR2, signal.SIGINT, signal.SIGTERM))
        try:
            job.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
    tell(folder, "DONE" if job.returncode == 0 else "EXIT")


def end(group, signals):
    for number in signals:
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        time.sleep(0.5)


def bkill(words):
    if words[:1] == ["-J"]:
        assert words[2:] == ["0"]
        chosen = [f for f in folders() if json.loads((f / "call").read_text())["-J"] == words[1]]
    else:
        chosen = [ROOT / number for number in words]
    for folder in chosen:
        if (folder / "state").read_text() not in ("PEND", "RUN"):
            continue
        (folder / "reason").write_text("TERM_OWNER: job killed by owner")
        while not (folder / "group").exists():
            time.sleep(0.1)
        end(int((folder / "group").read_text()), (signal.SIGINT, signal.SIGTERM))
        print(f"Job <{folder.name}> is being terminated")


def bjobs(words):
    every, name, form = False, None, ""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "-a":
            every = True
        elif word == "-J":
            name = rest.pop(0)
        elif word == "-o":
            form = rest.pop(0)
        else:
            assert word == "-noheader", word
    fields, delimiter = re.fullmatch(r"([\w ]+) delimiter='(.)'", form).groups()
    lines = []
    for folder in folders():
        call, state = json.loads((folder / "call").read_text()), (folder / "state").read_text()
        if name not in (None, call["-J"]) or (not every and state in ("DONE", "EXIT")):
            continue
        reason = folder / "reason"
        told = {
            "jobid": folder.name,
            "stat": state,
            "exit_reason": reason.read_text() if state == "EXIT" and reason.exists() else "-",
            "job_description": call["-Jd"],
            "sub_cwd": call["-cwd"],
        }
        lines.append(delimiter.join(told[field] for field in fields.split()))
    if not lines:
        sys.exit(f"Job <{name}> is not found" if name else "No unfinished job found")
    print("\n".join(lines))


def show(command, words):
    options = [word for word in words if word.startswith("-")]
    assert options == SHOWN[command], words
    (ROOT / f"{command}.asked").write_text(" ".join(words))
    if not (ROOT / command).exists():
        sys.exit(f"{command}: Illegal option. ")
    print((ROOT / command).read_text(), end="")


def folders():
    found = (path.parent for path in ROOT.glob("*/state") if not (path.parent / "gone").exists())
    return sorted(found, key=lambda folder: int(folder.name))


def tell(folder, state):
    new = folder / "new"
    new.write_text(state)
    new.replace(folder / "state")


if __name__ == "__main__":
    command, words = Path(sys.argv[0]).name, sys.argv[1:]
    if words[:1] == ["run"]:
        run(words[1])
    else:
        if (ROOT / "down").exists():
            sys.exit("LSF is down. Please wait ...")
        if command in SHOWN:
            show(command, words)
        else:
            {"bsub": bsub, "bjobs": bjobs, "bkill": bkill}[command](words)
