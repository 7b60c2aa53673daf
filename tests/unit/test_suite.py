"""Suite files: a mistake is one line that names the file, the key and what is allowed."""

import json
import math
import shutil
from pathlib import Path

import pytest
import yaml
from click import Context

from clearbench import methods
from clearbench.cli import cli
from clearbench.config.files import DatasetSpec, ModelSpec
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.strict import validate
from clearbench.errors import UserError
from clearbench.results.runs import groups_of
from clearbench.suite.graph import OF_SUITE, Graph
from clearbench.suite.load import load_suite
from clearbench.suite.rows import runs_of
from clearbench.suite.suite import SuiteFile, Unlearning
from synthetic import write_suite

ROOT = Path(__file__).resolve().parents[2]
SUITES = sorted(path.stem for path in (ROOT / "config").glob("*.yaml"))
SMALL = """\
description: small
dataset: mini
model: tiny-llava
modalities: [text, visual]
forget_sizes: [1, 10]
seeds: [0, 1]
retain_modality: both
base: { epochs: 1 }
unlearn: { lr: 1.0e-3 }
methods:
  ga: {}
  npo: { beta: 0.5, epochs: 2 }
evaluate: { batch_size: 4 }
"""
ALL_METHODS = ", ".join(methods.available())
MODELS = ", ".join(sorted(path.stem for path in (ROOT / "config/models").glob("*.yaml")))
DATASETS = ", ".join(sorted(path.stem for path in (ROOT / "config/datasets").glob("*.yaml")))
TRAINING = ", ".join(Unlearning.model_fields)

