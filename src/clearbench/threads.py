"""How many threads a job computes with."""

import os

from clearbench.errors import UserError

VARIABLE = "OMP_NUM_THREADS"


def threads() -> int:
    """One, unless OMP_NUM_THREADS says otherwise; of a list, which OpenMP allows, the first.

    Raises UserError where it says no number from 1; empty counts as unset.
    """
    text = os.environ.get(VARIABLE, "").strip()
    first = text.split(",")[0].strip() if text else "1"
    if not (first.isascii() and first.isdecimal() and 1 <= int(first) <= 65_536):
        raise UserError(f"{VARIABLE}: {text!r}; allowed: a number of threads from 1, or nothing")
    return int(first)
