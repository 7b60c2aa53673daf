"""From questions, images and answers to tokens, by the model's own processor and chat template."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from clearbench.data.store import EvalSample, Store, TrainSample
from clearbench.errors import UserError
from clearbench.models.answers import IGNORED


@dataclass(frozen=True)
class Prompt:
    """An encoded prompt.

    `ids` are its tokens (T,), image placeholders expanded; `token_inputs` other inputs with one
    value a token (1, T); `image_inputs` what the processor made of the image. `text` is the prompt
    before tokenization.
    """

    text: str
    ids: Tensor
    token_inputs: dict[str, Tensor] = field(default_factory=dict)
    image_inputs: dict[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Example:
    """A prompt with its answer: tokens (T,) and labels (T,), `IGNORED` at the prompt."""

    prompt: Prompt
    ids: Tensor
    labels: Tensor


class Encoder:
    """Encodes prompts and answers; each prompt is encoded once and kept."""

    def __init__(self, processor: Any, store: Store):
        self.processor = processor
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self._store = store
        self._prompts: dict[tuple[str, int | None], Prompt] = {}

    def check(self, samples: Iterable[TrainSample | EvalSample]) -> None:
        """Check that samples can be encoded: all texts, and an image of each size there is.

        Raises UserError, which names the sample.
        """
        sizes = set()
        for sample in samples:
            for text in sample.texts:
                self._check_text(text)
            if sample.image is not None and self.processor is not self.tokenizer:
                size = self._store.image_size(sample.image)
                if size not in sizes:
                    self.prompt(sample.question, sample.image)
                sizes.add(size)

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        token: int = self.tokenizer.eos_token_id
        return token

    @property
    def padding(self) -> int:
        """The token that fills batches; any will do, since it is masked."""
        token: int | None = self.tokenizer.pad_token_id
        return self.end if token is None else token

    def prompt(self, question: str, image: int | None) -> Prompt:
        """The prompt that asks a question, about an image of the store or without one."""
        key = (question, image)
        if key not in self._prompts:
            self._prompts[key] = self._encode_prompt(question, image)
        return self._prompts[key]

    def answer(self, prompt: Prompt, answer: str) -> tuple[int, list[int]]:
        """How many of the prompt's last tokens to drop, and the tokens that follow.

        A tokenizer may join the prompt's end with the answer's beginning; the answer then starts
        at the first token that differs.
        """
        (found,) = self.answers(prompt, [answer])
        return found

    def answers(self, prompt: Prompt, answers: Sequence[str]) -> list[tuple[int, list[int]]]:
        """As `answer`, for many answers to a prompt in one call of the tokenizer."""
        for answer in answers:
            self._check_text(answer)
        start = prompt.text + self._separator(prompt.text)
        before, *joined = self._tokens([prompt.text, *(start + answer for answer in answers)])
        found = []
        for tokens in joined:
            common = 0
            while common < min(len(before), len(tokens)) and before[common] == tokens[common]:
                common += 1
            found.append((len(before) - common, tokens[common:]))
        return found

    def sequence(self, question: str, image: int | None, answer: str) -> Example:
        """A training sequence: prompt, answer and end of text, the last two with labels."""
        prompt = self.prompt(question, image)
        drop, tokens = self.answer(prompt, answer)
        start = len(prompt.ids) - drop
        tail = torch.tensor([*tokens, self.end])
        ids = torch.cat([prompt.ids[:start], tail])
        labels = torch.cat([torch.full((start,), IGNORED), tail])
        return Example(prompt, ids, labels)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of answer tokens."""
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return text.strip()

    def _encode_prompt(self, question: str, image: int | None) -> Prompt:
        self._check_text(question)
        parts: Any = question
        if self.processor is not self.tokenizer:
            parts = [{"type": "image"}] if image is not None else []
            parts.append({"type": "text", "text": question})
        text: str = self.processor.apply_chat_template(
            [{"role": "user", "content": parts}], add_generation_prompt=True, tokenize=False
        )
        if image is None:
            (ids,) = self._tokens([text])
            return Prompt(text, torch.tensor(ids))
        try:
            encoded = self.processor(
                text=[text],
                images=[self._store.image(image)],
                return_tensors="pt",
                add_special_tokens=False,
            )
        except ValueError as error:
            width, height = self._store.image_size(image)
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"{self._store.sample_with(question, image)}: the model can't take its image of"
                f" {width} x {height} pixels ({reason})"
            ) from None
        ids = encoded.pop("input_ids")
        encoded.pop("attention_mask", None)
        per_token = {k: v for k, v in encoded.items() if v.shape == ids.shape}
        images = {k: v for k, v in encoded.items() if k not in per_token}
        return Prompt(text, ids[0], per_token, images)

    def _check_text(self, text: str) -> None:
        """Raise UserError where a text holds what would not be read as text."""
        found = self._control.search(text)
        if found:
            raise UserError(
                f"{self._store.sample_with(text)}: a text holds {found[0]}, which the model takes"
                " for a control token; write it otherwise"
            )

    @cached_property
    def _control(self) -> re.Pattern[str]:
        """Finds the tokens that a tokenizer or a processor makes something else of than text."""
        added = self.tokenizer.added_tokens_decoder.values()
        tokens = {token.content for token in added if token.special}
        tokens |= {
            value
            for name, value in vars(self.processor).items()
            if name.endswith("_token") and isinstance(value, str)
        }
        # An expression of nothing would be found everywhere.
        known = sorted(map(re.escape, filter(str.strip, tokens)), key=len, reverse=True)
        return re.compile("|".join(known) or r"(?!)")

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        # The chat template writes the special tokens itself.
        tokens: list[list[int]] = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return tokens

    @staticmethod
    def _separator(prompt: str) -> str:
        return "" if not prompt or prompt[-1].isspace() else " "


def collate(
    sequences: Sequence[Example], padding: int, device: torch.device, left: bool = False
) -> dict[str, Tensor]:
    """A training batch, padded on the right, or on the `left`.

    Gives `input_ids`, `attention_mask` and `labels` (B, T), and the processor's other inputs.
    """
    side = "left" if left else "right"
    ids = pad_sequence([s.ids for s in sequences], True, padding, side)
    labels = pad_sequence([s.labels for s in sequences], True, IGNORED, side)
    mask = pad_sequence([torch.ones_like(s.ids) for s in sequences], True, 0, side)
    batch = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    batch.update(merge_inputs([s.prompt for s in sequences], [s.ids for s in sequences], left=left))
    return {name: tensor.to(device) for name, tensor in batch.items()}


def merge_inputs(prompts: Sequence[Prompt], ids: Sequence[Tensor], left: bool) -> dict[str, Tensor]:
    """The image and per-token inputs of prompts as one batch, padded with zeros.

    `ids` are the tokens of the sequences: a prompt, perhaps without its last ones, and what follows
    it. Images may have different numbers of tokens.
    """
    images: dict[str, list[Tensor]] = {}
    for prompt in prompts:
        for name, value in prompt.image_inputs.items():
            images.setdefault(name, []).append(value)
    batch = {name: torch.cat(values) for name, values in images.items()}
    width = max(len(row) for row in ids)
    for name in sorted({name for prompt in prompts for name in prompt.token_inputs}):
        rows = torch.zeros(len(prompts), width, dtype=torch.long)
        for row, prompt, tokens in zip(rows, prompts, ids, strict=True):
            if name in prompt.token_inputs:
                value = prompt.token_inputs[name][0, : len(tokens)]
                start = width - len(tokens) if left else 0
                row[start : start + len(value)] = value
        batch[name] = rows
    return batch
