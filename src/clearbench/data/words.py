"""Words of a text, as ROUGE-L compares them."""

import re
import unicodedata
from typing import Literal

from clearbench.data.normal_form import composed, folded
from clearbench.data.scripts import unspaced

Words = Literal["ascii", "unicode"]
"""Whose letters and digits make a word."""

_ASCII_WORD = re.compile("[a-z0-9]+")


def words_of(text: str, words: Words) -> list[str]:
    """The words of a text in their order; none of a text that has no letter and no digit of these.

    `ascii` are those of the `rouge-score` package, whole, and so the paper's. `unicode` are runs of
    letters and digits of any script with the marks on them, in one normal form (NFKC, no case, no
    invisible characters); in a script without blanks each letter with its marks is a word.
    """
    if words == "unicode":
        return _unicode_words(text)
    # Imported here: it takes longer than the rest of the package that a dataset needs.
    from rouge_score.tokenize import tokenize

    tokens: list[str] = tokenize(text, None)
    return tokens


def _unicode_words(text: str) -> list[str]:
    plain = folded(composed(text))
    if plain.isascii():
        return _ASCII_WORD.findall(plain)
    words: list[str] = []
    inside, goes_on = False, False
    for sign in plain:
        kind = unicodedata.category(sign)[0]
        if kind == "M" and inside:
            words[-1] += sign
            continue
        # A mark on nothing, as an emoji's, is no word.
        inside, before = kind in "LN", inside and goes_on
        if not inside:
            continue
        goes_on = not unspaced(sign)
        if before and goes_on:
            words[-1] += sign
        else:
            words.append(sign)
    return words
