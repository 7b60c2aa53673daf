"""Per-sample logs of other groups' evaluations, read as records.

Known are `eval_log_aggregated.json` of TOFU and of CLEAR, and `TOFU_EVAL.json` of open-unlearning,
also compressed (`.gz`). open-unlearning adds 1e-10 to each probability that it divides by; its
records have the losses as they are logged.

The losses are means in which the end of text counts as a token, and no log tells it apart. Whom a
sample is about is not logged either: in TOFU's order an author is 20 consecutive questions, and
CLEAR's pictures have the person's name for the answer that names the face.
"""

import gzip
import json
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from reprlib import repr as brief
from typing import Any

from clearbench.data.tasks import (
    CAPTIONS,
    FACE_NAMING,
    REAL_AUTHORS,
    REAL_FACES,
    REAL_WORLD,
    TEXT_QA,
    WORLD_FACTS,
)
from clearbench.errors import UserError
from clearbench.evaluation.records import Record

Task = tuple[str, str]
"""Split and task."""

TOFU: Mapping[str, Task] = {
    "eval_log_forget.json": ("forget", TEXT_QA.name),
    "eval_log.json": ("retain", TEXT_QA.name),
    "eval_real_author_wo_options.json": ("real", REAL_AUTHORS.name),
    "eval_real_world_wo_options.json": ("real", WORLD_FACTS.name),
}
CLEAR: Mapping[str, Task] = {
    "eval_log_forget.json": ("forget", CAPTIONS.name),
    "eval_forget_facerec.json": ("forget", FACE_NAMING.name),
    "eval_log.json": ("retain", CAPTIONS.name),
    "eval_retain_facerec.json": ("retain", FACE_NAMING.name),
    "eval_real_faces_wo_options.json": ("real", REAL_FACES.name),
    "eval_real_world_wo_options.json": ("real", REAL_WORLD.name),
}
OPEN_UNLEARNING: Mapping[str, Task] = {
    "forget": ("forget", TEXT_QA.name),
    "retain": ("retain", TEXT_QA.name),
    "ra": ("real", REAL_AUTHORS.name),
    "wf": ("real", WORLD_FACTS.name),
}


QUESTIONS_PER_AUTHOR = 20


def read_log(path: Path) -> list[Record]:
    """The records of a log; UserError says what of it is missing or wrong, and where.

    All lists of a task must be of the same samples, and a loss a finite number.
    """
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if path.suffix == ".gz" else content
        data = json.loads(text, object_pairs_hook=_Object, parse_int=float)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (ValueError, OSError, EOFError, zlib.error, RecursionError) as error:
        raise UserError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: must hold keys and values")
    if "forget_Q_A_Prob" in data:
        return _with_persons(
            record
            for prefix, task in OPEN_UNLEARNING.items()
            for record in _open_unlearning(_Log(path, data), prefix, task)
        )
    if "eval_log.json" not in data:
        known = "eval_log.json (TOFU, CLEAR) or forget_Q_A_Prob (open-unlearning)"
        raise UserError(f"{path}: not a log that is known: has neither {known}")
    tasks = CLEAR if CLEAR.keys() - TOFU.keys() & data.keys() else TOFU
    return _with_persons(
        record
        for file, task in tasks.items()
        for record in _aggregated(_Log(path, data), file, task)
    )


def _with_persons(records: Iterable[Record]) -> list[Record]:
    """The records with whom they are about, as far as their task lets one tell."""
    listed = list(records)
    named = {
        (record.split, record.id): record.answer
        for record in listed
        if record.task == FACE_NAMING.name
    }

    def person(record: Record) -> str | None:
        if record.task == TEXT_QA.name and record.id.isdecimal():
            return f"{record.split} author {int(record.id) // QUESTIONS_PER_AUTHOR}"
        if record.task == REAL_FACES.name:
            return record.answer
        if record.task in (CAPTIONS.name, FACE_NAMING.name):
            return named.get((record.split, record.id))
        return None

    return [replace(record, person=person(record)) for record in listed]


class _Object(dict[str, Any]):
    """Keys and values of a JSON file; `repeated` is a key that stands in them twice, if one does.

    JSON's reader would take the last and say nothing.
    """

    def __init__(self, pairs: Sequence[tuple[str, Any]]):
        super().__init__(pairs)
        counts = Counter(key for key, _ in pairs) if len(self) < len(pairs) else {}
        self.repeated = next((key for key, count in counts.items() if count > 1), None)


