"""Parts: the samples that passes over whole sets are of, as methods declare them."""

from collections.abc import Sequence
from typing import Literal, get_args

Part = Literal["forget", "retain", "kept", "all"]
"""The samples of importances: the forget set; the retain set; what is kept, that is the retain set
and the forgotten persons' samples of a modality that is not forgotten; both sets together."""


def check_declared(declared: Sequence[str], of: Sequence[str]) -> None:
    """Raise ValueError where a method asks for other importances than those that it declares.

    It asks for all at once: of what it made of some before it asked for others, a job that goes on
    knows nothing.
    """
    if tuple(of) != tuple(declared):
        asked, known = (", ".join(parts) or "nothing" for parts in (of, declared))
        raise ValueError(f"asks for the importances of {asked}; importances declares {known}")


def check_parts(declared: object) -> None:
    """Raise ValueError where what a method declares as its `importances` is none."""
    allowed = get_args(Part)
    if not isinstance(declared, (tuple, list)):
        raise ValueError("importances must be a tuple of parts, as ('forget', 'retain')")
    for part in declared:
        if part not in allowed:
            raise ValueError(f"importances names {part!r}; allowed: {', '.join(allowed)}")
