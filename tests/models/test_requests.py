"""A cell of a request starts from what the requests before have left."""

import json
import time

import pytest
import torch

from clearbench.config.files import BaseSettings, ModelSource
from clearbench.config.settings import (
    Cell,
    EvaluateSettings,
    Evaluating,
    FinetuneSettings,
    Finetuning,
    Lora,
    ModelUse,
    Training,
    Unlearning,
    UnlearnSettings,
)
from clearbench.data.requests import REQUESTS
from clearbench.data.store import EvalSample, TrainSample, write_store
from clearbench.evaluation.records import RECORDS, read_records
from clearbench.jobs.interruption import TimeIsUp
from clearbench.jobs.pace import DEADLINE
from clearbench.jobs.record import read_record
from clearbench.stages import base, evaluate, finetune, unlearn
from synthetic import put_artifact
from tiny_models import BUILDS, LORA_TARGETS, SENTENCES

TRAINING = {"epochs": 2, "batch_size": 8, "lr": 3e-3}
USE = ModelUse(domain="text", lora=Lora(rank=2, alpha=4, targets=LORA_TARGETS))
PERSONS = ["A", "B", "C"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A dataset of three persons, of whom two are forgotten at 10 %; its base and original."""
    torch.set_num_threads(1)
    root = tmp_path_factory.mktemp("requests")
    train, asked = [], []
    for number, person in enumerate(PERSONS):
        question, answer = SENTENCES[0], SENTENCES[1 + number]
        part = "retain" if person == "C" else "forget"
        train.append(
            TrainSample(person, "text_qa", "text", person, question, answer, None, {10: part})
        )
        size = None if person == "C" else 10
        others = (SENTENCES[5],)
        asked.append(
            EvalSample(
                person, part, "text_qa", size, question, answer, answer, others, None, person
            )
        )
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [], train, train, asked)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    dataset = put_artifact(root / "dataset", files)
    for number, persons in enumerate(([["A"]], [["A"], ["B"]]), start=1):
        put_artifact(root / f"request/{number}", {REQUESTS: json.dumps(persons)})
    source = ModelSource(domain="text", build=BUILDS["llama"])
    settings = BaseSettings(model=source, training=Training(**TRAINING))
    base.run(settings, dataset, 0, root / "base")
    finetuning = FinetuneSettings(model=USE, training=Finetuning(**TRAINING))
    finetune.run(finetuning, "full", None, 0, root / "base", dataset, root / "original")
    return root


def said(root, stack, request, out):
    """The mean log-likelihood a token of what a stack says of each person's answer, by person."""
    settings = EvaluateSettings(model=USE, evaluation=Evaluating(max_new_tokens=2))
    evaluate.run(
        settings,
        10,
        root / "base",
        stack,
        root / "dataset",
        out,
        request=root / f"request/{request}",
    )
    return {
        record.person: (record.split, -record.answer_loss) for record in read_records(out / RECORDS)
    }


def forget(root, out, number, models=(), weights="lora"):
    """Unlearn the person of a request by ascent, as a further layer."""
    training = Unlearning(**TRAINING, weights=weights)
    unlearn.run(
        UnlearnSettings(model=USE, parameters={}, training=training),
        Cell("ga", "text", 33, 0),
        root / "base",
        root / "original",
        None,
        root / "dataset",
        out,
        request=root / f"request/{number}",
        models=models,
    )
    return out


@pytest.mark.parametrize(
    ("first", "second"), [("lora", "lora"), ("lora", "full"), ("full", "lora")]
)
def test_the_second_request_starts_where_the_first_has_ended(made, tmp_path, first, second):
    layers = [forget(made, tmp_path / "layer/1", 1, weights=first)]
    layers.append(forget(made, tmp_path / "layer/2", 2, layers, second))
    losses = [read_record(layer).facts["measures"]["first_loss"] for layer in layers]
    original = made / "original"
    before = said(made, [original], 1, tmp_path / "records/0")
    between = said(made, [original, layers[0]], 2, tmp_path / "records/1")
    after = said(made, [original, *layers], 2, tmp_path / "records/2")
    assert {person: split for person, (split, _) in before.items()} == {
        "A": "forget",
        "C": "retain",
    }
    assert {person: split for person, (split, _) in after.items()} == {
        "A": "forget",
        "B": "forget",
        "C": "retain",
    }
    # What ascent raises is the likelihood of the one person of its request, from the last model on.
    assert losses[0] == pytest.approx(before["A"][1], rel=1e-4)
    assert losses[1] == pytest.approx(between["B"][1], rel=1e-4)
    assert between["A"][1] < before["A"][1]
    assert after["B"][1] < between["B"][1]


def test_a_request_that_was_ended_goes_on_upon_the_same_layers(made, tmp_path, monkeypatch):
    below = [forget(made, tmp_path / "first", 1)]
    whole = forget(made, tmp_path / "whole", 2, below)
    monkeypatch.setenv(DEADLINE, str(time.time()))
    with pytest.raises(TimeIsUp):
        forget(made, tmp_path / "parts", 2, below)
    monkeypatch.delenv(DEADLINE)
    parts = forget(made, tmp_path / "parts", 2, below)
    name = "adapter_model.safetensors"
    assert (parts / name).read_bytes() == (whole / name).read_bytes()
    steps = [read_record(folder).facts["measures"]["steps"] for folder in (parts, whole)]
    assert steps == [2, 2]
