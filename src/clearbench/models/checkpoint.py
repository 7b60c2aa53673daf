"""Loading and saving: a model is a base, perhaps replaced by full weights, with adapters on top.

A checkpoint folder holds either full weights (`model.safetensors`) or an adapter
(`adapter_model.safetensors`), never a merged copy. Only safetensors are read.
"""

import json
import re
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PreTrainedModel,
)
from transformers.utils import is_flash_attn_2_available

from clearbench import hub, parallel
from clearbench.errors import UserError, disk_errors
from clearbench.models import processor
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


def write_pointer(folder: Path, name: str, revision: str | None, chat_template: str | None) -> None:
    """Make a base folder that stands for a model of the hub, at the commit that it has now.

    `name` is a hub id, or a folder elsewhere, which has no revision.
    """
    commit = None if Path(name).is_dir() else hub.snapshot("model", name, revision).name
    pointer = {"hub": name, "revision": commit, "chat_template": chat_template}
    (folder / _POINTER).write_text(json.dumps(pointer) + "\n")


def load_processor(base: Path, domain: Domain) -> Any:
    """The processor of a multimodal base, the tokenizer of a text base."""
    pointer = _pointer(base)
    source = _folder(base, pointer)
    try:
        found = processor.load(source, domain)
    except (OSError, ValueError) as error:
        raise unreadable(source, error) from None
    found.chat_template = pointer.get("chat_template") or found.chat_template
    if found.chat_template is None:
        raise UserError(
            f"model {pointer.get('hub', source)}: does not say how it lays out questions; put a"
            " chat_template into its file of config/models"
        )
    return found


def load_model(
    base: Path,
    stack: Sequence[Path],
    domain: Domain,
    precision: str,
    device: torch.device,
    attention: str = "sdpa",
) -> PreTrainedModel:
    """A model in evaluation mode: the base with the checkpoints of `stack` laid on it in order.

    Full weights replace what lies below them; adapters are merged into what lies below them.
    """
    if attention == "flash_attention_2" and not is_flash_attn_2_available():
        raise UserError(
            "attention: flash_attention_2 needs a GPU and the package flash-attn; install it, or"
            " choose sdpa in the model's file"
        )
    full = max((i for i, path in enumerate(stack) if not (path / _ADAPTER).exists()), default=None)
    source = _folder(base, _pointer(base)) if full is None else stack[full]
    try:
        model: PreTrainedModel = auto_class(domain).from_pretrained(
            str(source),
            dtype=_DTYPES[precision],
            attn_implementation=attention,
            use_safetensors=True,
        )
    except (OSError, ValueError, SafetensorError) as error:
        raise unreadable(source, error) from None
    for path in stack[0 if full is None else full + 1 :]:
        model = PeftModel.from_pretrained(model, str(path)).merge_and_unload()
    return placed(model, device).eval()


def placed(model: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    """The model on a device."""
    # The decorator that transformers puts around `to` hides the method's type.
    model.to(device)  # type: ignore[arg-type]
    return model


def prepare_training(
    model: PreTrainedModel, weights: str, lora: Lora, frozen: str, checkpointing: bool = False
) -> Model:
    """Choose what is trained: an adapter, or all weights but the `frozen` ones.

    `weights` is `lora` or `full`; `frozen` a regular expression for parameter names. What is
    trained is in single precision, whatever the model is in: a step is smaller than half precision
    can tell. With `checkpointing`, layers keep no activations and compute them again when needed.
    """
    trained = _trained(model, weights, lora, frozen)
    if checkpointing:
        model.activation_checkpointing_enable({"use_reentrant": False})
        # It has made all embeddings ask for a gradient, as older ways of checkpointing need; a
        # frozen vision tower would be run backward for nothing.
        model.disable_input_require_grads()
    return trained


def _trained(model: PreTrainedModel, weights: str, lora: Lora, frozen: str) -> Model:
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
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def save_checkpoint(model: Model, folder: Path) -> None:
    """Write the adapter, or the full weights in the model's precision, as safetensors.

    Of several processes of a job, the first one does. Raises OSError where the disk does not take
    them.
    """
    if parallel.rank():
        return
    if not isinstance(model, PeftModel) and isinstance(model.config.dtype, torch.dtype):
        for parameter in model.parameters():
            parameter.data = parameter.data.to(model.config.dtype)
    with disk_errors(folder):
        model.save_pretrained(str(folder))
    if isinstance(model, PeftModel):
        # PEFT's card is a form with nothing filled in, and its configuration names a path.
        (folder / "README.md").unlink(missing_ok=True)
        config = folder / "adapter_config.json"
        settings = {**json.loads(config.read_text()), "base_model_name_or_path": None}
        config.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")


def _pointer(base: Path) -> dict[str, Any]:
    """What a base that is no model itself says of its model; nothing for one that is."""
    path = base / _POINTER
    pointer: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return pointer


def _folder(base: Path, pointer: Mapping[str, Any]) -> Path:
    """The folder that holds the model of a base."""
    name = pointer.get("hub")
    return base if name is None else hub.folder("model", name, pointer["revision"])


def unreadable(source: Path, error: Exception) -> UserError:
    """A model that a library can't load, in one line with its folder and what to do."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return UserError(
        f"model {source}: can't be loaded ({reason}); if it is of the hub, `clearbench fetch`"
        " checks its files"
    )
