"""Score: all metrics of one model, from its records and those of its gold."""

import json
from pathlib import Path

from clearbench.evaluation.records import read_records
from clearbench.fingerprint import submodules
from clearbench.job import Job
from clearbench.layout import RECORDS, SCORES
from clearbench.metrics.score import score_records

PLUGINS = tuple(submodules("clearbench.metrics"))


def run(records: Path, gold: Path, out: Path) -> None:
    """Write the scores (metric key to value) of an evaluated model; a diverged one has none."""
    with Job("score", out, {"records": records, "gold": gold}, {}, PLUGINS) as job:
        for manifest in job.inputs.values():
            if manifest.diverged:
                job.diverged(manifest.step)
                return
        scores = score_records(read_records(records / RECORDS), read_records(gold / RECORDS))
        text = json.dumps(scores, indent=1) + "\n"
        (job.folder / SCORES).write_text(text, encoding="utf-8")
