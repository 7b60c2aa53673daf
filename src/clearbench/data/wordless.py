"""True answers without a word that ROUGE-L compares: even a perfect model scores 0 on them."""

from collections.abc import Iterable

from clearbench.data.findings import Findings
from clearbench.data.store import EvalSample
from clearbench.data.words import Words, words_of

_LACKS = {
    "ascii": "no ASCII letter or digit, so ROUGE-L finds no word in it and scores every answer 0;"
    " for other scripts add unicode to the suite's metrics",
    "unicode": "no letter or digit, so ROUGE-L finds no word in it and scores every answer 0",
}


def check_words(samples: Iterable[EvalSample], words: Words, findings: Findings) -> None:
    """Report each row whose true answer has no word."""
    told = set()
    for sample in samples:
        # A row may be evaluated at several forget sizes.
        config, number, task = ["", "", *sample.id.split("/")][-3:]
        where = f"{config}: row {number}: true answer {sample.answer!r} of {task}"
        if where not in told and not words_of(sample.answer, words):
            told.add(where)
            findings.report("wordless_answers", f"{where} has {_LACKS[words]}")