class _Log:
    """A log's nested keys, each looked up with a clear error."""

    def __init__(self, path: Path, data: Mapping[str, Any]):
        self._path = path
        self._data = data

    def lists(self, *places: Sequence[str]) -> list[Mapping[str, Any]]:
        """What the log holds below the keys of each place: something a sample, of the same ones."""
        first, *others = mappings = [self._samples(*place) for place in places]
        for place, other in zip(places[1:], others, strict=True):
            differing = first.keys() ^ other.keys()
            if differing:
                sample = min(differing)
                lacking = place if sample in first else places[0]
                raise self.error([*lacking, sample], "missing; other fields have this sample")
        return mappings

    def _samples(self, *keys: str) -> Mapping[str, Any]:
        part: Any = self._data
        for number, key in enumerate(keys, start=1):
            part = self.field(part, key, *keys[: number - 1])
        self._check_keys(part, keys)
        if not isinstance(part, dict) or not part:
            raise self.error(keys, "must hold something of each sample")
        return part

    def field(self, data: Any, key: str, *keys: str) -> Any:
        """What is held by a key of the data below other keys."""
        self._check_keys(data, keys)
        if not isinstance(data, dict) or key not in data:
            raise self.error([*keys, key], "missing")
        return data[key]

    def _check_keys(self, data: Any, keys: Sequence[str]) -> None:
        if isinstance(data, _Object) and data.repeated is not None:
            raise self.error([*keys, data.repeated], "stands twice")

    def losses(self, value: Any, *keys: str) -> tuple[float, ...]:
        """One loss or a list of some, each in [0, inf)."""
        listed = value if isinstance(value, list) else [value]
        for loss in listed:
            if not isinstance(loss, float) or not 0 <= loss < math.inf:
                raise self.error(keys, f"{brief(loss)} is not a loss; allowed: 0 and above, finite")
        if not listed:
            raise self.error(keys, "no loss; it needs one at least")
        return tuple(listed)

    def loss(self, value: Any, *keys: str) -> float:
        """One loss."""
        losses = self.losses(value, *keys)
        if len(losses) != 1:
            raise self.error(keys, f"{len(losses)} losses; allowed: 1")
        return losses[0]

    def text(self, value: Any, *keys: str) -> str:
        """A text, which UTF-8 can hold."""
        if not isinstance(value, str):
            raise self.error(keys, f"{brief(value)} is no text")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            half = f"\\u{ord(value[error.start]):04x}"
            raise self.error(keys, f"holds half of a character, {half}; it needs a text") from None
        return value

    def error(self, keys: Sequence[str], text: str) -> UserError:
        """An error that names the file and the keys, whatever characters are in these."""
        where = ": ".join([str(self._path), *keys]).encode(errors="backslashreplace").decode()
        return UserError(f"{where}: {text}")


def _aggregated(log: _Log, file: str, task: Task) -> Iterator[Record]:
    """A task of TOFU's or CLEAR's log: a field holds something of each sample."""
    names = ("generated_text", "avg_gt_loss", "avg_paraphrased_loss", "average_perturb_loss")
    places = [(file, name) for name in names]
    texts, answer, paraphrase, perturbed = log.lists(*places)
    for key in answer:
        of_text, of_answer, of_paraphrase, of_perturbed = ((*place, key) for place in places)
        said = texts[key]
        if not isinstance(said, list) or len(said) != 3:
            raise log.error(of_text, "must be question, generated and true answer")
        yield Record(
            *task,
            id=log.text(key, *of_answer),
            answer=log.text(said[2], *of_text, "true answer"),
            generated=log.text(said[1], *of_text, "generated"),
            answer_loss=log.loss(answer[key], *of_answer),
            paraphrase_loss=log.loss(paraphrase[key], *of_paraphrase),
            perturbed_losses=log.losses(perturbed[key], *of_perturbed),
            question=log.text(said[0], *of_text, "question"),
        )


def _open_unlearning(log: _Log, prefix: str, task: Task) -> Iterator[Record]:
    """A task of open-unlearning's log: a metric holds fields of each sample."""
    parts = ["ROUGE", "Prob", "PARA_Prob", "PERT_Prob"]
    if task[0] == "real":
        # Of real tasks the answer has one wording.
        parts[2] = parts[1]
    places = [(f"{prefix}_Q_A_{part}", "value_by_index") for part in parts]
    lists = log.lists(*places)
    for key in lists[1]:

        def field(number: int, name: str, key: str = key) -> tuple[Any, str, str, str]:
            """A field of the sample in one of the lists, and where it stands."""
            where = (places[number][0], key)
            return log.field(lists[number][key], name, *where), *where, name

        yield Record(
            *task,
            id=log.text(key, places[0][0], key),
            answer=log.text(*field(0, "ground_truth")),
            generated=log.text(*field(0, "generation")),
            answer_loss=log.loss(*field(1, "avg_loss")),
            paraphrase_loss=log.loss(*field(2, "avg_loss")),
            perturbed_losses=log.losses(*field(3, "avg_loss")),
            question=log.text(*field(0, "input")) if "input" in lists[0][key] else None,
        )
