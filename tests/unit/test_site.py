"""The site file: what a cluster is told, and what the containers of jobs are."""

import os
import re
import shlex
from pathlib import Path

import pytest
import yaml
from snakemake_executor_plugin_slurm.validation import get_forbidden_slurm_options

from clearbench.cluster.shell import PREPARED, prepare
from clearbench.cluster.slurm import resources, submission
from clearbench.config import site
from clearbench.config.files import Need
from clearbench.config.sbatch import MANAGED
from clearbench.config.site import Mail, Site, load_site
from clearbench.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def of_slurm(site: Site, **need: int) -> dict[str, str]:
    """What Snakemake's plugin is told of a job."""
    asked = site.resources(Need(**need))
    return resources(site, asked["gpu_count"], asked.get("gpu_type"))


def test_without_a_site_file_slurm_chooses(tmp_path):
    found = load_site(tmp_path / "site.yaml")
    assert of_slurm(found) == {}
    assert of_slurm(found, gpus=2) == {"gres": "gpu:2"}
    assert found.resources(Need()) == {"gpu_count": 0}
    assert found.resources(Need(gpus=2)) == {"gpu_count": 2}


def test_the_example_is_a_valid_site_file_with_and_without_its_comments(tmp_path):
    text = (ROOT / "slurm/site.example.yaml").read_text()
    keys = [line[2:] for line in text.splitlines() if line.startswith("# ") and ": " in line]
    keys = [line for line in keys if line.split(":")[0] in Site.model_fields]
    assert {line.split(":")[0] for line in keys} == set(Site.model_fields)
    path = tmp_path / "site.yaml"
    path.write_text("\n".join(keys))
    assert load_site(path).gpu_type == "a100"


def test_gpu_jobs_and_others_go_to_their_partitions():
    found = Site(partition="cpu", gpu_partition="gpu", gpu_type="a100", account="me", qos="high")
    common = {"slurm_account": "me", "qos": "high"}
    assert of_slurm(found, gpus=0) == {**common, "slurm_partition": "cpu"}
    gpu = {**common, "slurm_partition": "gpu", "gres": "gpu:a100:1"}
    assert of_slurm(found, gpus=1) == gpu
    assert of_slurm(Site(partition="all"), gpus=1)["slurm_partition"] == "all"


def test_a_job_gets_the_smallest_gpu_that_is_enough_for_its_model():
    found = Site(gpu_type="any", gpu_types={"h100": 80, "a40": 48, "t4": 16})
    assert of_slurm(found, gpus=1, gpu_gb=24)["gres"] == "gpu:a40:1"
    assert of_slurm(found, gpus=2, gpu_gb=80)["gres"] == "gpu:h100:2"
    assert of_slurm(found, gpus=1)["gres"] == "gpu:any:1"
    assert "gres" not in of_slurm(found, gpus=0, gpu_gb=24)
    with pytest.raises(UserError, match=r"gpu_types: a job needs a GPU with 141 GB, there are: h1"):
        of_slurm(found, gpus=1, gpu_gb=141)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "gpu: a100",
            "gpu: unknown key; allowed: account, binds, constraint, cpus, ",
        ),
        ("partition: 3", "partition: input should be a valid string, not 3"),
        ("max_minutes: 0", "max_minutes: input should be greater than 0, not 0"),
        ("mail: { when: [end] }", "mail.user: missing"),
        ("mail: { user: me, when: [late] }", "mail.when.0: input should be 'begin', 'end', "),
        ("environment: { a-b: x }", "environment.a-b: string should match pattern"),
        ("environment: { A: 1 }", "environment.A: .*, not 1; if text is meant, put it in quotes"),
        ("options: [-p gpu]", "options.0: input should be a long option of sbatch as --name"),
        (
            "options: [--nice, --partition=gpu]",
            "options.1: input should leave --partition to the key partition or gpu_partition, not",
        ),
        (
            "options: [--tim=5]",
            "options.0: input should leave --time to the key minutes of `resources` in the model's",
        ),
        ("options: [--output=x]", "options.0: input should leave --output to the run, which says"),
    ],
)
def test_a_mistake_in_the_site_file_is_one_line(tmp_path, text, told):
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(text)))
    with pytest.raises(UserError, match=told):
        load_site(path)


OPTION = re.compile(r"--([a-z-]+)")
FORBIDDEN = [pattern for pattern in get_forbidden_slurm_options() if OPTION.match(pattern)]


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_what_snakemakes_executor_forbids_is_refused_before_anything_runs(pattern):
    assert len(FORBIDDEN) > 15
    name = OPTION.match(pattern)[1]
    assert name in MANAGED
    for option in (f"--{name}", f"--{name}=3"):
        with pytest.raises(ValueError, match=f"should leave --{name} to "):
            Site(options=[option])


