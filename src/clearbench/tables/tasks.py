"""Tasks: every metric of every task, and those of the whole model."""

from clearbench.metrics import readings
from clearbench.metrics.definitions import definition_of
from clearbench.metrics.keys import Key
from clearbench.results.runs import Results
from clearbench.tables.base import Table, definition_notes, make_block, score_column

WHOLE_MODEL = "whole model"


def build(results: Results) -> Table:
    """A block a task, so that a block is as narrow as a task has metrics."""
    topics: dict[str, list[str]] = {}
    shown = results.suite.file.metrics
    for key in results.score_keys():
        if definition_of(key) not in readings(key, shown):
            continue
        topics.setdefault(Key.parse(key).topic or WHOLE_MODEL, []).append(key)
    blocks = [
        make_block(
            results,
            size,
            [score_column(key, _header(Key.parse(key))) for key in keys],
            topic,
        )
        for size in results.suite.file.forget_sizes
        for topic, keys in topics.items()
    ]
    return Table("Tasks", blocks, definition_notes(results))


def _header(key: Key) -> str:
    return f"{key.metric}, {key.group}" if key.group else key.metric
