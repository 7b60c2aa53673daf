"""Records: what a model answered and how likely it found each candidate, sample by sample.

The file is JSON Lines, one sample a line, likelihoods in full precision and those of single tokens
in four digits, so that a metric can be recomputed from it years later and a person can read it.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Self

from clearbench.errors import UserError
from clearbench.evaluation.tokens import Tokens

RECORDS = "records.jsonl"
"""The file's name in an artifact."""

_LOSSES = ("answer_loss", "paraphrase_loss", "perturbed_losses")


class Likelihood(NamedTuple):
    """Log-likelihoods in nats: of an answer's own `tokens` together, of the `end` after them."""

    answer: float
    tokens: int
    end: float

    @property
    def loss(self) -> float:
        """The mean negative log-likelihood a token, the end of text counted as one."""
        return -(self.answer + self.end) / (self.tokens + 1)

    @property
    def answer_loss(self) -> float:
        """The mean over the answer's own tokens alone."""
        return -self.answer / self.tokens


class Gradient(NamedTuple):
    """Norms of the gradient of a sample's loss: of all trained weights, and the mean of theirs."""

    norm: float
    mean_of_tensors: float


@dataclass(frozen=True)
class Record:
    """One evaluated sample.

    Losses are the mean negative log-likelihood in nats over the answer's tokens and the end of
    text, as in published logs, in [0, inf]. `paraphrase_loss` belongs to the true answer in the
    wording that the perturbed answers share. `generated` is the greedy answer. `person` is whom the
    sample is about, None where nobody is told. `likelihoods` are what the losses are made of, in
    their order; None of another group's log, which has the losses alone. `question` is what the
    model was asked, of a log with all that its prompt adds; None where that is not told. `tokens`
    are those of the true answer and the end of text; None of a log, of records of an older version
    and of what no model said. `answers` are what people said to the question, where that is told.
    `generated_likelihood` is what the original gives to the greedy answer, and `gradient` that of
    the true answer's loss, each None where it was not asked for.
    """

    split: str
    task: str
    id: str
    answer: str
    generated: str
    answer_loss: float
    paraphrase_loss: float
    perturbed_losses: tuple[float, ...]
    person: str | None = None
    likelihoods: tuple[Likelihood, ...] | None = None
    question: str | None = None
    tokens: Tokens | None = None
    answers: tuple[str, ...] = ()
    generated_likelihood: Likelihood | None = None
    gradient: Gradient | None = None

    @classmethod
    def measured(cls, likelihoods: Sequence[Likelihood], **fields: Any) -> Self:
        """With the likelihoods of the answer, of the paraphrase and of the perturbed answers."""
        parts = tuple(Likelihood(*part) for part in likelihoods)
        answer, paraphrase, *perturbed = (part.loss for part in parts)
        return cls(
            **fields,
            answer_loss=answer,
            paraphrase_loss=paraphrase,
            perturbed_losses=tuple(perturbed),
            likelihoods=parts,
        )

    @property
    def losses(self) -> tuple[float, ...]:
        """All losses of the sample."""
        return (self.answer_loss, self.paraphrase_loss, *self.perturbed_losses)

    def without_end(self) -> Self | None:
        """With losses over the answers' own tokens alone; None where the record can't tell them."""
        if self.likelihoods is None:
            return None
        answer, paraphrase, *perturbed = (part.answer_loss for part in self.likelihoods)
        return replace(
            self,
            answer_loss=answer,
            paraphrase_loss=paraphrase,
            perturbed_losses=tuple(perturbed),
            tokens=self.tokens and self.tokens.without_last(),
            # Of the loss with the end.
            gradient=None,
        )


_ASKED_FOR: dict[str, Callable[..., Any]] = {
    "answers": lambda *people: people,
    "generated_likelihood": Likelihood,
    "gradient": Gradient,
}
"""The fields that only some suites ask for, by what they are."""


def fields_of(record: Record) -> dict[str, Any]:
    """A record's fields for JSON: the likelihoods where there are some, else the losses.

    The tokens, and what only some suites ask for, where there are some.
    """
    left_out = {"tokens", "likelihoods"} if record.likelihoods is None else {"tokens", *_LOSSES}
    left_out |= {name for name in _ASKED_FOR if not getattr(record, name)}
    fields = {name: value for name, value in vars(record).items() if name not in left_out}
    return fields if record.tokens is None else {**fields, "tokens": record.tokens.fields}


def parse_record(fields: dict[str, Any]) -> Record:
    """A record from its fields as JSON has them.

    TypeError or KeyError where they are others; UserError where they are those of an older version.
    """
    if "person" not in fields and "answer_loss" in fields:
        raise UserError(
            "a record of an older version, whose losses leave out the end of text;"
            " evaluate again (snakemake does)"
        )
    if "question" not in fields and {"split", "task", "id", "answer"} <= fields.keys():
        raise UserError(
            "a record of an older version, which does not tell the question; evaluate again"
            " (snakemake does)"
        )
    if "tokens" in fields:
        fields = {**fields, "tokens": Tokens.parse(fields["tokens"])}
    for name, kind in _ASKED_FOR.items():
        if name in fields:
            fields = {**fields, name: kind(*fields[name])}
    if "likelihoods" in fields:
        return Record.measured(**fields)
    return Record(**{**fields, "perturbed_losses": tuple(fields["perturbed_losses"])})


def folder_at(folder: Path, point: str | None = None) -> Path:
    """The folder of the records in an artifact; of those of several points, of one by its name."""
    return folder if point is None else folder / point


def records_at(folder: Path, point: str | None = None) -> Path:
    """The records in an artifact; where these are of several points, those at one by its name."""
    return folder_at(folder, point) / RECORDS


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write records as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(fields_of(record), ensure_ascii=False) + "\n")


def read_records(path: Path) -> list[Record]:
    """Read records; a damaged line raises UserError with its number."""
    records = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            try:
                records.append(parse_record(json.loads(line)))
            except UserError as error:
                raise UserError(f"{path}, line {number}: {error}") from None
            except (ValueError, TypeError, KeyError) as error:
                raise UserError(f"{path}, line {number}: not a record ({error})") from error
    return records
