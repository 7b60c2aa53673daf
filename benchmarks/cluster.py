"""How long SLURM and Snakemake take beyond the jobs' own time, read off a finished run.

Called in the folder of a run with `--profile slurm`. Seconds of a SLURM job: `queue` from sbatch to
SLURM's start, `start` until that of the stage (three processes of Snakemake, and the image), `own`
in the stages, `end` until Snakemake has seen the end. Times are whole seconds, so single figures
are off by one.
"""

import argparse
import json
import re
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from statistics import fmean

from tabulate import tabulate

_TIME = re.compile(r"^\[(.+ \d{4})\]")
_SUBMITTED = re.compile(r"^Job (\S+) has been submitted with SLURM jobid (\d+)")
_MEMBER = re.compile(r"^ {8}jobid: (\d+)$")
_FINISHED = re.compile(r"^Finished jobid: (\d+) ")


def main(suite: str, log: Path) -> None:
    """Print the table of a run."""
    spans = read_spans(log.read_text())
    rows = defaultdict(list)
    for job, records in by_slurm_job(Path("results") / suite).items():
        if job not in spans:
            continue
        submitted, seen = spans[job]
        began = min(seconds_of(record["started"]) for record in records)
        ended = max(seconds_of(record["started"]) + record["seconds"] for record in records)
        start = seconds_of(records[0]["slurm"]["start"])
        own = sum(record["seconds"] for record in records)
        figures = (start - submitted, began - start, own, seen - ended)
        rows[records[0]["stage"]].append((len(records), *figures, seen - start - own))
    table = []
    for stage, found in rows.items():
        artifacts, *figures = zip(*found, strict=True)
        table.append([stage, len(found), sum(artifacts), *map(fmean, figures)])
    headers = ["stage", "SLURM jobs", "artifacts", "queue", "start", "own", "end", "beyond own"]
    print(tabulate(table, headers, floatfmt=".1f"))


def read_spans(text: str) -> dict[str, tuple[float, float]]:
    """When Snakemake submitted a SLURM job and saw its end, in seconds since 1970, by its id."""
    now = 0.0
    members: list[str] = []  # of the group that is about to be submitted
    submitted: dict[str, tuple[str, float]] = {}
    found = {}
    for line in text.splitlines():
        if time := _TIME.match(line):
            now = datetime.strptime(time[1], "%a %b %d %H:%M:%S %Y").timestamp()
        elif match := _MEMBER.match(line):
            members.append(match[1])
        elif match := _SUBMITTED.match(line):
            jobs = [match[1]] if match[1].isdigit() else members
            submitted.update((job, (match[2], now)) for job in jobs)
            members = []
        elif (match := _FINISHED.match(line)) and match[1] in submitted:
            number, start = submitted[match[1]]
            found[number] = (start, now)
    return found


def by_slurm_job(root: Path) -> dict[str, list[dict]]:
    """The provenance records by the SLURM job that wrote them."""
    found = defaultdict(list)
    for path in root.rglob("provenance.json"):
        record = json.loads(path.read_text())
        if record["slurm"]:
            found[record["slurm"]["job"]].append(record)
    return found


def seconds_of(text: str) -> float:
    """A time in seconds since 1970; without a zone it is this machine's."""
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite")
    logs = Path(".snakemake/log").glob("*.log")
    parser.add_argument(
        "--log", type=Path, default=max(logs, default=None), help="Snakemake's; default: the last"
    )
    arguments = parser.parse_args()
    main(arguments.suite, arguments.log)
