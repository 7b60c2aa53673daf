"""What jobs ask of a cluster: by model and stage, more with each attempt, a GPU only for models."""

import math
import re
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from clearbench.cluster import ends as known
from clearbench.cluster.ends import ends, note
from clearbench.config.files import ModelSpec
from clearbench.config.site import Site
from clearbench.config.strict import validate
from clearbench.jobs.interruption import TimeIsUp
from clearbench.jobs.pace import DEADLINE, pace
from clearbench.jobs.state import State
from clearbench.stress_tests import available, kind_of
from clearbench.suite.graph import Graph
from clearbench.workflow import Workflow
from clearbench.workflow.sharing import shared_jobs
from synthetic import rules_see, write_suite

ROOT = Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "docs/cluster.md"
STAGES = ("generate", "dataset", "base", "finetune", "unlearn", "evaluate", "score", "tabulate")


@pytest.fixture
def mini(monkeypatch) -> Workflow:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(known, "_ENDS", defaultdict(list))
    monkeypatch.setattr("clearbench.workflow.workflow.load_site", Site)
    return rules_see({"suite": "mini"})


def test_the_default_suite_asks_for_no_gpu(mini):
    assert all(mini.resources(stage, stage)["gpu_count"] == 0 for stage in STAGES)


def test_a_model_that_says_nothing_gets_a_gpu_for_its_stages_and_no_other(mini):
    plain = validate(ModelSpec, {"domain": "text", "hub": "some/model"}, "test")
    mini.suite = replace(mini.suite, model=plain)
    with_gpu = {stage for stage in STAGES if mini.resources(stage, stage)["gpu_count"] == 1}
    assert with_gpu == {"base", "finetune", "unlearn", "evaluate"}


@pytest.mark.parametrize("stage", STAGES)
def test_memory_and_time_double_where_nobody_tells_the_cause(mini, stage):
    for name in ("mem_mb", "runtime"):
        amount = mini.resources(stage)[name]
        first, second, third = (amount({}, attempt) for attempt in (1, 2, 3))
        assert 0 < 4 * first == 2 * second == third


@pytest.mark.parametrize(
    ("told", "memory", "time"),
    [
        (["OUT_OF_MEMORY"], 2, 1),
        (["TIMEOUT"], 1, 2),
        (["OUT_OF_MEMORY", "TIMEOUT"], 2, 2),
        (["TIMEOUT", "TIMEOUT"], 1, 4),
        *(([end], 1, 1) for end in ("FAILED", "CANCELLED", "NODE_FAIL", "PREEMPTED", "REFUSED")),
        (["GONE"], 2, 2),
        # Twice the time was more than the partition allows.
        (["TIMEOUT", "PartitionTimeLimit"], 1, 1),
        (["PartitionTimeLimit"], 1, 1),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_a_job_that_is_tried_again_gets_more_of_what_it_lacked_alone(mini, told, memory, time):
    resources = mini.resources("unlearn", "unlearn/{row}")
    output = mini.output("unlearn/npo")
    wildcards, other = {"row": "npo"}, {"row": "gd"}
    first = {name: resources[name](wildcards, 1) for name in ("mem_mb", "runtime")}
    for end in told:
        note([output], end)
    attempt = len(told) + 1
    assert resources["mem_mb"](wildcards, attempt) == memory * first["mem_mb"]
    assert resources["runtime"](wildcards, attempt) == time * first["runtime"]
    assert resources["runtime"](other, 1) == first["runtime"]


def test_a_job_that_ended_ahead_of_its_limit_lacked_time(mini, tmp_path, monkeypatch):
    out = tmp_path / "cell"
    monkeypatch.setenv(DEADLINE, "1")
    with pytest.raises(TimeIsUp), State(out, "key", pace=pace()).loop() as loop:
        loop.end_step()
    note([str(out / "manifest.json")], "FAILED")
    assert ends(str(out / "manifest.json")) == ["TIMEOUT"]
    # The attempt that goes on forgets it, so that what it meets is told as that.
    State(out, "key").find()
    note([str(out / "manifest.json")], "FAILED")
    assert ends(str(out / "manifest.json")) == ["TIMEOUT", "FAILED"]


def test_no_attempt_asks_for_more_than_the_site_has(mini):
    mini.site = Site(max_minutes=100, max_mem_mb=5000)
    need = mini.suite.model.need("base")
    for name, amount, most in (("mem_mb", need.mem_mb, 5000), ("runtime", need.minutes, 100)):
        asked = [mini.resources("base", "base")[name]({}, attempt) for attempt in (1, 2, 3)]
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


def test_the_cells_of_a_seed_of_mini_take_at_most_twelve_jobs(mini):
    graph = mini.graph
    everything = {artifact.name for artifact in graph}
    jobs = shared_jobs(graph, everything, Site(group_minutes=240))
    of_a_cell = {
        name for name in everything if re.match(r"(unlearn|evaluate|score)/.*/.*/.*/", name)
    }
    assert len(of_a_cell) == 3 * len(graph.cells) == 3 * 99
    assert set(jobs) == of_a_cell
    by_seed = {seed: {jobs[n] for n in jobs if n.endswith(f"/seed{seed}")} for seed in (0, 1, 2)}
    assert all(len(shared) == 11 for shared in by_seed.values())
    # No job waits for the original of two seeds.
    assert len(set(jobs.values())) == 33
    for cell in graph.cells:
        assert len({jobs[f"{part}/{cell}"] for part in ("unlearn", "evaluate", "score")}) == 1


def test_only_what_is_left_to_be_made_shares_jobs_and_no_longer_than_the_site_allows(mini):
    left = {"unlearn/npo/text/forget10/seed0", "score/npo/text/forget10/seed0", "tables"}
    assert set(shared_jobs(mini.graph, left, Site(group_minutes=40))) == left - {"tables"}
    for site in (Site(), Site(group_minutes=39), Site(group_minutes=240, max_minutes=9)):
        # Limits that are cut are those that count.
        known = shared_jobs(mini.graph, left, site)
        assert known == {}, site


def test_a_stress_test_of_a_cell_shares_the_job_of_its_weights(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    # Of each kind that makes a layer: one left out would wait for the job that waits for it.
    stress = {"relearn": {"steps": [5]}, "probe": {"layers": [1]}}
    assert set(stress) == {kind for kind in available() if kind_of(kind).LAYER}
    graph = Graph(write_suite(tmp_path, methods={"npo": {}}, stress=stress))
    jobs = shared_jobs(graph, {artifact.name for artifact in graph}, Site(group_minutes=10_000))
    for kind in stress:
        layers = [name for name in jobs if name.startswith(f"{kind}/")]
        assert layers
        for name in layers:
            (before,) = [source for source in graph[name].inputs.values() if "unlearn/" in source]
            (after,) = [one.name for one in graph if name in one.inputs.values()]
            assert jobs[name] == jobs[before] == jobs[after]


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
    assert mini.resources("unlearn", "unlearn")["gpu_count"] == 2
