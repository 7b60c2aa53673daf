"""Who is recognised: accuracy of the nearest enrolment vector."""

from statistics import fmean

from clearbench.metrics.faces import FORGET, HOLDOUT, RETAIN, FaceEvaluation, face_metric, shares


@face_metric(low=0, high=1, better="down")
def forget_accuracy(evaluation: FaceEvaluation) -> float:
    """Share of the forgotten persons' pictures that are nearest to their own enrolment vector.

    The vectors of all persons compete; a tie is not right. Each person counts the same. Source:
    CLEAR, arXiv 2410.18057.
    """
    return _accuracy(evaluation, FORGET)


@face_metric(low=0, high=1, better="up")
def holdout_accuracy(evaluation: FaceEvaluation) -> float:
    """The same of persons whom no model was shown: what can be told of strangers.

    Source: CLEAR, arXiv 2410.18057.
    """
    return _accuracy(evaluation, HOLDOUT)


@face_metric(low=0, high=1, better="up")
def retain_accuracy(evaluation: FaceEvaluation) -> float:
    """The same of the retained persons. Source: CLEAR, arXiv 2410.18057."""
    return _accuracy(evaluation, RETAIN)


def _accuracy(evaluation: FaceEvaluation, split: str) -> float:
    gallery = evaluation.gallery
    right = []
    for cosines, own in zip(gallery.cosines, gallery.own, strict=True):
        others = cosines.copy()
        others[own] = -2.0
        right.append(float(cosines[own] > others.max()))
    return fmean(shares(gallery.tests, right, split))
