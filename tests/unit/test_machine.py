"""What a job computes on, on record, and how much of it is told where bytes differ."""

from dataclasses import replace

import pytest
import torch

from clearbench import kernels
from clearbench.errors import UserError
from clearbench.jobs.job import Job
from clearbench.jobs.machine import GPUS, check_gpus, machine
from clearbench.models.device import prepare_device
from clearbench.parallel import threads
from clearbench.provenance.conditions import changed_conditions
from unit.test_record import RECORD

FACTS = {
    "python": "3.11.7",
    "threads": 1,
    "processes": 1,
    "processor": "One",
    "instructions": ["avx", "avx2", "fma"],
    "kernels": {"torch": "AVX2"},
    "gpu": None,
    "packages": {"peft": "0.21.2", "torch": "2.13.0+cpu"},
    "platform": "Linux-6",
    "host": "here",
}
THEN = replace(RECORD, facts=FACTS)


def told(**changes) -> list[str]:
    return changed_conditions(THEN, replace(RECORD, facts={**FACTS, **changes}))


def test_a_record_tells_processor_instructions_threads_and_kernels(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    found = machine()
    assert found["threads"] == 3
    assert found["processor"]
    assert found["instructions"] == sorted(set(found["instructions"]))
    kernels = {"MKL_CBWR": "COMPATIBLE", "torch": torch.backends.cpu.get_cpu_capability()}
    assert kernels.items() <= found["kernels"].items()
    assert "OMP_NUM_THREADS" not in found["kernels"]


@pytest.mark.parametrize(
    ("text", "name", "instructions"),
    [
        (
            "model name\t: One CPU\nflags\t\t: fpu avx2 avx512_bf16 amx_int8 sse4_2\n",
            "One CPU",
            ["amx_int8", "avx2", "avx512_bf16", "sse4_2"],
        ),
        (
            "Features\t: fp asimd sve bf16\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n",
            "0x41 0xd40",
            ["asimd", "bf16", "sve"],
        ),
    ],
)
def test_a_processor_is_told_of_either_make(monkeypatch, tmp_path, text, name, instructions):
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(kernels, "_PROCESSOR", tmp_path / "cpuinfo")
    found = machine()
    assert (found["processor"], found["instructions"]) == (name, instructions)


def test_the_same_conditions_are_no_difference_whatever_the_host():
    assert told(host="there") == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"threads": 4}, "threads: 1 then, 4 here"),
        ({"processes": 2}, "processes: 1 then, 2 here"),
        ({"processor": "Two"}, "processor: One then, Two here"),
        ({"instructions": ["avx", "fma", "avx512f"]}, "instructions: -avx2 +avx512f"),
        ({"kernels": {"torch": "AVX512"}}, "kernels: torch AVX2 then, AVX512 here"),
        (
            {"kernels": {"torch": "AVX2", "MKL_CBWR": "AVX"}},
            "kernels: MKL_CBWR none then, AVX here",
        ),
        ({"gpu": "H100"}, "gpu: none then, H100 here"),
        (
            {"packages": {**FACTS["packages"], "peft": "0.19.0"}},
            "packages: peft 0.21.2 then, 0.19.0 here",
        ),
        ({"python": "3.13.0"}, "python: 3.11.7 then, 3.13.0 here"),
        ({"platform": "Linux-7"}, "platform: Linux-6 then, Linux-7 here"),
    ],
)
def test_what_differs_is_told_in_a_line(changes, line):
    assert told(**changes) == [line]


def test_a_recipe_that_differs_is_told_as_well():
    recipe = replace(RECORD.recipe, settings={}, code={}, lock=None)
    kinds = [line.split()[0] for line in changed_conditions(THEN, replace(THEN, recipe=recipe))]
    assert kinds == ["settings"] * 4 + ["code", "lock"]


def test_a_record_of_before_that_tells_less_is_compared_by_what_it_tells():
    old = replace(RECORD, facts={"python": "3.11.7", "packages": FACTS["packages"]})
    assert changed_conditions(old, replace(THEN, facts={**FACTS, "threads": 9})) == []


@pytest.mark.parametrize(
    ("text", "count"), [(None, 1), ("", 1), (" ", 1), ("3", 3), ("4,1", 4), (" 2 , 1", 2)]
)
def test_a_number_of_threads_is_what_openmp_reads(monkeypatch, text, count):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if text is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", text)
    before = torch.get_num_threads()
    try:
        prepare_device(0)
        assert (threads(), torch.get_num_threads()) == (count, count)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("text", ["auto", "0", "-1", "1.5", ",1", "four", "1e2", "²", "9999999"])
def test_what_is_no_number_of_threads_is_told_before_any_work(monkeypatch, tmp_path, text):
    monkeypatch.setenv("OMP_NUM_THREADS", text)
    with pytest.raises(UserError) as caught:
        Job("score", tmp_path / "out", {}, {})
    allowed = "allowed: a number of threads from 1, or nothing"
    assert str(caught.value) == f"OMP_NUM_THREADS: {text!r}; {allowed}"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("promised", "seen"), [("", 0), ("0", 0), ("1", 1), ("1", 2), ("2", 2)])
def test_a_job_that_sees_the_gpus_that_it_was_promised_begins(promised, seen, monkeypatch):
    monkeypatch.setenv(GPUS, promised)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: seen)
    check_gpus()


@pytest.mark.parametrize(("promised", "seen"), [("1", 0), ("2", 1)])
def test_a_job_that_does_not_see_them_never_computes_on_a_processor(
    promised, seen, monkeypatch, tmp_path
):
    monkeypatch.setenv(GPUS, promised)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: seen)
    job = Job("dataset", tmp_path / "dataset", {}, {})
    line = rf"GPUs promised to this job: {promised}, seen by torch \S+: {seen} \(CUDA_VISIBLE_"
    with pytest.raises(UserError, match=line):
        job.run(lambda job: pytest.fail("it began"))
    assert not (tmp_path / "dataset/manifest.json").exists()


def test_a_promise_that_is_no_number_is_told(monkeypatch):
    monkeypatch.setenv(GPUS, "all")
    with pytest.raises(UserError, match="CLEARBENCH_GPUS: 'all'; allowed: a number of GPUs from 0"):
        check_gpus()
