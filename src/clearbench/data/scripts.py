"""Scripts: how writing parts words."""

import unicodedata
from functools import cache

_UNSPACED = (
    *("CJK", "IDEOGRAPHIC", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL", "YI "),
    *("THAI", "LAO", "KHMER", "MYANMAR", "TIBETAN", "TAI ", "NEW TAI", "JAVANESE", "BALINESE"),
)
"""Scripts, as Unicode names their letters, whose words follow one another, or particles follow
words, without a blank."""


@cache
def unspaced(sign: str) -> bool:
    """Whether a character is of a script whose words need no blank between them."""
    return unicodedata.name(sign, "").startswith(_UNSPACED)
