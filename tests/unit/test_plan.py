"""The cost of a suite from one cell of it: what a run would take, before it is run."""

import json
import re

import pytest
import torch
from click.testing import CliRunner

from clearbench import methods
from clearbench.cli.run import plan
from clearbench.config.files import Lora
from clearbench.config.profile import read_profile
from clearbench.config.settings import Unlearning
from clearbench.config.site import Site
from clearbench.data.store import Store, TrainSample
from clearbench.errors import UserError
from clearbench.jobs.differences import Cause
from clearbench.methods.base import Method
from clearbench.models.build import build_model
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder
from clearbench.provenance.plan import (
    Experience,
    finishing_time,
    long_answers,
    make_plan,
    report,
    report_long,
)
from clearbench.results.currency import Status
from clearbench.results.tree import Tree
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from installed import forgotten, install  # noqa: F401
from synthetic import ROOT, Made, SyntheticTree, write_suite
from tiny_models import (
    BUILDS,
    LORA_TARGETS,
    SENTENCES,
    UNTRAINED,
    made_up,
    new_tokenizer,
    parameters_of,
)

DEVICE = torch.device("cpu")
MEASURED = Made(seconds=130.0, gpu="A100", measures={"training_seconds": 100.0})


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    rows = [
        TrainSample(str(n), "text_qa", "text", "Ada", SENTENCES[n % 2], SENTENCES[2 + n % 4], None)
        for n in range(8)
    ]
    encoder = Encoder(new_tokenizer(), Store(tmp_path_factory.mktemp("store")))
    return Sets(rows[:4], rows[4:], encoder, DEVICE, alternates=made_up(rows[:4]))


METHODS = [
    key
    for key in sorted({*methods.available()} - UNTRAINED)
    if "text" in methods.describe(key).domains
    and "@" not in key
    and not methods.describe(key).importances
    and type(methods.create(key, {})).loss is not Method.loss
]


@pytest.mark.parametrize("key", METHODS)
def test_the_passes_of_a_method_are_those_that_a_step_makes(sets, key, monkeypatch):
    """Each pass is over as many samples as a batch has, a mismatched one over K times as many."""
    parameters = parameters_of(key)
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
    assert tuple(count // 4 for count in rows.values()) == methods.describe(key).passes(parameters)


def test_a_method_without_a_loss_counts_as_a_pass(tmp_path, monkeypatch):
    text = (
        "from clearbench.methods.base import Method\n\n\nclass Merging(Method):\n"
        "    def unlearn(self, trainer):\n        trainer.negate_update()\n"
    )
    install(monkeypatch, tmp_path, {"merging.py": text}, {"methods": {"merging": "merging"}})
    assert methods.describe("merging").passes({}) == (1, 0)


def test_a_method_that_never_trains_has_no_step():
    resting = {key for key in methods.available() if not methods.describe(key).trains}
    assert resting == {"icr", "leace"}
    assert {methods.describe(key).passes({}) for key in resting} == {(0, 0)}
    # One pass over the forget set, with as many of the retain set.
    assert methods.describe("leace").surveyed(10) == 20
    assert methods.describe("icr").surveyed(10) == 0


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
        methods={
            **{"npo": {}, "sku": {}, "ga": {"epochs": 10}},
            **{"manu": {"weights": "full"}, "leace": {"layer": 1}, "icr": {}},
        },
    )
    tree = SyntheticTree(suite, tmp_path / "results")
    measured = "unlearn/npo/text/forget10/seed0"
    for name in ("generate", "dataset", "base/seed0", "original/seed0", measured):
        tree.put(name, MEASURED)
    return Experience([Tree(tree.root)]), tree.graph


def estimate(experience, graph, name):
    return experience.estimate(graph[name], graph)


