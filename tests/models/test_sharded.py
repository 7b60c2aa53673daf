"""A model that two processes share a part each of is trained and evaluated as one that is whole."""

import shutil
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
    Cell,
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
from clearbench.errors import UserError
from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.jobs.pace import SAVE_SECONDS
from clearbench.stages import unlearn
from models.stages import ENVIRONMENT, command, facts, run
from models.test_architectures import eval_sample, train_sample
from synthetic import put_artifact
from tiny_models import BUILDS, FROZEN, LORA_TARGETS, domain_of, png

# Three rows do not divide by two; the epsilon keeps AdamW from making much of rounding.
TRAINING = {"epochs": 2, "batch_size": 3, "accumulation": 2, "lr": 1e-2, "adam_epsilon": 1e-3}
LORA = Lora(rank=2, alpha=4, targets=LORA_TARGETS)


class Place:
    """A folder with a dataset, a base of some architecture, and what is made of them."""

    def __init__(self, architecture: str, root: Path, store: Path):
        self.root, self.domain = root, domain_of(architecture)
        images = (None, 0, 1) if self.domain == "multimodal" else (None,)
        rows = [
            train_sample(number, image, part)
            for part in ("forget", "retain")
            for image in images
            for number in range(4 if part == "forget" else 3)
        ]
        self.asked = [
            eval_sample(number, split, image)
            for split in ("forget", "retain", "real")
            for image in images
            for number in range(3)
        ]
        pictures = [png(10), png(200, (32, 16))] if self.domain == "multimodal" else []
        write_store(store, pictures, rows, rows, self.asked)
        put_artifact(root / "dataset", {path.name: path.read_bytes() for path in store.iterdir()})
        settings = BaseSettings(
            model=ModelSource(domain=self.domain, build=BUILDS[architecture]),
            training=Training(epochs=1, batch_size=4, lr=1e-3),
        )
        # By pinned kernels, as all else: a base that is rounded otherwise is another model.
        run(root, 1, "base", settings, "--seed", "0", "--out", "base")

    def use(self, shard: bool, **further) -> ModelUse:
        frozen = FROZEN if self.domain == "multimodal" else ""
        given = {"domain": self.domain, "frozen": frozen, "lora": LORA, "shard": shard}
        return ModelUse(**given | further)

    @property
    def modality(self) -> str:
        return "both" if self.domain == "multimodal" else "text"

    def finetuned(self, weights: str, processes: int) -> Path:
        """What a fine-tuning writes, of a model that is divided among so many processes."""
        out = self.root / "original" / weights / str(processes)
        training = Finetuning(**TRAINING, weights=weights)
        settings = FinetuneSettings(model=self.use(processes > 1), training=training)
        if not out.exists():
            words = ("--part", "full", "--out", f"original/{weights}/OUT")
            run(self.root, processes, "finetune", settings, *words)
        return out

    def unlearned(self, method: str, weights: str, original: Path, processes: int) -> Path:
        """What an unlearning by a method writes."""
        out = self.root / "cell" / method / weights / str(processes)
        settings = UnlearnSettings(
            model=self.use(processes > 1),
            parameters={"layer": 0} if method == "rmu" else {},
            training=Unlearning(**TRAINING, weights=weights),
        )
        words = ("--method", method, "--modality", self.modality, "--forget-size", "10")
        words = (*words, "--original", str(original), "--out", str(out))
        run(self.root, processes, "unlearn", settings, *words)
        return out

    def evaluated(self, model: Path, processes: int) -> bytes:
        """The records of a model, which is also the original that judges its answers."""
        out = self.root / "records" / model.parent.name / str(processes)
        evaluation = Evaluating(batch_size=4, max_new_tokens=4)
        settings = EvaluateSettings(model=self.use(processes > 1), evaluation=evaluation)
        words = ("--forget-size", "10", "--model", str(model), "--original", str(model))
        run(self.root, processes, "evaluate", settings, *words, "--out", str(out))
        return (out / "records.jsonl").read_bytes()


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Place:
    return Place("llava", tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("store"))


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    (path,) = folder.glob("*.safetensors")
    return load_file(path)


