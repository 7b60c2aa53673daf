"""Questions to the commands of a cluster."""

import subprocess

from clearbench.errors import UserError

PATIENCE = 60
"""Seconds after which a command that doesn't answer is taken to be out of reach."""


def ask(*words: str, seconds: float = PATIENCE, reads: str | None = None) -> str:
    """What a command of a cluster prints; UserError with its last line where it fails.

    `reads` is what it is given to read.
    """
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=seconds, input=reads
        )
    except FileNotFoundError:
        raise UserError(f"{words[0]}: no such command") from None
    except subprocess.TimeoutExpired:
        raise UserError(f"{words[0]}: no answer within {seconds:.0f} s") from None
    if done.returncode != 0:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise UserError(lines[-1] if lines else f"{words[0]}: exit status {done.returncode}")
    return done.stdout
