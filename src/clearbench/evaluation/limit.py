"""Where the limit of greedy answers (`max_new_tokens`) is below the length of true ones."""

from collections.abc import Mapping


def longer(lengths: Mapping[str, int], limit: int) -> int:
    """How many answers have more tokens than the limit, by how many have how many."""
    return sum(count for length, count in lengths.items() if int(length) > limit)


def told(forget_size: int, count: int, of: int, limit: int) -> str:
    """A sentence for people on the answers of a forget size."""
    are = "is" if count == 1 else "are"
    return (
        f"At {forget_size} % {count} of {of} true answers {are} longer than max_new_tokens"
        f" ({limit}): greedy answers end before, so ROUGE-L stays low there even for a model that"
        " knows all by heart."
    )
