"""Several processes of a job make what one makes: training to rounding, evaluation exactly."""

import ast
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from clearbench import parallel
from clearbench.config.files import BaseSettings, Lora, ModelSource, Training
from clearbench.config.settings import (
    EvaluateSettings,
    Evaluating,
    FinetuneSettings,
    Finetuning,
    ModelUse,
    Unlearning,
    UnlearnSettings,
)
from clearbench.data.store import write_store
from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.jobs.pace import SAVE_SECONDS
from clearbench.kernels import in_force, possible
from models.stages import ENVIRONMENT, command, facts, launched, run
from models.test_architectures import eval_sample, train_sample
from synthetic import put_artifact
from tiny_models import BUILDS, FROZEN, LORA_TARGETS, png

USE = ModelUse(domain="multimodal", frozen=FROZEN, lora=Lora(rank=2, alpha=4, targets=LORA_TARGETS))
# Three batches of two make an optimiser step, so the first of two processes has one more; the last
# step of the training has but one batch. The epsilon keeps AdamW from making much of rounding.
TRAINING = {"epochs": 2, "batch_size": 2, "accumulation": 3, "lr": 1e-2, "adam_epsilon": 1e-3}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A folder with a dataset and a base model."""
    root, store = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("store")
    rows = [
        train_sample(number, image, part)
        for part in ("forget", "retain")
        for image in (None, 0, 1)
        for number in range(3 if part == "forget" else 2)
    ][:14]
    asked = [
        eval_sample(number, split, image)
        for split in ("forget", "retain", "real")
        for image in (None, 0, 1)
        for number in range(3)
    ]
    write_store(store, [png(10), png(200, (32, 16))], rows, rows, asked)
    put_artifact(root / "dataset", {path.name: path.read_bytes() for path in store.iterdir()})
    settings = BaseSettings(
        model=ModelSource(domain="multimodal", build=BUILDS["llava"]),
        training=Training(epochs=1, batch_size=4, lr=1e-3),
    )
    # By pinned kernels, as all else: a base that is rounded otherwise is another model.
    run(root, 1, "base", settings, "--seed", "0", "--out", "base")
    return root


@pytest.fixture(scope="module")
def original(root) -> Path:
    settings = FinetuneSettings(model=USE, training=Finetuning(**TRAINING, weights="lora"))
    for processes in (1, 2):
        launched(root, processes, "finetune", settings, "--part", "full", "--out", "original/OUT")
    return root / "original"


def close(one: Path, two: Path) -> None:
    """Two adapters that differ by rounding at most, and moved further than that."""
    first, second = (load_file(path / "adapter_model.safetensors") for path in (one, two))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.allclose(tensor, second[name], atol=1e-6), name
    moved = [tensor.abs().max() for name, tensor in first.items() if "lora_B" in name]
    assert min(moved) > 1e-3


def test_two_processes_train_the_adapter_of_one(original):
    close(original / "1", original / "2")
    one, two = (facts(original / number) for number in ("1", "2"))
    kernels = [job["kernels"]["kernels"] for job in (one, two)]
    assert kernels == 2 * ["pinned" if possible() else in_force()]
    assert (one["processes"], two["processes"]) == (1, 2)
    for key in ("steps", "first_loss", "last_loss", "flops"):
        assert one["measures"][key] == pytest.approx(two["measures"][key], abs=1e-5)
    assert one["measures"]["steps"] > 2
    # Nothing but the artifact is left, and no second process wrote into it.
    names = {path.name for path in (original / "2").iterdir()}
    assert names == {path.name for path in (original / "1").iterdir()}


def test_two_processes_unlearn_what_one_does(root, original):
    settings = UnlearnSettings(model=USE, parameters={}, training=Unlearning(**TRAINING))
    for processes in (1, 2):
        run(
            *(root, processes, "unlearn", settings, "--method", "sku", "--modality", "both"),
            *("--forget-size", "10", "--original", "original/1", "--out", "cell/OUT"),
        )
    close(root / "cell/1", root / "cell/2")


def test_two_processes_evaluate_to_the_bytes_of_one_and_merge_in_order(root, original):
    settings = EvaluateSettings(model=USE, evaluation=Evaluating(batch_size=4, max_new_tokens=4))
    for processes in (1, 2):
        words = ("--forget-size", "10", "--model", "original/1", "--out", "records/OUT")
        run(root, processes, "evaluate", settings, *words)
    one, two = ((root / "records" / n / "records.jsonl").read_bytes() for n in ("1", "2"))
    assert one == two
    assert len(one.splitlines()) == 27


LEFT = {
    # Of another torchrun, which was to have two processes on another machine.
    "RANK": "1",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
    "GROUP_RANK": "0",
    "MASTER_ADDR": "192.0.2.1",
    "MASTER_PORT": "29500",
    "TORCHELASTIC_RUN_ID": "none",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
    "PET_NNODES": "2",
    "PET_NODE_RANK": "1",
    "PET_MASTER_ADDR": "192.0.2.1",
    "PET_RDZV_BACKEND": "c10d",
    # Of MPI and SLURM.
    "PMI_RANK": "1",
    "PMI_SIZE": "2",
    "PMI_FD": "7",
    "OMPI_COMM_WORLD_RANK": "1",
    "OMPI_COMM_WORLD_SIZE": "2",
    "OMPI_COMM_WORLD_LOCAL_RANK": "1",
    "MV2_COMM_WORLD_SIZE": "2",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1",
    "SLURM_NTASKS": "2",
    # Of an accelerate that was configured for something else.
    "ACCELERATE_MIXED_PRECISION": "bf16",
    "ACCELERATE_USE_FSDP": "true",
    "ACCELERATE_USE_DEEPSPEED": "true",
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4",
    "ACCELERATE_DYNAMO_BACKEND": "INDUCTOR",
    "FSDP_VERSION": "2",
}


@pytest.mark.parametrize("processes", [1, 2])
def test_what_launchers_left_in_the_shell_changes_no_job(root, original, tmp_path, processes):
    (tmp_path / "accelerate").mkdir()
    (tmp_path / "accelerate/default_config.yaml").write_text(
        "compute_environment: LOCAL_MACHINE\ndistributed_type: FSDP\nmixed_precision: bf16\n"
        "num_machines: 2\nmachine_rank: 1\nnum_processes: 4\nmain_process_ip: 192.0.2.1\n"
    )
    settings = FinetuneSettings(model=USE, training=Finetuning(**TRAINING, weights="lora"))
    words = ("--part", "full", "--out", "left/OUT")
    launched(root, processes, "finetune", settings, *words, **LEFT, HF_HOME=str(tmp_path))
    one, two = (root / name / str(processes) / MANIFEST for name in ("original", "left"))
    assert one.read_bytes() == two.read_bytes()
    assert facts(two.parent)["processes"] == processes


def test_no_command_hands_on_what_launchers_left():
    """Not one that loads a model without being a job, either."""
    code = (
        "import os; from clearbench.cli import cli; cli(['methods'], standalone_mode=False);"
        f" print({set(LEFT)!r} & set(os.environ))"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, env=os.environ | LEFT, check=True, capture_output=True, text=True)
    kept = {name for name in LEFT if name.startswith("SLURM_")}
    assert ast.literal_eval(done.stdout.splitlines()[-1]) == kept


@pytest.mark.parametrize("variables", [LEFT, {**LEFT, "RANK": "x", "WORLD_SIZE": "3"}])
def test_a_process_that_no_launcher_of_ours_started_is_told_so(root, variables):
    done = subprocess.run(
        [sys.executable, "-m", "clearbench", "--processes", "3", "--launched", "unlearn"],
        env={**ENVIRONMENT, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("clearbench: --launched: for `clearbench --processes 3` alone; RANK is")


def test_the_command_of_several_processes_is_recorded_as_it_was_given(original):
    words = facts(original / "2")["command"]
    assert words[1:4] == ["--processes", "2", "finetune"]
    assert "--launched" not in words


def test_an_artifact_that_is_there_is_kept_by_all_processes(root, original):
    before = (original / "2" / PROVENANCE).read_bytes()
    settings = FinetuneSettings(model=USE, training=Finetuning(**TRAINING, weights="lora"))
    run(root, 2, "finetune", settings, "--part", "full", "--out", "original/OUT")
    assert (original / "2" / PROVENANCE).read_bytes() == before


def test_two_processes_that_were_killed_go_on_where_they_were(root, original):
    training = Unlearning(**{**TRAINING, "epochs": 60})
    settings = UnlearnSettings(model=USE, parameters={}, training=training)
    words = ("--method", "kl", "--modality", "both", "--forget-size", "10")
    words = (*words, "--original", "original/1", "--out")
    run(root, 2, "unlearn", settings, *words, "whole/OUT")
    saving = {**ENVIRONMENT, SAVE_SECONDS: "0"}
    with subprocess.Popen(
        command(2, "unlearn", settings, *words, "killed/OUT"),
        cwd=root,
        env=saving,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as job:
        until = time.monotonic() + 600
        while not list(root.glob("killed/.2.state/*.safetensors")):
            assert time.monotonic() < until
            assert job.poll() is None
            time.sleep(0.01)
        for child in psutil.Process(job.pid).children(recursive=True):
            child.kill()
        job.kill()
    assert not (root / "killed/2" / PROVENANCE).exists()
    run(root, 2, "unlearn", settings, *words, "killed/OUT")
    assert facts(root / "killed/2")["resumed_at_steps"]
    whole, killed = (
        load_file(root / n / "2/adapter_model.safetensors") for n in ("whole", "killed")
    )
    assert all(torch.equal(whole[name], killed[name]) for name in whole)


def summed(rank: int, folder: Path) -> None:
    """What is left in one of two processes of three gradients, of which each has another two."""
    meeting = f"file://{folder}/meeting"
    torch.distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=2)
    parallel._place = (rank, rank, 2)
    parameters = [torch.nn.Parameter(torch.zeros(2)) for _ in range(4)]
    parameters[0].grad = torch.full((2,), 1.0 + rank)
    parameters[1 + rank].grad = torch.full((2,), 5.0)
    parallel.add_gradients(parameters)
    found = [None if p.grad is None else p.grad.tolist() for p in parameters]
    (folder / str(rank)).write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


def test_what_no_process_has_a_gradient_of_is_left_alone(tmp_path):
    """A zero would have it decay, and go on by what the optimiser remembers."""
    # Forked, they have imported all that they need.
    torch.multiprocessing.start_processes(summed, (tmp_path,), nprocs=2, start_method="fork")
    for rank in range(2):
        found = json.loads((tmp_path / str(rank)).read_text())
        assert found == [[3.0, 3.0], [5.0, 5.0], [5.0, 5.0], None]
