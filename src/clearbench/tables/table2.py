"""Table 2 of CLEAR (arXiv 2410.18057): do results of models of one kind carry over to both?

Made of several suites, so it is no file of one suite's tables: `clearbench carry-over` computes it
from their scores. The paper ranks methods by their forget metric (section 6.1). So do we, and by
two more measures, of which each is what its domain has for the same question.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from clearbench.config.settings import Domain
from clearbench.errors import UserError
from clearbench.metrics.headline import QUALITY
from clearbench.results.runs import Results
from clearbench.suite.load import load_suite
from clearbench.suite.suite import Suite
from clearbench.tables.base import Column, make_entry
from clearbench.tables.clear_paper import TABLE_2, TABLE_4, TABLE_5, PaperTable

DOMAINS = ("multimodal",)
LEAST = 3
"""Methods in common that a rank correlation needs."""

PRINTED: Mapping[Domain, float] = {"text": 0.705, "vision": 0.205}
"""The correlations that the paper prints below its Table 2; its rows do not give them."""

FORGET = "forget"
"""The measure that the paper ranks by."""

_OF_TEXT = {FORGET: "forget", "forgetting": QUALITY, "retention": "retain"}
_OF_FACES = {FORGET: "forget_accuracy", "forgetting": "u_lira", "retention": "retain_accuracy"}
_KEYS: Mapping[Domain, Mapping[str, str]] = {
    "multimodal": _OF_TEXT,
    "text": _OF_TEXT,
    "vision": _OF_FACES,
}
"""The score that ranks by each measure."""

_LOWER = (_OF_TEXT[FORGET], _OF_FACES[FORGET])
"""The scores of which a lower one is better."""

_PAPER: Mapping[Domain, tuple[PaperTable, Mapping[str, str]]] = {
    # It has no other forget quality.
    "text": (TABLE_4, _OF_TEXT | {"forgetting": "forget_quality_ks_ln"}),
    "vision": (TABLE_5, _OF_FACES),
}
MODALITY: Mapping[Domain, str] = {"multimodal": "both", "text": "text", "vision": "visual"}
"""What the cells of a domain forget that methods are ranked by."""

Merits = Mapping[str, Mapping[str, float]]
"""The value of every method that has one, by measure; the higher the better."""


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation in [-1, 1] over some methods, and its two-sided p-value."""

    domain: Domain
    measure: str
    methods: tuple[str, ...]
    rho: float
    p: float


def single_domain_suites(suite: Suite, root: Path) -> list[Suite]:
    """The suites that a suite is ranked against; UserError where it names none, or an unknown one.

    `root` is the folder of `config/`.
    """
    if not suite.file.single_domain:
        raise UserError(f"{suite.path}: single_domain: empty; name suites of text or vision models")
    return [load_suite(name, root) for name in suite.file.single_domain]


def correlations(multimodal: Results, single: Results) -> list[Correlation]:
    """How a suite of one domain ranks methods against a multimodal suite, a row a measure.

    `forget` is the forget score, of faces the forget accuracy, lower first as in the paper;
    `forgetting` is forget quality, of faces how near U-LIRA comes to 0.5; `retention` is the retain
    score, of faces the retain accuracy. A method counts by its mean over forget sizes and seeds,
    in the multimodal suite of the cells that forget both modalities. Raises UserError where a suite
    has no finished cell, or the two have fewer than LEAST methods in common.
    """
    here, there = _merits(multimodal), _merits(single)
    for measure in here:
        common = here[measure].keys() & there[measure].keys()
        if len(common) < LEAST:
            raise UserError(
                f"suites {multimodal.suite.name} and {single.suite.name} have {len(common)}"
                f" finished methods in common; a rank correlation needs {LEAST}"
            )
    return _correlate(single.suite.domain, here, there)


def printed_correlations(multimodal: PaperTable, domain: Domain) -> list[Correlation]:
    """The same of what the paper prints: its table of models of both against that of a domain.

    Table 4 has the logarithm of the KS test's p for forget quality.
    """
    single, keys = _PAPER[domain]
    here = _printed_merits(multimodal, "multimodal", _KEYS["multimodal"])
    return _correlate(domain, here, _printed_merits(single, domain, keys))


def row_correlations(domain: Domain) -> list[Correlation]:
    """The same of the rows of the paper's Table 2 itself, which has no measure of `forgetting`."""
    here, there = (_printed_merits(TABLE_2[d], d, _KEYS[d]) for d in ("multimodal", domain))
    return _correlate(domain, here, there)


def _correlate(domain: Domain, here: Merits, there: Merits) -> list[Correlation]:
    # Imported here: it takes longer than all tables together.
    from scipy.stats import spearmanr

    of_measures = []
    for measure in here:
        methods = tuple(method for method in here[measure] if method in there[measure])
        result = spearmanr(*([merits[measure][m] for m in methods] for merits in (here, there)))
        rho, p = float(result.statistic), float(result.pvalue)
        of_measures.append(Correlation(domain, measure, methods, rho, p))
    return of_measures


def _merits(results: Results) -> Merits:
    """Means over forget sizes and seeds; UserError where no cell has a number."""
    domain, name = results.suite.domain, results.suite.name
    merits = {}
    for measure, key in _KEYS[domain].items():
        values: dict[str, list[float]] = {}
        for group in results.groups:
            mean = make_entry(results, group, Column(key, "")).mean
            if group.modality == MODALITY[domain] and mean is not None:
                values.setdefault(group.method, []).append(_merit(key, mean))
        if not values:
            raise UserError(
                f"suite {name}: no cell has {key}; run snakemake --config suite={name} first"
            )
        merits[measure] = {method: fmean(numbers) for method, numbers in values.items()}
    return merits


def _printed_merits(paper: PaperTable, domain: Domain, keys: Mapping[str, str]) -> Merits:
    """The values of the measures that a table of the paper has."""
    return {
        measure: {
            method: _merit(key, value)
            for method, modality in paper.rows
            if modality == MODALITY[domain]
            and (value := paper.value(method, modality, key)) is not None
        }
        for measure, key in keys.items()
        if key in paper.metrics
    }


def _merit(key: str, value: float) -> float:
    """A score as higher is better; of an attack how near it comes to guessing."""
    if key == "u_lira":
        return -abs(value - 0.5)
    return -value if key in _LOWER else value
