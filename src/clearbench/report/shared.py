"""Shared values: each told once in a page, and by its number wherever it is meant."""

from collections.abc import Iterable


class Shared:
    """Texts by number, in the order in which they were first asked for."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str) -> int:
        """The number of a text."""
        return self._numbers.setdefault(text, len(self._numbers))

    def numbers(self, texts: Iterable[str]) -> list[int]:
        """The numbers of some texts."""
        return [self.number(text) for text in texts]

    @property
    def texts(self) -> list[str]:
        """All texts, each at its number."""
        return list(self._numbers)