# What is edited in SMALL, what it becomes, and what the message must say after the file's name.
MISTAKES = {
    **{
        f"requests {given}": ("seeds: [0, 1]", f"seeds: [0, 1]\nrequests: {given}", message)
        for given, message in {
            "5": "requests: input should be a valid list, not 5",
            "[1, 0]": "requests.1: input should be greater than or equal to 1, not 0",
            "[1, 2.5]": "requests.1: input should be a valid integer",
            "[50, 50]": "requests: 50 + 50 percent are 100 of 100; allowed: 99 in all, for",
            "[5, 5]": "forget_sizes: 1; the requests 5 + 5 percent come to 5, 10; allowed beside",
        }.items()
    },
    "requests beside what the original says, stored": (
        "seeds: [0, 1]",
        "seeds: [0, 1]\nrequests: [1, 9]\nreference: stored",
        "reference: stored is of the original, and a request starts from the model of the one",
    ),
    "requests beside a choice": (
        "npo: { beta: 0.5, epochs: 2 }",
        "npo: { sweep: { beta: [0.1] } }\nstrengths: [1]\nrequests: [1, 9]\nselect: {}",
        "select: values are chosen for a forget size, and not for a request; leave one of the two",
    ),
    "requests of a method that trains on what the original makes up": (
        "methods:\n  ga: {}",
        "requests: [1, 9]\nmethods:\n  altpo: {}",
        "methods.altpo: trains on what the original makes up, and a request starts from the model",
    ),
    "requests of a method that compares with gold": (
        "methods:\n  ga: {}",
        "requests: [1, 9]\nmethods:\n  npo@mllmu: {}",
        "methods.npo@mllmu: compares with gold, which never met the forgotten, and a request",
    ),
    **{
        f"parameter of npo that is {value}": (
            "beta: 0.5",
            f"beta: {value}",
            f"methods.npo.beta: {value} is out of range; allowed: > 0; training keys: {TRAINING}",
        )
        for value in (0, -1, -0.5)
    },
    "an adapter where a method empties weights": (
        "ga: {}",
        "manu: {}",
        "methods.manu.weights: lora; manu is about single weights of the model, which an adapter"
        " leaves as they are; allowed: full",
    ),
    "layer that the model has not": (
        "ga: {}",
        "rmu: { layer: 2 }",
        "methods.rmu.layer: 2 does not exist; tiny-llava has 0 to 1; training keys: ",
    ),
    "layer by default that the model has not": (
        "ga: {}",
        "rmu@published: {}",
        "methods.rmu@published.layer: 7 does not exist; tiny-llava has 0 to 1; training keys: ",
    ),
    "layer below the first": (
        "ga: {}",
        "rmu: { layer: -1 }",
        "methods.rmu.layer: -1 is out of range; allowed: >= 0; training keys: ",
    ),
    **{
        f"{key} of training that is {value}": (
            "lr: 1.0e-3",
            f"{key}: {value}",
            f"unlearn.{key}: input should be {allowed}",
        )
        for key, value, allowed in (
            ("lr", 0, "greater than 0"),
            ("lr", -1.0, "greater than 0"),
            ("epochs", 0, "greater than 0"),
            ("batch_size", -2, "greater than 0"),
            ("accumulation", 0, "greater than 0"),
            ("warmup", 1.0, "less than 1"),
            ("warmup", -0.1, "greater than or equal to 0"),
            ("momentum", 1.0, "less than 1"),
            ("weight_decay", -1.0, "greater than or equal to 0"),
            ("adam_epsilon", 0.0, "greater than 0"),
            ("max_grad_norm", 0.0, "greater than 0"),
        )
    },
    "unknown definition of metrics": (
        "seeds:",
        "metrics: [headline, offical]\nseeds:",
        "metrics: unknown: offical (did you mean official?); allowed: headline, tofu, official",
    ),
    "unknown key": (
        "seeds:",
        "modes: []\nseeds:",
        "modes: unknown key (did you mean model?); allowed:"
        f" {', '.join(sorted(SuiteFile.model_fields))}",
    ),
    "unknown key below another": (
        "batch_size: 4",
        "batchsize: 4",
        "evaluate.batchsize: unknown key (did you mean batch_size?); allowed: batch_size, max_new_",
    ),
    "unknown key of an optional part": (
        "base: { epochs: 1 }",
        "base: { epoch: 1 }",
        "base.epoch: unknown key (did you mean epochs?); allowed: accumulation, adam_epsilon, ",
    ),
    "missing key": ("seeds: [0, 1]\n", "", "seeds: missing"),
    "unknown method": (
        "ga: {}",
        "gaa: {}",
        f"methods: unknown: gaa (did you mean ga?); allowed: {ALL_METHODS}",
    ),
    "row of another name without its method": (
        "npo: {",
        "npo-strong: {",
        "methods: unknown: npo-strong; allowed: ",
    ),
    "row of an unknown method": (
        "ga: {}",
        "strong: { method: nop }",
        f"methods.strong.method: unknown: nop (did you mean npo?); allowed: {ALL_METHODS}",
    ),
    "row named as another method": (
        "ga: {}",
        "ga: { method: kl }",
        "methods.ga.method: ga is a method itself; give the row of kl a name that none has",
    ),
    "row whose name is no part of a path": (
        "ga: {}",
        "a/b: { method: kl }",
        "methods.a/b: allowed in a name: letters, digits, _ . -",
    ),
    **{
        f"row named {name}": (
            "ga: {}",
            f"{name}: {{ method: kl }}",
            f"methods.{name}: has another meaning; choose another name",
        )
        for name in ("original", "gold", "ceiling", "imported", "shadows")
    },
    "parameter of a row's method": (
        "ga: {}",
        "npo-strong: { method: npo, beta: 0 }",
        "methods.npo-strong.beta: 0 is out of range; allowed: > 0; training keys: ",
    ),
    "unknown modality": (
        "[text, visual]",
        "[text, images]",
        "modalities: unknown: images; allowed: text, visual, both",
    ),
    "unknown model": ("tiny-llava", "lava", f"model: unknown: lava; allowed: {MODELS}"),
    "unknown dataset": ("mini", "maxi", f"dataset: unknown: maxi; allowed: {DATASETS}"),
    "unknown forget size": ("[1, 10]", "[1, 20]", "forget_sizes: unknown: 20; allowed: 1, 5, 10"),
    "unknown retain modality": (
        "retain_modality: both",
        "retain_modality: text",
        "retain_modality: unknown: text; allowed: same, both",
    ),
    "seed twice": ("[0, 1]", "[1, 1]", "seeds: 1 stands twice"),
    "negative seed": ("[0, 1]", "[0, -1]", "seeds: -1 is negative; allowed: 0 and above"),
    "large seed": (
        "[0, 1]",
        "[18446744073709551616]",
        "seeds: 18446744073709551616 is too large; allowed: 0 to 4294967295",
    ),
    "modality twice": ("[text, visual]", "[text, text]", "modalities: text stands twice"),
    "unknown parameter": (
        "beta: 0.5",
        "gamma: 0.5",
        f"methods.npo.gamma: unknown; npo has the parameters: beta; training keys: {TRAINING}",
    ),
    "parameter of a wrong type": (
        "beta: 0.5",
        "beta: half",
        "methods.npo.beta: 'half' is not of type float",
    ),
    "training key of a wrong type": (
        "epochs: 2",
        "epochs: two",
        "methods.npo: epochs: input should be a valid integer",
    ),
    "training key out of range": (
        "lr: 1.0e-3",
        "lr: -1",
        "unlearn.lr: input should be greater than 0, not -1",
    ),
    "text for a number": ("[0, 1]", "[zero]", "seeds.0: input should be a valid integer"),
    "list for a mapping": ("methods:\n  ga: {}\n", "methods: [ga]\n#", "methods: must hold keys"),
    "method without a mapping": (
        "ga: {}",
        "ga:",
        "methods.ga: must hold keys and values; without any, write ga: {}",
    ),
    "one value for a list": ("[text, visual]", "text", "modalities: input should be a valid list"),
    "empty list": ("[0, 1]", "[]", "seeds: empty; name one at least"),
    "choice that is none": (
        "lr: 1.0e-3",
        "weights: some",
        "unlearn.weights: input should be 'full' or 'lora', not 'some'",
    ),
    "key twice": ("seeds: [0, 1]", "seeds: [0]\nseeds: [1]", "line 7: key seeds stands twice"),
    "method twice": ("  ga: {}", "  ga: {}\n  ga: {}", "line 12: key ga stands twice"),
    "not YAML": ("[0, 1]", "[0, 1", "not YAML: "),
    "images for a text model": (
        "tiny-llava",
        "tiny-llama",
        "modalities: tiny-llama is a text model; allowed: text",
    ),
    "text dataset for a model of images": (
        "dataset: mini",
        "dataset: tofu",
        "dataset: tofu has no images, tiny-llava needs them",
    ),
    **{
        f"stress test that is {given}": ("seeds:", f"stress: {given}\nseeds:", told)
        for given, told in (
            (
                "{ relern: {} }",
                "stress: unknown: relern (did you mean relearn?); allowed: image, jailbreak, lens,"
                " paraphrase, probe, quantise, relearn, retrieval; a test of another name",
            ),
            (
                "{ small: { kind: round } }",
                "stress.small.kind: unknown: round; allowed: image, jailbreak, lens, paraphrase,",
            ),
            (
                "{ relearn: { step: [5] } }",
                "stress.relearn: step: unknown key (did you mean steps?); allowed: accumulation, ",
            ),
            ("{ relearn: {} }", "stress.relearn: give steps or epochs, one of the two"),
            ("{ relearn: { steps: [5], epochs: [1] } }", "stress.relearn: give steps or epochs"),
            (
                "{ relearn: { steps: [5, 0] } }",
                "stress.relearn: steps.1: input should be greater than 0, not 0",
            ),
            ("{ relearn: { steps: [5, 5] } }", "stress.relearn: steps: a number stands twice"),
            (
                "{ relearn: { steps: [5], on: some } }",
                "stress.relearn: on: input should be 'forget', 'half', 'retain' or 'real', not",
            ),
            ("{ quantise: {} }", "stress.quantise: to: missing"),
            ("{ quantise: { to: [] } }", "stress.quantise: to: empty; name one at least"),
            (
                "{ quantise: { to: [int4] } }",
                "stress.quantise: to.0: input should be 'int8', 'nf4' or 'fp4', not 'int4'",
            ),
            ("{ quantise: { to: [nf4, nf4] } }", "stress.quantise: to: a code stands twice"),
            (
                "{ lens: { layers: [1, 3] } }",
                "stress.lens.layers: 3; the model has 2; allowed: 1 to 2",
            ),
            ("{ probe: { layers: [1, 1] } }", "stress.probe: layers: a number stands twice"),
            ("{ probe: { layers: [] } }", "stress.probe: layers: empty; name one at least"),
            (
                "{ paraphrase: { wordings: 6 } }",
                "stress.paraphrase: wordings: input should be less",
            ),
            (
                "{ jailbreak: { ways: [role, role] } }",
                "stress.jailbreak: ways: a way stands twice",
            ),
            ("{ a/b: { kind: image } }", "stress.a/b: allowed in a name: letters, digits, _ . -"),
            ("[relearn]", "stress: must hold keys"),
        )
    },
    "row that is named as the stress tests": (
        "npo: {",
        "stress: { method: npo, ",
        "methods.stress: has another meaning; choose another name",
    ),
    "no base for a built model": (
        "base: { epochs: 1 }\n",
        "",
        "base: missing; tiny-llava is built and trained by the workflow",
    ),
}


