"""True answers of which ROUGE-L compares no word, or not every one.

Even a perfect model scores 0 on the ones, and one that is wrong in the words left out 1 on the
others.
"""

import unicodedata
from collections.abc import Iterable

from clearbench.data.findings import Findings
from clearbench.data.store import EvalSample
from clearbench.data.words import Words, words_of

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
        elif words == "ascii" and (lost := "".join(filter(_is_lost, _all(sample.answer)))):
            told.add(where)
            findings.report(
                "wordless_answers",
                f"{where} has letters that ROUGE-L leaves out, {lost!r}, and compares the rest"
                f" alone; {_REMEDY}",
            )


def _all(answer: str) -> list[str]:
    return words_of(answer, "unicode")


def _is_lost(word: str) -> bool:
    """Whether a word has no ASCII letter or digit, and is no Latin one with an accent."""
    return not any(
        (sign.isascii() and sign.isalnum()) or unicodedata.name(sign, "").startswith("LATIN")
        for sign in word
    ) and any(map(str.isalpha, word))
