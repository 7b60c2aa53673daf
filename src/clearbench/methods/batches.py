"""The batches that a loss asks a model for, and how a method declares which it does."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

Name = Literal["forget", "retain", "idk", "retain_idk", "mismatched", "alternate", "flipped"]

_WRITTEN = re.compile(r"(\w+)(?:\((\w+)\))?")


@dataclass(frozen=True)
class Batch:
    """A batch of a step, by the name that a view has it by, and its answers to each question."""

    name: Name
    answers: int = 1

    def __str__(self) -> str:
        """As a method declares it."""
        return f"{self.name}({self.answers})" if self.name == "mismatched" else self.name


FORGET, RETAIN = Batch("forget"), Batch("retain")
IDK, RETAIN_IDK, FLIPPED = Batch("idk"), Batch("retain_idk"), Batch("flipped")
ALTERNATE = Batch("alternate")
OWN_ANSWERS = (FORGET, RETAIN)
"""Samples with their own answers: nothing is drawn, so that the original's may be stored."""

_OF_FORGET_QUESTIONS = ("forget", "idk", "mismatched", "alternate")
_OF_RETAIN_QUESTIONS = ("retain", "retain_idk")


@dataclass(frozen=True)
class Reads:
    """What a step of a method asks its two models for: what it declares, with its parameters."""

    student: tuple[Batch, ...]
    reference: tuple[Batch, ...]

    @classmethod
    def declared(
        cls, student: Sequence[str], reference: Sequence[str], parameters: Mapping[str, Any]
    ) -> Self:
        """Read a method's two declarations; ValueError, naming the declaration, for what is none.

        One is the name of a batch, or `mismatched(k)`, where k is a number or a parameter.
        """
        return cls(
            _batches("student_reads", student, parameters),
            _batches("reference_reads", reference, parameters),
        )


def of_retain(batch: Batch) -> bool:
    """Whether its samples are those of the retain set, whatever their answers."""
    return batch.name in _OF_RETAIN_QUESTIONS


def of_same_questions(batch: Batch, asked: Sequence[Batch]) -> tuple[Batch, ...]:
    """Those of what is asked that are answers to the questions of a batch, itself among them."""
    groups = (_OF_FORGET_QUESTIONS, _OF_RETAIN_QUESTIONS)
    names = next((names for names in groups if batch.name in names), (batch.name,))
    return tuple(one for one in asked if one.name in names)


def _batches(declaration: str, texts: Any, parameters: Mapping[str, Any]) -> tuple[Batch, ...]:
    if not isinstance(texts, (tuple, list)):
        raise ValueError(f"{declaration} must be a tuple of batches, as ('forget', 'retain')")
    batches = []
    for text in texts:
        try:
            batch = _batch(text, parameters)
        except ValueError as error:
            raise ValueError(f"{declaration} names {text!r}; {error}") from None
        if batch in batches:
            raise ValueError(f"{declaration} names {text!r} twice")
        batches.append(batch)
    return tuple(batches)


def _batch(text: Any, parameters: Mapping[str, Any]) -> Batch:
    match = _WRITTEN.fullmatch(text) if isinstance(text, str) else None
    if match is None or match[1] not in get_args(Name) or (match[2] and match[1] != "mismatched"):
        names = [f"{name}(k)" if name == "mismatched" else name for name in get_args(Name)]
        raise ValueError(f"allowed: {', '.join(names)}")
    name, count = match[1], match[2]
    if name != "mismatched":
        return Batch(name)  # type: ignore[arg-type]
    answers = int(count) if count and count.isdecimal() else parameters.get(count)
    if not isinstance(answers, int) or answers < 1:
        raise ValueError("k must be a number from 1, or a parameter that is one")
    return Batch("mismatched", answers)
