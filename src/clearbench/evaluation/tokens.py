"""The tokens of a true answer: what a model says of each, those before it given."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

DIGITS = 4
"""Significant digits of a number in a record: the file has twice the size with all of them."""


@dataclass(frozen=True)
class Tokens:
    """The n tokens of an answer; of a record the last is the end of text.

    `log_p` (n,) are their log-likelihoods in nats, `greedy` (n,) says which of them the model would
    have said itself. `mean` and `variance` (n,) are those of log p under the model's distribution
    of the next token: μ = Σ p log p, σ² = Σ p (log p)² - μ².
    """

    log_p: tuple[float, ...]
    greedy: tuple[bool, ...]
    mean: tuple[float, ...]
    variance: tuple[float, ...]

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Self:
        """The tokens from their fields as JSON has them; ValueError where the numbers differ."""
        signs = fields["greedy"]
        if set(signs) - {"0", "1"} or len(set(map(len, fields.values()))) > 1:
            raise ValueError("tokens: not one number a token")
        numbers = {key: tuple(fields[key]) for key in ("log_p", "mean", "variance")}
        return cls(**numbers, greedy=tuple(sign == "1" for sign in signs))

    @property
    def fields(self) -> dict[str, Any]:
        """The fields for JSON; `greedy` is a word of 0 and 1."""
        return {**vars(self), "greedy": "".join(str(int(said)) for said in self.greedy)}

    def rounded(self) -> "Tokens":
        """With as many digits as a record keeps."""
        return Tokens(
            _rounded(self.log_p), self.greedy, _rounded(self.mean), _rounded(self.variance)
        )

    def without_last(self) -> "Tokens":
        """All but the last."""
        return Tokens(self.log_p[:-1], self.greedy[:-1], self.mean[:-1], self.variance[:-1])


def _rounded(numbers: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(f"{number:.{DIGITS}g}") for number in numbers)
