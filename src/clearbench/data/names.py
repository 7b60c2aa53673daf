"""Names of persons, and where texts say them."""

import unicodedata
from collections.abc import Callable, Iterable

from clearbench.data.normal_form import bare, composed, folded, normal_form
from clearbench.data.scripts import unspaced


class Names:
    """Names of persons. Those of one normal form are one name, in its first writing."""

    def __init__(self, names: Iterable[str]):
        self._first: dict[str, str] = {}
        for name in names:
            self._first.setdefault(normal_form(name), name)

    def __contains__(self, name: str) -> bool:
        return normal_form(name) in self._first

    def first(self, name: str) -> str:
        """The first writing of a name; one that is not among them as it is."""
        return self._first.get(normal_form(name), name)

    def said_in(self, texts: Iterable[str]) -> set[str]:
        """The names that some texts say; in capitals that are not theirs, only where no other is.

        A name inside a longer one, or inside a word, is not said.
        """
        written = [composed(text) for text in texts]
        return self._found(written, bare) or self._found(map(folded, written), normal_form)

    def _found(self, texts: Iterable[str], form: Callable[[str], str]) -> set[str]:
        forms = sorted(((form(name), name) for name in self._first.values()), key=_longest_first)
        return {name for text in texts for name in _said(text, forms)}


def _longest_first(named: tuple[str, str]) -> int:
    return -len(named[0])


def _said(text: str, forms: Iterable[tuple[str, str]]) -> Iterable[str]:
    left = text
    for form, name in forms:
        start = left.find(form)
        while start >= 0:
            end = start + len(form)
            if _parted(text, start) and _parted(text, end):
                left = left[:start] + "\0" * len(form) + left[end:]
                yield name
            start = left.find(form, start + 1)


def _parted(text: str, place: int) -> bool:
    """Whether what is before a place and what follows are not of one word."""
    if not 0 < place < len(text):
        return True
    before, after = text[place - 1], text[place]
    if unicodedata.category(after).startswith("M"):
        return False
    return not (_in_word(before) and _in_word(after)) or unspaced(before) or unspaced(after)


def _in_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_" or unicodedata.category(sign).startswith("M")
