"""How long a run will still take, by what it has done."""

import logging
import os
import time

import pytest
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from clearbench.jobs.artifacts import MANIFEST
from clearbench.workflow.remaining import Remaining
from synthetic import Made, SyntheticTree, write_suite

UNLEARN = [f"unlearn/{row}/text/forget10/seed0" for row in ("ga", "gd", "kl", "npo")]


@pytest.fixture
def tree(tmp_path):
    methods = {name.split("/")[1]: {} for name in UNLEARN}
    suite = write_suite(tmp_path, methods=methods, modalities=["text"], seeds=[0])
    tree = SyntheticTree(suite, tmp_path / "results/small")
    for name in ("generate", "dataset", "base/seed0", "original/seed0"):
        tree.put(name)
    # What was there before the run tells nothing of it.
    for path in tree.root.rglob(MANIFEST):
        os.utime(path, (0, 0))
    return tree


def test_the_rest_takes_as_long_for_its_work_as_what_is_done_took(tree):
    remaining = Remaining((tree.graph[name] for name in UNLEARN), tree.root)
    now = time.time()
    assert remaining.left(now + 60) is None
    tree.put(UNLEARN[0], Made(seconds=10))
    # Three like it are left.
    assert remaining.left(now + 60) == pytest.approx(3 * 60, rel=0.01)
    tree.put(UNLEARN[1], Made(seconds=30))
    assert remaining.left(now + 80) == pytest.approx(80, rel=0.01)
    for name in UNLEARN[2:]:
        tree.put(name, Made(seconds=10))
    assert remaining.left(now + 90) == 0


def test_a_stage_of_which_nothing_is_done_is_taken_for_the_mean_of_all(tree):
    names = [*UNLEARN, "evaluate/ga/text/forget10/seed0"]
    remaining = Remaining((tree.graph[name] for name in names), tree.root)
    now = time.time()
    for name in UNLEARN:
        tree.put(name, Made(seconds=10))
    assert remaining.left(now + 40) == pytest.approx(10, rel=0.01)


def test_a_count_of_steps_is_told_with_the_time_that_is_left(tree, caplog):
    remaining = Remaining((tree.graph[name] for name in UNLEARN), tree.root)
    tree.put(UNLEARN[0], Made(seconds=10))
    remaining._began -= 600
    count = logging.LogRecord("snakemake", logging.INFO, "", 0, "", None, None)
    count.event, count.done, count.total = LogEvent.PROGRESS, 1, 4
    with caplog.at_level(logging.INFO, logger.name):
        assert remaining.filter(count)
    assert caplog.messages == ["about 30 min left"]
