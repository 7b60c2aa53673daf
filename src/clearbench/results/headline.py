"""What people call the headline scores, in tables and in figures, and which methods trade off."""

from collections.abc import Mapping
from typing import NamedTuple

from clearbench.config.settings import Domain
from clearbench.metrics.headline import COMPARED, QUALITY, RETAIN

_HEADERS = {QUALITY: "forget quality", "forget_quality_paired": "paired"}

COLUMNS = {key: _HEADERS.get(key, key) for key in COMPARED}
"""The name of each score that models of words are compared by."""

FACES = {
    "forget_accuracy": "forget acc.",
    "holdout_accuracy": "holdout acc.",
    "retain_accuracy": "retain acc.",
    "u_lira": "U-LIRA",
    "u_lira_tpr": "TPR at 1 %",
    "u_mia": "U-MIA",
}
"""The same of models of faces."""


class TradeOff(NamedTuple):
    """The scores of what a model retains and of how it has forgotten, and what both are called."""

    retention: str
    forgetting: str
    retained: str
    forgotten: str


_OF_WORDS = TradeOff(RETAIN, QUALITY, COLUMNS[RETAIN], COLUMNS[QUALITY])
_OF_FACES = TradeOff("retain_accuracy", "u_lira", FACES["retain_accuracy"], FACES["u_lira"])

TRADE_OFFS: Mapping[Domain, TradeOff] = {
    "multimodal": _OF_WORDS,
    "text": _OF_WORDS,
    "vision": _OF_FACES,
}
"""The two numbers of each domain that methods trade off."""
