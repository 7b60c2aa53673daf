"""What was computed of a source, kept beside its bytecode so that it need not be computed again.

It lies where bytecode lies (`PYTHONDONTWRITEBYTECODE`, `PYTHONPYCACHEPREFIX`), one file for each
source and version of Python, and goes by a SHA-256 of the source and of the code that computed it.
Where it can't be written or read, time is lost and nothing else.
"""

import json
import sys
from contextlib import suppress
from hashlib import sha256
from importlib.util import cache_from_source
from pathlib import Path
from secrets import token_hex
from typing import Any


def key_of(*parts: bytes) -> str:
    """A key of some bytes in this order, 64 hexadecimal digits."""
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()


def recall(source: Path, key: str) -> Any:
    """What was kept of a source under a key; None where that is nothing, or can't be read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(_place(source).read_text(encoding="utf-8"))
        if kept["key"] == key:
            return kept["value"]
    return None


def keep(source: Path, key: str, value: Any) -> None:
    """Keep a value (as JSON has it, but None) of a source, in place of what was kept before."""
    if sys.dont_write_bytecode:
        return
    place = _place(source)
    # Processes of several machines and containers may have one number.
    written = place.with_name(f"{place.name}.{token_hex(8)}")
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(json.dumps({"key": key, "value": value}), encoding="utf-8")
        written.replace(place)


def _place(source: Path) -> Path:
    return Path(cache_from_source(str(source))).with_suffix(".json")