FACES = """\
description: small
dataset: mini-faces
model: tiny-resnet
modalities: [visual]
forget_sizes: [10]
seeds: [0]
base: { epochs: 1 }
unlearn: { weights: full }
methods:
  ga: {}
  twins: {}
faces: { shadows: 4, targets: 2 }
"""
FACE_MISTAKES = {
    "a method of another domain": (
        "model: tiny-resnet",
        "model: tiny-llava",
        "methods.twins: serves vision; tiny-llava is a multimodal model",
    ),
    "twins where training mirrors": (
        "unlearn: {",
        "finetune: { augment: flip }\nunlearn: {",
        "methods.twins: only valid where no training augments; finetune.augment is flip, allowed:"
        " none",
    ),
    "mirrored unlearning": (
        "ga: {}",
        "ga: { augment: flip }",
        "methods.ga.augment: for base and finetune only; allowed: none",
    ),
    "no protocol": (
        "faces: { shadows: 4, targets: 2 }\n",
        "",
        "faces: missing; tiny-resnet is a vision model",
    ),
    "odd shadows": ("shadows: 4", "shadows: 5", "faces.shadows: 5; allowed: even"),
    "odd targets": ("targets: 2", "targets: 3", "faces.targets: 3; allowed: even"),
    "unknown key of the protocol": (
        "shadows: 4",
        "shadow: 4",
        "faces.shadow: unknown key (did you mean shadows?); allowed: enrolment, holdout, persons,"
        " shadows, targets, together",
    ),
    "texts": ("[visual]", "[visual, text]", "modalities: tiny-resnet is a vision model; allowed:"),
    "adapter": (
        "{ weights: full }",
        "{ weights: lora }",
        "unlearn.weights: vision models have no adapter; allowed: full",
    ),
    "requests": (
        "seeds: [0]",
        "seeds: [0]\nrequests: [10]",
        "requests: tiny-resnet is a vision model, whose attacks know of no requests; leave it out",
    ),
    "a stress test": (
        "seeds: [0]",
        "seeds: [0]\nstress: { quantise: { to: [nf4] } }",
        "stress.quantise: quantise serves multimodal, text; tiny-resnet is a vision model",
    ),
    "a dataset without images": (
        "dataset: mini-faces",
        "dataset: tofu",
        "dataset: tofu has no images, tiny-resnet needs them",
    ),
}


