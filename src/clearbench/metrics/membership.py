"""Membership: attacks that tell from a model's likelihoods who was in its training.

A score is high where a sample was probably not. Persons whom no model met are to be found among
those it was to forget: at an AUC of 0.5 they cannot be told apart, at 1 the forgotten are evident.
Scores are of the tokens that a record has, the end of text among them; `Record.without_end` leaves
it out. Open-unlearning counts it in `loss` and `zlib_loss`, and in no other.
"""

import math
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.evaluation.tokens import Tokens
from clearbench.metrics.base import Records

SHARE = 0.4
"""The share k of an answer's tokens, the least likely ones, that min-k and min-k++ go by."""

LEAST_VARIANCE = 1e-6
"""In min-k++, so that a token that the model is sure of is divided by a number above 0."""

FALSE_ALARMS = 0.01
"""The share of persons never met that may be taken for members."""

Score = Callable[[Record], float | None]
"""A sample's score; None where its record lacks what it takes."""


def loss(record: Record) -> float:
    """The true answer's mean loss a token, nats. Source: Yeom and others, arXiv 1709.01604.

    Texts that are easy for any model have low ones, member or not.
    """
    return record.answer_loss


def zlib_loss(record: Record) -> float:
    """The loss by the bytes of the answer as zlib packs it, so that easy texts count for less.

    Another build of zlib may pack some into other lengths. Source: Carlini and others, arXiv
    2012.07805.
    """
    return record.answer_loss / packed_length(record.answer)


def packed_length(text: str) -> int:
    """The bytes of a text in UTF-8 as zlib packs it."""
    return len(zlib.compress(text.encode()))


def min_k(record: Record, share: float = SHARE) -> float | None:
    """-1 times the mean of the lowest log p of the answer's tokens, a `share` k in (0, 1] of them.

    Rounded down, but one at the least. Source: Shi and others, arXiv 2310.16789.
    """
    return None if record.tokens is None else _lowest(record.tokens.log_p, share)


def min_k_plus_plus(record: Record, share: float = SHARE) -> float | None:
    """The same of (log p - μ) / √max(σ², 1e-6), each token by what the model expects there.

    Source: Zhang and others, arXiv 2404.02936.
    """
    return None if record.tokens is None else _lowest(_standardised(record.tokens), share)


def gradient(record: Record) -> float | None:
    """The norm ‖∇ℓ‖₂ of the gradient of the mean loss, the end counted, over all trained weights.

    What a model was trained on hardly pulls at it any more. Source: open-unlearning's attack
    (arXiv 2506.12618), which takes the mean over the weights' tensors of the norm of each.
    """
    return None if record.gradient is None else record.gradient.norm


def gradient_of_tensors(record: Record) -> float | None:
    """The same as open-unlearning's code has it: the mean of the norms of the tensors."""
    return None if record.gradient is None else record.gradient.mean_of_tensors


ATTACKS: Mapping[str, Score] = {
    "loss": loss,
    "zlib": zlib_loss,
    "min_k": min_k,
    "min_k_plus_plus": min_k_plus_plus,
    "gradient": gradient,
    "gradient_of_tensors": gradient_of_tensors,
}
"""The attacks by name."""


def scores_of_persons(
    records: Records, score: Score, by_sample: bool = False
) -> dict[str, float] | None:
    """Each person's mean score, for samples about one person are not independent.

    Samples about nobody count as a person each, by their ids, and with `by_sample` all do. None
    where a sample has no score, or a person no mean: one sample infinitely above, another below.
    """
    of_unit: dict[str, list[float]] = defaultdict(list)
    for record in records:
        value = score(record)
        if value is None:
            return None
        of_unit[unit_of(record, by_sample)].append(value)
    if any({-math.inf, math.inf} <= set(values) for values in of_unit.values()):
        return None
    return {unit: fmean(values) for unit, values in of_unit.items()}


def unit_of(record: Record, by_sample: bool = False) -> str:
    """Whom a record counts for: its person, or itself."""
    if by_sample or record.person is None:
        return f"{record.split}/{record.task}/{record.id}"
    return record.person


def auc(strangers: Sequence[float], forgotten: Sequence[float]) -> float:
    """P(a stranger's score > a forgotten one's), equal ones by half; UserError for no score."""
    _check(strangers, forgotten)
    wins = (1.0 if high > low else 0.5 * (high == low) for high in strangers for low in forgotten)
    return math.fsum(wins) / (len(strangers) * len(forgotten))


def true_positive_rate(
    strangers: Sequence[float], forgotten: Sequence[float], false_alarms: float = FALSE_ALARMS
) -> float:
    """The share of the forgotten below all strangers but a share of `false_alarms`, rounded down.

    The true positive rate at so many false positives; of fewer than 100 strangers none may be
    taken for a member at 1 %. UserError for no score.
    """
    _check(strangers, forgotten)
    threshold = sorted(strangers)[math.floor(false_alarms * len(strangers))]
    return fmean(score < threshold for score in forgotten)


def _lowest(numbers: Sequence[float], share: float) -> float | None:
    """-1 times the mean of the lowest; None of no number."""
    if not 0 < share <= 1:
        raise UserError(f"k: {share:g} is no share of tokens; allowed: above 0, to 1")
    count = max(1, math.floor(share * len(numbers)))
    return -fmean(sorted(numbers)[:count]) if numbers else None


def _standardised(tokens: Tokens) -> list[float]:
    columns = zip(tokens.log_p, tokens.mean, tokens.variance, strict=True)
    return [
        (log_p - mean) / math.sqrt(max(variance, LEAST_VARIANCE))
        for log_p, mean, variance in columns
    ]


def _check(strangers: Sequence[float], forgotten: Sequence[float]) -> None:
    for side, scores in (("strangers", strangers), ("the forgotten", forgotten)):
        if not scores:
            raise UserError(f"no score of {side}; membership needs at least one of each")
        if any(map(math.isnan, scores)):
            raise UserError(f"a score of {side} is NaN; allowed is any other number")
