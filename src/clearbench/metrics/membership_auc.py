"""Attacks on membership: whether persons to be forgotten are told from persons whom no model met.

What each goes by stands in `membership`. Of a suite that holds nobody out there is none of this.
"""

from functools import partial

from clearbench.metrics.base import Evaluation
from clearbench.metrics.strangers import REFERENCE, drawn_auc, metric_of, sides_of

_by = partial(metric_of, drawn=drawn_auc)


def _auc(evaluation: Evaluation, attack: str) -> float | None:
    sides = sides_of(evaluation, attack)
    return None if sides is None else sides.auc


@_by("loss")
def membership_loss(evaluation: Evaluation) -> float | None:
    """AUC of the attack by the mean loss of the true answer, persons held out against forgotten.

    The chance that a person held out has a higher mean than one forgotten: 1 where the forgotten
    are evident, 0.5 where they pass for strangers; below it they are stranger than strangers, and
    evident again. Judge it by gold's. None where nobody is held out. Source: Yeom and others, arXiv
    1709.01604.
    """
    return _auc(evaluation, "loss")


@_by("zlib")
def membership_zlib(evaluation: Evaluation) -> float | None:
    """The same by the loss over the bytes of the answer as zlib packs it.

    Source: Carlini and others, arXiv 2012.07805.
    """
    return _auc(evaluation, "zlib")


@_by("min_k")
def membership_min_k(evaluation: Evaluation) -> float | None:
    """The same by the least likely 40 % of the answer's tokens.

    None of records without tokens. Source: Shi and others, arXiv 2310.16789.
    """
    return _auc(evaluation, "min_k")


@_by("min_k_plus_plus")
def membership_min_k_plus_plus(evaluation: Evaluation) -> float | None:
    """The same by these tokens, each by what the model expects there.

    None of records without tokens. Source: Zhang and others, arXiv 2404.02936.
    """
    return _auc(evaluation, "min_k_plus_plus")


@_by(REFERENCE)
def membership_reference(evaluation: Evaluation) -> float | None:
    """The same by the loss less the original's of the same answer: by whoever has both models.

    The original has 0.5 by construction. It knew the forgotten by heart, so that gold, which does
    not, is far below 0.5: the forgotten are those whose loss rose. Source: Carlini and others,
    arXiv 2012.07805, whose reference is another model.
    """
    return _auc(evaluation, REFERENCE)


@_by("gradient")
def membership_gradient(evaluation: Evaluation) -> float | None:
    """The same by the norm of the gradient of the loss over all weights that are trained.

    None where a suite does not ask for `gradients`. Source: arXiv 2506.12618.
    """
    return _auc(evaluation, "gradient")


@_by("gradient_of_tensors")
def membership_gradient_of_tensors(evaluation: Evaluation) -> float | None:
    """The same by the mean of the norms of the weights' tensors, as open-unlearning's code has it.

    A tensor of few weights, as a norm's, counts for as much as one of millions.
    """
    return _auc(evaluation, "gradient_of_tensors")
