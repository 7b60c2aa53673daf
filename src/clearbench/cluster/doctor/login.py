"""What is looked at where the user types: this process, then the engine of the profile."""

from collections.abc import Iterator

from clearbench.cluster.doctor import kubernetes, lsf, slurm, storage
from clearbench.cluster.doctor.finding import Finding, look_at_packages, look_at_setup
from clearbench.config.profile import read_profile
from clearbench.config.site import Site
from clearbench.errors import UserError, unknown
from clearbench.suite.suite import Suite

_ENGINES = {
    "slurm": slurm.examine,
    "clearbench-lsf": lsf.examine,
    "clearbench-kubernetes": kubernetes.examine,
}
"""How each engine is examined, by the executor that a profile names."""


def examine(
    suite: Suite, site: Site, profile: str, wait: int, asked: storage.Asked
) -> Iterator[Finding]:
    """All findings, in the order in which one needs the other.

    `profile` is that of the run, `wait` is how many seconds a job may wait for a node, `asked` what
    room the results need. Raises UserError where there is no such profile, or it names none of
    these engines, or the site file says what the engine does not know.
    """
    yield look_at_packages("type `make install` in a new checkout, and see to PYTHONPATH")
    yield from look_at_setup("", site)
    told = read_profile(profile)
    engine = _ENGINES.get(told.executor or "")
    if engine is None:
        name = str(told.executor)
        words = unknown(name, _ENGINES, f"unknown: {name}")
        raise UserError(f"{told.path}: executor: {words}")
    yield from engine(suite, site, told, wait, asked)
