"""Memorisation: how much of the true answer a model says by itself, token by token."""

from collections.abc import Callable, Sequence

from clearbench.metrics.base import Records, Values, task_metric
from clearbench.metrics.definitions import OF_TOKENS, Definition


@task_metric(low=0, high=1, better="up", better_on_forget="down", definitions=OF_TOKENS)
def exact_memorisation(records: Records, definition: Definition) -> Values | None:
    """Share of the true answer's tokens that are the greedy one, those before them given.

    Near 1 a model has the text by heart. It misleads where words follow from those before them:
    whoever knows the language, and not the answer, gets many of them right, so read it beside the
    gold's. None where a record has no tokens (of a log, or of an older version). Source: Tirumala
    and others, arXiv 2205.10770.
    """
    return _of_each(records, exact_share)


@task_metric(low=0, high=1, better="up", better_on_forget="down", definitions=OF_TOKENS)
def extraction_strength(records: Records, definition: Definition) -> Values | None:
    """1 - k/n, the least k of n tokens of the true answer after which all are the greedy ones.

    1 where the question alone brings the whole answer out, 0 where not even the last token follows
    from all before it; that token is the end of text, but under `answer_only`: a model that only
    lost where to end has 0 and forgot nothing. One odd token near the end does the same: a low
    number is not yet forgetting, a high one is knowledge. Under `open_unlearning` the last token
    counts as extracted whatever the model says, so it is 1/n at the least, and 1 of one token. None
    where a record has no tokens. Source: Carlini and others, arXiv 2012.07805, as computed by
    open-unlearning, arXiv 2506.12618.
    """
    return _of_each(records, lambda greedy: extracted_share(greedy, definition.last_given))


def exact_share(greedy: Sequence[bool]) -> float | None:
    """The share of greedy tokens; None of no token."""
    return sum(greedy) / len(greedy) if greedy else None


def extracted_share(greedy: Sequence[bool], last_given: bool = False) -> float | None:
    """The share of tokens after the last that is not greedy; None of no token.

    With `last_given` the last token is taken for greedy, and the share of no token is 0.
    """
    if not greedy:
        return 0.0 if last_given else None
    told = [*greedy[:-1], True] if last_given else greedy
    prefix = max((place for place, said in enumerate(told, 1) if not said), default=0)
    return (len(told) - prefix) / len(told)


def _of_each(records: Records, share: Callable[[Sequence[bool]], float | None]) -> Values | None:
    """A share of each sample's tokens; None where one has no share."""
    shares = [None if record.tokens is None else share(record.tokens.greedy) for record in records]
    told = [value for value in shares if value is not None]
    return told if len(told) == len(shares) else None
