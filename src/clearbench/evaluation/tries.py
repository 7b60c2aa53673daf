"""Tries: the records of one model at several points that are variants of one thing."""

from pathlib import Path

from clearbench.evaluation.records import RECORDS, Record, read_records


def read_tries(folder: Path) -> list[list[Record]]:
    """The records at each point that an artifact has, by the points' names."""
    return [read_records(path) for path in sorted(folder.glob(f"*/{RECORDS}"))]
