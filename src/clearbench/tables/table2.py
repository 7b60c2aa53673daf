"""Table 2 of CLEAR (arXiv 2410.18057): do results of models of one kind carry over to both?

Made of several suites, so it is no file of one suite's tables: `clearbench carry-over` computes it
from their scores. The paper does not say which number ranks a method. Here two do, and each is
what its domain has for the same question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean

from clearbench.errors import UserError
from clearbench.settings import Domain
from clearbench.tables.base import Column, make_entry
from clearbench.tables.results import Results

DOMAINS = ("multimodal",)
LEAST = 3
"""Methods in common that a rank correlation needs."""

PRINTED: Mapping[Domain, float] = {"text": 0.705, "vision": 0.205}
"""The correlations that the paper prints."""

_MODALITY: Mapping[Domain, str] = {"multimodal": "both", "text": "text", "vision": "visual"}


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation in [-1, 1] over some methods, and its two-sided p-value."""

    domain: Domain
    measure: str
    methods: tuple[str, ...]
    rho: float
    p: float


def correlations(multimodal: Results, single: Results) -> list[Correlation]:
    """How a suite of one domain ranks methods against a multimodal suite, a row a measure.

    `forgetting` is forget quality, of faces how near U-LIRA comes to 0.5; `retention` is the retain
    score, of faces the retain accuracy. A method counts by its mean over forget sizes and seeds,
    in the multimodal suite of the cells that forget both modalities. Raises UserError where a suite
    has no finished cell, or the two have fewer than LEAST methods in common.
    """
    # Imported here: it takes longer than all tables together.
    from scipy.stats import spearmanr

    here, there = _merits(multimodal), _merits(single)
    found = []
    for measure in here:
        methods = tuple(method for method in here[measure] if method in there[measure])
        if len(methods) < LEAST:
            raise UserError(
                f"suites {multimodal.suite.name} and {single.suite.name} have {len(methods)}"
                f" finished methods in common; a rank correlation needs {LEAST}"
            )
        result = spearmanr(*([merits[measure][m] for m in methods] for merits in (here, there)))
        found.append(
            Correlation(
                single.suite.domain, measure, methods, float(result.statistic), float(result.pvalue)
            )
        )
    return found


def _merits(results: Results) -> dict[str, dict[str, float]]:
    """Of each measure the value of every method that has one, the higher the better."""
    domain = results.suite.domain
    if domain == "vision":
        keys = {"forgetting": "u_lira", "retention": "retain_accuracy"}
    else:
        keys = {"forgetting": "forget_quality_js", "retention": "retain"}
    found: dict[str, dict[str, float]] = {}
    for measure, key in keys.items():
        values: dict[str, list[float]] = {}
        for group in results.groups:
            mean = make_entry(results, group, Column(key, "")).mean
            if group.modality == _MODALITY[domain] and mean is not None:
                value = -abs(mean - 0.5) if key == "u_lira" else mean
                values.setdefault(group.method, []).append(value)
        if not values:
            name = results.suite.name
            raise UserError(
                f"suite {name}: no cell has {key}; run snakemake --config suite={name} first"
            )
        found[measure] = {method: fmean(numbers) for method, numbers in values.items()}
    return found
