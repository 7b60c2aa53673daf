"""Embeddings: what a vision model makes of each picture, nothing aggregated.

`records.jsonl` has one picture a line. `embeddings.safetensors` has a row for each of them in the
same order, (N, E), in one tensor a model: the evaluated one is called `model`, those of an attack
have their numbers.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from clearbench.errors import UserError, disk_errors
from clearbench.evaluation.records import RECORDS

EMBEDDINGS = "embeddings.safetensors"
MODEL = "model"

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """A picture: its split (`forget`, `retain`, `holdout`, `other`), its person, and its row's id.

    `shadows` are the numbers of an attack's models that were trained on the person.
    """

    split: str
    person: str
    id: str
    shadows: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Seen:
    """Pictures, and the embeddings (N, E) that each of some models gives them."""

    pictures: Sequence[Picture]
    embeddings: dict[str, Vectors]


def write_seen(folder: Path, seen: Seen) -> None:
    """Write the two files; OSError where the disk does not take them."""
    folder.mkdir(exist_ok=True)
    with (folder / RECORDS).open("w", encoding="utf-8") as file:
        for picture in seen.pictures:
            file.write(json.dumps(asdict(picture), ensure_ascii=False) + "\n")
    with disk_errors(folder):
        save_file(seen.embeddings, folder / EMBEDDINGS)


def read_seen(folder: Path) -> Seen:
    """Read the two files; UserError for one that is damaged or not of the other's length."""
    path = folder / RECORDS
    pictures = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                fields = json.loads(line)
                pictures.append(Picture(**{**fields, "shadows": tuple(fields["shadows"])}))
            except (ValueError, TypeError, KeyError) as error:
                raise UserError(f"{path}, line {number}: not a picture ({error})") from error
    try:
        embeddings = load_file(folder / EMBEDDINGS)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{folder / EMBEDDINGS}: cannot be read ({error}); rerun") from None
    for name, vectors in embeddings.items():
        if vectors.ndim != 2 or len(vectors) != len(pictures):
            raise UserError(
                f"{folder / EMBEDDINGS}: {name}: {len(vectors)} rows for {len(pictures)} pictures"
            )
    return Seen(pictures, embeddings)
