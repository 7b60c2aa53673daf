"""Every architecture of the suites goes all the way, stage by stage, as a tiny model of its own."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import torch

from clearbench import methods
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
from clearbench.data.store import EvalSample, TrainSample, write_store
from clearbench.evaluation.limit import longer
from clearbench.evaluation.records import RECORDS, read_records
from clearbench.jobs.record import read_record
from clearbench.metrics.score import SCORES
from clearbench.stages import alternates, base, evaluate, finetune, reference, score, unlearn
from synthetic import put_artifact
from tiny_models import (
    BUILDS,
    FROZEN,
    LORA_TARGETS,
    SENTENCES,
    domain_of,
    parameters_of,
    png,
    weights_of,
)

TRAINING = {"epochs": 1, "batch_size": 3, "lr": 1e-3}
# Of an architecture whose paper trains all weights, both ways.
METHODS = [key for key in methods.available() if "multimodal" in methods.describe(key).domains]
OF_EACH_READING = ("npo", "dpo", "rmu", "sku", "kl@published")
"""Methods that differ in what they read of an architecture, which is all that it can do otherwise.

Both models' likelihoods of one answer; several answers behind one prompt; a layer's states; many
answers, of an update that is negated; and every position of batches that are padded on the left.
"""
WAYS = [*((name, "lora") for name in BUILDS), ("qwen2_vl", "full")]


def train_sample(number: int, image: int | None, part: str | None) -> TrainSample:
    return TrainSample(
        id=f"{part}/{number}",
        task="text_qa" if image is None else "captions",
        modality="text" if image is None else "visual",
        person=part,
        question=SENTENCES[number % 2],
        answer=SENTENCES[2 + number % 4],
        image=image,
        parts={10: part},
    )


def eval_sample(number: int, split: str, image: int | None) -> EvalSample:
    answers = SENTENCES[2:6]
    answer = answers.pop(number)
    return EvalSample(
        id=f"{split}/{number}",
        split=split,
        task="text_qa" if image is None else "captions",
        forget_size=None,
        question=SENTENCES[number],
        answer=answer,
        paraphrase=answer,
        perturbed=tuple(answers),
        image=image,
    )


@pytest.fixture(scope="module")
def datasets(tmp_path_factory) -> dict[str, Path]:
    """A dataset with images of two sizes, and one of texts alone."""
    found = {}
    for domain, images in {"multimodal": [None, 0, 1], "text": [None]}.items():
        folder = tmp_path_factory.mktemp(domain)
        both = [
            train_sample(number, image, part)
            for part in ("forget", "retain")
            for image in images
            for number in range(2)
        ]
        asked = [
            eval_sample(number, split, image)
            for split in ("forget", "retain", "real")
            for image in images
            for number in range(2)
        ]
        write_store(folder, [png(10), png(200, (32, 16))], both, both, asked)
        files = {path.name: path.read_bytes() for path in folder.iterdir()}
        found[domain] = put_artifact(folder / "dataset", files)
    return found


@pytest.fixture(scope="module")
def shared(datasets, tmp_path_factory):
    """The models that all cells of an architecture share, made when first asked for."""

    @cache
    def made(architecture: str, weights: str) -> tuple[ModelUse, Path]:
        torch.set_num_threads(1)
        root, domain = tmp_path_factory.mktemp(architecture), domain_of(architecture)
        dataset = datasets[domain]
        use = ModelUse(
            domain=domain, frozen=FROZEN, lora=Lora(rank=2, alpha=4, targets=LORA_TARGETS)
        )
        source = ModelSource(domain=domain, build=BUILDS[architecture])
        base.run(
            BaseSettings(model=source, training=Training(**TRAINING)), dataset, 0, root / "base"
        )
        settings = FinetuneSettings(model=use, training=Finetuning(**TRAINING, weights=weights))
        for name, part, size in (("original", "full", None), ("gold", "retain", 10)):
            finetune.run(settings, part, size, 0, root / "base", dataset, root / name)
        asked = EvaluateSettings(model=use, evaluation=Evaluating(batch_size=4, max_new_tokens=3))
        said = ReferenceSettings(model=use, batch_size=4)
        reference.run(said, root / "base", root / "original", dataset, root / "reference")
        records = root / "evaluate/gold"
        evaluate.run(asked, 10, root / "base", [root / "gold"], dataset, records)
        return use, root

    return made


@pytest.mark.parametrize(("architecture", "weights"), WAYS)
def test_a_base_tells_how_long_the_answers_are_that_are_generated(shared, architecture, weights):
    _, root = shared(architecture, weights)
    records = read_records(root / "evaluate/gold" / RECORDS)
    lengths = Counter(record.likelihoods[0].tokens for record in records)
    (of_base, of_gold) = (
        read_record(root / name).facts["measures"] for name in ("base", "evaluate/gold")
    )
    assert of_base["answer_tokens"]["10"] == {str(n): count for n, count in lengths.items()}
    assert len(lengths) == 2
    assert of_gold["longer_answers"] == longer(of_base["answer_tokens"]["10"], 3) > 0


CELLS = [(*way, method) for way in WAYS for method in OF_EACH_READING]
CELLS += [
    ("qwen2_vl", "full", method)
    if methods.describe(method).weights == ("full",)
    else ("llava", "lora", method)
    for method in METHODS
    if method not in OF_EACH_READING
]
"""Each architecture with a method of each reading, and one of both kinds of inputs with all.

Of methods that need all weights it is the one that is trained so.
"""


@pytest.mark.parametrize(("architecture", "weights", "method"), CELLS)
def test_a_cell_of_every_architecture_and_of_every_method_is_trained_evaluated_and_scored(
    shared, datasets, architecture, weights, method
):
    use, root = shared(architecture, weights)
    dataset = datasets[use.domain]
    weights, parameters = weights_of(method, weights), parameters_of(method)
    settings = UnlearnSettings(
        model=use, parameters=parameters, training=Unlearning(**TRAINING, weights=weights)
    )
    modality = "both" if use.domain == "multimodal" else "text"
    cell = Cell(method, modality, 10, 0)
    unlearned, records, scores = (root / stage / method for stage in ("cell", "records", "scores"))
    # Computed for adapters, stored for all weights: those would need a second model in memory.
    takes = weights == "full" and methods.describe(method).takes_stored_reference
    said = root / "reference" if takes else None
    both, made = (root / "base", root / "original"), None
    if methods.describe(method).takes_alternates:
        made = root / "alternates"
        drawing = AlternatesSettings(
            model=use, batch_size=2, max_new_tokens=3, modality=modality, temperature=2.0
        )
        alternates.run(drawing, 10, *both, dataset, made)
    unlearn.run(settings, cell, *both, said, dataset, unlearned, alternates=made)
    stored = "adapter_model.safetensors" if weights == "lora" else "model.safetensors"
    stored = "instruction.json" if method == "icr" else stored
    assert (unlearned / stored).is_file()
    asked = EvaluateSettings(model=use, evaluation=Evaluating(batch_size=4, max_new_tokens=3))
    evaluate.run(asked, 10, root / "base", [root / "original", unlearned], dataset, records)
    images = {record.task for record in read_records(records / RECORDS)}
    assert images == ({"captions", "text_qa"} if use.domain == "multimodal" else {"text_qa"})
    score.run({"records": records, "gold": root / "evaluate/gold"}, None, None, scores)
    found = json.loads((scores / SCORES).read_text())
    assert {"real", "retain", "forget", "forget_quality_js"} <= found.keys()
