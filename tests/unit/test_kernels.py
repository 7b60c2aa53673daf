"""Kernels: pinned whatever the shell says, native where a user asks for it, and on record."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch  # noqa: F401 - what is told of MKL is told of a torch that is loaded

from clearbench import kernels
from clearbench.config.site import choose_kernels
from clearbench.errors import UserError
from clearbench.results.hardware import hardware, mixed
from clearbench.results.runs import Results
from clearbench.suite.artifact import Artifact
from clearbench.suite.load import load_suite
from clearbench.tables.remarks import make_remarks
from unit.test_record import RECORD

COMPUTE = """
import hashlib, json, sys
from clearbench import kernels
from clearbench.config.site import choose_kernels
for command in ("one", "another"):
    kernels.choose(choose_kernels())
import numpy as np, transformers, torch
at_once = kernels.in_force()
from clearbench.models.device import prepare_device
prepare_device(1)
parts = []
for rows, inner, columns in [(3, 128, 5), (7, 33, 129), (512, 64, 1), (256, 256, 256)]:
    parts.append(torch.randn(rows, inner) @ torch.randn(inner, columns))
x = torch.rand(4096) + 0.1
parts += [x.sqrt(), x.log(), x.exp(), x.erf(), torch.logsumexp(torch.randn(32, 48, 128), -1)]
parts.append(torch.nn.functional.conv2d(torch.randn(4, 3, 56, 56), torch.randn(16, 3, 3, 3)))
y = np.random.default_rng(1).random((64, 64)) + 0.1
parts += map(torch.from_numpy, (y @ y, np.exp(y), np.log(y), np.linalg.svd(y)[1]))
digests = [hashlib.sha256(part.contiguous().numpy().tobytes()).hexdigest() for part in parts]
from clearbench.jobs.machine import machine
told = machine()["kernels"]
assert told["kernels"] == at_once
print(json.dumps({"digests": digests, "kernels": told}))
"""
"""A process that computes as a job does; prints digests and what a record would tell."""

STRANGE = {
    "ATEN_CPU_CAPABILITY": "default",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "MKL_CBWR": "COMPATIBLE",
    "MKL_NUM_THREADS": "7",
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": "X86_V3",
}
"""Variables of a shell that choose other kernels than any job's."""

claimed = pytest.mark.skipif(
    not kernels.possible(), reason="no claim for processors without AVX2 and FMA, nor for ARM"
)


def compute(**variables: str) -> dict:
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", COMPUTE],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@claimed
def test_pinned_kernels_are_the_same_whatever_the_shell_says_and_native_ones_are_not():
    pinned, among_others = compute(), compute(**STRANGE)
    assert among_others == pinned
    assert pinned["kernels"]["kernels"] == "pinned"
    assert pinned["kernels"]["torch"] == "AVX2"
    # What a pinned process hands on to one that is to be native does not pin it.
    handed_on = compute(**kernels._PINS, CLEARBENCH_KERNELS="native")
    assert handed_on["kernels"]["kernels"] == "native"
    assert not kernels._PINS.keys() & handed_on["kernels"].keys()
    native = compute(**STRANGE, CLEARBENCH_KERNELS="native")
    assert native["kernels"]["kernels"] == "native"
    assert native["kernels"].items() >= STRANGE.items()
    assert native["digests"] != pinned["digests"]


@claimed
def test_a_record_says_where_mkl_could_not_be_told(monkeypatch, capsys):
    for name, value in kernels._PINS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(kernels, "_addresses", lambda: ())
    kernels._answer_mkl()
    assert kernels.in_force().startswith("native: MKL cannot be told")
    assert "kernels are not pinned: native: MKL" in capsys.readouterr().err


def test_a_processor_without_the_instructions_is_left_alone_and_says_so(monkeypatch, tmp_path):
    (tmp_path / "cpuinfo").write_text("model name\t: Old\nflags\t\t: fpu sse4_2 avx\n")
    monkeypatch.setattr(kernels, "_PROCESSOR", tmp_path / "cpuinfo")
    monkeypatch.setenv("MKL_CBWR", "COMPATIBLE")
    kernels.possible.cache_clear()
    try:
        kernels.choose("pinned")
        assert os.environ["MKL_CBWR"] == "COMPATIBLE"
        assert kernels.in_force() == "native: pins are for x86-64 processors with avx2 and fma"
    finally:
        kernels.possible.cache_clear()


@pytest.mark.parametrize(
    ("site", "variable", "chosen"),
    [
        (None, "", "pinned"),
        (None, "native", "native"),
        ("kernels: native", "", "native"),
        ("kernels: native", "pinned", "pinned"),
        ("partition: gpu", " ", "pinned"),
    ],
)
def test_kernels_are_the_shells_choice_else_the_sites(
    monkeypatch, tmp_path, site, variable, chosen
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").touch()
    if site:
        (tmp_path / "slurm").mkdir()
        (tmp_path / "slurm/site.yaml").write_text(site)
    monkeypatch.setenv(kernels.CHOICE, variable)
    assert choose_kernels() == os.environ[kernels.CHOICE] == chosen


def test_another_word_is_refused_with_what_is_allowed(monkeypatch):
    monkeypatch.setenv(kernels.CHOICE, "fast")
    with pytest.raises(UserError) as error:
        choose_kernels()
    assert str(error.value) == "CLEARBENCH_KERNELS: 'fast'; allowed: pinned, native, or nothing"


PINNED = {"kernels": {"kernels": "pinned", "torch": "AVX2"}, "processor": "One"}
NATIVE = {**PINNED, "kernels": {"kernels": "native"}, "instructions": ["avx2"]}


@pytest.mark.parametrize(
    ("one", "other", "differ"),
    [
        ({}, {"processor": "Two"}, False),
        ({}, {"threads": 2}, True),
        ({}, {"gpu": "H100"}, True),
        ({"gpu": "H100"}, {"gpu": "H100", "processor": "Two"}, False),
        ({}, NATIVE, True),
        # Whether a job has loaded torch is no difference.
        (NATIVE, {**NATIVE, "kernels": {"kernels": "native", "torch": "AVX2"}}, False),
        (NATIVE, {**NATIVE, "processor": "Two"}, True),
        (NATIVE, {**NATIVE, "instructions": ["avx2", "avx512f"]}, True),
    ],
)
def test_hardware_is_mixed_where_bytes_may_differ(one, other, differ):
    facts = {"a": {**PINNED, **one}, "b": {**PINNED, **other}}
    artifacts = [Artifact(name, "unlearn", {}, {}) for name in facts]
    tree = SimpleNamespace(record=lambda name: replace(RECORD, facts=facts[name]))
    assert bool(mixed(hardware(artifacts, tree))) is differ


def test_tables_say_of_which_stages_the_hardware_was_mixed():
    jobs = {"base": {"A100": 1}, "unlearn": {"A100": 40, "H100": 3}}
    line = "mixed hardware, so that rows may differ by rounding: unlearn (40 on A100, 3 on H100)"
    assert mixed(jobs) == line
    assert mixed({"base": {"A100": 1}, "unlearn": {"H100": 3}}) is None
    suite = load_suite("mini", Path(__file__).resolve().parents[2])
    assert make_remarks(Results(suite, (), {}, (), jobs)).texts == [line]
    assert make_remarks(Results(suite, (), {}, ())).texts == []
