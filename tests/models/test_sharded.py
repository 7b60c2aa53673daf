"""A model that two processes share a part each of is trained and evaluated as one that is whole."""

import subprocess
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from clearbench.config.files import BaseSettings, Lora, ModelSource, Training
from clearbench.config.settings import (
    AlternatesSettings,
    EvaluateSettings,
    Evaluating,
    FinetuneSettings,
    Finetuning,
    ModelUse,
    ReferenceSettings,
    Unlearning,
    UnlearnSettings,
)
from clearbench.data.store import write_store
from clearbench.jobs.artifacts import PROVENANCE
from clearbench.jobs.pace import SAVE_SECONDS
from clearbench.stages import base
from models.test_architectures import eval_sample, train_sample
from models.test_parallel import ENVIRONMENT, command, facts, run
from synthetic import put_artifact
from tiny_models import BUILDS, FROZEN, LORA_TARGETS, domain_of, png

# Three rows do not divide by two; the epsilon keeps AdamW from making much of rounding.
TRAINING = {"epochs": 2, "batch_size": 3, "accumulation": 2, "lr": 1e-2, "adam_epsilon": 1e-3}
LORA = Lora(rank=2, alpha=4, targets=LORA_TARGETS)
WORDS = ("--method", "kl", "--modality", "both", "--forget-size", "10")


def use(architecture: str, shard: bool, **further) -> ModelUse:
    domain = domain_of(architecture)
    frozen = FROZEN if domain == "multimodal" else ""
    return ModelUse(domain=domain, frozen=frozen, lora=LORA, shard=shard, **further)


@pytest.fixture(scope="module", params=["llava", "llama"])
def place(request, tmp_path_factory) -> tuple[str, Path]:
    """An architecture, and a folder with a dataset, a base model and an original."""
    torch.set_num_threads(1)
    root, store = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("store")
    domain = domain_of(request.param)
    images = (None, 0, 1) if domain == "multimodal" else (None,)
    rows = [
        train_sample(number, image, part)
        for part in ("forget", "retain")
        for image in images
        for number in range(4 if part == "forget" else 3)
    ]
    asked = [
        eval_sample(number, split, image)
        for split in ("forget", "retain", "real")
        for image in images
        for number in range(3)
    ]
    pictures = [png(10), png(200, (32, 16))] if domain == "multimodal" else []
    write_store(store, pictures, rows, rows, asked)
    put_artifact(root / "dataset", {path.name: path.read_bytes() for path in store.iterdir()})
    settings = BaseSettings(
        model=ModelSource(domain=domain, build=BUILDS[request.param]),
        training=Training(epochs=1, batch_size=4, lr=1e-3),
    )
    base.run(settings, root / "dataset", 0, root / "base")
    return request.param, root


def finetuned(place: tuple[str, Path], weights: str, processes: int) -> Path:
    """What a fine-tuning writes, of a model that is to be divided among so many processes."""
    architecture, root = place
    out = root / "original" / weights / str(processes)
    settings = FinetuneSettings(
        model=use(architecture, processes > 1), training=Finetuning(**TRAINING, weights=weights)
    )
    if not out.exists():
        words = ("--part", "full", "--out", f"original/{weights}/OUT")
        run(root, processes, "finetune", settings, *words)
    return out


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    (path,) = folder.glob("*.safetensors")
    return load_file(path)


def close(one: Path, two: Path) -> None:
    """Two checkpoints that differ by rounding at most."""
    first, second = weights_of(one), weights_of(two)
    assert {n: t.shape for n, t in first.items()} == {n: t.shape for n, t in second.items()}
    for name, tensor in first.items():
        assert torch.allclose(tensor, second[name], atol=1e-6), name
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_two_processes_that_share_a_model_train_it_as_one_does(place, weights):
    one, two = (finetuned(place, weights, processes) for processes in (1, 2))
    close(one, two)
    first, second = (facts(folder)["measures"] for folder in (one, two))
    for key in ("steps", "first_loss", "last_loss"):
        assert first[key] == pytest.approx(second[key], abs=1e-5)
    before, after = weights_of(place[1] / "base"), weights_of(two)
    moved = [t for n, t in after.items() if "lora_B" in n] or [
        after[name] - before[name] for name in before if "layers.1" in name and name in after
    ]
    assert min(tensor.abs().max() for tensor in moved) > 1e-3


