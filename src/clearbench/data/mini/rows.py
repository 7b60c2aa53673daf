"""A row of a configuration, by column, and its cells."""

from typing import Any

Row = dict[str, Any]


def image_cell(jpeg: bytes) -> dict[str, bytes | None]:
    """An image as the `Image` feature of `datasets` stores it."""
    return {"bytes": jpeg, "path": None}
