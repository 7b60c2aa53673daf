"""Forget quality by the Kolmogorov-Smirnov test."""

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clearbench.metrics.base import Draws, Evaluation, model_metric, not_drawn
from clearbench.metrics.definitions import OF_CODE, OF_RATIOS, Definition
from clearbench.metrics.drawn_ratios import LEAST_P, ks_tests
from clearbench.metrics.forget_samples import drawn_together, forget_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _tests(draws: Draws, definition: Definition) -> "tuple[NDArray, NDArray]":
    """Statistic and ln p of each draw."""
    return ks_tests(*draws.once(drawn_together, definition))


def _draw_log10(draws: Draws, definition: Definition) -> "NDArray":
    return _draw_ln(draws, definition) / math.log(10)


def _draw_ln(draws: Draws, definition: Definition) -> "NDArray":
    return draws.once(_tests, definition)[1]


def _draw_statistic(draws: Draws, definition: Definition) -> "NDArray":
    return draws.once(_tests, definition)[0]


@model_metric(
    low=0,
    high=1,
    better="up",
    definitions=OF_RATIOS,
    splits=("forget",),
    draw=not_drawn,
)
def forget_quality_ks(evaluation: Evaluation, definition: Definition) -> float | None:
    """p-value of the two-sample KS test on the model's and the gold model's truth ratios.

    The samples are R over the forget split's headline tasks (in CLEAR's code over the captions);
    two-sided, as scipy computes it. 1: alike. Source: TOFU, arXiv 2401.06121.
    """
    samples = forget_samples(evaluation, definition)
    return None if samples is None else ks_test(*samples)[1]


@model_metric(
    low=math.log10(LEAST_P),
    high=0,
    better="up",
    definitions=OF_RATIOS,
    splits=("forget",),
    draw=_draw_log10,
)
def forget_quality_ks_log10(evaluation: Evaluation, definition: Definition) -> float | None:
    """log10 of forget_quality_ks, never below log10(2.2e-308) = -307.7, where a double ends."""
    samples = forget_samples(evaluation, definition)
    return None if samples is None else math.log10(max(LEAST_P, ks_test(*samples)[1]))


@model_metric(
    low=math.log(LEAST_P),
    high=0,
    better="up",
    definitions=OF_CODE,
    splits=("forget",),
    draw=_draw_ln,
)
def forget_quality_ks_ln(evaluation: Evaluation, definition: Definition) -> float | None:
    """Natural logarithm of forget_quality_ks, as Table 4 of CLEAR prints it; from -708.4."""
    samples = forget_samples(evaluation, definition)
    return None if samples is None else math.log(max(LEAST_P, ks_test(*samples)[1]))


@model_metric(
    low=0, high=1, better="down", definitions=OF_RATIOS, splits=("forget",), draw=_draw_statistic
)
def forget_quality_ks_statistic(evaluation: Evaluation, definition: Definition) -> float | None:
    """Statistic of the same test: the largest gap between the two cumulative distributions of R."""
    samples = forget_samples(evaluation, definition)
    return None if samples is None else ks_test(*samples)[0]


def ks_test(sample: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """Statistic and p-value in [0, 1] of two samples of log R (or R: the test sees ranks only)."""
    # Imported here: it takes longer than all other metrics together.
    from scipy.stats import ks_2samp

    with warnings.catch_warnings():
        # Where the exact p is 1, rounding may lift it above; scipy then warns and takes the
        # asymptotic p, which is 1 as well (to 4e-5 in samples of 7, the worst case).
        warnings.filterwarnings("ignore", message="ks_2samp: Exact calculation unsuccessful")
        result = ks_2samp(sample, other)
    return float(result.statistic), float(result.pvalue)