def test_options_that_only_resemble_those_of_a_run_are_passed_on():
    options = ["--exclude=rack-n", "--nodelist=a b", "--export-file=x", "--nice", "--mem-bind=no"]
    told = of_slurm(Site(options=options, reservation="course"), gpus=0)["slurm_extra"]
    assert shlex.split(told) == ["--reservation=course", *options]
    for pattern, name in get_forbidden_slurm_options().items():
        assert not re.search(pattern, told), name


def test_a_job_gets_what_the_site_says_of_nodes_processors_and_mails():
    found = Site(cpus=2, gpu_cpus=8, constraint="a&b", mail=Mail(user="me", when=["end", "fail"]))
    told = of_slurm(found, gpus=2)
    assert told["constraint"] == "a&b"
    assert shlex.split(told["slurm_extra"]) == ["--mail-user=me", "--mail-type=END,FAIL"]
    cpus = [
        site.resources(Need(gpus=gpus))["cpus_per_task"]
        for site, gpus in ((found, 2), (found, 0), (Site(cpus=3), 2))
    ]
    assert cpus == [16, 2, 3]


def test_the_doctor_asks_for_what_a_run_would_ask_for_and_sends_no_mail():
    found = Site(cpus=2, constraint="ib", options=["--nice=5"], mail=Mail(user="me"), max_minutes=9)
    assert list(submission(found, Need(mem_mb=10, minutes=60))) == [
        *("--constraint=ib", "--cpus-per-task=2", "--nice=5"),
        *("--ntasks=1", "--mem=10", "--time=9"),
    ]


def test_jobs_get_what_the_lines_of_the_site_leave_and_its_variables(monkeypatch):
    monkeypatch.setenv(PREPARED, "another machine")
    monkeypatch.setenv("GONE", "1")
    monkeypatch.setenv("PROXY", "mine")
    for name in ("LOADED", "NOTE"):
        # So that they are gone again after the test.
        monkeypatch.setenv(name, "")
    lines = ["load() { export LOADED=$1; echo loaded; }", "load x/1.3", "unset GONE", "NOTE='a\nb'"]
    before = dict(os.environ)
    prepare(Site(setup=lines, environment={"PROXY": "theirs"}))
    changed = {name: os.environ.get(name) for name in {*before, *os.environ}}
    changed = {name: text for name, text in changed.items() if text != before.get(name)}
    changed.pop(PREPARED)
    assert changed == {"LOADED": "x/1.3", "GONE": None, "PROXY": "theirs", "NOTE": "a\nb"}
    # Once on a machine: the processes of a job would load a module again.
    prepare(Site(setup=["export LOADED=twice"]))
    assert os.environ["LOADED"] == "x/1.3"


def test_a_line_of_the_site_that_fails_is_told_in_one_line(monkeypatch):
    monkeypatch.delenv(PREPARED, raising=False)
    site = Site(setup=["true", "no-such-module load x", "export LOADED=1"])
    told = r"^slurm/site.yaml: setup: bash: line 2: no-such-module: .*not found; allowed: [^\n]*$"
    with pytest.raises(UserError, match=told):
        prepare(site)
    assert "LOADED" not in os.environ


@pytest.fixture
def driver(tmp_path, monkeypatch):
    path = tmp_path / "nvidiactl"
    path.touch()
    monkeypatch.setattr(site, "_DRIVER", path)
    return path


@pytest.mark.parametrize(
    ("environment", "there"),
    [
        ({}, True),
        ({"SLURM_JOB_ID": "1", "CUDA_VISIBLE_DEVICES": "0"}, True),
        ({"SLURM_JOB_ID": "1"}, False),
    ],
)
def test_the_driver_is_brought_in_for_jobs_that_have_a_gpu(driver, environment, there):
    assert ("APPTAINER_NV" in Site().container_environment(environment)) is there
    driver.unlink()
    assert "APPTAINER_NV" not in Site().container_environment(environment)


def test_jobs_see_their_image_the_scratch_folder_and_the_data(tmp_path):
    found = Site(image=tmp_path / "x.sif", binds=[Path("/data")], scratch=Path("/scratch"))
    told = found.container_environment({"APPTAINER_BIND": "/mine"})
    assert told["APPTAINER_BIND"] == f"/mine,{tmp_path},/data,/scratch"
    # The processes that Snakemake starts for a job say it again.
    assert found.container_environment(told) == told
