"""The store: one dataset in the form that every later stage reads.

A hub layout (CLEAR, TOFU, …) is read once, by the `dataset` stage, which checks it and writes four
parquet files. Nothing after that stage knows where the data came from.

=================== ==========================================================================
`images.parquet`    `bytes`: the encoded image as it came; a row's number is its key
`base.parquet`      what a base model built by the workflow learns (the "real" world); may be empty
`train.parquet`     the fictitious persons, with each row's part at each forget size
`eval.parquet`      the samples of the evaluation tasks, with their candidate answers
=================== ==========================================================================
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from clearbench.data.images import rgb, stored_size
from clearbench.data.tasks import FORGOTTEN, VALIDATED
from clearbench.errors import UserError

MODALITIES = ("text", "visual")
VALIDATION = "persons.json"
"""The file of the persons of a choice: a JSON list of names."""

Parts = Mapping[int, str | None]
"""The part of a row at each forget size, as `{10: "forget"}`; None at one where it is in neither.
"""


@dataclass(frozen=True)
class TrainSample:
    """A question and its answer, to be learnt or forgotten.

    `id` begins with the configuration and the number of the row, as in `full/3/captions`.
    `modality` is `visual` where the row has an image, else `text`. `image` is a row number of the
    image table. `parts` say whether the row belongs to the `forget` or the `retain` part at each
    forget size.
    """

    id: str
    task: str
    modality: str
    person: str | None
    question: str
    answer: str
    image: int | None
    parts: Parts = field(default_factory=dict, hash=False)

    @property
    def texts(self) -> tuple[str, ...]:
        """Question and answer."""
        return self.question, self.answer

    @property
    def asked(self) -> tuple[str, int | None]:
        """The question, and the image that it is about, if any."""
        return self.question, self.image

    def part(self, forget_size: int) -> str | None:
        """The part (`forget`, `retain` or None) of this row at a forget size."""
        return self.parts.get(forget_size)


@dataclass(frozen=True)
class EvalSample:
    """A question, its true answer and the candidates that compete with it.

    `split` is `forget`, `retain` or `real`, or one that `data.tasks` adds to these. `forget_size`
    limits the row to one forget size (None: valid at every size). `paraphrase` is the true answer
    in the wording that `perturbed` share; it equals `answer` where the task has no other wording.
    `person` is whom the sample is about, None where nobody is told. `answers` are what people said
    who were asked the same, where that is told.
    """

    id: str
    split: str
    task: str
    forget_size: int | None
    question: str
    answer: str
    paraphrase: str
    perturbed: tuple[str, ...]
    image: int | None
    person: str | None = None
    answers: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Question and candidate answers."""
        return self.question, self.answer, self.paraphrase, *self.perturbed

    @property
    def asked(self) -> tuple[str, int | None]:
        """The question, and the image that it is about, if any."""
        return self.question, self.image


_TRAIN_COLUMNS = [
    *((name, pa.string()) for name in ("id", "task", "modality", "person", "question", "answer")),
    ("image", pa.int32()),
]
_PART = "set"
"""What the column of a forget size begins with, as `set05`."""
_EVAL_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("split", pa.string()),
        ("task", pa.string()),
        ("forget_size", pa.int32()),
        ("question", pa.string()),
        ("answer", pa.string()),
        ("paraphrase", pa.string()),
        ("perturbed", pa.list_(pa.string())),
        ("image", pa.int32()),
        ("person", pa.string()),
    ]
)
_ANSWERS = pa.field("answers", pa.list_(pa.string()))
"""A column of `eval.parquet` that is there where a sample has some."""
_IMAGE_SCHEMA = pa.schema([("bytes", pa.binary())])


def column_of(sample: TrainSample | EvalSample, text: str) -> str:
    """The column of a store in which a sample has a text."""
    columns = ("question", "answer", "paraphrase")
    return next((name for name in columns if getattr(sample, name, None) == text), "perturbed")


