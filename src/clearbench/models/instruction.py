"""Instructions: layers of a stack that have words in the place of weights.

The model is the one below; it is asked each question after these words.
"""

import json
from collections.abc import Iterable
from pathlib import Path

_FILE = "instruction.json"


def write_instruction(folder: Path, words: str) -> None:
    """Make a folder such a layer."""
    text = json.dumps({"instruction": words}, ensure_ascii=False, indent=1)
    (folder / _FILE).write_text(text + "\n", encoding="utf-8")


def is_instruction(folder: Path) -> bool:
    """Whether a folder is such a layer."""
    return (folder / _FILE).exists()


def instruction_of(stack: Iterable[Path]) -> str:
    """The words of all such layers of a stack, the lowest first; none where there is none."""
    texts = (path / _FILE for path in stack if is_instruction(path))
    return " ".join(json.loads(path.read_text(encoding="utf-8"))["instruction"] for path in texts)