@pytest.mark.parametrize(
    ("cell", "share"),
    [
        ("npo/text/forget10/seed1", 1.0),
        ("npo/text/forget01/seed0", 0.1),
        # A pass through an adapter costs two units, one through the reference a single one.
        ("sku/text/forget10/seed0", (7 * 2 + 1) / (2 + 1)),
        ("ga/text/forget10/seed0", 2 * 2 / (2 + 1)),
        ("ga/text/forget01/seed1", 0.1 * 2 * 2 / (2 + 1)),
        # A pass over all samples, where the other takes five over a tenth of them.
        ("manu/text/forget10/seed0", 100 / (5 * 10 * (2 + 1))),
        # A pass over the forget set and as many others; and none.
        ("leace/text/forget10/seed0", 20 / (5 * 10 * (2 + 1))),
        ("icr/text/forget10/seed0", 0.0),
    ],
)
def test_one_cell_on_record_tells_what_the_others_take(known, cell, share):
    experience, graph = known
    cost = estimate(experience, graph, f"unlearn/{cell}")
    assert cost.seconds == pytest.approx(30 + 100 * share)
    assert cost.gpus == 1


def test_what_trained_nothing_tells_nothing_of_how_long_training_takes(known, tmp_path):
    _, graph = known
    tree = SyntheticTree(graph.suite, tmp_path / "another")
    for name in ("generate", "dataset", "base/seed0", "original/seed0"):
        tree.put(name, MEASURED)
    tree.put("unlearn/icr/text/forget10/seed0", Made(seconds=30.0, gpu="A100"))
    experience = Experience([Tree(tree.root)])
    assert not estimate(experience, graph, "unlearn/npo/text/forget10/seed0").measured
    assert estimate(experience, graph, "unlearn/icr/text/forget01/seed1").measured


def test_golds_are_told_by_the_original_and_evaluations_by_nothing_else(known):
    experience, graph = known
    assert estimate(experience, graph, "gold/forget10/seed0").seconds == 130.0
    assert not estimate(experience, graph, "evaluate/npo/text/forget10/seed0").measured


def test_a_suite_of_the_paper_is_told_by_one_cell(tmp_path):
    suite = load_suite("paper-llava", ROOT)
    tree = SyntheticTree(suite, tmp_path)
    run = "npo/visual/forget05/seed42"
    shared = ("dataset", "base/seed42", "original/seed42", "reference/seed42")
    for name in (*shared, f"unlearn/{run}", f"evaluate/{run}"):
        tree.put(name, MEASURED)
    experience = Experience([Tree(tree.root)])
    stages = ("finetune", "reference", "unlearn", "evaluate")
    models = [artifact.name for artifact in tree.graph if artifact.stage in stages]
    costs = [estimate(experience, tree.graph, name) for name in models]
    assert len(costs) == 12 + 3 + 297 + 315
    assert all(cost.measured and cost.gpus == 1 and cost.seconds > 30 for cost in costs)
    both, one = (f"unlearn/gd/{modality}/forget05/seed42" for modality in ("both", "text"))
    assert estimate(experience, tree.graph, both).seconds - 30 == pytest.approx(
        2 * (estimate(experience, tree.graph, one).seconds - 30)
    )
    # What the original says is stored, so npo runs a batch through the student and ga does too.
    ga, npo = (f"unlearn/{key}/visual/forget05/seed43" for key in ("ga", "npo"))
    assert estimate(experience, tree.graph, ga) == estimate(experience, tree.graph, npo)


def plan_of(suite, *trees):
    """The plan of a suite of which nothing is made, as lines, by its stage."""
    graph = Graph(suite)
    missing = (Cause("missing", "not made yet"),)
    statuses = {found.name: Status(found, missing) for found in graph}
    stages, estimates = make_plan(graph, statuses, Experience(map(Tree, trees)))
    lines = list(report(stages, finishing_time(graph, estimates, 2), 2))
    rows = [line for row in lines for line in row.splitlines()]
    return {row.split()[0]: " ".join(row.split()) for row in rows}, stages


def test_what_a_suite_of_the_paper_may_cost_is_bounded_by_the_limits_of_its_jobs():
    suite = load_suite("paper-llava", ROOT)
    lines, stages = plan_of(suite)
    needs = suite.model.needs()
    hours = sum(needs[found.stage].gpus * needs[found.stage].minutes for found in Graph(suite)) / 60
    assert hours > 1000
    assert f"≤ {hours:,.1f} h" in lines["all"]
    assert all(stage.unknown == stage.jobs for stage in stages)
    assert lines["unlearn"].endswith("297 by time limits")


