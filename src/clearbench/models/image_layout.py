"""What a processor makes of prompts about images, told by what it made of the first of a size."""

from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

Inputs = dict[str, Tensor]


@dataclass(frozen=True)
class ImageLayout:
    """How a processor spells prompts about an image of one size.

    In the tokenizer's tokens of the prompt, `placeholder` stands once, and `count` times in what
    the processor makes of it. `per_token` has what other inputs, one value a token, are at the
    placeholders and elsewhere.
    """

    placeholder: int
    count: int
    per_token: dict[str, tuple[int, int]]

    @classmethod
    def told(cls, tokens: list[int], ids: Tensor, per_token: Inputs) -> Self | None:
        """The layout by a prompt's own tokens and what the processor made of it: `ids` (T,).

        None where that is more than one placeholder's expansion.
        """
        given = ids.tolist()
        start = next((i for i, (a, b) in enumerate(zip(tokens, given, strict=False)) if a != b), 0)
        # The first of a run of placeholders is the one that the template wrote.
        place, surplus = start - 1, len(given) - len(tokens)
        if place < 0 or surplus < 0:
            return None
        values = {}
        here = ids == tokens[place]
        for name, value in per_token.items():
            at, elsewhere = value[0, here].unique(), value[0, ~here].unique()
            if len(at) != 1 or len(elsewhere) != 1:
                return None
            values[name] = (int(at), int(elsewhere))
        layout = cls(tokens[place], surplus + 1, values)
        made = layout.ids(tokens)
        return layout if made is not None and made.tolist() == given else None

    def ids(self, tokens: list[int]) -> Tensor | None:
        """A prompt's tokens with the placeholder expanded (T,); None where it has not just one."""
        if tokens.count(self.placeholder) != 1:
            return None
        place = tokens.index(self.placeholder)
        return torch.tensor(
            [*tokens[:place], *[self.placeholder] * self.count, *tokens[place + 1 :]]
        )

    def inputs(self, ids: Tensor) -> Inputs:
        """The other inputs with one value a token (1, T)."""
        here = ids == self.placeholder
        return {
            name: torch.where(here, at, elsewhere)[None]
            for name, (at, elsewhere) in self.per_token.items()
        }


def image_inputs(processor: Any, image: Any) -> Inputs:
    """What the processor's part for images makes of an image."""
    return dict(processor.image_processor(images=[image], return_tensors="pt"))


def same_inputs(one: Inputs, other: Inputs) -> bool:
    """Whether two have the same tensors, bit by bit, under the same names."""
    return one.keys() == other.keys() and all(
        one[name].dtype == other[name].dtype and torch.equal(one[name], other[name]) for name in one
    )
