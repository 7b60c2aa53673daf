"""Records: what a model answered and how likely it found each candidate, sample by sample.

The file is JSON Lines, one sample a line, floats in full precision, so that a metric can be
recomputed from it years later and a person can read it.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clearbench.errors import UserError

RECORDS = "records.jsonl"
"""The file's name in an artifact."""


@dataclass(frozen=True)
class Record:
    """One evaluated sample.

    Losses are the mean negative log-likelihood in nats over the answer's own tokens (end of text
    not counted), in [0, inf]. `paraphrase_loss` belongs to the true answer in the wording that the
    perturbed answers share. `generated` is the greedy answer.
    """

    split: str
    task: str
    id: str
    answer: str
    generated: str
    answer_loss: float
    paraphrase_loss: float
    perturbed_losses: tuple[float, ...]

    @property
    def losses(self) -> tuple[float, ...]:
        """All losses of the sample."""
        return (self.answer_loss, self.paraphrase_loss, *self.perturbed_losses)


def parse_record(fields: dict[str, Any]) -> Record:
    """A record from its fields as JSON has them; TypeError or KeyError where they are others."""
    return Record(**{**fields, "perturbed_losses": tuple(fields["perturbed_losses"])})


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")


def read_records(path: Path) -> list[Record]:
    """Read records; a damaged line raises UserError with its number."""
    records = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                records.append(parse_record(json.loads(line)))
            except (ValueError, TypeError, KeyError) as error:
                raise UserError(f"{path}, line {number}: not a record ({error})") from error
    return records
