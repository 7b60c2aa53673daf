"""What a user sees who wrote something that a suite does not allow."""

import pytest


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"methods": {"npoo": {}}},
            ["methods", "npoo", "allowed: dpo, dpo@published, ga,", "retain_ft"],
        ),
        ({"methods": {"npo": {"bta": 1.0}}}, ["methods.npo.bta", "beta", "epochs, batch_size"]),
        ({"modalities": ["sound"]}, ["modalities", "sound", "allowed: text, visual, both"]),
        ({"colour": "red"}, ["colour", "allowed:", "dataset", "modalities"]),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_what_is_allowed(fresh, changes, told):
    fresh.write(**changes)
    done = fresh.snakemake(warm=False)
    assert done.status != 0
    (line,) = (line for line in done.output.splitlines() if "suite.yaml" in line)
    assert all(word in line for word in told)
    assert "Traceback" not in done.output
    assert not fresh.results().exists()
