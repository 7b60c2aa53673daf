"""Making a small model of any architecture from its configuration, with a tokenizer of its own."""

from collections.abc import Iterable, Mapping
from typing import Any

import tokenizers
import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from tokenizers import decoders, pre_tokenizers, trainers
from transformers import (
    AutoConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from clearbench.config.files import Build, Shape, Tokenizer
from clearbench.config.settings import Domain
from clearbench.errors import UserError
from clearbench.models.checkpoint import DTYPES, auto_class
from clearbench.models.processor import without_videos

_SPECIAL = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
_IMAGE_TOKEN = "<image>"
_MISMADE = (ValueError, TypeError, RuntimeError, AttributeError)
"""What transformers raises for a configuration that is none."""


def build_tokenizer(settings: Tokenizer | None, texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on texts; the same texts give the same tokenizer.

    UserError without settings, which only models of images do without.
    """
    if settings is None:
        raise UserError("build.tokenizer: missing; a model of texts needs one")
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.vocabulary,
        special_tokens=[*_SPECIAL.values(), _IMAGE_TOKEN],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        chat_template=settings.chat_template,
        extra_special_tokens={"image_token": _IMAGE_TOKEN},
        **_SPECIAL,
    )


def build_processor(build: Build, tokenizer: PreTrainedTokenizerFast) -> Any:
    """The processor of a model with images; of a text model, the tokenizer itself."""
    if build.processor is None:
        return tokenizer
    image_processor = named(build.image_processor or "")(**build.image_processor_config)
    return without_videos(named(build.processor))(
        image_processor=image_processor,
        tokenizer=tokenizer,
        chat_template=tokenizer.chat_template,
        **build.processor_config,
    )


def build_model(
    build: Build, domain: Domain, tokenizer: PreTrainedTokenizerFast, seed: int
) -> PreTrainedModel:
    """The architecture with random weights in single precision.

    Vocabulary size and special tokens are the tokenizer's, wherever the configuration has a place
    for them; everything else is the configuration's.
    """
    tokens = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    image_token: Any = tokenizer.convert_tokens_to_ids(_IMAGE_TOKEN)
    torch.manual_seed(seed)
    config = _configured(build, tokens, image_token)
    model: PreTrainedModel = auto_class(domain).from_config(config, dtype=torch.float32)
    return model


def build_shape(shape: Shape, domain: Domain, precision: str, attention: str) -> PreTrainedModel:
    """A model of a shape on the device `meta`; one that is built here has all tokens it may have.

    UserError for a configuration that transformers does not take.
    """
    try:
        if isinstance(shape, Build) and shape.tokenizer is not None:
            size = shape.tokenizer.vocabulary
            config = _configured(shape, {"vocab_size": size}, size - 1)
        else:
            config = AutoConfig.for_model(shape.architecture, **shape.config)
        with torch.device("meta"):
            model: PreTrainedModel = auto_class(domain).from_config(
                config, dtype=DTYPES[precision], attn_implementation=attention
            )
    except (*_MISMADE, StrictDataclassError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"shape: transformers makes no model of it ({reason})") from None
    return model


def _configured(build: Build, tokens: Mapping[str, Any], image_token: int) -> PretrainedConfig:
    settings = dict(build.config)
    if "text_config" in settings:
        settings["text_config"] = {**settings["text_config"], **tokens}
        settings["image_token_id"] = image_token
    else:
        settings.update(tokens)
    return AutoConfig.for_model(build.architecture, **settings)


def named(name: str) -> Any:
    """A class of transformers; UserError where there is none of this name."""
    kind = getattr(transformers, name, None)
    if kind is None:
        raise UserError(f"build: transformers has no class {name!r}")
    return kind