@pytest.mark.parametrize(
    ("method", "weights"), [("kl", "lora"), ("kl", "full"), ("rmu", "lora"), ("sku", "full")]
)
def test_two_processes_that_share_a_model_unlearn_what_one_does(place, method, weights):
    """By methods that ask the original, that end at a layer, and that turn an update round."""
    architecture, root = place
    original = finetuned(place, weights, 2)
    modality = "both" if domain_of(architecture) == "multimodal" else "text"
    cells = root / "cell" / method / weights
    for processes in (1, 2):
        settings = UnlearnSettings(
            model=use(architecture, processes > 1),
            parameters={"layer": 0} if method == "rmu" else {},
            training=Unlearning(**TRAINING, weights=weights),
        )
        words = ("--method", method, "--modality", modality, "--forget-size", "10")
        words = (*words, "--original", str(original), "--out", str(cells / str(processes)))
        run(root, processes, "unlearn", settings, *words)
    close(cells / "1", cells / "2")


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_two_processes_that_share_a_model_evaluate_to_the_bytes_of_one(place, weights):
    """Each its own batches, of which the first has one more: the other goes with it."""
    architecture, root = place
    original = finetuned(place, weights, 2)
    records = root / "records" / weights
    for processes in (1, 2):
        settings = EvaluateSettings(
            model=use(architecture, processes > 1),
            evaluation=Evaluating(batch_size=4, max_new_tokens=4),
        )
        words = ("--forget-size", "10", "--model", str(original), "--original", str(original))
        run(root, processes, "evaluate", settings, *words, "--out", str(records / str(processes)))
    one, two = (records / number / "records.jsonl" for number in ("1", "2"))
    assert one.read_bytes() == two.read_bytes()
    assert len(one.read_text().splitlines()) == (27 if architecture == "llava" else 9)


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_two_processes_that_share_a_model_go_on_where_they_were_killed(place, weights):
    architecture, root = place
    lora = LORA.model_copy(update={"dropout": 0.2})
    settings = FinetuneSettings(
        model=use(architecture, True).model_copy(update={"lora": lora}),
        training=Finetuning(**{**TRAINING, "epochs": 15}, weights=weights),
    )
    words = ("--part", "full", "--out")
    run(root, 2, "finetune", settings, *words, f"whole/{weights}")
    with subprocess.Popen(
        command(2, "finetune", settings, *words, f"killed/{weights}"),
        cwd=root,
        env={**ENVIRONMENT, SAVE_SECONDS: "0"},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as job:
        until = time.monotonic() + 600
        while not list(root.glob(f"killed/.{weights}.state/*.safetensors")):
            assert time.monotonic() < until
            assert job.poll() is None
            time.sleep(0.01)
        for child in psutil.Process(job.pid).children(recursive=True):
            child.kill()
        job.kill()
    killed = root / "killed" / weights
    assert not (killed / PROVENANCE).exists()
    run(root, 2, "finetune", settings, *words, f"killed/{weights}")
    assert facts(killed)["resumed_at_steps"]
    whole, resumed = weights_of(root / "whole" / weights), weights_of(killed)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_half_precision_and_checkpointing_are_those_of_one_process(place):
    """A full training, then an adapter on what it made, whose layers keep their weights twice."""
    architecture, root = place
    trained = {}
    for processes in (1, 2):
        model = use(architecture, processes > 1, precision="bfloat16", gradient_checkpointing=True)
        full = FinetuneSettings(model=model, training=Finetuning(**TRAINING, weights="full"))
        words = ("--part", "full", "--out", "half/original/OUT")
        run(root, processes, "finetune", full, *words)
        cell = UnlearnSettings(model=model, parameters={}, training=Unlearning(**TRAINING))
        modality = "both" if domain_of(architecture) == "multimodal" else "text"
        words = ("--method", "npo", "--modality", modality, "--forget-size", "10")
        words = (*words, "--original", "half/original/1", "--out", "half/cell/OUT")
        run(root, processes, "unlearn", cell, *words)
        for stage in ("original", "cell"):
            trained[stage, processes] = root / "half" / stage / str(processes)
    for stage in ("original", "cell"):
        one, two = (facts(trained[stage, processes])["measures"] for processes in (1, 2))
        for key in ("first_loss", "last_loss"):
            assert one[key] == pytest.approx(two[key], rel=2e-2)
        first, second = (weights_of(trained[stage, processes]) for processes in (1, 2))
        for name, tensor in first.items():
            assert torch.allclose(tensor, second[name], atol=5e-3), name


def test_what_the_original_says_is_that_of_one_process(place):
    """Its stored states, and the answers that it makes up."""
    architecture, root = place
    original = ("--original", str(finetuned(place, "full", 2)))
    modality = "both" if domain_of(architecture) == "multimodal" else "text"
    for processes in (1, 2):
        model = use(architecture, processes > 1)
        stored = ReferenceSettings(model=model, batch_size=4)
        run(root, processes, "reference", stored, *original, "--out", "reference/OUT")
        drawn = AlternatesSettings(model=model, batch_size=4, max_new_tokens=4, modality=modality)
        words = ("--forget-size", "10", *original, "--out", "alternates/OUT")
        run(root, processes, "alternates", drawn, *words)
    one, two = (weights_of(root / "reference" / number) for number in ("1", "2"))
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)
    one, two = (root / "alternates" / number for number in ("1", "2"))
    (name,) = {path.name for path in one.glob("alternates*")}
    assert (one / name).read_bytes() == (two / name).read_bytes()