def write_store(
    folder: Path,
    images: Iterable[bytes],
    base: Iterable[TrainSample],
    train: Iterable[TrainSample],
    evaluation: Iterable[EvalSample],
) -> None:
    """Write the four files of a store into an existing folder."""
    train, evaluation = list(train), list(evaluation)
    sizes = forget_sizes(train)
    answered = any(sample.answers for sample in evaluation)
    schema = pa.schema([*_TRAIN_COLUMNS, *((_column(size), pa.string()) for size in sizes)])
    tables = {
        "images": pa.Table.from_pylist([{"bytes": b} for b in images], _IMAGE_SCHEMA),
        "base": pa.Table.from_pylist([_train_row(s, sizes) for s in base], schema),
        "train": pa.Table.from_pylist([_train_row(s, sizes) for s in train], schema),
        "eval": pa.Table.from_pylist(
            [asdict(sample) for sample in evaluation],
            _EVAL_SCHEMA.append(_ANSWERS) if answered else _EVAL_SCHEMA,
        ),
    }
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")


class Store:
    """Reads a store's folder; each file is read when it is first asked for.

    With the folder of a `validation`, its persons are those to be forgotten, and those of the
    forget set are in neither part, nor evaluated: what is chosen by them has not seen the test.
    """

    def __init__(self, folder: Path, validation: Path | None = None):
        self.folder = folder
        self._validation = validation

    def base(self) -> list[TrainSample]:
        """What a base model built by the workflow learns."""
        return [_train_sample(row) for row in self._rows("base")]

    @cached_property
    def forget_sizes(self) -> list[int]:
        """The forget sizes that training rows have parts at, sorted."""
        names = pq.read_schema(self.folder / "train.parquet").names
        return [int(name.removeprefix(_PART)) for name in names if name.startswith(_PART)]

    def train(self, part: str, forget_size: int | None, modality: str) -> list[TrainSample]:
        """The training rows of a part, in the dataset's order.

        `part` is `full`, `forget` or `retain` (the last two need a forget size), `modality` is
        `text`, `visual` or `both`.
        """
        samples = [
            sample
            for sample in self._train
            if modality in ("both", sample.modality)
            and (part == "full" or self._part(sample, forget_size) == part)
        ]
        if not samples:
            raise UserError(f"{self.folder}: {self._why_empty(part, forget_size, modality)}")
        return samples

    def _why_empty(self, part: str, forget_size: int | None, modality: str) -> str:
        """Why no training row is of a part and a modality, and what has some."""

        def has(size: int | None, kind: str) -> bool:
            rows = (s for s in self._train if kind in ("both", s.modality))
            return any(part == "full" or self._part(sample, size) == part for sample in rows)

        where = "" if forget_size is None else f" at forget size {forget_size}"
        kinds = [kind for kind in MODALITIES if has(forget_size, kind)]
        if kinds:
            return (
                f"no training row is {part}{where} with modality {modality}; choose a modality that"
                f" the dataset has there: {', '.join(kinds)}"
            )
        sizes = [str(size) for size in self.forget_sizes if forget_size and has(size, "both")]
        allowed = f"choose a forget size that has some: {', '.join(sizes)}"
        return f"no training row is {part}{where}, of any modality; " + (
            allowed if sizes else "the dataset's source must have some"
        )

    def evaluation(self, forget_size: int) -> list[EvalSample]:
        """The evaluation samples of all tasks at a forget size, in the dataset's order."""
        samples = [
            _eval_sample(row)
            for row in self._rows("eval")
            if row["forget_size"] in (None, forget_size)
        ]
        if self._validation is None:
            return [sample for sample in samples if sample.split != VALIDATED]
        apart = any(sample.split == VALIDATED for sample in samples)
        asked = (self._asked(sample, apart) for sample in samples)
        return [sample for sample in asked if sample is not None]

    def persons_asked(self, forget_size: int, split: str) -> list[str]:
        """The persons whom all tasks of a split ask about, by the first question about each."""
        asked: dict[str, dict[str, None]] = {}
        for row in self._rows("eval"):
            of_size = row["forget_size"] in (None, forget_size)
            if row["split"] == split and of_size and row["person"]:
                asked.setdefault(row["task"], {})[row["person"]] = None
        first = next(iter(asked.values()), {})
        return [person for person in first if all(person in task for task in asked.values())]

    def image(self, key: int) -> Image.Image:
        """The RGB image of a row number."""
        return rgb(self._images[key].as_py())

    def image_size(self, key: int) -> tuple[int, int]:
        """Width and height in pixels of a row number's image, as it is stored."""
        return stored_size(self._images[key].as_py())

    def samples(self) -> Iterator[TrainSample | EvalSample]:
        """All samples: of the base, of training, of evaluation at every forget size."""
        yield from self.base()
        yield from self._train
        yield from map(_eval_sample, self._rows("eval"))

    def column_with(self, text: str) -> str:
        """The column in which the first sample that has a text has it; for none, "text"."""
        columns = (column_of(sample, text) for sample in self.samples() if text in sample.texts)
        return next(columns, "text")

    def sample_with(self, text: str, image: int | None = None) -> str:
        """The id of the first sample that has a text, about an image if one is given."""
        ids = (
            sample.id
            for sample in self.samples()
            if text in sample.texts and image in (None, sample.image)
        )
        return next(ids, repr(text))

    def _asked(self, sample: EvalSample, apart: bool) -> EvalSample | None:
        """A sample as it is asked for a choice, if it is: of its persons, as of the forgotten.

        Where the source asks about them `apart`, as about persons to be forgotten, that is asked,
        else what is asked about them as retained ones.
        """
        chosen = sample.person in self._validated
        if sample.split in FORGOTTEN or (sample.split == VALIDATED and not chosen):
            return None
        if sample.split == VALIDATED or (sample.split == "retain" and chosen and not apart):
            return replace(sample, split="forget")
        return None if sample.split == "retain" and chosen else sample

    def _part(self, sample: TrainSample, forget_size: int | None) -> str | None:
        """The part of a row, by the persons of the choice where there are any."""
        part = sample.part(forget_size or 0)
        if self._validation is None:
            return part
        if part != "retain":
            return None
        return "forget" if sample.person in self._validated else "retain"

    @cached_property
    def _validated(self) -> frozenset[str]:
        """The persons of the choice."""
        assert self._validation is not None
        return frozenset(json.loads((self._validation / VALIDATION).read_text(encoding="utf-8")))

    @cached_property
    def _train(self) -> list[TrainSample]:
        return [_train_sample(row) for row in self._rows("train")]

    @cached_property
    def _images(self) -> pa.ChunkedArray:
        # Memory-mapped: the images of CLEAR are hundreds of megabytes, a stage touches some.
        return pq.read_table(self.folder / "images.parquet", memory_map=True)["bytes"]

    def _rows(self, name: str) -> list[dict]:
        return pq.read_table(self.folder / f"{name}.parquet").to_pylist()


def forget_sizes(samples: Iterable[TrainSample]) -> list[int]:
    """The forget sizes at which some rows have parts, sorted."""
    return sorted({size for sample in samples for size in sample.parts})


def _column(size: int) -> str:
    return f"{_PART}{size:02d}"


def _train_row(sample: TrainSample, sizes: Iterable[int]) -> dict:
    fields = asdict(sample)
    parts = fields.pop("parts")
    return fields | {_column(size): parts.get(size) for size in sizes}


def _train_sample(row: dict) -> TrainSample:
    sizes = [name for name in row if name.startswith(_PART)]
    parts = {int(name.removeprefix(_PART)): row.pop(name) for name in sizes}
    return TrainSample(**row, parts=parts)


def _eval_sample(row: dict) -> EvalSample:
    several = {name: tuple(row.get(name) or ()) for name in ("perturbed", "answers")}
    return EvalSample(**{**row, **several})
