"""From gguf, the one-file format of llama.cpp, to a checkpoint of transformers in safetensors.

transformers reads the weights (it undoes the rounding to few bits as far as that goes, and the
order that llama.cpp keeps the rows of queries and keys in) and the words of the tokenizer. How
texts are split before they are spelt, which it leaves out, is set here.
"""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers.pre_tokenizers import ByteLevel, Digits, PreTokenizer, Sequence
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from clearbench.errors import UserError

# The command says what it does, in a line.
transformers.logging.disable_progress_bar()

ARCHITECTURES = ("llama",)
"""Those whose conversion was held against the file by other means."""

_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError)


def _byte_level() -> PreTokenizer:
    return ByteLevel(add_prefix_space=False)


SPLITS = {
    "gpt-2": _byte_level,
    "smollm": lambda: Sequence([Digits(individual_digits=True), _byte_level()]),
}
"""How texts are split into what is spelt apart, by llama.cpp's names."""


def convert(file: Path, folder: Path, name: str) -> None:
    """Write the model, the tokenizer and the chat template of a gguf file as a checkpoint.

    The weights are in single precision: what a few bits say is told by no shorter one. `name` is
    what messages call the model. Raises UserError in one line for a file that is none, of an
    architecture or with a split of texts that is not known here, or that lacks weights.
    """
    told = f"model {name}"
    try:
        split = _split(file, told)
        model = _model(file, told)
        tokenizer = AutoTokenizer.from_pretrained(str(file.parent), gguf_file=file.name)
    except _UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{told}: its gguf file can't be read ({reason})") from None
    size = model.config.vocab_size
    if len(tokenizer) > size:
        # To a file that names none, transformers adds one for what has no token.
        raise UserError(f"{told}: its tokenizer has {len(tokenizer)} tokens, the model {size}")
    tokenizer.backend_tokenizer.pre_tokenizer = SPLITS[split]()
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))


def _split(file: Path, told: str) -> str:
    """How a file says that texts are split; UserError where that or the architecture is unknown."""
    from gguf import GGUFReader

    fields = GGUFReader(file).fields
    value = ""
    for key, known in (
        ("general.architecture", ARCHITECTURES),
        ("tokenizer.ggml.pre", tuple(SPLITS)),
    ):
        value = str(fields[key].contents()) if key in fields else "missing"
        if value not in known:
            raise UserError(f"{told}: {key} is {value}; allowed: {', '.join(known)}")
    return value


def _model(file: Path, told: str) -> PreTrainedModel:
    """The model in single precision, which no longer says that its weights are quantised."""
    # Typed as the model alone, whatever is asked for.
    reads: Any = AutoModelForCausalLM
    loaded, said = reads.from_pretrained(
        str(file.parent), gguf_file=file.name, dtype=torch.float32, output_loading_info=True
    )
    lacking = sorted({*said["missing_keys"], *(key for key, *_ in said["mismatched_keys"])})
    if lacking:
        raise UserError(f"{told}: its gguf file lacks, or has in another shape, {lacking[0]}")
    config: Any = loaded.config
    del config.quantization_config
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(loaded.state_dict())
    return model
