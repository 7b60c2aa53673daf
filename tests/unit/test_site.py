"""The site file: what a cluster is told, and what the containers of jobs are."""

from pathlib import Path

import pytest
import yaml

from clearbench.config import site
from clearbench.config.site import Site, load_site
from clearbench.errors import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_site_file_slurm_chooses(tmp_path):
    found = load_site(tmp_path / "site.yaml")
    assert found.submission(gpus=0) == {}
    assert found.submission(gpus=2) == {"gres": "gpu:2"}


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
    assert found.submission(gpus=0) == {**common, "slurm_partition": "cpu"}
    gpu = {**common, "slurm_partition": "gpu", "gres": "gpu:a100:1"}
    assert found.submission(gpus=1) == gpu
    assert Site(partition="all").submission(gpus=1)["slurm_partition"] == "all"


def test_a_job_gets_the_smallest_gpu_that_is_enough_for_its_model():
    found = Site(gpu_type="any", gpu_types={"h100": 80, "a40": 48, "t4": 16})
    assert found.submission(gpus=1, gpu_gb=24)["gres"] == "gpu:a40:1"
    assert found.submission(gpus=2, gpu_gb=80)["gres"] == "gpu:h100:2"
    assert found.submission(gpus=1)["gres"] == "gpu:any:1"
    assert "gres" not in found.submission(gpus=0, gpu_gb=24)
    with pytest.raises(UserError, match=r"gpu_types: a job needs a GPU with 141 GB, there are: h1"):
        found.submission(gpus=1, gpu_gb=141)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "gpu: a100",
            "gpu: unknown key; allowed: account, binds, gpu_partition, gpu_type, ",
        ),
        ("partition: 3", "partition: input should be a valid string, not 3"),
    ],
)
def test_a_mistake_in_the_site_file_is_one_line(tmp_path, text, told):
    path = tmp_path / "site.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(text)))
    with pytest.raises(UserError, match=told):
        load_site(path)


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
