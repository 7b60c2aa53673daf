"""Where the tokens of a batch stand: in one dimension, or in those that a model gives an image."""

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from clearbench.models.logits import body


def positions(model: PreTrainedModel, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The positions of a batch of prompts, and those (B, 1) of the tokens after them.

    `inputs` are the model's, `attention_mask` (B, P) zero at padding on either side. Positions are
    (B, P), or, where a model places the parts of an image in several dimensions, (D, B, P), what it
    says itself; after an image its text goes on at a position that the number of tokens is not.
    """
    mask = inputs["attention_mask"]
    place: Any = getattr(body(model), "get_rope_index", None)
    if place is None:
        prompt_positions = (mask.cumsum(-1) - 1).clamp(min=0)
        return prompt_positions, prompt_positions[:, -1:] + 1
    # A batch without images has no kinds of tokens; all are text.
    prompt_positions, ahead = place(**{"mm_token_type_ids": torch.zeros_like(mask), **inputs})
    return prompt_positions, mask.sum(-1, keepdim=True) + ahead
