"""From questions, images and answers to tokens, by the model's own processor and chat template."""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from clearbench.config.settings import TEMPLATE_DATE, Domain
from clearbench.data.store import EvalSample, Store, TrainSample, column_of
from clearbench.errors import UserError
from clearbench.models.answers import IGNORED
from clearbench.models.checkpoint import ends_of, load_processor
from clearbench.models.image_layout import ImageLayout, Inputs, image_inputs, same_inputs
from clearbench.models.template import fixed

Asked = tuple[str, int | None]
"""A question, and the image of the store that it is about, if any."""


@dataclass(frozen=True)
class Prompt:
    """An encoded prompt.

    `ids` are its tokens (T,), image placeholders expanded; `token_inputs` other inputs with one
    value a token (1, T); `image_inputs` what the processor made of the image. `message` is what a
    user asks, as chat templates take it; `text` the prompt before tokenization.
    """

    message: dict[str, Any]
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

    @cached_property
    def answer_tokens(self) -> int:
        """The number of tokens with a label."""
        return int((self.labels != IGNORED).sum())


_REWRITING = re.compile(
    r"\b(replace|r?split|splitlines|r?partition|[lr]?strip|upper|lower|title|capitalize|truncate"
    r"|striptags|escape|e|urlize|wordwrap|center|format)\b"
)
"""What Jinja and Python change texts by."""