@pytest.fixture
def root(tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "config/small.yaml").write_text(SMALL)
    return tmp_path


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def told(root, name="small"):
    """The message about the mistake in a suite, which is one line."""
    with pytest.raises(UserError) as caught:
        load_suite(name, root)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_mini_full_is_mini_at_more_sizes():
    small, full = (load_suite(name, ROOT).file.model_dump() for name in ("mini", "mini-full"))
    changed = {key for key, value in small.items() if full[key] != value}
    assert changed == {"description", "forget_sizes"}


def chosen_in(page):
    """What a sweep's page says was chosen, by method and modality."""
    text = (ROOT / page).read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    return {(row[1], row[2]): row[3] for row in rows if len(row) > 6 and row[4] == "chosen"}


def test_the_rates_of_mini_are_those_that_its_sweep_chose():
    tried = load_suite("mini-sweep", ROOT).file.methods
    mini = load_suite("mini", ROOT).file.methods
    chosen = chosen_in("docs/mini-sweep.md")
    assert {method for method, _ in chosen} == mini.keys() - {"retain_ft"} == tried.keys()
    for (method, modality), rate in chosen.items():
        plain = tried[method].get("lr", 1e-3)
        given = plain if rate == "plain" else float(rate.removeprefix("lr "))
        assert mini[method]["lr"][modality] == given
        assert given in (plain, *tried[method]["sweep"]["lr"][modality])


