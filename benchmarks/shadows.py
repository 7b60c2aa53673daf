"""Ways to train shadow models: `python benchmarks/shadows.py`.

Trains the same few shadow models of a vision suite's finished results in three ways, in alternating
rounds. *Alone*: a `clearbench shadows` for each. *Together*: one such job for all, as the workflow
does. *Stacked*: one process whose models are one, their weights stacked (`torch.func`), a batch of
each model a step. Processor time of the whole processes is counted, start-up included; in the last
way also where models and pictures are loaded as in the second.
"""

import argparse
import copy
import itertools
import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

WAYS = ("alone", "together", "stacked")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results/mini-vision"))
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="instead of the suite's")
    parser.add_argument("--stack", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    settings = settings_of(options.results)
    if options.epochs:
        settings["training"]["epochs"] = options.epochs
    if options.stack:
        train_stacked(options.results, settings, options.models)
        return
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(options.rounds):
        for way in WAYS:
            with TemporaryDirectory(prefix="clearbench-shadows-") as folder:
                seconds = sum(
                    processor_seconds(words)
                    for words in commands(way, options, settings, Path(folder))
                )
            rates[way].append(60 * options.models / seconds)
    for way, found in rates.items():
        ratios = [rate / alone for rate, alone in zip(found, rates["alone"], strict=True)]
        print(
            f"{way:<9} {statistics.median(found):6.1f} models a minute,"
            f" {statistics.median(ratios):.2f} times those alone"
            f" ({min(ratios):.2f} to {max(ratios):.2f} by round)"
        )


def settings_of(results: Path) -> dict[str, Any]:
    """The settings of the suite's shadow models."""
    from clearbench.suite.graph import Graph
    from clearbench.suite.load import load_suite

    artifact = Graph(load_suite(results.name, Path.cwd()))["shadows/0"]
    return copy.deepcopy(dict(artifact.settings))


def commands(
    way: str,
    options: argparse.Namespace,
    settings: Mapping[str, Any],
    folder: Path,
) -> list[list[str]]:
    """The command lines of a way."""
    if way == "stacked":
        words = [sys.executable, __file__, "--stack", "--results", str(options.results)]
        words += ["--models", str(options.models)]
        return [[*words, "--epochs", str(settings["training"]["epochs"])]]
    together, jobs = (1, options.models) if way == "alone" else (options.models, 1)
    text = json.dumps({**settings, "population": {**settings["population"], "together": together}})
    return [
        [
            *(sys.executable, "-m", "clearbench", "shadows", "--settings", text),
            *("--number", str(number)),
            *("--base", str(options.results / "base")),
            *("--dataset", str(options.results / "dataset"), "--out", str(folder / str(number))),
        ]
        for number in range(jobs)
    ]


def processor_seconds(words: list[str]) -> float:
    """The processor time of a command; ends this program where the command fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = subprocess.run(words, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(run.stdout + run.stderr)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def train_stacked(results: Path, settings: Mapping[str, Any], count: int) -> None:
    """Train models whose weights are stacked, with as many steps as the shortest of them alone."""
    import torch
    from torch.func import functional_call, stack_module_state, vmap

    from clearbench.config.settings import ShadowSettings
    from clearbench.data.faces import persons_of, read_faces
    from clearbench.data.store import Store
    from clearbench.models.device import prepare_device
    from clearbench.models.faces import Pixels, load_face_model, load_image_processor
    from clearbench.training.batches import endless_batches
    from clearbench.training.faces import am_softmax
    from clearbench.training.shadows import known_to, membership, rings

    given = ShadowSettings.model_validate(settings)
    training = given.training
    device = prepare_device(0)
    store = Store(results / "dataset")
    pixels = Pixels(load_image_processor(results / "base"), store)
    of_sizes = [read_faces(store, size, given.holdout) for size in sorted(given.forget_sizes)]
    known = membership(rings(of_sizes), given.population.shadows + given.population.targets)
    shown = [known_to(number, of_sizes[-1], known, given.persons) for number in range(count)]
    models = []
    for seen in shown:
        model = load_face_model(results / "base", device).train()
        # One width of head for all, so that they stack.
        model.set_persons(max(map(persons_of, shown), key=len))
        models.append(model)
        model.rows = {person: row for row, person in enumerate(persons_of(seen))}
    weights, buffers = stack_module_state(models)
    skeleton = copy.deepcopy(models[0]).to("meta")

    def embed(weights: Any, buffers: Any, batch: Any) -> Any:
        return functional_call(skeleton, (weights, buffers), (batch,))

    optimizer = torch.optim.AdamW(weights.values(), lr=training.lr, fused=True)
    orders = [
        (
            batch
            for batch in endless_batches([1] * len(seen), training.batch_size, generator)
            if len(batch) == training.batch_size
        )
        for seen, generator in zip(
            shown, (torch.Generator().manual_seed(i) for i in range(count)), strict=True
        )
    ]
    steps = training.epochs * min(map(len, shown)) // training.batch_size
    for numbers in itertools.islice(zip(*orders, strict=True), steps):
        seen = [
            [faces_of[i] for i in batch] for faces_of, batch in zip(shown, numbers, strict=True)
        ]
        batch = torch.stack([pixels.batch([face.image for face in found]) for found in seen])
        embeddings = vmap(embed)(weights, buffers, batch)
        loss = torch.zeros(())
        for k, found in enumerate(seen):
            head = torch.nn.functional.normalize(weights["head"][k], dim=-1)
            labels = torch.tensor([models[k].rows[face.person] for face in found])
            loss = loss + am_softmax(30 * embeddings[k] @ head.T, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


if __name__ == "__main__":
    main()
