"""The image under the profile: what runs in none fails, and what ran in it stays."""

import hashlib
import json
import re
from importlib import metadata

from clearbench.provenance.environment import image_digest
from workflow.bench import ROOT


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


def test_the_image_tells_its_version_commit_and_lock(fresh, cluster):
    done = fresh.run("apptainer", "inspect", "--json", str(cluster.image))
    labels = json.loads(done.output[done.output.index("{") :])["data"]["attributes"]["labels"]
    lock = hashlib.sha256((ROOT / "envs/cpu.lock").read_bytes()).hexdigest()
    assert labels["clearbench.lock.sha256"] == lock
    assert labels["org.opencontainers.image.version"] == metadata.version("clearbench")
    assert re.fullmatch(r"[0-9a-f]{40}", labels["org.opencontainers.image.revision"])
