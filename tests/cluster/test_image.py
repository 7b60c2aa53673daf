"""The image under the profile: what runs in none fails, and what ran in it stays."""

import hashlib
import json
import re
import runpy
import shutil
from importlib import metadata

import pytest

from clearbench.jobs.environment import image_digest
from workflow.bench import ROOT


@pytest.fixture
def normalise():
    return runpy.run_path(str(ROOT / "containers/normalise.py"))["normalise"]


def test_a_rule_that_loses_its_container_fails_in_one_line(fresh, cluster):
    common = fresh.folder / "rules/common.smk"
    text = common.read_text()
    assert text.count("container: suite.image") == 1
    common.write_text(text.replace("container: suite.image", "container: None"))
    done = fresh.snakemake("--profile", "slurm", "--retries", "0", "--until", "generate")
    assert done.status == 1
    digest = image_digest(cluster.image)[:12]
    told = f"clearbench: started in no image; this run promises the image {digest}"
    assert told in (fresh.results() / "logs/generate.log").read_text().splitlines()
    failure = json.loads((fresh.results() / "generate/failure.json").read_text())
    assert failure["message"] == told.removeprefix("clearbench: ")
    assert set(fresh.records()) <= {"partial-tables"}


def test_an_image_that_is_not_there_is_named_before_anything_runs(fresh):
    fresh.write_site(image="no.sif")
    done = fresh.snakemake("--profile", "slurm")
    assert done.status == 1
    assert "no.sif: no such image; make it with `make container`" in done.output
    assert not fresh.slurm_logs()


def test_results_of_the_image_stay_with_the_profile_and_without(finished):
    for options in (("--profile", "slurm"), ("--cores", "1")):
        done = finished.snakemake(*options, "--dry-run")
        assert done.status == 0, done.output
        assert "Nothing to be done" in done.output


def test_another_image_makes_everything_again_and_a_copy_of_the_same_one_nothing(
    finished, cluster, normalise
):
    bench = finished.copy(finished.folder.parent / "swapped")
    copy = bench.folder / "elsewhere.sif"
    shutil.copyfile(cluster.image, copy)
    bench.write_site(image=str(copy))
    bench.give()
    done = bench.snakemake("--profile", "slurm", "--dry-run")
    assert "Nothing to be done" in done.output, done.output

    other = bench.folder / "other.sif"
    shutil.copyfile(cluster.image, other)
    # The same packages, built at another time.
    normalise(other, 1)
    bench.write_site(image=str(other))
    bench.give()
    before = bench.records()
    done = bench.snakemake("--profile", "slurm", "--dry-run")
    jobs = re.search(r"^total +(\d+)$", done.output, re.MULTILINE)
    assert jobs, done.output
    assert int(jobs[1]) == len(before) + 1  # and `all`
    done = bench.snakemake("--profile", "slurm", "--until", "dataset")
    assert done.status == 0, done.output
    now = bench.records()
    again = {name for name in before if before[name] != now[name]}
    assert again == {"generate", "dataset"}
    assert {json.loads(now[name])["image"] for name in again} == {image_digest(other)}
    shutil.rmtree(bench.folder)


def test_the_image_tells_its_version_lock_and_sources(fresh, cluster):
    done = fresh.run("apptainer", "inspect", "--json", str(cluster.image))
    labels = json.loads(done.output[done.output.index("{") :])["data"]["attributes"]["labels"]
    lock = hashlib.sha256((ROOT / "envs/cpu.lock").read_bytes()).hexdigest()
    assert labels["clearbench.lock.sha256"] == lock
    assert labels["org.opencontainers.image.version"] == metadata.version("clearbench")
    assert re.fullmatch(r"[0-9a-f]{64}", labels["clearbench.sources.sha256"])
