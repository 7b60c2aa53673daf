"""The values that a choice among the points of a sweep leaves for the cells of its row."""

import json
from pathlib import Path
from typing import Any

CHOSEN = "chosen.json"
"""The file of the values, by the names of parameters and training keys."""


def read_chosen(folder: Path) -> dict[str, Any]:
    """The values that were chosen."""
    values: dict[str, Any] = json.loads((folder / CHOSEN).read_text(encoding="utf-8"))
    return values
