"""What a user sees who wrote something that a suite does not allow."""

import re

import pytest


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"methods": {"npoo": {}}},
            ["methods", "npoo", "allowed: adaptive_rmu, altpo, ceu, dpo,", "retain_ft"],
        ),
        ({"methods": {"npo": {"bta": 1.0}}}, ["methods.npo.bta", "beta", "epochs, batch_size"]),
        ({"modalities": ["sound"]}, ["modalities", "sound", "allowed: text, visual, both"]),
        ({"colour": "red"}, ["colour", "allowed:", "dataset", "modalities"]),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_what_is_allowed(fresh, changes, told):
    fresh.write(**changes)
    done = fresh.snakemake()
    assert done.status != 0
    (line,) = (line for line in done.output.splitlines() if "suite.yaml" in line)
    assert all(word in line for word in told)
    assert "Traceback" not in done.output
    assert not fresh.results().exists()


def test_a_mistake_in_a_method_is_told_before_the_first_job(fresh):
    own = fresh.with_own_code()
    own.edit("methods/npo.py", "student.forget.over_samples", "")
    own.write()
    done = own.snakemake()
    assert done.status != 0
    told = r"src/clearbench/methods/npo\.py, line \d+: method npo: the loss has the shape"
    assert re.search(told, done.output), done.output
    assert "Traceback" not in done.output
    assert done.jobs == []
    assert own.records() == {}
