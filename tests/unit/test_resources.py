"""What jobs ask of a cluster: by model and stage, more with each attempt, a GPU only for models."""

import math
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from clearbench.config.files import ModelSpec
from clearbench.config.site import Site
from clearbench.config.strict import validate
from clearbench.suite.graph import Graph
from clearbench.workflow import Workflow
from synthetic import rules_see

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "docs/cluster.md"
STAGES = ("generate", "dataset", "base", "finetune", "unlearn", "evaluate", "score", "tabulate")


@pytest.fixture
def mini(monkeypatch) -> Workflow:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("clearbench.workflow.workflow.load_site", Site)
    return rules_see({"suite": "mini"})


def test_the_default_suite_asks_for_no_gpu(mini):
    assert all("gres" not in mini.resources(stage) for stage in STAGES)


def test_a_model_that_says_nothing_gets_a_gpu_for_its_stages_and_no_other(mini):
    plain = validate(ModelSpec, {"domain": "text", "hub": "some/model"}, "test")
    mini.suite = replace(mini.suite, model=plain)
    with_gpu = {stage for stage in STAGES if mini.resources(stage).get("gres") == "gpu:1"}
    assert with_gpu == {"base", "finetune", "unlearn", "evaluate"}


@pytest.mark.parametrize("stage", STAGES)
def test_memory_and_time_double_with_each_attempt(mini, stage):
    for name in ("mem_mb", "runtime"):
        amount = mini.resources(stage)[name]
        first, second, third = (amount(None, attempt) for attempt in (1, 2, 3))
        assert 0 < 4 * first == 2 * second == third


def test_no_attempt_asks_for_more_than_the_site_has(mini):
    mini.site = Site(max_minutes=100, max_mem_mb=5000)
    need = mini.suite.model.need("base")
    for name, amount, most in (("mem_mb", need.mem_mb, 5000), ("runtime", need.minutes, 100)):
        asked = [mini.resources("base")[name](None, attempt) for attempt in (1, 2, 3)]
        assert asked == [min(amount * factor, most) for factor in (1, 2, 4)]
        assert asked[0] < asked[2] == most


def test_what_a_model_needs_is_no_part_of_any_recipe(mini):
    for part in (mini.suite.model.source, mini.suite.model.use):
        assert "resources" not in part.model_dump()


def test_a_suite_of_495_cells_is_as_many_slurm_jobs_as_the_documentation_says(mini):
    file = mini.suite.file.model_copy(update={"forget_sizes": [1, 5, 10], "seeds": list(range(5))})
    graph = Graph(replace(mini.suite, file=file))
    assert len(graph.cells) == 495
    counts = Counter(artifact.stage for artifact in graph if artifact.name != "generate")
    profile = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())
    together = profile["group-components"]["score"]
    jobs = counts.total() - counts["score"] + math.ceil(counts["score"] / together)
    said = re.search(r"has ([\d,]+) artifacts and becomes ([\d,]+) SLURM jobs", CLUSTER.read_text())
    assert said, CLUSTER
    assert [int(number.replace(",", "")) for number in said.groups()] == [counts.total(), jobs]


def test_several_gpus_start_a_process_each_inside_the_one_job(mini):
    def words(name):
        return Graph(mini.suite).command(name, Path("results/mini"))

    cell = "unlearn/ga/text/forget10/seed0"
    assert words("original/seed0")[:2] == ["clearbench", "finetune"]
    assert words(cell)[:2] == ["clearbench", "unlearn"]
    two = {"domain": "text", "hub": "some/model", "resources": {"unlearn": {"gpus": 2}}}
    mini.suite = replace(mini.suite, model=validate(ModelSpec, two, "test"))
    assert words(cell)[:4] == ["clearbench", "--processes", "2", "unlearn"]
    assert words("original/seed0")[:2] == ["clearbench", "finetune"]
    assert mini.resources("unlearn")["gres"] == "gpu:2"
