"""The names by which a suite asks for definitions of metrics (`metrics:`)."""

from typing import Literal

WORDS: dict[str, Literal["ascii", "unicode"]] = {
    "headline": "ascii",
    "tofu": "ascii",
    "official": "ascii",
    "answer_only": "ascii",
    "unicode": "unicode",
    "open_unlearning": "ascii",
}
"""All of them, in the order of tables, with the words that each compares (`data.words`).

What each computes says `metrics.definitions`, which a suite is read without.
"""