def test_the_later_methods_of_mini_methods_forget_as_strongly_as_their_sweep_chose():
    tried = load_suite("mini-methods-sweep", ROOT).file.methods
    used = load_suite("mini-methods", ROOT).file.methods
    chosen = chosen_in("docs/mini-methods.md")
    assert chosen.keys() == {(method, "both") for method in tried}
    assert used.keys() - tried.keys() == {*load_suite("mini", ROOT).file.methods, "leace"}
    for (method, _), value in chosen.items():
        given = {key: own for key, own in tried[method].items() if key != "sweep"}
        if value != "plain":
            key, number = value.split()
            assert float(number) in tried[method]["sweep"][key]
            given[key] = float(number)
        assert used[method] == given


def test_mini_noise_repeats_what_mini_makes_and_nothing_else():
    mini, noise = (Graph(load_suite(name, ROOT)) for name in ("mini", "mini-noise"))
    again = {run.name for run in noise.runs.values() if run.repeat}
    assert {artifact.run.name for artifact in noise if artifact.run} - mini.runs.keys() == again


@pytest.mark.parametrize(
    "name",
    [
        *("mini-meta", "mini-noise", "mini-requests", "mini-stress", "mini-tradeoff"),
        *("tofu-noise", "tofu-tradeoff"),
    ],
)
def test_what_goes_on_from_a_suite_makes_nothing_of_it_otherwise(name):
    before, further = (Graph(load_suite(suite, ROOT)) for suite in (name.split("-")[0], name))
    shared = [each for each in further if each.name in before and each.name not in OF_SUITE]
    assert len(shared) > 20
    for artifact in shared:
        assert (artifact.resolved, artifact.inputs) == (
            before[artifact.name].resolved,
            before[artifact.name].inputs,
        )


def test_mini_vision_tradeoff_makes_nothing_of_mini_vision_otherwise_but_what_is_scaled():
    vision, further = (
        Graph(load_suite(name, ROOT)) for name in ("mini-vision", "mini-vision-tradeoff")
    )
    # A second gold is a gold of its own there.
    shared = [each.name for each in vision if each.name in further and each.name not in OF_SUITE]
    assert len(shared) > 60
    for name in shared:
        here, there = vision[name], further[name]
        scaled = {"strengths": "0.25,0.5,0.75,1.25,1.5"} if here.stage == "unlearn_shadows" else {}
        assert (there.resolved, there.inputs) == ({**here.resolved, **scaled}, here.inputs)


def test_a_base_of_the_hub_has_no_real_world_to_be_learned_again(root):
    suite = (root / "config/paper-llava.yaml").read_text()
    stress = "\nstress: { relearn: { on: real, steps: [5] } }\n"
    (root / "config/small.yaml").write_text(suite + stress)
    assert "stress.relearn.on: real: what a base learns that is trained here" in told(root)


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_of_the_repository_is_valid(name):
    suite = load_suite(name, ROOT)
    file = suite.file
    assert suite.name == name
    counts = [len(part) for part in (file.methods, file.modalities, file.forget_sizes, file.seeds)]
    times = file.repeats.finetune * file.repeats.unlearn
    assert len(Graph(suite).cells) == math.prod(counts) * times


@pytest.mark.parametrize(("folder", "kind"), [("models", ModelSpec), ("datasets", DatasetSpec)])
def test_every_model_and_dataset_of_the_repository_is_valid(folder, kind):
    found = list((ROOT / "config" / folder).glob("*.yaml"))
    assert found
    for path in found:
        assert validate(kind, read_yaml(path), str(path)).description


def test_methods_keep_the_settings_of_the_suite_but_for_their_own(root):
    suite = load_suite("small", root)
    own, training = suite.unlearning("npo", "text")
    assert own == {"beta": 0.5}
    assert (training.epochs, training.lr) == (2, 1e-3)
    assert suite.unlearning("ga", "text") == ({}, suite.file.unlearn)


def test_a_models_parameters_hold_unless_the_suite_has_its_own(root):
    edit(
        root / "config/models/tiny-llava.yaml", "lora:", "parameters: { npo: { beta: 3.0 } }\nlora:"
    )
    assert load_suite("small", root).unlearning("npo", "text")[0] == {"beta": 0.5}
    edit(root / "config/small.yaml", "beta: 0.5, ", "")
    assert load_suite("small", root).unlearning("npo", "text")[0] == {"beta": 3.0}


def test_a_layer_is_held_against_the_depth_of_a_model_of_images(root):
    path = root / "config/small.yaml"
    path.write_text(FACES)
    edit(path, "ga: {}", "rmu: { layer: 3 }")
    assert "methods.rmu.layer: 3 does not exist; tiny-resnet has 0 to 2;" in told(root)


