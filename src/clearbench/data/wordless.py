"""True answers of which ROUGE-L compares no word, or not every one.

Even a perfect model scores 0 on the ones, and one that is wrong in the words left out 1 on the
others.
"""

import unicodedata
from collections.abc import Iterable

from clearbench.data.findings import Findings
from clearbench.data.store import EvalSample
from clearbench.data.words import Words, words_of

_LATIN = 256
"""Below it are the letters and signs of Western European languages, as `µ` and `ª`."""

_REMEDY = "for other scripts let the suite's metrics be [unicode], without headline"
_LACKS = {
    "ascii": "no ASCII letter or digit, so ROUGE-L finds no word in it and scores every answer 0;"
    f" {_REMEDY}",
    "unicode": "no letter or digit, so ROUGE-L finds no word in it and scores every answer 0",
}


def check_words(samples: Iterable[EvalSample], words: Words, findings: Findings) -> None:
    """Report each row whose true answer has no word, or one that is left out."""
    told = set()
    for sample in samples:
        # A row may be evaluated at several forget sizes.
        config, number, task = ["", "", *sample.id.split("/")][-3:]
        where = f"{config}: row {number}: true answer {sample.answer!r} of {task}"
        if where in told:
            continue
        if not words_of(sample.answer, words):
            told.add(where)
            findings.report("wordless_answers", f"{where} has {_LACKS[words]}")
        elif words == "ascii" and (lost := "".join(filter(_is_lost, sample.answer))):
            told.add(where)
            findings.report(
                "wordless_answers",
                f"{where} has letters that ROUGE-L leaves out, {lost!r}, and compares the rest"
                f" alone; {_REMEDY}",
            )


def _is_lost(sign: str) -> bool:
    """Whether a character is a letter or digit of another script than Latin.

    A Latin word has at least its other letters compared, whatever its accents.
    """
    told = sign.isalpha() or sign.isdecimal()
    of_latin = ord(sign) < _LATIN or unicodedata.name(sign, "").startswith("LATIN")
    return told and not of_latin and unicodedata.category(sign) != "Lm"
