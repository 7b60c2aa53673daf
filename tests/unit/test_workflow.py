"""What Snakemake is told by a user: mistakes are one line, and nothing is taken for another."""

import re
import shutil
from types import SimpleNamespace

import pytest
import yaml
from snakemake.cli import get_argument_parser, parse_config
from snakemake.exceptions import WorkflowError

from clearbench.cli import cli
from clearbench.errors import UserError
from clearbench.suite.load import load_suite
from clearbench.workflow import Workflow
from clearbench.workflow.process import unlimit
from synthetic import ROOT, rules_see


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A folder with the repository's configuration, which is the working directory."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("suit=weighted", "suit: unknown key (did you mean suite?); allowed: suite, results"),
        ("colour=red", "colour: unknown key; allowed: suite, results"),
        ("suite=010", "suite: read as 10, which is no text; write it as suite=config/NAME.yaml"),
        ("suite=true", "suite: unknown: true"),
        ("suite=True", "suite: read as True, which is no text; "),
        ("suite=inf", "suite: read as inf, which is no text; "),
        ("suite=[mini]", "suite: read as ['mini'], which is no text; "),
        ("suite=", "suite: empty; write it as suite=config/NAME.yaml"),
        ("results=1e3", "results: read as 1000.0, which is no text; write it as results=./FOLDER"),
        ("results=", "results: empty; "),
    ],
)
def test_a_choice_that_snakemake_reads_otherwise_is_told(checkout, words, told):
    with pytest.raises(WorkflowError) as caught:
        Workflow(parse_config([words]), None)
    if words == "suite=true":
        told = "suite true: "
        assert str(caught.value).startswith(told)
    else:
        assert str(caught.value).startswith(f"--config {told}")


@pytest.mark.parametrize("results", ["file", "file/below"])
def test_results_that_are_a_file_are_told(checkout, results):
    (checkout / "file").write_text("")
    with pytest.raises(WorkflowError, match=r"^--config results: file is a file; name a folder$"):
        rules_see({"results": results})


def test_a_suite_to_be_ranked_against_is_one(checkout):
    path = checkout / "config/mini.yaml"
    path.write_text(path.read_text().replace("[tofu, mini-vision]", "[tofuu]"))
    told = re.escape("single_domain: unknown: tofuu (did you mean tofu?); allowed: mini, ")
    with pytest.raises(UserError, match=told):
        load_suite("mini", checkout)


def test_the_remedy_names_a_suite_of_digits(checkout):
    shutil.copy("config/mini.yaml", "config/010.yaml")
    workflow = rules_see(parse_config(["suite=config/010.yaml", "results=./1e3"]))
    assert str(workflow.root) == "1e3/010"


MISSING = {
    "folder": ("tofu", {"folder": "gone"}, "suite.yaml: folder: gone: no such folder"),
    "folder like an id": (
        "tofu",
        {"folder": "data/gone"},
        "suite.yaml: folder: data/gone: no such",
    ),
    "log": (
        "tofu",
        {"imported": {"theirs": {"log": "gone.json", "gold": "gone.json", "forget_size": 5}}},
        "suite.yaml: imported.theirs.log: gone.json: no such file",
    ),
    "checkpoint": (
        "tofu",
        {"external": {"theirs": {"model": "gone", "forget_size": 5}}},
        "suite.yaml: external.theirs.model: gone: no such folder",
    ),
}


@pytest.mark.parametrize("case", MISSING)
def test_data_that_is_not_there_is_told_with_the_plan(checkout, case):
    like, changes, told = MISSING[case]
    (checkout / "data").mkdir()
    data = yaml.safe_load((checkout / f"config/{like}.yaml").read_text())
    data["folder"] = "data"
    (checkout / "config/suite.yaml").write_text(yaml.safe_dump(data))
    load_suite("suite", checkout).check_sources()
    (checkout / "config/suite.yaml").write_text(yaml.safe_dump({**data, **changes}))
    with pytest.raises(UserError) as caught:
        cli(["plan", "--suite", "suite"], standalone_mode=False)
    assert str(caught.value).startswith(f"{checkout}/config/{told}")


@pytest.mark.parametrize(
    ("kind", "key"), [("datasets/tofu", "texts"), ("models/llava-1.5-7b", "hub")]
)
def test_a_folder_of_a_dataset_or_model_that_is_not_there_is_told(checkout, kind, key):
    path = checkout / f"config/{kind}.yaml"
    data = yaml.safe_load(path.read_text())
    assert key in data
    data[key] = "../gone"
    path.write_text(yaml.safe_dump(data))
    suite = yaml.safe_load(
        (checkout / f"config/{'tofu' if key == 'texts' else 'paper-llava'}.yaml").read_text()
    )
    suite.pop("folder", None)
    (checkout / "config/suite.yaml").write_text(yaml.safe_dump(suite))
    with pytest.raises(UserError, match=rf"^config/{kind}.yaml: ../gone: no such folder, and no"):
        load_suite("suite", checkout).check_sources()


@pytest.mark.parametrize(
    ("words", "left"), [([], None), (["--max-jobs-per-timespan", "50/1m"], (50, 60))]
)
def test_only_snakemakes_own_limit_of_starts_is_lifted(words, left):
    asked = get_argument_parser().parse_args(words).max_jobs_per_timespan
    settings = SimpleNamespace(max_jobs_per_timespan=asked)
    unlimit(SimpleNamespace(scheduling_settings=settings))
    limit = settings.max_jobs_per_timespan
    assert (limit and (limit.max_jobs, limit.timespan)) == left