def close(one: Path, two: Path, atol: float = 1e-6) -> None:
    """Two checkpoints that differ by rounding at most."""
    first, second = weights_of(one), weights_of(two)
    assert {n: t.shape for n, t in first.items()} == {n: t.shape for n, t in second.items()}
    for name, tensor in first.items():
        assert torch.allclose(tensor, second[name], atol=atol), name
    assert {path.name for path in one.iterdir()} == {path.name for path in two.iterdir()}


def apart(one: Path, two: Path, began: Path | None) -> float:
    """How far two checkpoints lie apart, as a share of how far the first one has moved.

    Full weights moved from where they began; of an adapter those count that began as zeros.
    """
    first, second = weights_of(one), weights_of(two)
    assert first.keys() == second.keys()
    before = {} if began is None else weights_of(began)
    names = [name for name in first if "lora_A" not in name]
    between = sum((first[name] - second[name]).square().sum() for name in names)
    moved = sum((first[name] - before.get(name, 0)).square().sum() for name in names)
    return float((between / moved).sqrt())


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_two_processes_that_share_a_model_train_it_as_one_does(place, weights):
    one, two = (place.finetuned(weights, processes) for processes in (1, 2))
    close(one, two)
    first, second = (facts(folder)["measures"] for folder in (one, two))
    for key in ("steps", "first_loss", "last_loss", "parameters", "stored_bytes"):
        assert first[key] == pytest.approx(second[key], abs=1e-5)
    before, after = weights_of(place.root / "base"), weights_of(two)
    moved = [t for n, t in after.items() if "lora_B" in n] or [
        after[name] - before[name] for name in before if "language" in name and ".layers." in name
    ]
    assert len(moved) > 4
    assert min(tensor.abs().max() for tensor in moved) > 1e-3


@pytest.mark.parametrize(
    ("method", "weights"), [("kl", "lora"), ("kl", "full"), ("rmu", "lora"), ("sku", "full")]
)
def test_two_processes_that_share_a_model_unlearn_what_one_does(place, method, weights):
    """By methods that ask the original, that end at a layer, and that turn an update round."""
    original = place.finetuned(weights, 2)
    close(*(place.unlearned(method, weights, original, processes) for processes in (1, 2)))


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_two_processes_that_share_a_model_evaluate_to_the_bytes_of_one(place, weights):
    """Each its own batches, of which the first has one more: the other goes with it."""
    original = place.finetuned(weights, 2)
    one, two = (place.evaluated(original, processes) for processes in (1, 2))
    assert one == two
    assert len(one.splitlines()) == len(place.asked)


@pytest.mark.parametrize("architecture", ["llama", "qwen2_5_vl"])
def test_models_of_other_architectures_can_be_shared(architecture, tmp_path_factory):
    """Of texts alone, and with positions of three dimensions."""
    roots = (tmp_path_factory.mktemp(name) for name in ("root", "store"))
    place = Place(architecture, *roots)
    one, two = (place.finetuned("full", processes) for processes in (1, 2))
    close(one, two)
    close(*(place.unlearned("npo", "lora", one, processes) for processes in (1, 2)))
    assert place.evaluated(one, 1) == place.evaluated(one, 2)


def test_half_precision_and_checkpointing_are_those_of_one_process(place):
    """A full training, then an adapter on what it made, whose layers keep their weights twice."""
    made = {}
    for processes in (1, 2):
        model = place.use(processes > 1, precision="bfloat16", gradient_checkpointing=True)
        full = FinetuneSettings(model=model, training=Finetuning(**TRAINING, weights="full"))
        words = ("--part", "full", "--out", "half/original/OUT")
        run(place.root, processes, "finetune", full, *words)
        cell = UnlearnSettings(model=model, parameters={}, training=Unlearning(**TRAINING))
        words = ("--method", "npo", "--modality", place.modality, "--forget-size", "10")
        words = (*words, "--original", "half/original/1", "--out", "half/cell/OUT")
        run(place.root, processes, "unlearn", cell, *words)
        for stage in ("original", "cell"):
            made[stage, processes] = place.root / "half" / stage / str(processes)
    for stage, began in (("original", place.root / "base"), ("cell", None)):
        assert apart(made[stage, 1], made[stage, 2], began) < 0.05
        one, two = (facts(made[stage, processes])["measures"] for processes in (1, 2))
        for key in ("first_loss", "last_loss"):
            assert one[key] == pytest.approx(two[key], rel=2e-2)


