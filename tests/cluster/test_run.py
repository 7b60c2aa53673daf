"""The reduced suite by `snakemake --profile slurm`, as an ordinary user types it."""

import json

from clearbench.jobs.environment import image_digest
from workflow.bench import TRAINING
from workflow.same_bytes import check_bytes


def test_a_cluster_gives_the_tables_of_a_local_run_byte_by_byte(finished, local):
    assert "comparison.md" in local.tables()
    assert finished.tables() == local.tables()


def test_jobs_in_the_image_give_the_bytes_of_every_processor_seen_before(finished):
    check_bytes(finished, "language")


def test_every_job_ran_in_the_image_by_slurm_and_says_so(finished, cluster):
    records = [json.loads(text) for text in finished.records().values()]
    assert len(records) > 20
    assert {record["image"] for record in records} == {image_digest(cluster.image)}
    assert all(record["slurm"]["job"] and record["slurm"]["attempt"] == 1 for record in records)
    # No git is in the image.
    commit = finished.run("git", "rev-parse", "HEAD").output.strip()
    assert {(record["commit"], record["dirty"]) for record in records} == {(commit, False)}


def test_what_a_cluster_made_is_proven(finished):
    done = finished.run("clearbench", "audit", "--suite", "suite")
    assert done.status == 0, done.output
    assert "all hold" in done.output


def test_all_models_are_scored_in_one_slurm_job(finished):
    jobs = {name: json.loads(text)["slurm"]["job"] for name, text in finished.records().items()}
    scores = {job for name, job in jobs.items() if name.startswith("score/")}
    assert len(scores) == 1
    others = [job for name, job in jobs.items() if not name.startswith("score/")]
    assert len(set(others) | scores) == len(others) + 1


def test_a_gpu_is_asked_for_given_and_seen_inside_the_container(finished):
    seen = {name: json.loads(text)["visible_gpus"] for name, text in finished.records().items()}
    cells = {name for name in seen if name.startswith("unlearn/")}
    assert len(cells) == 4
    assert {seen[name] for name in cells} == {"0"}
    assert {seen[name] for name in seen.keys() - cells} == {None}


def test_cells_can_share_a_job_with_their_evaluation_and_scores_have_one_each(finished):
    bench = finished.copy(finished.folder.parent / "grouped")
    bench.resources(unlearn={"mem_mb": 3000, "minutes": 30})
    bench.write(unlearn={**TRAINING, "lr": 2.0e-3}, evaluate={"max_new_tokens": 3})
    bench.give()
    options = ("--groups", "unlearn=cell", "evaluate=cell", "--group-components", "score=1")
    done = bench.snakemake("--profile", "slurm", *options)
    assert done.status == 0, done.output
    jobs = {name: json.loads(text)["slurm"]["job"] for name, text in bench.records().items()}
    cells = [name.removeprefix("unlearn/") for name in jobs if name.startswith("unlearn/")]
    assert len(cells) == 4
    for cell in cells:
        assert jobs[f"unlearn/{cell}"] == jobs[f"evaluate/{cell}"] != jobs[f"score/{cell}"]
    scores = [job for name, job in jobs.items() if name.startswith("score/")]
    # The four cells, the original, two golds, and what is drawn: the floor and the ceiling.
    assert len(set(scores)) == len(scores) == 9
