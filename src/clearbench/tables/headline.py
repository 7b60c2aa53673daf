"""The headline columns: the scores that tables show of every method, and their headers."""

from clearbench.metrics.headline import PRINTED
from clearbench.results.headline import COLUMNS

PAPER = {key: COLUMNS[key] for key in PRINTED}
"""The same of those that CLEAR's tables have."""

MARKED = {"forget": f"{COLUMNS['forget']} §"}
"""The header where a note says how to read it."""
