"""Per-sample logs of other groups' evaluations, read as records.

Known are `eval_log_aggregated.json` of TOFU and of CLEAR, and `TOFU_EVAL.json` of open-unlearning,
also compressed (`.gz`). open-unlearning adds 1e-10 to each probability that it divides by; its
records have the losses as they are logged.
"""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clearbench.errors import UserError
from clearbench.evaluation.records import Record

Task = tuple[str, str]
"""Split and task."""

TOFU: Mapping[str, Task] = {
    "eval_log_forget.json": ("forget", "text_qa"),
    "eval_log.json": ("retain", "text_qa"),
    "eval_real_author_wo_options.json": ("real", "real_authors"),
    "eval_real_world_wo_options.json": ("real", "world_facts"),
}
CLEAR: Mapping[str, Task] = {
    "eval_log_forget.json": ("forget", "captions"),
    "eval_forget_facerec.json": ("forget", "face_naming"),
    "eval_log.json": ("retain", "captions"),
    "eval_retain_facerec.json": ("retain", "face_naming"),
    "eval_real_faces_wo_options.json": ("real", "real_faces"),
    "eval_real_world_wo_options.json": ("real", "real_world"),
}
OPEN_UNLEARNING: Mapping[str, Task] = {
    "forget": ("forget", "text_qa"),
    "retain": ("retain", "text_qa"),
    "ra": ("real", "real_authors"),
    "wf": ("real", "world_facts"),
}


def read_log(path: Path) -> list[Record]:
    """The records of a log; UserError says what of it is missing or wrong, and where."""
    try:
        content = path.read_bytes()
        data = json.loads(gzip.decompress(content) if path.suffix == ".gz" else content)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{path}: not a JSON file ({error})") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: must hold keys and values")
    if "forget_Q_A_Prob" in data:
        return [
            record
            for prefix, task in OPEN_UNLEARNING.items()
            for record in _open_unlearning(_Log(path, data), prefix, task)
        ]
    if "eval_log.json" not in data:
        known = "eval_log.json (TOFU, CLEAR) or forget_Q_A_Prob (open-unlearning)"
        raise UserError(f"{path}: not a log that is known: has neither {known}")
    tasks = CLEAR if CLEAR.keys() - TOFU.keys() & data.keys() else TOFU
    return [
        record
        for file, task in tasks.items()
        for record in _aggregated(_Log(path, data), file, task)
    ]


class _Log:
    """A log's nested keys, each looked up with a clear error."""

    def __init__(self, path: Path, data: Mapping[str, Any]):
        self._path = path
        self._data = data

    def samples(self, *keys: str) -> Mapping[str, Any]:
        """What the log holds below some keys: something a sample, by its number."""
        found: Any = self._data
        for number, key in enumerate(keys, start=1):
            if not isinstance(found, dict) or key not in found:
                raise self.error(keys[:number], "missing")
            found = found[key]
        if not isinstance(found, dict) or not found:
            raise self.error(keys, "must hold something of each sample")
        return found

    def numbers(self, samples: Mapping[str, Any], sample: str, *keys: str) -> tuple[float, ...]:
        """The numbers of a sample, one or a list, as losses in [0, inf]."""
        found = self.of(samples, sample, *keys)
        listed = found if isinstance(found, list) else [found]
        for value in listed:
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise self.error((*keys, sample), f"{value!r} is not a loss; allowed: 0 and above")
        return tuple(map(float, listed))

    def number(self, samples: Mapping[str, Any], sample: str, *keys: str) -> float:
        """The one number of a sample."""
        found = self.numbers(samples, sample, *keys)
        if len(found) != 1:
            raise self.error((*keys, sample), f"{len(found)} numbers; allowed: 1")
        return found[0]

    def of(self, samples: Mapping[str, Any], sample: str, *keys: str) -> Any:
        """What is held of a sample."""
        if sample not in samples:
            raise self.error((*keys, sample), "missing; other fields have this sample")
        return samples[sample]

    def error(self, keys: tuple[str, ...], text: str) -> UserError:
        """An error that names the file and the keys."""
        return UserError(f"{self._path}: {': '.join(keys)}: {text}")


def _aggregated(log: _Log, file: str, task: Task) -> list[Record]:
    """A task of TOFU's or CLEAR's log: a field holds something of each sample."""
    names = ("generated_text", "avg_gt_loss", "avg_paraphrased_loss", "average_perturb_loss")
    texts, answer, paraphrase, perturbed = (log.samples(file, name) for name in names)
    found = []
    for key in answer:
        text = log.of(texts, key, file, names[0])
        if not isinstance(text, list) or len(text) < 3:
            raise log.error((file, names[0], key), "must be question, generated and true answer")
        found.append(
            Record(
                *task,
                id=key,
                answer=str(text[2]),
                generated=str(text[1]),
                answer_loss=log.number(answer, key, file, names[1]),
                paraphrase_loss=log.number(paraphrase, key, file, names[2]),
                perturbed_losses=log.numbers(perturbed, key, file, names[3]),
            )
        )
    return found


def _open_unlearning(log: _Log, prefix: str, task: Task) -> list[Record]:
    """A task of open-unlearning's log: a metric holds fields of each sample."""
    names = [f"{prefix}_Q_A_{part}" for part in ("ROUGE", "Prob", "PARA_Prob", "PERT_Prob")]
    if task[0] == "real":
        # Of real tasks the answer has one wording.
        names[2] = names[1]
    texts, answer, paraphrase, perturbed = (log.samples(name, "value_by_index") for name in names)
    found = []
    for key in answer:
        text = log.of(texts, key, names[0])
        losses = [
            {key: _field(log, samples, key, name, "avg_loss")}
            for samples, name in zip((answer, paraphrase, perturbed), names[1:], strict=True)
        ]
        found.append(
            Record(
                *task,
                id=key,
                answer=str(_field(log, {key: text}, key, names[0], "ground_truth")),
                generated=str(_field(log, {key: text}, key, names[0], "generation")),
                answer_loss=log.number(losses[0], key, names[1]),
                paraphrase_loss=log.number(losses[1], key, names[2]),
                perturbed_losses=log.numbers(losses[2], key, names[3]),
            )
        )
    return found


def _field(log: _Log, samples: Mapping[str, Any], key: str, name: str, field: str) -> Any:
    sample = log.of(samples, key, name)
    if not isinstance(sample, dict) or field not in sample:
        raise log.error((name, key), f"has no {field}")
    return sample[field]
