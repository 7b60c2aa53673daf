"""The headline columns: the scores that tables show of every method, and what they call them."""

from clearbench.metrics.headline import COMPARED, PRINTED, QUALITY

_HEADERS = {QUALITY: "forget quality", "forget_quality_paired": "paired"}

COLUMNS = {key: _HEADERS.get(key, key) for key in COMPARED}
"""The header of each score that models are compared by."""

PAPER = {key: COLUMNS[key] for key in PRINTED}
"""The same of those that CLEAR's tables have."""

MARKED = {"forget": f"{COLUMNS['forget']} §"}
"""The header where a note says how to read it."""
