"""Loading and saving: a model is a base, perhaps replaced by full weights, with adapters on top.

A checkpoint folder holds either full weights (`model.safetensors`) or an adapter
(`adapter_model.safetensors`), never a merged copy. Only safetensors are read.
"""

import json
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    PreTrainedModel,
)

from clearbench.errors import UserError, disk_errors
from clearbench.settings import Domain, Lora

# A log of a job is for what the job says.
transformers.logging.disable_progress_bar()
warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)

_POINTER = "hub.json"
_ADAPTER = "adapter_model.safetensors"
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}

Model = PreTrainedModel | PeftModel


def auto_class(domain: Domain) -> Any:
    """The class of transformers that loads a domain's models."""
    return AutoModelForImageTextToText if domain == "multimodal" else AutoModelForCausalLM


def write_pointer(folder: Path, hub: str, revision: str | None) -> None:
    """Make a base folder that stands for a model of the hub (or a folder elsewhere)."""
    (folder / _POINTER).write_text(json.dumps({"hub": hub, "revision": revision}) + "\n")


def load_processor(base: Path, domain: Domain) -> Any:
    """The processor of a multimodal base, the tokenizer of a text base."""
    kind = AutoProcessor if domain == "multimodal" else AutoTokenizer
    source, revision = _source(base)
    try:
        return kind.from_pretrained(source, revision=revision)
    except OSError as error:
        raise _unavailable(source, revision, error) from None


def load_model(
    base: Path, stack: Sequence[Path], domain: Domain, precision: str, device: torch.device
) -> PreTrainedModel:
    """A model in evaluation mode: the base with the checkpoints of `stack` laid on it in order.

    Full weights replace what lies below them; adapters are merged into what lies below them.
    """
    full = max((i for i, path in enumerate(stack) if not (path / _ADAPTER).exists()), default=None)
    source, revision = _source(base) if full is None else (str(stack[full]), "main")
    try:
        model: PreTrainedModel = auto_class(domain).from_pretrained(
            source, revision=revision, dtype=_DTYPES[precision], use_safetensors=True
        )
    except OSError as error:
        raise _unavailable(source, revision, error) from None
    for path in stack[0 if full is None else full + 1 :]:
        model = PeftModel.from_pretrained(model, str(path)).merge_and_unload()
    return placed(model, device).eval()


def placed(model: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    """The model on a device."""
    # The decorator that transformers puts around `to` hides the method's type.
    model.to(device)  # type: ignore[arg-type]
    return model


def prepare_training(model: PreTrainedModel, weights: str, lora: Lora, frozen: str) -> Model:
    """Choose what is trained: an adapter, or all weights but the `frozen` ones.

    `weights` is `lora` or `full`; `frozen` a regular expression for parameter names.
    """
    if weights == "lora":
        config = LoraConfig(
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=lora.dropout,
            target_modules=lora.targets,
            task_type=None,
        )
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            raise UserError(f"lora.targets: no module matches {lora.targets} ({error})") from None
    freeze(model, frozen)
    return model


def freeze(model: nn.Module, frozen: str) -> None:
    """Train all weights but those whose names the regular expression `frozen` matches."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not (frozen and re.match(frozen, name)))


def save_checkpoint(model: Model, folder: Path) -> None:
    """Write the adapter, or the full weights, of a trained model as safetensors.

    Raises OSError where the disk does not take them.
    """
    with disk_errors(folder):
        model.save_pretrained(str(folder))
    if isinstance(model, PeftModel):
        # PEFT's card is a form with nothing filled in, and its configuration names a path.
        (folder / "README.md").unlink(missing_ok=True)
        config = folder / "adapter_config.json"
        settings = {**json.loads(config.read_text()), "base_model_name_or_path": None}
        config.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")


def _source(base: Path) -> tuple[str, str]:
    pointer = base / _POINTER
    if not pointer.exists():
        return str(base), "main"
    data = json.loads(pointer.read_text())
    return data["hub"], data["revision"] or "main"


def _unavailable(source: str, revision: str, error: OSError) -> UserError:
    reason = str(error).strip().splitlines()[0]
    return UserError(f"model {source}, revision {revision}: cannot be loaded ({reason})")
