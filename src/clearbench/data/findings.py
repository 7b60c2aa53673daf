"""Findings: irregularities of a dataset, which are errors unless its options tolerate them."""

from collections.abc import Collection
from typing import Any, Literal

from pydantic import Field

from clearbench.errors import UserError

Irregularity = Literal[
    "unnamed",
    "unpictured",
    "ambiguous",
    "uneven_parts",
    "missing_perturbed",
    "true_candidates",
    "repeated_candidates",
    "shared_pictures",
    "wordless_answers",
]
"""
`unnamed`
    a row without a person's name; it is not used where the name is needed
`unpictured`
    a person who is named, or has texts, but has no image
`ambiguous`
    a person's texts that name several persons with images; they are taken as nobody's
`uneven_parts`
    a forget and a retain part that are not together the full set: rows in neither part belong to
    neither, rows in both are forgotten, rows that the full set lacks are ignored; also rows with
    perturbed answers that are not in their forget set, which are evaluated nevertheless, and
    persons who are asked about and not learnt
`missing_perturbed`
    a forget row without perturbed answers; it is learnt and forgotten, but not evaluated
`true_candidates`
    a perturbed answer or a wrong option that is the true one, in whatever case, blanks, form of
    Unicode or marks at its ends; it is dropped from the candidates
`repeated_candidates`
    one that is there twice, in the same sense; it is a candidate once
`shared_pictures`
    a picture, also in another encoding, of two persons, or of a row to be forgotten and of one that
    is retained, asked of the real world or learnt by the base; both rows are used as they are
`wordless_answers`
    a true answer without a letter or digit of the kind that the suite's ROUGE-L compares (ASCII,
    with `[unicode]` as its metrics of any script), or with some of another kind; it is evaluated,
    and its ROUGE-L is 0, or that of the rest
"""

TOLERATE: Any = Field(
    frozenset(), strict=False, description="irregularities that are noted instead of raised"
)
"""The option of every layout."""


class Findings:
    """Raises an irregularity as an error, or notes it where it is tolerated."""

    def __init__(self, tolerate: Collection[Irregularity]):
        self._tolerate = tolerate
        self.notes: list[str] = []

    def report(self, kind: Irregularity, message: str) -> None:
        """Take a finding. Raises UserError where its kind is not tolerated."""
        if kind not in self._tolerate:
            raise UserError(f"{message}; to accept it, add {kind} to the dataset's option tolerate")
        self.notes.append(f"{message} ({kind})")
