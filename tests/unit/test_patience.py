"""How often an engine is asked after jobs."""

import pytest

from clearbench.cluster.patience import pause


@pytest.mark.parametrize(
    ("since", "first", "doubted", "seconds"),
    [
        (0, 10, False, 10),
        # A job of a minute is not seen half a minute late,
        (60, 10, False, 10),
        (250, 10, False, 25),
        # one of hours is not asked after more than is worth it,
        (36_000, 10, False, 40),
        # and nobody is asked more often than somebody wants.
        (36_000, 60, False, 60),
        (36_000, 10, True, 10),
        (36_000, 60, True, 40),
    ],
)
def test_jobs_are_looked_at_the_more_often_the_shorter_they_may_be(since, first, doubted, seconds):
    assert pause(since, first, doubted) == seconds