def test_a_cluster_runs_as_many_jobs_at_a_time_as_its_profile_says(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)

    def seconds(*options):
        words = ["paper-llava", "--results", str(tmp_path), *options]
        done = CliRunner().invoke(plan, words, catch_exceptions=False)
        (line,) = [line for line in done.output.splitlines() if line.startswith("finished after")]
        found = json.loads(CliRunner().invoke(plan, [*words, "--json"]).stdout)
        return found["seconds"], line.partition(" h ")[2]

    profile = seconds("--profile", "slurm")
    assert profile[1] == "with 200 jobs at a time, by slurm/config.yaml"
    assert profile[0] == seconds("--workers", "200")[0]
    here = seconds()
    assert "as processors here; of a cluster tells --profile slurm" in here[1]
    assert seconds("--workers", "3")[1] == "with 3 jobs at a time"


def test_a_plan_for_a_cluster_counts_with_the_limits_of_its_site_file(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = ["paper-llava", "--results", str(tmp_path)]

    def planned(*options):
        done = CliRunner().invoke(plan, [*words, *options], catch_exceptions=False)
        rows = {line.split()[0]: line for line in done.output.splitlines() if line}
        return rows["unlearn"], [line for line in done.output.splitlines() if "site.yaml" in line]

    need = load_suite("paper-llava", ROOT).model.need("unlearn")
    assert need.minutes > 60
    whole, none = planned("--profile", "slurm")
    assert none == []
    site = Site(max_minutes=60, max_mem_mb=1000)
    monkeypatch.setattr("clearbench.config.site.load_site", lambda: site)
    short, told = planned("--profile", "slurm")
    assert "≤ 297.0 h" in short
    assert "≤ 297.0 h" not in whole
    (line,) = [line for line in told if line.startswith("unlearn: ")]
    assert f"60 of {need.minutes} minutes (max_minutes in slurm/site.yaml), 1000 of" in line
    # Without a cluster none of its limits counts.
    assert planned() == (whole, [])


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("jobs: 20\nretries: 3\n", (20, 3, None)),
        ("jobs: unlimited\nslurm-requeue: true\n", (None, 0, True)),
        ("slurm-no-requeue: true\n", (1, 0, False)),
    ],
)
def test_a_profile_says_jobs_retries_and_whether_slurm_starts_again(tmp_path, text, known):
    (tmp_path / "config.yaml").write_text(text)
    found = read_profile(str(tmp_path))
    assert (found.jobs, found.retries, found.requeue) == known


def test_a_profile_that_is_not_there_or_wrong_is_told_in_a_line(tmp_path):
    with pytest.raises(UserError, match=r"no/config.yaml: no such profile; `slurm`, `lsf`"):
        read_profile("no")
    (tmp_path / "config.yaml").write_text("jobs: many\n")
    with pytest.raises(UserError, match=r"config.yaml: jobs: input should be a number from 0, not"):
        read_profile(str(tmp_path))


def test_jobs_on_other_data_or_with_another_model_are_not_taken_for_a_suites_own(tmp_path):
    tree = SyntheticTree(write_suite(tmp_path), tmp_path / "results").build()
    other_model = write_suite(tmp_path, "other", model="tiny-llama", modalities=["text"])
    _, stages = plan_of(other_model, tree.root)
    # The data are the same, and all else has a model to do with.
    assert {stage.stage for stage in stages if not stage.unknown} == {"generate", "dataset"}
    assert all(stage.unknown in (0, stage.jobs) for stage in stages)
    _, stages = plan_of(load_suite("paper-llava", ROOT), tree.root)
    assert all(stage.unknown == stage.jobs for stage in stages)


def test_a_figure_says_on_what_machine_it_was_measured(tmp_path):
    tree = SyntheticTree(write_suite(tmp_path), tmp_path / "results")
    tree.build({a.name: Made(gpu="A100") for a in tree.graph if a.stage == "unlearn"})
    lines, _ = plan_of(tree.suite, tree.root)
    assert lines["unlearn"].endswith(" as before on A100")
    assert "A100" not in lines["evaluate"]
    assert "≤" not in lines["all"]


FACES = {
    "dataset": "mini-faces",
    "model": "tiny-resnet",
    "modalities": ["visual"],
    "forget_sizes": [1, 10],
    "seeds": [0],
    "finetune": {"epochs": 20},
    "unlearn": {"epochs": 5, "weights": "full"},
    "methods": {"ga": {}, "scrub_bio": {"epochs": 10}},
    "faces": {"shadows": 8, "targets": 6, "together": 4},
}
OF_A_CELL = 3 + 0
"""Passes of ga with all weights: forward, and twice that backward."""