def test_what_the_original_says_is_that_of_one_process(place):
    """Its stored states, and the answers that it makes up."""
    original = ("--original", str(place.finetuned("full", 2)))
    for processes in (1, 2):
        model = place.use(processes > 1)
        stored = ReferenceSettings(model=model, batch_size=4)
        run(place.root, processes, "reference", stored, *original, "--out", "reference/OUT")
        drawn = AlternatesSettings(
            model=model, batch_size=4, max_new_tokens=4, modality=place.modality
        )
        words = ("--forget-size", "10", *original, "--out", "alternates/OUT")
        run(place.root, processes, "alternates", drawn, *words)
    close(place.root / "reference/1", place.root / "reference/2", atol=1e-5)
    one, two = (place.root / "alternates" / number / MANIFEST for number in ("1", "2"))
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_a_shared_model_that_was_killed_goes_on_where_it_was(place, weights):
    """By two processes to the bit, and by one, which has all of it, to rounding."""
    lora = LORA.model_copy(update={"dropout": 0.2 if weights == "lora" else 0.0})
    settings = FinetuneSettings(
        model=place.use(True, lora=lora),
        training=Finetuning(**{**TRAINING, "epochs": 15}, weights=weights),
    )
    words, folder = ("--part", "full", "--out"), place.root / "killed"
    run(place.root, 2, "finetune", settings, *words, f"whole/{weights}")
    with subprocess.Popen(
        command(2, "finetune", settings, *words, f"killed/{weights}"),
        cwd=place.root,
        env={**ENVIRONMENT, SAVE_SECONDS: "0"},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as job:
        until = time.monotonic() + 600
        while not list(folder.glob(f".{weights}.state/*.safetensors")):
            assert time.monotonic() < until
            assert job.poll() is None
            time.sleep(0.01)
        for child in psutil.Process(job.pid).children(recursive=True):
            child.kill()
        job.kill()
    assert not (folder / weights / PROVENANCE).exists()
    shutil.copytree(folder / f".{weights}.state", folder / f".{weights}-alone.state")
    run(place.root, 2, "finetune", settings, *words, f"killed/{weights}")
    assert facts(folder / weights)["resumed_at_steps"]
    whole, resumed = weights_of(place.root / "whole" / weights), weights_of(folder / weights)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    if weights == "full":
        run(place.root, 1, "finetune", settings, *words, f"killed/{weights}-alone")
        assert facts(folder / f"{weights}-alone")["resumed_at_steps"]
        close(folder / weights, folder / f"{weights}-alone", atol=1e-3)


def test_one_process_has_all_of_a_model_that_could_be_shared(place):
    settings = FinetuneSettings(
        model=place.use(True), training=Finetuning(**TRAINING, weights="lora")
    )
    run(place.root, 1, "finetune", settings, "--part", "full", "--out", "alone/OUT")
    one, two = (path / MANIFEST for path in (place.root / "alone/1", place.finetuned("lora", 1)))
    assert one.read_bytes() == two.read_bytes()


def test_a_method_of_single_weights_is_refused_before_anything_runs(tmp_path):
    training = Unlearning(**TRAINING, weights="full")
    settings = UnlearnSettings(
        model=ModelUse(domain="text", shard=True), parameters={}, training=training
    )
    nowhere = tmp_path / "nowhere"
    with pytest.raises(UserError, match=r"^ssd is about single weights or neurons, and"):
        unlearn.run(
            *(settings, Cell("ssd", "text", 10, 0), nowhere, nowhere, None, nowhere),
            tmp_path / "out",
        )
    assert not list(tmp_path.iterdir())
