"""Answers: what original, gold and the other rows said to some samples, within a budget."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clearbench.data.normal_form import normal_form
from clearbench.data.store import EvalSample, Store
from clearbench.evaluation.records import read_records, records_at
from clearbench.report.shared import Shared
from clearbench.results.runs import Results
from clearbench.results.tree import Tree
from clearbench.suite.graph import REPORT, Graph

SAMPLES = 50
"""The most samples of a task and split at a forget size."""

REAL = "real"
"""The split whose samples are about real persons and things, left out unless asked for."""

SIDE = 96
"""Pixels of the longer side of a thumbnail."""

Topic = tuple[int, str, str]
"""A forget size, a split and a task."""

Said = Mapping[tuple[str, str, str], tuple[str, str]]
"""A model's answer and the losses of the candidates by split, task and id of the sample."""

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def answers_of(
    graph: Graph, tree: Tree, results: Results, real_persons: bool
) -> dict[str, Any] | None:
    """The models with what they said to the chosen samples; None where none answers in words.

    Samples are spread evenly over each task; as many of each as all fit into the budget with.
    """
    asked = [
        run
        for run in (graph.runs[name] for name in results.runs)
        if f"records/{run.name}" in graph[REPORT].inputs and results.runs[run.name].state == "ok"
    ]
    if not asked or tree.manifest_digest("dataset") is None:
        return None
    store = Store(tree.folder("dataset"))
    spoken = [_said(records_at(tree.folder(run.records))) for run in asked]
    names = list(results.runs)
    models = [
        {"run": names.index(run.name), "row": run.group, "size": run.forget_size} for run in asked
    ]
    topics = topics_of(store, results.suite.file.forget_sizes)
    fictitious = results.suite.dataset.made_up
    shown_of = {t for t in topics if real_persons or (fictitious and is_of_persons(t))}
    budget, quota = results.suite.file.report.answers * 1e6, SAMPLES
    while True:
        chosen = {
            topic: spread(samples, quota) if topic in shown_of else []
            for topic, samples in topics.items()
        }
        panel = _panel(store, chosen, models, spoken)
        if not quota or len(json.dumps(panel)) <= budget:
            break
        quota //= 2
    shown = [
        [size, split, task, len(chosen[size, split, task]), len(samples)]
        for (size, split, task), samples in topics.items()
    ]
    allowed = {"real_persons": real_persons, "fictitious": fictitious}
    return {**panel, "shown": shown, **allowed}


def spread(samples: Sequence[EvalSample], quota: int) -> list[EvalSample]:
    """So many of some samples, at even distances."""
    count = min(quota, len(samples))
    return [samples[number * len(samples) // count] for number in range(count)]


def thumbnail(store: Store, key: int) -> str:
    """A picture of a store as a data URL, a JPEG of at most `SIDE` pixels."""
    picture = store.image(key)
    picture.thumbnail((SIDE, SIDE))
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(written.getvalue()).decode()}"


def written(losses: Sequence[float]) -> str:
    """Losses in hundredths, each of two digits to the base 36, since there are many; 12.95 at most.

    That of the true answer, of its paraphrase, and of each false one.
    """
    most = len(DIGITS) ** 2 - 1
    hundredths = [round(100 * min(loss, most / 100)) for loss in losses]
    return "".join(DIGITS[number // 36] + DIGITS[number % 36] for number in hundredths)


def is_of_persons(topic: Topic) -> bool:
    """Whether a topic is about the dataset's own persons, and not about the real world."""
    return topic[1] != REAL


def topics_of(store: Store, sizes: Sequence[int]) -> dict[Topic, list[EvalSample]]:
    """The samples by topic, in the dataset's order."""
    topics: dict[Topic, list[EvalSample]] = {}
    for size in sizes:
        for sample in store.evaluation(size):
            topics.setdefault((size, sample.split, sample.task), []).append(sample)
    return topics


def _panel(
    store: Store,
    chosen: Mapping[Topic, Sequence[EvalSample]],
    models: list[dict[str, Any]],
    said: Sequence[Said],
) -> dict[str, Any]:
    """The samples, of each the number of each model's answer among the texts; -1 for no answer."""
    texts, pictures = Shared(), Shared()
    samples = []
    for (size, split, task), of_topic in chosen.items():
        for sample in of_topic:
            key = split, task, sample.id
            answered = [
                of_model.get(key) if model["size"] == size else None
                for model, of_model in zip(models, said, strict=True)
            ]
            told = {
                "size": size,
                "split": split,
                "task": task,
                "id": sample.id,
                "person": sample.person,
                "question": texts.number(sample.question),
                "answer": texts.number(sample.answer),
                "picture": None
                if sample.image is None
                else pictures.number(thumbnail(store, sample.image)),
                "said": [-1 if one is None else texts.number(one[0]) for one in answered],
                "losses": [0 if one is None else one[1] for one in answered],
            }
            samples.append({name: value for name, value in told.items() if value is not None})
    return {
        "models": models,
        "samples": samples,
        "texts": texts.texts,
        # Texts that a reader would call the same have one number.
        "same": Shared().numbers(map(normal_form, texts.texts)),
        "pictures": pictures.texts,
    }


def _said(path: Path) -> Said:
    return {
        (record.split, record.task, record.id): (record.generated, written(record.losses))
        for record in read_records(path)
    }