@pytest.mark.parametrize(
    "config",
    [
        {"num_hidden_layers": 4},
        {"text_config": {"num_hidden_layers": 4}, "num_hidden_layers": 9},
        {"depths": [2, 2, 2, 2], "num_hidden_layers": 9},
    ],
)
def test_a_layer_is_held_against_the_configuration_of_a_model_that_is_at_hand(root, config):
    path = root / "config/models/tiny-llava.yaml"
    data = yaml.safe_load(path.read_text())
    del data["build"]
    path.write_text(yaml.safe_dump({**data, "hub": str(root / "theirs")}))
    edit(root / "config/small.yaml", "ga: {}", "rmu: { layer: 4 }")
    (root / "theirs").mkdir()
    load_suite("small", root)
    (root / "theirs/config.json").write_text(json.dumps(config))
    assert "methods.rmu.layer: 4 does not exist; tiny-llava has 0 to 3;" in told(root)
    (root / "theirs/config.json").write_text("{")
    load_suite("small", root)


def test_gpus_that_would_have_no_batch_of_a_step_are_told(root):
    edit(root / "config/models/tiny-llava.yaml", "  unlearn: {", "  unlearn: { gpus: 2,")
    assert told(root).endswith(
        "methods.ga: accumulation: 1; tiny-llava asks for 2 GPUs, which share the batches of a"
        " step; allowed: multiples of 2"
    )
    edit(root / "config/small.yaml", "lr: 1.0e-3", "lr: 1.0e-3, accumulation: 4")
    assert load_suite("small", root).file.unlearn.accumulation == 4


def test_gpus_that_share_a_model_share_each_batch(root):
    path = root / "config/models/tiny-llava.yaml"
    edit(path, "  unlearn: {", "  unlearn: { gpus: 2,")
    edit(path, "precision:", "shard: true\nprecision:")
    suite = load_suite("small", root)
    assert suite.model.use.model_dump()["shard"]
    assert "shard" not in suite.model.model_copy(update={"shard": False}).use.model_dump()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        *(
            (
                "ga: {}",
                f"{row}: {{ {given} }}",
                f"methods.{row}: {row} is about single weights or neurons, and",
            )
            for given, rows in (
                ("weights: full", ("ssd", "salun", "sfron", "mmunlearner", "manu")),
                ("weights: full, layer: 1", ("mip_editor",)),
                ("layer: 1", ("leace",)),
            )
            for row in rows
        ),
        ("ga: {}", "ga: { weights: full, optimizer: adamw_8bit }", "methods.ga.optimizer: adamw_"),
        *(
            ("seeds:", f"stress: {{ {kind}: {given} }}\nseeds:", f"stress.{kind}: {kind} changes")
            for kind, given in (("quantise", "{ to: [int8] }"), ("relearn", "{ epochs: [1] }"))
        ),
        ("seeds:", "holdout: 10\ngradients: trained\nseeds:", "gradients:"),
    ],
)
def test_what_looks_at_single_weights_is_refused_of_a_model_that_gpus_share(
    root, old, new, expected
):
    path = root / "config/small.yaml"
    edit(path, old, new)
    load_suite("small", root)
    edit(root / "config/models/tiny-llava.yaml", "precision:", "shard: true\nprecision:")
    said = told(root)
    assert said.startswith(f"{path}: {expected}")
    assert "is divided among GPUs (shard: true)" in said


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_one_line_with_file_key_and_what_is_allowed(root, mistake):
    old, new, expected = MISTAKES[mistake]
    path = root / "config/small.yaml"
    edit(path, old, new)
    assert told(root).startswith(f"{path}: {expected}")


@pytest.mark.parametrize("mistake", FACE_MISTAKES)
def test_mistake_of_a_vision_suite_is_one_line(root, mistake):
    path = root / "config/small.yaml"
    path.write_text(FACES)
    load_suite("small", root)
    old, new, expected = FACE_MISTAKES[mistake]
    edit(path, old, new)
    assert told(root).startswith(f"{path}: {expected}")