@pytest.mark.parametrize(
    ("name", "work"),
    [
        # Four models a job, and two in the last one, each trained as the original is.
        ("shadows/0", 4),
        ("shadows/3", 2),
        ("unlearn_shadows/ga/forget10/0", 4),
        ("unlearn_shadows/ga/forget10/3", 2),
        ("unlearn_shadows/ga/forget01/1", 4 * 0.1),
        # Both batches through the student and the reference, in twice the epochs.
        ("unlearn_shadows/scrub_bio/forget10/2", 4 * 2 * (2 * 3 + 2) / OF_A_CELL),
    ],
)
def test_the_original_and_one_cell_tell_what_the_models_of_an_attack_take(tmp_path, name, work):
    suite = write_suite(tmp_path, **FACES)
    tree = SyntheticTree(suite, tmp_path / "results")
    for made in (
        "generate",
        "dataset",
        "base/seed0",
        "original/seed0",
        "unlearn/ga/visual/forget10/seed0",
    ):
        tree.put(made, MEASURED)
    cost = estimate(Experience([Tree(tree.root)]), tree.graph, name)
    assert cost.seconds == pytest.approx(30 + 100 * work)
    assert (cost.size > 0) == name.startswith("shadows")


def test_jobs_of_an_attack_tell_the_others_of_it(tmp_path):
    suite = write_suite(tmp_path, **FACES)
    tree = SyntheticTree(suite, tmp_path / "results")
    for made in ("generate", "dataset", "base/seed0", "original/seed0", "shadows/0"):
        tree.put(made, Made(seconds=500.0, measures={"training_seconds": 400.0}))
    tree.put("unlearn_shadows/ga/forget01/0", MEASURED)
    experience = Experience([Tree(tree.root)])
    last = estimate(experience, tree.graph, "shadows/3")
    assert last.seconds == pytest.approx(100 + 400 / 2)
    forgetting = estimate(experience, tree.graph, "unlearn_shadows/ga/forget10/1")
    assert forgetting.seconds == pytest.approx(30 + 100 * 10)


LENGTHS = {"1": {"3": 2}, "5": {}, "10": {"3": 5, "64": 1, "65": 1, "80": 1}}


@pytest.mark.parametrize(
    ("limit", "found", "lines"),
    [
        (64, {1: (0, 2), 10: (2, 8)}, [r"At 10 % 2 of 8 true answers are longer .* \(64\)"]),
        (65, {1: (0, 2), 10: (1, 8)}, [r"At 10 % 1 of 8 true answers is longer .* \(65\)"]),
        (80, {1: (0, 2), 10: (0, 8)}, []),
        (2, {1: (2, 2), 10: (8, 8)}, ["At 1 % 2 of 2 ", "At 10 % 8 of 8 "]),
    ],
)
def test_the_plan_tells_answers_that_are_longer_than_the_limit(tmp_path, limit, found, lines):
    given = {"max_new_tokens": limit}
    suite = write_suite(tmp_path, forget_sizes=[1, 10], evaluate=given)
    tree = SyntheticTree(suite, tmp_path / "results")
    for name in ("generate", "dataset"):
        tree.put(name)
    tree.put("base/seed0", Made(measures={"steps": 3, "answer_tokens": LENGTHS}))
    answers = long_answers(tree.graph, Tree(tree.root), True)
    assert answers == found
    said = list(report_long(answers, limit))
    assert len(said) == len(lines)
    for line, expected in zip(said, lines, strict=True):
        assert re.match(expected, line)


def test_before_a_base_is_made_the_plan_says_what_tells_the_lengths(tmp_path):
    suite = write_suite(tmp_path)
    tree = SyntheticTree(suite, tmp_path / "results")
    assert long_answers(tree.graph, Tree(tree.root), False) is None
    (line,) = report_long(None, 64)
    assert "max_new_tokens (64) is known once the base is made" in line
    vision = Graph(load_suite("mini-vision", ROOT))
    assert long_answers(vision, Tree(tree.root), False) == {}
    assert list(report_long({}, 64)) == []
