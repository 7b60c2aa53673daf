"""What people call the headline scores, in tables and in figures."""

from clearbench.metrics.headline import COMPARED, QUALITY

_HEADERS = {QUALITY: "forget quality", "forget_quality_paired": "paired"}

COLUMNS = {key: _HEADERS.get(key, key) for key in COMPARED}
"""The name of each score that models are compared by."""