def test_faces_and_mirroring_are_of_vision_suites_only(root):
    path = root / "config/small.yaml"
    text = path.read_text()
    path.write_text(text + "faces: { shadows: 4 }\n")
    assert "faces: tiny-llava is no vision model" in told(root)
    path.write_text(text.replace("base: {", "base: { augment: flip,"))
    assert "base.augment: for vision models; allowed: none" in told(root)


def test_unknown_suite_is_answered_with_the_known_ones(root):
    known = ", ".join(sorted([*SUITES, "small"]))
    line = told(root, "smal")
    assert line.endswith(f"smal.yaml does not exist (did you mean small?); suites here: {known}")


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (
            "models/tiny-llava",
            "precision:",
            "precission:",
            "precission: unknown key (did you mean precision?); allowed: ",
        ),
        ("models/tiny-llava", "float32", "float8", "precision: input should be 'float32' or "),
        ("models/tiny-llava", "rank: 16", "rank: 0", "lora.rank: input should be greater than 0"),
        (
            "models/tiny-llava",
            "lora:",
            "parameters: { rmo: {} }\nlora:",
            "parameters: unknown: rmo",
        ),
        (
            "models/tiny-llava",
            "lora:",
            "parameters: { rmu: { layers: 1 } }\nlora:",
            "parameters.rmu.layers: unknown (did you mean layer?); rmu has the parameters: alpha, ",
        ),
        ("datasets/mini", "domain: multimodal", "domain: sound", "domain: input should be "),
    ],
)
def test_mistake_in_a_model_or_dataset_names_its_own_file(root, file, old, new, expected):
    path = root / f"config/{file}.yaml"
    edit(path, old, new)
    assert told(root).startswith(f"{path}: {expected}")


def test_tofu_is_read_from_the_hub_or_from_the_folder_that_the_user_names(tmp_path, monkeypatch):
    monkeypatch.delenv("CLEARBENCH_DATA", raising=False)
    assert load_suite("tofu", ROOT).dataset.texts == "locuslab/TOFU"
    monkeypatch.setenv("CLEARBENCH_DATA", str(tmp_path))
    assert load_suite("tofu", ROOT).dataset.texts == "locuslab/TOFU"
    (tmp_path / "tofu").mkdir()
    assert load_suite("tofu", ROOT).dataset.texts == str(tmp_path / "tofu")
    # A drawn world has no copy, and neither has the text part of images that lie elsewhere.
    for name in ("mini", "clear"):
        (tmp_path / name).mkdir()
    assert load_suite("mini", ROOT).dataset.texts is None
    assert load_suite("paper-llava", ROOT).dataset.texts == "locuslab/TOFU"


@pytest.mark.parametrize("name", SUITES)
def test_every_artifact_has_a_command_that_the_command_line_takes(name):
    graph = Graph(load_suite(name, ROOT))
    commands = {
        name: cli.get_command(Context(cli), name) for name in cli.list_commands(Context(cli))
    }
    for artifact in graph:
        _, *words = graph.command(artifact.name, Path("results") / name)
        stage = commands[words[2] if words[0] == "--processes" else words[0]]
        options = {option for param in stage.params for option in param.opts}
        required = {param.opts[0] for param in stage.params if param.required}
        given = {word for word in words if word.startswith("--")} - {"--processes"}
        assert required <= given <= options, artifact.name


def test_a_row_is_a_method_with_parameters_of_its_own_and_shares_original_and_gold(tmp_path):
    strong = {"method": "npo", "beta": 0.05, "lr": 2.0e-3}
    suite = write_suite(tmp_path, methods={"npo": {}, "npo-strong": strong}, seeds=[0])
    graph, plain = Graph(suite), Graph(write_suite(tmp_path, methods={"npo": {}}, seeds=[0]))
    own, other = (graph[f"unlearn/{row}/text/forget10/seed0"] for row in ("npo-strong", "npo"))
    assert own.options == other.options
    assert own.settings["parameters"] == {"beta": 0.05}
    assert own.settings["training"]["lr"] == 2.0e-3
    assert other.settings["parameters"]["beta"] != 0.05
    assert own.inputs == other.inputs
    added = {artifact.name for artifact in graph} - {artifact.name for artifact in plain}
    assert added == {
        f"{stage}/npo-strong/{modality}/forget10/seed0"
        for stage in ("unlearn", "evaluate", "score")
        for modality in ("text", "visual")
    }
    rows = {group.method for group in groups_of(runs_of(suite))}
    assert {"npo", "npo-strong"} <= rows
