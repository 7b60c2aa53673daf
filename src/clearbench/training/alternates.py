"""Alternates: what the original made up in answer to the forget questions, stored once for cells.

A file has the texts of each sample by its id. They are answers that a step may be trained on: none
is empty, or the true one in whatever writing, and none stands twice; so some samples have few.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from clearbench.data.normal_form import normal_form
from clearbench.data.store import TrainSample
from clearbench.errors import UserError
from clearbench.models.encoding import Encoder

_FILE = "alternates.json"

Alternates = Mapping[str, Sequence[str]]


def write_alternates(folder: Path, alternates: Alternates) -> None:
    """Store alternates."""
    text = json.dumps(alternates, ensure_ascii=False, indent=1)
    (folder / _FILE).write_text(text + "\n", encoding="utf-8")


def read_alternates(folder: Path, samples: Sequence[TrainSample]) -> Alternates:
    """The alternates of samples by their ids; UserError where the file lacks one of them."""
    path = folder / _FILE
    try:
        answers: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: can't be read ({error})") from None
    lacking = next((sample.id for sample in samples if sample.id not in answers), None)
    if lacking is not None:
        raise UserError(f"{path}: has no alternates of {lacking}; they are of another forget set")
    return answers


def fitting(texts: Sequence[str], sample: TrainSample, encoder: Encoder) -> list[str]:
    """The texts that a sample may be answered with, each once."""
    first: dict[str, str] = {}
    for text in texts:
        if _can_be_read(text, sample, encoder):
            first.setdefault(normal_form(text), text)
    first.pop(normal_form(sample.answer), None)
    return list(first.values())


def _can_be_read(text: str, sample: TrainSample, encoder: Encoder) -> bool:
    """Whether a text is an answer with some token, and none that stands for something else."""
    try:
        encoder.answer(encoder.prompt(sample.question, sample.image), text)
    except UserError:
        return False
    return bool(normal_form(text))
