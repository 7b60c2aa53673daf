"""A trial of a suite in seconds: its methods on random numbers, the metrics on drawn records."""

import random
from collections.abc import Iterable, Iterator
from typing import Any

from clearbench.data.tasks import Task
from clearbench.evaluation.records import Likelihood, Record
from clearbench.evaluation.tokens import Tokens
from clearbench.metrics.score import score_faces, score_with_draws
from clearbench.suite.suite import Suite

_SAMPLES, _PERSONS, _PICTURES, _SHADOWS, _WIDTH = 8, 4, 4, 4, 8


def try_methods(suite: Suite) -> int:
    """Let the method of each row of a suite unlearn once; gives their number.

    Raises UserError, with the method's file and line, for the first mistake.
    """
    # Imported here: it loads torch, which nothing else here needs.
    from clearbench.training.trial import try_out

    for row in suite.file.methods:
        tried: list[dict[str, Any]] = []
        for _, parameters, _ in suite.unlearnings(row):
            if parameters not in tried:
                try_out(suite.method(row), parameters, suite.domain)
                tried.append(parameters)
    return len(suite.file.methods)


def try_metrics(suite: Suite) -> int:
    """Compute all metrics of a suite's domain once; gives the number of scores.

    Raises UserError, with the metric's file and line, for the first mistake.
    """
    if suite.domain == "vision":
        return len(_scores_of_faces())
    own, gold = (list(_records(suite.layout.TASKS, seed)) for seed in range(2))
    scored = score_with_draws(
        own, gold, declared=suite.tasks, original_records=own, packages=suite.file.packages
    )
    return len(scored.scores)


def _records(tasks: Iterable[Task], seed: int) -> Iterator[Record]:
    generator = random.Random(seed)
    words = ("red", "hat", "old", "mill")
    for task, split in ((each, split) for each in tasks for split in each.asked):
        for number in range(_SAMPLES):
            # All models are asked the same.
            asked = random.Random(f"{task.name}/{number}")
            texts = [" ".join(drawn.choices(words, k=3)) for drawn in (asked, generator)]
            likelihoods = [
                Likelihood(-generator.expovariate(0.3), 3, -generator.random()) for _ in range(5)
            ]
            yield Record.measured(
                likelihoods,
                split=split,
                task=task.name,
                id=f"{task.name}/{number}",
                answer=texts[0],
                generated=texts[1],
                person=f"person {number // 2}",
                tokens=_tokens(likelihoods[0].tokens + 1, generator),
            )


def _tokens(count: int, generator: random.Random) -> Tokens:
    log_p, mean = (tuple(-generator.expovariate(1) for _ in range(count)) for _ in range(2))
    greedy = tuple(generator.random() < 0.5 for _ in range(count))
    return Tokens(log_p, greedy, mean, variance=tuple(generator.random() for _ in range(count)))


def _scores_of_faces() -> dict[str, float]:
    import numpy as np

    from clearbench.evaluation.embeddings import MODEL, Picture, Seen

    generator = np.random.default_rng(0)
    pictures = [
        Picture(split, f"{split} {person}", f"{split}/{person}/{number}", (0, 2))
        for split in ("forget", "holdout", "retain")
        for person in range(_PERSONS)
        for number in range(_PICTURES)
    ]
    asked = [picture for picture in pictures if picture.split != "retain"]

    def seen(shown: list[Picture], *models: str) -> Seen:
        vectors = {name: generator.normal(size=(len(shown), _WIDTH)) for name in models}
        unit = {name: v / np.linalg.norm(v, axis=1, keepdims=True) for name, v in vectors.items()}
        return Seen(shown, {name: matrix.astype(np.float32) for name, matrix in unit.items()})

    shadows = seen(asked, *map(str, range(_SHADOWS)))
    return score_faces(seen(pictures, MODEL), [shadows], _PICTURES // 2, None)
