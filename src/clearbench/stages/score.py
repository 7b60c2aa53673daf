"""Score: all metrics of one model, from its records and those of its gold."""

import json
from pathlib import Path

from clearbench.evaluation.records import RECORDS, read_records
from clearbench.metrics.score import SCORES, score_records
from clearbench.provenance.job import Job


def run(records: Path, gold: Path, out: Path) -> None:
    """Write the scores (metric key to value) of an evaluated model; a diverged one has none."""

    def work(job: Job) -> None:
        scores = score_records(read_records(records / RECORDS), read_records(gold / RECORDS))
        text = json.dumps(scores, indent=1) + "\n"
        (job.folder / SCORES).write_text(text, encoding="utf-8")

    Job("score", out, {"records": records, "gold": gold}, {}).run(work)
