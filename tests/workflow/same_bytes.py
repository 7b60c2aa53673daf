"""What the bench's suites come to on every processor that their tests have run on."""

import json
import os
from pathlib import Path

import pytest

from clearbench import kernels
from clearbench.digests import sha256
from clearbench.jobs import packages
from clearbench.jobs.artifacts import MANIFEST
from clearbench.suite.graph import OF_SUITE

SEEN = Path(__file__).with_suffix(".json")
"""The processors seen, and by suite the sha256 of each artifact's manifest, in the flow's order.

After a change of code that is meant to change numbers CLEARBENCH_WRITE_BYTES=1 writes them anew,
with the processor at hand as the only one.
"""


def digests_of(bench) -> dict[str, str]:
    """The sha256 of what the jobs made, the earliest first; not of what tells times."""
    order = sorted(bench.records().items(), key=lambda item: json.loads(item[1])["started"])
    names = [name for name, _ in order if name not in OF_SUITE]
    return {name: sha256(bench.results() / name / MANIFEST) for name in names}


def check_bytes(bench, suite: str) -> None:
    """Fail with the first artifact that has other bytes than on the processors seen before."""
    if not kernels.possible():
        pytest.skip("no claim for processors without AVX2 and FMA, nor for ARM")
    if packages.unlocked():
        pytest.skip("no claim for other packages than the lock's")
    digests, here = digests_of(bench), kernels.processor()[0]
    seen = json.loads(SEEN.read_text()) if SEEN.exists() else {"suites": {}}
    if os.environ.get("CLEARBENCH_WRITE_BYTES"):
        seen = {"processors": [here], "suites": {**seen["suites"], suite: digests}}
        SEEN.write_text(json.dumps(seen, indent=1) + "\n")
    expected = seen["suites"][suite]
    assert digests.keys() == expected.keys()
    differing = [name for name, digest in digests.items() if digest != expected[name]]
    assert not differing, (
        f"{suite}: {differing[0]} is the first of {len(differing)} artifacts with other bytes on"
        f" {here} than on {', '.join(seen['processors'])}"
    )
