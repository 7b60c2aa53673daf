"""PrivLeak: a membership attack's AUC beside gold's, as a share of gold's."""

from clearbench.metrics.base import Evaluation, model_metric, not_drawn
from clearbench.metrics.definitions import HEADLINE, OF_MEMBERSHIP, Definition
from clearbench.metrics.strangers import SPLITS, with_gold

_ATTACK = "min_k"


def _added(definition: Definition) -> float:
    """What gold's AUC is increased by, so that it can be divided by; by open-unlearning alone."""
    return 0.0 if definition is HEADLINE else 1e-10


@model_metric(
    low=-100,
    high=float("inf"),
    better="zero",
    definitions=OF_MEMBERSHIP,
    splits=SPLITS,
    draw=not_drawn,
)
def privleak(evaluation: Evaluation, definition: Definition) -> float | None:
    """100·(A - A_gold)/A_gold in percent, A = 1 - AUC of membership_min_k.

    Below 0 the forgotten are told as members more than gold tells them, -100 where all are; above 0
    less, as strangers to excess. It explodes as A_gold nears 0: of A_gold = 0.01 a model at 0.5 has
    4900. None where A_gold is 0; under `open_unlearning`, which adds 1e-10 to it, up to 1e12. MUSE
    takes the tokens of whole texts, here they are those of the answer. It has no interval, for in
    some draws of persons it is 0/0 or thousands. Source: MUSE, arXiv 2407.06460.
    """
    pair = with_gold(evaluation, _ATTACK, definition.by_sample)
    if pair is None:
        return None
    own, gold = (1 - sides.auc for sides in pair)
    divisor = gold + _added(definition)
    return 100 * ((own - gold) / divisor) if divisor else None
