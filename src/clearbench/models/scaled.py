"""A model whose last layer is scaled: θ₀ + α·(θ - θ₀), with θ₀ the model below it.

Apart from `checkpoint`, for it is evaluated alone: nothing that trains a model reaches this.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from peft.utils import CONFIG_NAME, SAFETENSORS_WEIGHTS_NAME
from transformers import PreTrainedModel

from clearbench.config.settings import Domain
from clearbench.errors import UserError
from clearbench.models.between import interpolate
from clearbench.models.checkpoint import load_model, placed
from clearbench.models.instruction import is_instruction
from clearbench.models.precise_linear import narrow

_CPU = torch.device("cpu")


def load_scaled(
    base: Path,
    stack: Sequence[Path],
    domain: Domain,
    precision: str,
    device: torch.device,
    strength: float,
) -> PreTrainedModel:
    """As `load_model`, with what the last checkpoint changes scaled by `strength`.

    At 0 it is the model below, at 1 the plain one, bit by bit; of an instruction, at any. Raises
    UserError for an adapter that is more than low-rank updates.
    """
    *below, last = stack
    if strength == 1 or is_instruction(last):
        return load_model(base, stack, domain, precision, device)
    if (last / CONFIG_NAME).exists():
        with TemporaryDirectory() as folder:
            scaled = _scaled_adapter(last, strength, Path(folder))
            return load_model(base, [*below, scaled], domain, precision, device)
    model, trained = (load_model(base, part, domain, "float32", _CPU) for part in (below, stack))
    interpolate(model, trained, strength)
    if precision == "bfloat16":
        narrow(model, torch.bfloat16)
    return placed(model, device).eval()


def _scaled_adapter(adapter: Path, strength: float, folder: Path) -> Path:
    """A folder with the same adapter, which is scaled as it is merged: by alpha / rank."""
    config = json.loads((adapter / CONFIG_NAME).read_text(encoding="utf-8"))
    if config.get("peft_type") != "LORA" or config.get("alpha_pattern"):
        raise UserError(f"{adapter}: strengths are of low-rank updates with one alpha alone")
    if config.get("modules_to_save") or config.get("bias", "none") != "none":
        raise UserError(f"{adapter}: has whole weights beside its updates, so it has no strengths")
    config["lora_alpha"] *= strength
    (folder / CONFIG_NAME).write_text(json.dumps(config), encoding="utf-8")
    (folder / SAFETENSORS_WEIGHTS_NAME).symlink_to((adapter / SAFETENSORS_WEIGHTS_NAME).resolve())
    return folder
