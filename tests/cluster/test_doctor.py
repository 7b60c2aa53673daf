"""`clearbench doctor`: each line from a real SLURM, a real node and a real image."""

import pytest

from .cluster import wait_until


def doctor(bench, *words: str):
    return bench.run("clearbench", "doctor", "suite", *words)


@pytest.fixture
def without_gpu(fresh):
    fresh.resources(unlearn={"mem_mb": 3000, "minutes": 30})
    return fresh


def test_a_cluster_that_has_all_is_told_so(without_gpu):
    done = doctor(without_gpu)
    assert done.status == 0, done.output
    lines = done.output.splitlines()
    # The SLURM of the tests kills soon.
    warned = [line for line in lines if not line.startswith("ok    ")]
    assert [line.partition(",")[0] for line in warned] == ["warn  time to save: KillWait is 2 s"]
    told = ("packages of Python", "SLURM: slurm", "Apptainer: ", "image: ", "room below results: ")
    told += ("jobs: SLURM takes those of all stages", "time limit of partition cpu: UNLIMITED")
    told += ("preemption in partition cpu: none", "restarts: JobRequeue is 1", "time to save: ")
    told += (" jobs at a time: ",)
    on_node = ("working directory", "temporary files", "image: readable, runs torch", "packages of")
    assert len(lines) == len(told) + len(on_node), done.output
    for line, words in zip(lines, (*told, *on_node), strict=True):
        assert words in line, done.output
    assert not list(without_gpu.folder.glob(".doctor-*"))


def test_a_gpu_that_the_image_does_not_see_is_found(fresh):
    done = doctor(fresh)
    assert done.status == 1
    (line,) = [line for line in done.output.splitlines() if line.startswith("FAIL")]
    assert line.startswith("FAIL  GPU node ")
    assert "sees none; the image needs CUDA's torch, the node a driver" in line


@pytest.mark.parametrize(
    ("site", "told"),
    [
        (
            {"partition": "no"},
            "FAIL  jobs: SLURM refuses those of generate (0 GPUs, 3000 MB, 60 minutes), dataset",
        ),
        ({"image": "no.sif"}, "FAIL  image: no.sif: no such image; type `make container`"),
        ({"scratch": "/no/such"}, "temporary files: "),
        ({"setup": ["module load x"]}, "setup: slurm/site.yaml: setup: bash: "),
    ],
    ids=("partition", "image", "scratch", "setup"),
)
def test_what_is_wrong_with_a_site_file_is_one_line_with_the_remedy(without_gpu, site, told):
    without_gpu.write_site(**site)
    without_gpu.give()
    done = doctor(without_gpu)
    assert done.status == 1, done.output
    failed = [line for line in done.output.splitlines() if line.startswith("FAIL")]
    assert failed, done.output
    assert told in failed[0]
    assert "slurm/site.yaml" in failed[0]


def test_a_cluster_without_a_free_node_is_told_so(without_gpu, cluster):
    without_gpu.run("sbatch", "--mem=15500", "--output=/dev/null", "--wrap", "sleep 60")
    wait_until(lambda: cluster.ask("squeue", "--noheader", "--format=%T").strip() == "RUNNING")
    without_gpu.write_site(partition="gpu", max_minutes=90)
    without_gpu.give()
    done = doctor(without_gpu, "--wait", "1")
    cluster.ask("scancel", *cluster.jobs())
    cluster.wait_for_no_jobs()
    assert done.status == 1
    limit = "\nwarn  time limit of partition gpu: 01:00:00; SLURM holds back and the run cancels"
    assert f"{limit} the last attempt of generate (90 minutes), dataset" in done.output
    line = done.output.splitlines()[-1]
    assert line.startswith("FAIL  node: SLURM gave none: ")
    assert "--wait" in line