class Encoder:
    """Encodes prompts and answers; each prompt and each training sequence is encoded once and kept.

    Prompts are what the processor gives for the conversation. An answer goes on as the processor
    goes on with it, to the first token that ends an answer; what a template writes after that is
    left out, and where it writes no such token the tokenizer's own is appended.

    `ends` are the tokens that end an answer beside the tokenizer's own, `date` is the day that a
    chat template is told, `instruction` what stands before each question. UserError for a template
    whose prompts would differ from run to run.
    """

    def __init__(
        self,
        processor: Any,
        store: Store,
        ends: Iterable[int] = (),
        date: str = TEMPLATE_DATE,
        instruction: str = "",
    ):
        self.processor = processor
        self._template = fixed(getattr(processor, "chat_template", None), date)
        self.tokenizer = getattr(processor, "tokenizer", processor)
        self._store = store
        self._instruction = instruction
        own = self.tokenizer.eos_token_id
        self.ends = frozenset(ends) if own is None else frozenset({*ends, own})
        """The tokens that end an answer."""
        if not self.ends:
            raise UserError("tokenizer: names no token that ends an answer (eos_token)")
        self.end: int = min(self.ends) if own is None else own
        """The token that ends an answer whose template writes none."""
        self._alone: bool | None = None
        self._layouts: dict[tuple[int, int], ImageLayout | None] = {}
        self._images: dict[int, tuple[tuple[int, int], Inputs]] = {}
        self._prompts: dict[Asked, Prompt] = {}
        self._sequences: dict[tuple[Asked, str], Example] = {}

    def check(
        self, samples: Iterable[TrainSample | EvalSample], positions: int | None = None
    ) -> None:
        """Check that samples can be encoded, in at most as many tokens as a model has `positions`.

        All texts are encoded, and an image of each size there is. The first sample without an image
        and the first with one are held to what the processor gives for the whole conversation.
        Raises UserError, which names the sample.
        """
        layouts: dict[tuple[int, int] | None, int] = {}
        for sample in samples:
            for text in sample.texts:
                self._check_text(text)
            if self._has_hidden:
                self._check_tokens(sample)
            if self._rewrites:
                self._check_literal(sample)
            # A normalising tokenizer may drop more than blanks.
            spelt = self.tokenizer(list(sample.texts[1:]), add_special_tokens=False)["input_ids"]
            if not all(map(str.strip, sample.texts[1:])) or not all(spelt):
                raise UserError(f"{sample.id}: has an empty answer")
            _, image = self._shown(sample.asked)
            size = None if image is None else self._store.image_size(image)
            if size not in layouts:
                layouts[size] = self._check_layout(sample, image)
            question, *answers = (len(text.encode()) for text in sample.texts)
            # No text has more tokens than bytes, so that hardly any has to be encoded.
            if positions is None or layouts[size] + question + max(answers) <= positions:
                continue
            examples = (self.sequence(sample.question, image, text) for text in sample.texts[1:])
            length = max(len(example.ids) for example in examples)
            if length > positions:
                raise UserError(
                    f"{sample.id}: has {length} tokens with its longest answer; the model has"
                    f" {positions} positions"
                )

    def room(self, prompt: Prompt, positions: int) -> int:
        """How many bytes an answer to a prompt may have and surely fit into so many tokens."""
        framed = self._text([prompt.message, self._reply("x")])
        # No text has more tokens than bytes; one more may end it.
        return positions - len(prompt.ids) - len(framed.encode()) + len(prompt.text.encode())

    def too_long(self, prompt: Prompt, answers: Sequence[str], positions: int) -> tuple[str, int]:
        """An answer that takes a prompt beyond so many tokens, and the number of its tokens.

        Empty, with zero, where all of them fit.
        """
        room = self.room(prompt, positions)
        doubtful = [answer for answer in answers if len(answer.encode()) > room]
        if not doubtful:
            return "", 0
        for answer, (drop, tokens) in zip(doubtful, self.answers(prompt, doubtful), strict=True):
            length = len(prompt.ids) - drop + len(tokens)
            if length > positions:
                return answer, length
        return "", 0

    @property
    def padding(self) -> int:
        """The token that fills batches; any will do, since it is masked."""
        token: int | None = self.tokenizer.pad_token_id
        return self.end if token is None else token

    def prompt(self, question: str, image: int | None) -> Prompt:
        """The prompt that asks a question, about an image of the store or without one."""
        (prompt,) = self.prompts([(question, image)])
        return prompt

    def prompts(self, asked: Sequence[Asked]) -> list[Prompt]:
        """As `prompt`, for many in one call of the chat template and of the tokenizer."""
        asked = [self._shown(key) for key in asked]
        new = [key for key in dict.fromkeys(asked) if key not in self._prompts]
        for has_image in (False, True):
            keys = [key for key in new if (key[1] is not None) == has_image]
            for question, _ in keys:
                self._check_text(question)
            messages = [self._message(question, has_image) for question, _ in keys]
            texts = self._texts([[message] for message in messages])
            for key, message, text, tokens in zip(
                keys, messages, texts, self._tokens(texts), strict=True
            ):
                self._prompts[key] = self._encode_prompt(key, message, text, tokens)
        return [self._prompts[key] for key in asked]

    def answer(self, prompt: Prompt, answer: str) -> tuple[int, list[int]]:
        """How many of the prompt's last tokens to drop, and the tokens that follow.

        The last of these ends the answer; what the template writes between the two is the answer's.
        A tokenizer may join the prompt's end with the answer's beginning; the answer then starts
        at the first token that differs.
        """
        (part,) = self.answers(prompt, [answer])
        return part

    def answers(self, prompt: Prompt, answers: Sequence[str]) -> list[tuple[int, list[int]]]:
        """As `answer`, for many answers to a prompt; UserError where one is empty."""
        return self.answers_to([prompt], [answers])[0]

    def answers_to(
        self, prompts: Sequence[Prompt], answers: Sequence[Sequence[str]]
    ) -> list[list[tuple[int, list[int]]]]:
        """As `answers`, for each of many prompts, in one call of the template and the tokenizer."""
        for answer in itertools.chain(*answers):
            self._check_text(answer)
        texts = self._texts(
            [
                [prompt.message, self._reply(answer)]
                for prompt, row in zip(prompts, answers, strict=True)
                for answer in row
            ]
        )
        tokens = self._tokens([*(prompt.text for prompt in prompts), *texts])
        joined = iter(tokens[len(prompts) :])
        return [
            [self._part(before, next(joined), answer) for answer in row]
            for before, row in zip(tokens, answers, strict=False)
        ]

    def _part(self, before: list[int], joined: list[int], answer: str) -> tuple[int, list[int]]:
        """What `answer` gives, by the tokens of a prompt, and of the prompt with the answer."""
        common = 0
        while common < min(len(before), len(joined)) and before[common] == joined[common]:
            common += 1
        following = self._to_end(joined[common:])
        if not answer.strip() or len(following) == 1:
            raise UserError(f"{self._store.sample_with(answer)}: has an empty answer")
        return len(before) - common, following

    def length(self, question: str, has_image: bool, answer: str) -> int:
        """How many tokens an answer has after a question, without the one that ends it."""
        message = self._message(question, has_image)
        prompt = Prompt(message, self._text([message]), torch.empty(0))
        return len(self.answer(prompt, answer)[1]) - 1

    def sequence(self, question: str, image: int | None, answer: str) -> Example:
        """A training sequence: prompt, answer and end of text, the last two with labels."""
        (example,) = self.sequences([((question, image), answer)])
        return example

    def sequences(self, asked: Sequence[tuple[Asked, str]]) -> list[Example]:
        """As `sequence`, for many questions with their answers."""
        asked = [(self._shown(key), answer) for key, answer in asked]
        new = [key for key in dict.fromkeys(asked) if key not in self._sequences]
        # An answer's tokens go on from a prompt of its kind.
        for has_image in (False, True):
            keys = [key for key in new if (key[0][1] is not None) == has_image]
            prompts = self.prompts([key for key, _ in keys])
            parts = self.answers_to(prompts, [[answer] for _, answer in keys])
            for key, prompt, (part,) in zip(keys, prompts, parts, strict=True):
                self._sequences[key] = self.example(prompt, *part)
        return [self._sequences[key] for key in asked]

    def example(self, prompt: Prompt, drop: int, tokens: Sequence[int]) -> Example:
        """The sequence of a prompt without its last tokens, and those that follow, with labels."""
        start = len(prompt.ids) - drop
        tail = torch.tensor(tokens)
        ids = torch.cat([prompt.ids[:start], tail])
        labels = torch.cat([torch.full((start,), IGNORED), tail])
        return Example(prompt, ids, labels)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of answer tokens."""
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True)
        return text.strip()

    def _shown(self, asked: Asked) -> Asked:
        """What is asked as a model sees it: one of texts alone is shown no image."""
        return (asked[0], None) if self.processor is self.tokenizer else asked

    def _encode_prompt(
        self, asked: Asked, message: dict[str, Any], text: str, tokens: list[int]
    ) -> Prompt:
        """A prompt whose text the tokenizer alone spells as `tokens`."""
        image = asked[1]
        if image is None:
            if self._spells_alone(message, tokens):
                return Prompt(message, text, torch.tensor(tokens))
            return Prompt(message, text, self._processed(message, None)["input_ids"][0])
        try:
            return self._about_image(image, message, text, tokens)
        except ValueError as error:
            width, height = self._store.image_size(image)
            reason = str(error).strip().partition("\n")[0]
            raise UserError(
                f"{self._store.sample_with(*asked)}: the model can't take its image of"
                f" {width} x {height} pixels ({reason})"
            ) from None

    def _about_image(
        self, image: int, message: dict[str, Any], text: str, tokens: list[int]
    ) -> Prompt:
        """A prompt about an image, as the processor makes it, or as it made the first of its size.

        The processor takes some times as long as its parts for texts and for images.
        """
        size, alone = self._processed_image(image)
        layout = self._layouts.get(size)
        ids = None if layout is None else layout.ids(tokens)
        if layout is not None and ids is not None:
            return Prompt(message, text, ids, layout.inputs(ids), alone)
        encoded = dict(self._processed(message, image))
        whole = encoded.pop("input_ids")
        encoded.pop("attention_mask", None)
        per_token = {k: v for k, v in encoded.items() if v.shape == whole.shape}
        images = {k: v for k, v in encoded.items() if k not in per_token}
        if size not in self._layouts:
            layout = ImageLayout.told(tokens, whole[0], per_token)
            self._layouts[size] = layout if same_inputs(images, alone) else None
        return Prompt(message, text, whole[0], per_token, images)

    def _processed_image(self, image: int) -> tuple[tuple[int, int], Inputs]:
        """The size of an image of the store, and what the processor's part for images makes of it.

        Kept, for several questions are about one.
        """
        if image not in self._images:
            picture = self._store.image(image)
            self._images[image] = picture.size, image_inputs(self.processor, picture)
        return self._images[image]

    def _spells_alone(self, message: dict[str, Any], tokens: list[int]) -> bool:
        """Whether the tokenizer alone makes a prompt without an image, as the first one tells.

        The processor, which makes it otherwise, takes ten times as long.
        """
        if self._alone is None:
            given: list[int] = self._processed(message, None)["input_ids"][0].tolist()
            self._alone = tokens == given
        return self._alone

    def _message(self, question: str, has_image: bool) -> dict[str, Any]:
        """A question as chat templates take it, with a place for an image, or without."""
        question = f"{self._instruction} {question}" if self._instruction else question
        if self.processor is self.tokenizer:
            return {"role": "user", "content": question}
        parts = [{"type": "image"}] if has_image else []
        return {"role": "user", "content": [*parts, {"type": "text", "text": question}]}

    def _reply(self, answer: str) -> dict[str, Any]:
        """An answer as chat templates take it."""
        parts: Any = answer
        if self.processor is not self.tokenizer:
            parts = [{"type": "text", "text": answer}]
        return {"role": "assistant", "content": parts}

    def _text(self, conversation: list[dict[str, Any]]) -> str:
        """A conversation by the chat template, up to where the next answer begins."""
        (text,) = self._texts([conversation])
        return text

    def _texts(self, conversations: Sequence[list[dict[str, Any]]]) -> list[str]:
        """As `_text`, for many that all end with a question, or all with an answer."""
        if not conversations:
            return []
        texts: list[str] = self.processor.apply_chat_template(
            conversations,
            add_generation_prompt=conversations[0][-1]["role"] == "user",
            tokenize=False,
            chat_template=self._template,
        )
        return texts

    def _processed(self, message: dict[str, Any], image: int | None, *replies: Any) -> Any:
        """What the processor itself makes of a conversation, as a batch of one."""
        asked = dict(message)
        if image is not None:
            picture = {"type": "image", "image": self._store.image(image)}
            asked["content"] = [picture, *message["content"][1:]]
        return self.processor.apply_chat_template(
            [[asked, *replies]],
            add_generation_prompt=not replies,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            chat_template=self._template,
        )

    def _to_end(self, tokens: list[int]) -> list[int]:
        """Tokens up to the first that ends an answer; where there is none, it is appended."""
        last = next((place for place, token in enumerate(tokens) if token in self.ends), None)
        return [*tokens, self.end] if last is None else tokens[: last + 1]

    def _check_layout(self, sample: TrainSample | EvalSample, image: int | None) -> int:
        """Hold a sample to what the processor makes of its whole conversation.

        Gives the tokens, at the most, that there are beside those of its question and answer.
        """
        prompt = self.prompt(sample.question, image)
        reply = self._reply(sample.answer)
        text = self._text([prompt.message, reply])
        if not text.startswith(prompt.text):
            both = enumerate(zip(prompt.text, text, strict=False))
            place = next((i for i, (one, other) in both if one != other), len(text))
            raise UserError(
                f"{sample.id}: the chat template asks by {prompt.text[place:][:20]!r} where it puts"
                f" {text[place:][:20]!r} before an answer that is there"
            )
        example = self.sequence(sample.question, image, sample.answer)
        given: list[int] = self._processed(prompt.message, image, reply)["input_ids"][0].tolist()
        start = len(example.ids) - example.answer_tokens
        expected, ids = [*given[:start], *self._to_end(given[start:])], example.ids.tolist()
        if ids != expected:
            pairs = enumerate(itertools.zip_longest(ids, expected))
            place, tokens = next((i, pair) for i, pair in pairs if pair[0] != pair[1])
            here, there = (
                "nothing" if token is None else repr(self.tokenizer.decode([token]))
                for token in tokens
            )
            raise UserError(
                f"{sample.id}: the model's processor makes other tokens of its conversation: token"
                f" {place} is {there} there and {here} here"
            )
        (asked,) = self._tokens([prompt.text])
        texts = len(sample.question.encode()) + len(sample.answer.encode())
        return len(prompt.ids) - len(asked) + len(text.encode()) - texts + 2

    def reads(self, text: str) -> bool:
        """Whether a text can be an answer as it is written: not empty, no control token in it."""
        spelt = self.tokenizer(text.strip(), add_special_tokens=False)["input_ids"]
        return bool(text.strip() and spelt) and not self._control.search(text)

    def _check_text(self, text: str) -> None:
        """Raise UserError where a text holds what would not be read as text."""
        match = self._control.search(text)
        if match:
            raise UserError(
                f"{self._store.sample_with(text)}: a text holds {match[0]}, which the model takes"
                f" for a control token (column {self._store.column_with(text)}); write it otherwise"
            )

    def _check_literal(self, sample: TrainSample | EvalSample) -> None:
        """Raise UserError where the chat template writes another text than a sample has."""
        question, *answers = sample.texts
        asked = self._message(question, False)
        turns = [[asked], *([asked, self._reply(answer)] for answer in answers)]
        for text, conversation in zip(sample.texts, turns, strict=True):
            if text.strip() not in self._text(conversation):
                raise UserError(
                    f"{sample.id}: the chat template changes a text (column"
                    f" {column_of(sample, text)}): {text!r}; write it otherwise"
                )

    @cached_property
    def _rewrites(self) -> bool:
        """Whether the chat template may change a text; blanks at its ends may be cut."""
        template = self._template or getattr(self.processor, "chat_template", None)
        return _REWRITING.search(str(template)) is not None

    def _check_tokens(self, sample: TrainSample | EvalSample) -> None:
        """Raise UserError where a text of a sample becomes a control token, or ends an answer.

        As texts that a tokenizer takes for a token in another writing (capitals, wide letters), or
        tokens of plain text, such as a line's end, by which a model ends its answers.
        """
        for number, text in enumerate(sample.texts):
            spelt = self.tokenizer([text, f" {text}"], add_special_tokens=False)["input_ids"]
            refused = self._control_ids if number == 0 else self._control_ids | self.ends
            clashes = refused.intersection(itertools.chain(*spelt))
            if clashes:
                token = self.tokenizer.convert_ids_to_tokens(min(clashes))
                way = "a control token" if min(clashes) in self._control_ids else "an answer's end"
                raise UserError(
                    f"{sample.id}: a text becomes {token!r}, which the model takes for {way}"
                    f" (column {column_of(sample, text)}); write it otherwise"
                )

    @cached_property
    def _control_ids(self) -> frozenset[int]:
        """The tokens that are no text; not the one for what has no token, which is a text's."""
        added = self.tokenizer.added_tokens_decoder.items()
        unknown = self.tokenizer.unk_token_id
        return frozenset(i for i, token in added if token.special and i != unknown)

    @cached_property
    def _has_hidden(self) -> bool:
        """Whether a text may become a control token, or an end, that is not written in it."""
        added = self.tokenizer.added_tokens_decoder.values()
        return bool(self.ends - self._control_ids) or any(
            token.special and token.normalized for token in added
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
        """Texts of one kind of prompt as the processor takes them, image placeholders unexpanded.

        A tokenizer leaves special tokens to the chat template. A processor has its tokenizer add
        them, unless the template has written the first one.
        """
        if not texts:
            return []
        begin = self.tokenizer.bos_token
        written = begin is not None and texts[0].startswith(begin)
        added = self.processor is not self.tokenizer and not written
        tokens: list[list[int]] = self.tokenizer(texts, add_special_tokens=added)["input_ids"]
        return tokens


def load_encoder(
    base: Path, domain: Domain, store: Store, date: str = TEMPLATE_DATE, instruction: str = ""
) -> Encoder:
    """The encoder of a base for a dataset, with all tokens by which its model ends an answer.

    `date` is the day that its chat template is told, `instruction` what stands before questions.
    """
    return Encoder(load_processor(base, domain), store, ends_of(base), date, instruction)


def first_of_each(samples: Iterable[TrainSample | EvalSample]) -> list[TrainSample | EvalSample]:
    """The first sample that is asked without an image, and the first with one."""
    firsts: dict[bool, TrainSample | EvalSample] = {}
    for sample in samples:
        firsts.setdefault(sample.image is not None, sample)
    return list(firsts.values())


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
