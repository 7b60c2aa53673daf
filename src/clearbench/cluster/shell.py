"""The environment of jobs that a site file asks for: modules, proxies, variables."""

import os
import socket
import subprocess
from collections.abc import Sequence

from clearbench.config.site import SITE, Site
from clearbench.errors import UserError

PREPARED = "CLEARBENCH_PREPARED"
"""The environment variable with the machine on which the lines of a site file have been run."""

_OWN = ("_", "SHLVL", "PWD", "OLDPWD")
"""Variables of the shell that runs the lines, and of no job."""


def prepare(site: Site) -> None:
    """Let this process, and so its jobs, have the environment that the site file asks for.

    The lines are run once on each machine: the processes of a job pass on what they left. Raises
    UserError where one fails.
    """
    here = socket.gethostname()
    if site.setup and os.environ.get(PREPARED) != here:
        left = _run(site.setup)
        for name in set(os.environ) - set(left):
            del os.environ[name]
        os.environ.update(left)
        os.environ[PREPARED] = here
    os.environ.update(site.environment)


def _run(lines: Sequence[str]) -> dict[str, str]:
    """The environment that lines leave, run by bash until one fails."""
    # Not as at login, which would forget a venv that has been activated.
    script = "\n".join(["set -e; { " + lines[0], *lines[1:], "} >&2", "env -0"])
    try:
        done = subprocess.run(
            ["bash", "-c", script],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            # Libraries may have set others that Python does not know of.
            env=dict(os.environ),
        )
    except FileNotFoundError:
        raise UserError(f"{SITE}: setup: bash: no such command") from None
    if done.returncode != 0:
        told = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise UserError(
            f"{SITE}: setup: {told}; allowed: lines that bash can run on {socket.gethostname()}"
        )
    variables = dict(variable.split("=", 1) for variable in done.stdout.split("\0") if variable)
    kept = {name: os.environ[name] for name in _OWN if name in os.environ}
    return {name: value for name, value in variables.items() if name not in _OWN} | kept
