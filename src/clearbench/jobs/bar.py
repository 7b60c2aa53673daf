"""The bar of a job's steps, which logs keep and a terminal shows."""

import os
from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

from clearbench import parallel

_Step = TypeVar("_Step")


def bar(steps: Iterable[_Step], unit: str, **options: Any) -> "tqdm[_Step]":
    """A bar over some steps; of the first process alone, and none where TQDM_DISABLE is set.

    tqdm itself reads that variable when it is imported, which a warm process did before the call.
    """
    silent = os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    return tqdm(
        steps,
        unit=unit,
        delay=10,
        mininterval=10,
        disable=silent or parallel.rank() > 0,
        **options,
    )
