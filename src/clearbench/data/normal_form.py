"""Normal form: texts that a reader would call the same are one text."""

import unicodedata

# Signs that end or hold sentences; %, #, + and the like are part of what is said.
_ENDS = ".,;:!?…‽。、،؛؟۔।॥։።។၊။"
_OPENING = "¿¡"
_QUOTES = "'\"«»“”„「」『』"
_ONE_SIGN = str.maketrans({**dict.fromkeys("‘’ʼ", "'"), **dict.fromkeys("‐–—", "-")})


def composed(text: str) -> str:
    """A text in NFKC, with one sign for apostrophes and dashes, and single blanks.

    What is not seen, as soft hyphens and marks of direction, is left out.
    """
    if text.isascii():
        return " ".join(text.split())
    seen = (sign for sign in unicodedata.normalize("NFKC", text) if _is_seen(sign))
    return " ".join(unicodedata.normalize("NFKC", "".join(seen)).translate(_ONE_SIGN).split())


def bare(text: str) -> str:
    """A composed text without the marks at its ends, and out of quotation marks.

    A text that is nothing but such marks keeps them.
    """
    whole = inner = composed(text)
    while True:
        shorter = inner.rstrip(_ENDS + " ").lstrip(_OPENING + " ")
        if len(shorter) > 1 and shorter[0] in _QUOTES and shorter[-1] in _QUOTES:
            shorter = shorter[1:-1]
        if shorter == inner:
            return inner or whole
        inner = shorter


def folded(text: str) -> str:
    """A text without regard to case."""
    return composed(text.casefold())


def normal_form(text: str) -> str:
    """A bare text without regard to case."""
    return folded(bare(text))


def _is_seen(sign: str) -> bool:
    return unicodedata.category(sign) != "Cf"
