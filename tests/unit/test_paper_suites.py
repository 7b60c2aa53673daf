"""The suites of the paper and the models of the hub: what is asked, without running it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from clearbench.cli import cli
from clearbench.config.files import ModelSpec
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.strict import validate
from clearbench.hub import is_wheel
from clearbench.methods import available, describe
from clearbench.models.build import build_model
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite
from tiny_models import BUILDS, domain_of, new_tokenizer

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURES = {
    "llava-1.5-7b": "llava",
    "llava-1.5-13b": "llava",
    "qwen2-vl-2b": "qwen2_vl",
    "qwen2-vl-7b": "qwen2_vl",
    "qwen2.5-vl-3b": "qwen2_5_vl",
    "qwen2.5-vl-7b": "qwen2_5_vl",
    "qwen2.5-vl-32b": "qwen2_5_vl",
    "llama-2-7b": "llama",
    "llama-3.2-1b": "llama",
    "mistral-7b-v0.3": "mistral",
    "phi-1.5": "phi",
    "smollm2-135m": "llama",
}
ON_A_PROCESSOR = {"smollm2-135m"}
# Epochs, batch, accumulation, all weights or an adapter: of fine-tuning, then of unlearning.
PAPER = {
    "paper-llava": ((3, 12, 1, "lora"), (5, 1, 2, "lora")),
    "paper-qwen2vl": ((3, 12, 1, "full"), (5, 1, 2, "full")),
    "paper-llama2": ((5, 4, 1, "lora"), (5, 4, 1, "lora")),
}
CELLS = {"paper-llava": 11 * 3 * 3 * 3, "paper-qwen2vl": 11 * 3 * 3 * 3, "paper-llama2": 11 * 3 * 3}


def spec_of(name: str) -> ModelSpec:
    path = ROOT / "config/models" / f"{name}.yaml"
    return validate(ModelSpec, read_yaml(path), str(path))


@pytest.mark.parametrize("name", PAPER)
def test_a_suite_of_the_paper_trains_as_the_paper_does(name):
    suite = load_suite(name, ROOT)
    for training, asked in zip((suite.file.finetune, suite.file.unlearn), PAPER[name], strict=True):
        found = (training.epochs, training.batch_size, training.accumulation, training.weights)
        assert found == asked
        assert (training.lr, training.weight_decay) == (1e-5, 0.01)
        assert training.warmup == pytest.approx(1 / training.epochs, abs=1e-3)
    lora = suite.model.lora
    assert (lora.rank, lora.alpha, lora.dropout) == (8, 32, 0.0)
    assert suite.model.precision == "bfloat16"
    assert 42 in suite.file.seeds
    assert suite.unlearning("npo", "text")[0] == {}


def test_the_suite_of_all_methods_has_each_once_and_goes_on_from_the_papers():
    paper, suite = (load_suite(name, ROOT) for name in ("paper-llava", "paper-llava-methods"))
    every = {key for key in available() if "@" not in key and "multimodal" in describe(key).domains}
    assert set(suite.file.methods) == every
    before, further = Graph(paper), Graph(suite)
    shared = [one for one in further if one.name in before and one.run is not None]
    assert {one.run.row for one in shared} >= set(paper.file.methods) | {"original", "gold"}
    for artifact in shared:
        assert artifact.resolved == before[artifact.name].resolved
    full = {row for row in every if suite.unlearning(row, "both")[1].weights == "full"}
    assert full == {"ssd", "salun", "sfron", "mmunlearner", "manu", "mip_editor"}


def test_the_vision_suite_of_the_paper_trains_and_attacks_as_its_code_does():
    suite = load_suite("paper-vision", ROOT)
    trainings = [
        suite.file.finetune,
        *(suite.unlearning(m, "visual")[1] for m in suite.file.methods),
    ]
    assert {(t.optimizer, t.momentum, t.weight_decay) for t in trainings} == {("sgd", 0.9, 5e-5)}
    faces = suite.file.faces
    assert (faces.persons, faces.shadows, faces.targets, faces.enrolment) == (100, 64, 64, 5)
    graph = Graph(suite)
    jobs = 128 // faces.together
    for method in suite.file.methods:
        made = [f"unlearn_shadows/{method}/forget10/{number}" for number in range(jobs)]
        score = graph[f"score/{method}/visual/forget10/seed42"]
        assert [score.inputs[f"shadows/{number}"] for number in range(jobs)] == made
        assert score.options == {"enrolment": 5, "targets": 64}
    original, gold = (
        graph[f"score/{run}"] for run in ("original/forget10/seed42", "gold/forget10/seed42")
    )
    for score in (original, gold):
        assert [score.inputs[f"shadows/{n}"] for n in range(jobs)] == [
            f"evaluate/shadows/{n}" for n in range(jobs)
        ]
    assert original.options == {"enrolment": 5, "targets": 64}
    assert gold.options == {"enrolment": 5}


@pytest.mark.parametrize("name", PAPER)
def test_the_plan_of_a_suite_of_the_paper_counts_its_jobs(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(cli, ["plan", "--suite", name, "--results", "nowhere"])
    assert done.exit_code == 0, done.output
    assert re.search(rf"^unlearn +{CELLS[name]} ", done.output, re.MULTILINE)
    language = load_suite(name, ROOT).domain != "vision"
    assert ("is known once the base is made" in done.output) == language


def test_every_model_of_the_hub_is_pinned_and_belongs_to_a_tested_architecture():
    files = {path.stem for path in (ROOT / "config/models").glob("*.yaml")}
    hub = {name for name in files if spec_of(name).hub}
    assert {name for name in hub if spec_of(name).domain != "vision"} == set(ARCHITECTURES)
    for name in hub:
        spec = spec_of(name)
        digits = 64 if is_wheel(spec.hub or "") else 40
        assert re.fullmatch(rf"[0-9a-f]{{{digits}}}", spec.revision or ""), name


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_model_names_its_layers_and_its_vision_tower_as_the_architecture_does(name):
    spec, architecture = spec_of(name), ARCHITECTURES[name]
    domain = domain_of(architecture)
    assert spec.domain == domain
    model = build_model(BUILDS[architecture], domain, new_tokenizer(), 0)
    adapted = {n for n, _ in model.named_modules() if re.fullmatch(spec.lora.targets, n)}
    # All matrices of the text decoder's layers, and nothing of the vision tower.
    decoder = {
        n
        for n, module in model.named_modules()
        if ".layers." in n and type(module).__name__ == "Linear" and "vision" not in n
    }
    assert adapted == decoder
    frozen = {n for n, _ in model.named_parameters() if spec.frozen and re.match(spec.frozen, n)}
    tower = {n for n, _ in model.named_parameters() if "vision_tower" in n or "visual" in n}
    assert frozen == tower


@pytest.mark.parametrize("name", sorted(ARCHITECTURES.keys() - ON_A_PROCESSOR))
def test_a_model_asks_for_a_gpu_that_can_hold_it(name):
    spec = spec_of(name)
    resources = spec.resources
    for need in (resources.finetune, resources.unlearn, resources.evaluate):
        assert need.gpus == (4 if spec.shard else 1)
        assert need.gpu_gb in (24, 40, 80)
    assert resources.base.gpus == 0
