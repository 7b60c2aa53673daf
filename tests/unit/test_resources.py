"""What jobs ask of a cluster: by model and stage, more with each attempt, a GPU only for models."""

from dataclasses import replace
from pathlib import Path

import pytest

from clearbench.config import ModelSpec
from clearbench.site import Site
from clearbench.strict import validate
from clearbench.workflow import Workflow

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("generate", "dataset", "base", "finetune", "unlearn", "evaluate", "score", "tabulate")


@pytest.fixture
def mini(monkeypatch) -> Workflow:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("clearbench.workflow.load_site", Site)
    return Workflow({"suite": "mini"}, None)


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


def test_what_a_model_needs_is_no_part_of_any_recipe(mini):
    for part in (mini.suite.model.source, mini.suite.model.use):
        assert "resources" not in part.model_dump()
