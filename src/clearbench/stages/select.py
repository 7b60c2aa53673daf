"""Select: the point of a sweep that forgets most at equal retention, on other persons."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearbench.config.chosen import CHOSEN
from clearbench.config.settings import SelectSettings
from clearbench.errors import UserError
from clearbench.jobs.artifacts import Manifest
from clearbench.jobs.job import Job
from clearbench.metrics.headline import QUALITY, RETAIN
from clearbench.metrics.score import SCORES
from clearbench.results.choice import chosen


def run(settings: SelectSettings, inputs: Mapping[str, Path], out: Path) -> None:
    """Write the values of the chosen point.

    `inputs` are scores: of `original`, then of each point at each strength, in the settings' order.
    A point that diverged is not chosen; UserError where none has a number.
    """

    def work(job: Job) -> None:
        numbers = [_numbers(inputs[name], job.inputs[name]) for name in inputs]
        original, scored = numbers[0], iter(numbers[1:])
        ascending = sorted(range(len(settings.strengths)), key=settings.strengths.__getitem__)
        curves = {}
        for point in settings.points:
            of_point = [next(scored) for _ in settings.strengths]
            curves[point.name] = [original, *(of_point[place] for place in ascending)]
        best = chosen(curves, settings.retention)
        if best is None:
            raise UserError("no point of the sweep has a forget quality: all diverged; try others")
        values = next(point.values for point in settings.points if point.name == best)
        text = json.dumps(values, indent=1, sort_keys=True) + "\n"
        (job.folder / CHOSEN).write_text(text, encoding="utf-8")

    # Of points that diverged it is told which others there are.
    Job("select", out, inputs, settings.model_dump(), diverges=False).run(work)


def _numbers(folder: Path, manifest: Manifest) -> Mapping[str, Any]:
    """The scores of a model; none where it diverged."""
    if manifest.diverged:
        return {}
    text = (folder / SCORES).read_text(encoding="utf-8")
    read: dict[str, Any] = json.loads(text)
    return {key: read.get(key) for key in (RETAIN, QUALITY)}
