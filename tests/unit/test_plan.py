"""The cost of a suite from one cell of it: what a run would take, before it is run."""

import pytest
import torch

from clearbench import methods
from clearbench.config import Lora
from clearbench.data.store import Store, TrainSample
from clearbench.models.build import build_model
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder
from clearbench.provenance.plan import Experience
from clearbench.provenance.tree import Tree
from clearbench.settings import Unlearning
from clearbench.suite import load_suite
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from synthetic import ROOT, Made, SyntheticTree, write_suite
from tiny_models import BUILDS, LORA_TARGETS, SENTENCES, new_tokenizer

DEVICE = torch.device("cpu")
MEASURED = Made(seconds=130.0, gpu="A100", measures={"training_seconds": 100.0})


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    rows = [
        TrainSample(str(n), "text_qa", "text", "Ada", SENTENCES[n % 2], SENTENCES[2 + n % 4], None)
        for n in range(8)
    ]
    encoder = Encoder(new_tokenizer(), Store(tmp_path_factory.mktemp("store")))
    return Sets(rows[:4], rows[4:], encoder, DEVICE)


METHODS = [
    key for key in methods.available() if "text" in methods.describe(key).domains and "@" not in key
]


@pytest.mark.parametrize("key", METHODS)
def test_the_passes_of_a_method_are_those_that_a_step_makes(sets, key, monkeypatch):
    """Each pass is over as many samples as a batch has, a mismatched one over K times as many."""
    parameters = {"layer": 1} if key == "rmu" else {}
    method = methods.create(key, parameters)
    model = build_model(BUILDS["llama"], "text", sets.encoder.tokenizer, 0)
    trained = prepare_training(model, "lora", Lora(rank=2, targets=LORA_TARGETS), "")
    training = Unlearning(epochs=1, batch_size=4)
    unlearner = Unlearner(trained, method, sets, training, 0, lambda: pytest.fail("no second"))
    rows = {"student": 0, "reference": 0}
    forward = Sets.answers

    def counted(sets, model, batches, asked, layer):
        who = "student" if torch.is_grad_enabled() else "reference"
        rows[who] += sum(len(batches.batch(one)["input_ids"]) for one in asked)
        return forward(sets, model, batches, asked, layer)

    monkeypatch.setattr(Sets, "answers", counted)
    unlearner.minimise(method.loss)
    assert tuple(count // 4 for count in rows.values()) == methods.passes(key, parameters)


def test_a_method_without_a_loss_counts_as_a_pass(tmp_path, monkeypatch):
    monkeypatch.setattr(methods, "_FOLDER", tmp_path)
    (tmp_path / "merging.py").write_text(
        "class Merging(Method):\n    def unlearn(self, trainer):\n        trainer.negate_update()\n"
    )
    assert methods.passes("merging", {}) == (1, 0)


@pytest.fixture
def known(tmp_path):
    """What is known of a suite with one cell on record, npo at 10 percent, and its graph."""
    training = {"epochs": 5, "batch_size": 4}
    suite = write_suite(
        tmp_path,
        modalities=["text"],
        forget_sizes=[1, 10],
        seeds=[0, 1],
        unlearn=training,
        methods={"npo": {}, "sku": {}, "ga": {"epochs": 10}},
    )
    tree = SyntheticTree(suite, tmp_path / "results")
    measured = "unlearn/npo/text/forget10/seed0"
    for name in ("generate", "dataset", "base", "original", measured):
        tree.put(name, MEASURED)
    return Experience([Tree(tree.root)]), tree.graph


def estimate(experience, graph, name):
    return experience.estimate(graph[name], graph["base"].resolved["model"])


@pytest.mark.parametrize(
    ("cell", "share"),
    [
        ("npo/text/forget10/seed1", 1.0),
        ("npo/text/forget01/seed0", 0.1),
        # A pass through an adapter costs two units, one through the reference a single one.
        ("sku/text/forget10/seed0", (7 * 2 + 1) / (2 + 1)),
        ("ga/text/forget10/seed0", 2 * 2 / (2 + 1)),
        ("ga/text/forget01/seed1", 0.1 * 2 * 2 / (2 + 1)),
    ],
)
def test_one_cell_on_record_tells_what_the_others_take(known, cell, share):
    experience, graph = known
    cost = estimate(experience, graph, f"unlearn/{cell}")
    assert cost.seconds == pytest.approx(30 + 100 * share)
    assert cost.gpus == 1


def test_golds_are_told_by_the_original_and_evaluations_by_nothing_else(known):
    experience, graph = known
    assert estimate(experience, graph, "gold/forget10/seed0").seconds == 130.0
    assert estimate(experience, graph, "evaluate/npo/text/forget10/seed0") is None


def test_a_suite_of_the_paper_is_told_by_one_cell(tmp_path):
    suite = load_suite("paper-llava", ROOT)
    tree = SyntheticTree(suite, tmp_path)
    run = "npo/visual/forget05/seed42"
    shared = ("dataset", "base", "original", "reference")
    for name in (*shared, f"unlearn/{run}", f"evaluate/{run}"):
        tree.put(name, MEASURED)
    experience = Experience([Tree(tree.root)])
    stages = ("finetune", "reference", "unlearn", "evaluate")
    models = [artifact.name for artifact in tree.graph if artifact.stage in stages]
    costs = [estimate(experience, tree.graph, name) for name in models]
    assert len(costs) == 7 + 1 + 297 + 306
    assert None not in costs
    assert all(cost.gpus == 1 and cost.seconds > 30 for cost in costs)
    both, one = (f"unlearn/gd/{modality}/forget05/seed42" for modality in ("both", "text"))
    assert estimate(experience, tree.graph, both).seconds - 30 == pytest.approx(
        2 * (estimate(experience, tree.graph, one).seconds - 30)
    )
    # What the original says is stored, so npo runs a batch through the student and ga does too.
    ga, npo = (f"unlearn/{key}/visual/forget05/seed43" for key in ("ga", "npo"))
    assert estimate(experience, tree.graph, ga) == estimate(experience, tree.graph, npo)
