"""The words after `--config`, as Snakemake reads them."""

import json
from contextlib import suppress


def choice(key: str, value: str) -> str:
    """A word after `--config`, in quotes where Snakemake would read the value as something else."""
    from snakemake.cli import parse_config

    word = f"{key}={value}"
    with suppress(AssertionError):
        if parse_config([word]) == {key: value}:
            return word
    return quoted(key, value)


def quoted(key: str, value: str) -> str:
    """A word whose value is read as it is.

    Snakemake strips quotes at the ends, and then reads YAML, where ` #` begins a comment: quotes
    that are to reach YAML stand between blanks.
    """
    return f"{key}= {json.dumps(value, ensure_ascii=False)} "
