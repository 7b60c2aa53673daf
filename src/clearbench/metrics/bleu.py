"""BLEU and chrF of captions, by sacrebleu, where a suite asks for it."""

from collections.abc import Callable
from typing import Any

from clearbench.data.tasks import CAPTIONS
from clearbench.metrics.base import Records, Values, task_metric

PERCENT = 100
"""What sacrebleu's numbers are out of."""


@task_metric(low=0, high=1, better="up", better_on_forget="down", package="sacrebleu")
def bleu(records: Records) -> Values | None:
    """Mean BLEU of a greedy caption against the true one, caption by caption; of captions alone.

    Runs of one to four tokens, those that are longer than a caption left out (effective order),
    smoothed by sacrebleu's default, tokens and capitals as its 13a has them. A mean over captions,
    where BLEU of a whole set counts runs over all of them, so that persons can be drawn. It rewards
    what all captions say as much as names. Source: Papineni and others, ACL 2002, and Post, arXiv
    1804.08771.
    """
    if records[0].task != CAPTIONS.name:
        return None
    from sacrebleu.metrics import BLEU

    return _scores(records, BLEU(effective_order=True))


@task_metric(low=0, high=1, better="up", better_on_forget="down", package="sacrebleu")
def chrf(records: Records) -> Values | None:
    """Mean chrF2 of a greedy caption against the true one, caption by caption; of captions alone.

    The F score, recall counting for twice as much as precision, of runs of one to six characters
    without blanks, averaged over their lengths. It serves any script, and half a name counts for
    half. Source: Popović, WMT 2015, and Post, arXiv 1804.08771.
    """
    if records[0].task != CAPTIONS.name:
        return None
    from sacrebleu.metrics import CHRF

    return _scores(records, CHRF())


def _scores(records: Records, measure: Any) -> Values:
    score: Callable[..., Any] = measure.sentence_score
    # Rounding may leave a hundred and a bit.
    return [min(1.0, score(r.generated, [r.answer]).score / PERCENT) for r in records]
