"""The numbers of other groups in `data/`: their logs in their own layouts, but for the texts.

In place of the texts stand such that have the log's ROUGE-L.
"""

import csv
import gzip
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data"
PUBLISHED = json.loads((DATA / "published.json").read_text())
"""What others published or compute of a log, by their name and that of the model."""

REAL = ("ra", "wf")
"""The tasks of open-unlearning whose paraphrase is the answer itself."""


@cache
def tofu_log(model: str) -> Mapping[str, Any]:
    """TOFU's log of a model, `full` or `retain90`."""
    log: dict[str, Any] = {}
    for row in _rows(f"tofu_{model}"):
        answer, generated = _texts(row)
        sample = {
            "generated_text": ["", generated, answer],
            "avg_gt_loss": _single(row["answer"]),
            "avg_paraphrased_loss": _single(row["paraphrase"]),
            "average_perturb_loss": _several(row, "perturbed"),
            "truth_ratio": _single(row["truth_ratio"]),
        }
        fields = log.setdefault(f"{row['file']}.json", {name: {} for name in sample})
        for name, value in sample.items():
            fields[name][row["id"]] = value
    return log


@cache
def open_unlearning_log(model: str) -> Mapping[str, Any]:
    """Open-unlearning's log of a model, `full_forget10` or `retain90`."""
    log: dict[str, Any] = {}
    for row in _rows(f"open_unlearning_{model}"):
        task = row["task"]
        answer, generated = _texts(row)
        perturbed = {"avg_loss": _several(row, "perturbed")}
        if task in REAL:
            perturbed["prob"] = _several(row, "probability")
        else:
            _put(log, f"{task}_Q_A_PARA_Prob", row, {"avg_loss": _single(row["paraphrase"])})
        said = {"ground_truth": answer, "generation": generated}
        likely = {
            "avg_loss": _single(row["answer"]),
            "prob": _single(row["answer_probability"]),
        }
        _put(log, f"{task}_Q_A_ROUGE", row, said)
        _put(log, f"{task}_Q_A_Prob", row, likely)
        _put(log, f"{task}_Q_A_PERT_Prob", row, perturbed)
        ratio = "forget_truth_ratio" if task == "forget" else f"{task}_Truth_Ratio"
        _put(log, ratio, row, {"score": float(row["truth_ratio"])})
    for name, value in PUBLISHED["open_unlearning"][model]["tasks"].items():
        log.setdefault(name, {})["agg_value"] = value
    return log


def written(log: Mapping[str, Any], path: Path) -> Path:
    """Write a log as it is published, packed by gzip; gives the path."""
    path.write_bytes(gzip.compress(json.dumps(log).encode(), compresslevel=1))
    return path


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (DATA / f"{name}.csv").open(newline="") as file:
        yield from csv.DictReader(file)


def _put(log: dict[str, Any], name: str, row: Mapping[str, str], sample: object) -> None:
    log.setdefault(name, {}).setdefault("value_by_index", {})[row["id"]] = sample


def _texts(row: Mapping[str, str]) -> tuple[str, str]:
    """An answer, and a text that has as many of its words as the sample's had."""
    return " ".join(["a"] * int(row["words"])), " ".join(["a"] * int(row["matched"]))


def _single(text: str) -> float:
    """The number of single precision that a text is the shortest of."""
    return float(np.float32(text))


def _several(row: Mapping[str, str], name: str) -> list[float]:
    return [_single(row[key]) for key in row if key.startswith(name) and row[key]]
