"""Loading and saving: a model is a base, perhaps replaced by full weights, with adapters on top.

A checkpoint folder holds either full weights (`model.safetensors`) or an adapter
(`adapter_model.safetensors`), never a merged copy; or a pointer to such a folder elsewhere. One
with an instruction has no weights, and leaves those below. Only safetensors are read.
"""

import json
import re
import warnings
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import transformers
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import INCLUDE_LINEAR_LAYERS_SHORTHAND
from peft.utils.other import AuxiliaryTrainingWrapper
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.utils import CONFIG_NAME, GENERATION_CONFIG_NAME, is_flash_attn_2_available

from clearbench import hub, parallel
from clearbench.config.settings import Domain, Lora
from clearbench.digests import folder_digest
from clearbench.errors import UserError, disk_errors
from clearbench.models import processor
from clearbench.models.external import check_alone, check_base
from clearbench.models.instruction import is_instruction
from clearbench.models.precise_linear import (
    PreciseLinear,
    narrow,
    run_in_half_precision,
    whole_weights,
    widen,
)
from clearbench.models.sharding import gathered_weights

# A log of a job is for what the job says.
transformers.logging.disable_progress_bar()
warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)

_POINTER = "hub.json"
_ADAPTER = "adapter_model.safetensors"
_ADAPTER_CONFIG = "adapter_config.json"
_FULL = ("model.safetensors", "model.safetensors.index.json")
_UNREADABLE = (
    *(OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, ImportError),
    SafetensorError,
)
"""What the libraries raise where the files of a checkpoint are not what they should be."""

_QUANTISED = ("quantize_config.json", "quant_config.json")
"""How older GPTQ and AWQ say that weights are quantised; others say it in `config.json`."""

_META = torch.device("meta")
"""Where tensors have names and shapes, and no numbers."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""The precisions of models by their names."""

_SOME_TOKENS = torch.arange(10, 26).unsqueeze(0)
"""Some that every vocabulary has, past the control tokens that stand first in many."""

_ROUNDING = {torch.float32: 1e-3, torch.bfloat16: 0.3}
"""How far, relative to what it says, rounding takes a merged model from the adapter beside it."""

Model = PreTrainedModel | PeftModel


def auto_class(domain: Domain) -> Any:
    """The class of transformers that loads a domain's models."""
    return AutoModelForImageTextToText if domain == "multimodal" else AutoModelForCausalLM


def write_pointer(
    folder: Path, name: str, revision: str | None, chat_template: str | None = None
) -> str | None:
    """Make a folder stand for a checkpoint of the hub, at the commit that it has now; gives that.

    `name` is a hub id, a model in a wheel, or a folder elsewhere. That has no commit: the pointer
    notes its content, so that it is another one where a file has changed. So it does of a wheel's,
    which was converted. Raises UserError for quantised weights.
    """
    pointer = {"hub": name, "revision": None, "chat_template": chat_template}
    if Path(name).is_dir():
        check_unquantised(Path(name))
        pointer["sha256"] = folder_digest(Path(name))
    else:
        source = hub.snapshot("model", name, revision)
        check_unquantised(source)
        pointer["revision"] = source.name
        if hub.is_wheel(name):
            pointer["sha256"] = folder_digest(source)
    (folder / _POINTER).write_text(json.dumps(pointer) + "\n")
    return pointer["revision"]


def check_unquantised(source: Path) -> None:
    """Raise UserError where the weights of a folder are quantised: no such can be trained here."""
    evidence = None
    with suppress(OSError, ValueError):
        config = json.loads((source / CONFIG_NAME).read_text(encoding="utf-8"))
        evidence = _quantisation(config)
    evidence = evidence or next((name for name in _QUANTISED if (source / name).is_file()), None)
    if evidence:
        raise UserError(
            f"model {source}: its weights are quantised ({evidence}), which can be neither trained"
            " nor merged with adapters here; name the model that it was made from"
        )


def check_checkpoint(
    folder: Path, base: Path, domain: Domain, trained_on: str | None = None
) -> None:
    """Check that a checkpoint, or the one that a pointer stands for, can be laid on a base.

    Files are opened and names and shapes compared; an adapter is then merged, in single precision,
    which `load_model` checks. Raises UserError in one line where there is no checkpoint or more
    than one, or where it is one of another model; an adapter with weights beside it, or one that
    says it was trained on another base, unless that is `trained_on`.
    """
    source = _folder(folder, _pointer(folder))
    adapter, configured = ((source / name).exists() for name in (_ADAPTER, _ADAPTER_CONFIG))
    full = any((source / name).exists() for name in _FULL)
    if not adapter and not full:
        raise UserError(
            f"model {source}: no checkpoint, neither an adapter ({_ADAPTER}) nor full weights"
            f" ({' or '.join(_FULL)}); only safetensors are read"
        )
    if full and (adapter or configured):
        raise UserError(f"model {source}: both an adapter and full weights; leave one of them")
    if adapter:
        check_alone(source)
        check_base(source, _ADAPTER_CONFIG, base, _pointer(base), trained_on)
    elif trained_on is not None:
        raise UserError(f"model {source}: no adapter, so it lies on no base; leave trained_on out")
    models = (load_model(base, stack, domain, "float32", _META) for stack in ([], [folder]))
    expected, actual = (
        {(name, tensor.shape) for name, tensor in model.state_dict().items()} for model in models
    )
    differing = sorted({name for name, _ in expected ^ actual})
    if differing:
        raise UserError(f"model {source}: not the suite's model: differs in {_some(differing)}")
    if adapter:
        load_model(base, [folder], domain, "float32", torch.device("cpu"))


def load_processor(base: Path, domain: Domain) -> Any:
    """The processor of a multimodal base, the tokenizer of a text base."""
    pointer = _pointer(base)
    source = _folder(base, pointer)
    try:
        loaded = processor.load(source, domain)
    except _UNREADABLE as error:
        raise unreadable(source, error) from None
    loaded.chat_template = pointer.get("chat_template") or loaded.chat_template
    if loaded.chat_template is None:
        raise UserError(
            f"model {pointer.get('hub', source)}: does not say how it lays out questions; put a"
            " chat_template into its file of config/models"
        )
    return loaded


def ends_of(base: Path) -> list[int]:
    """The tokens by which a base's generation ends an answer; none where it names none."""
    source = _folder(base, _pointer(base))
    try:
        if (source / GENERATION_CONFIG_NAME).exists():
            ends = GenerationConfig.from_pretrained(str(source)).eos_token_id
        else:
            config = AutoConfig.from_pretrained(str(source))
            ends = GenerationConfig.from_model_config(config).eos_token_id
    except _UNREADABLE as error:
        raise unreadable(source, error) from None
    return [] if ends is None else [ends] if isinstance(ends, int) else ends


def positions_of(base: Path) -> int | None:
    """How many tokens a base's model can place; None where its configuration sets no limit."""
    source = _folder(base, _pointer(base))
    try:
        config: Any = AutoConfig.from_pretrained(str(source))
    except _UNREADABLE as error:
        raise unreadable(source, error) from None
    return text_positions(config)


def text_positions(config: PretrainedConfig) -> int | None:
    """How many tokens a model of a configuration can place, where it sets a limit."""
    limit: int | None = getattr(config.get_text_config(), "max_position_embeddings", None)
    return limit


def load_model(
    base: Path,
    stack: Sequence[Path],
    domain: Domain,
    precision: str,
    device: torch.device,
    attention: str = "sdpa",
) -> PreTrainedModel:
    """A model in evaluation mode: the base with the checkpoints of `stack` laid on it in order.

    Full weights replace what lies below them; adapters are merged into what lies below them, in
    single precision. What half precision can't tell of either is kept (`narrow`); of the base
    alone it is rounded away. On the
    device `meta`, no weights are read. Raises UserError where a checkpoint can't be read, lacks
    weights of its model, or is an adapter that makes another model once it is merged.
    """
    if attention == "flash_attention_2" and not is_flash_attn_2_available():
        raise UserError(
            "attention: flash_attention_2 needs a GPU and the package flash-attn; install it, or"
            " choose sdpa in the model's file"
        )
    adapters: list[Path] = []
    weights = [path for path in stack if not is_instruction(path)]
    for path in reversed([base, *weights]):
        source = _folder(path, _pointer(path))
        if not (source / _ADAPTER).exists():
            break
        adapters.insert(0, source)
    check_unquantised(source)
    # A base is what its makers gave, in the model's precision; what was trained is known better.
    base_alone = source == _folder(base, _pointer(base))
    read_as, half = DTYPES[precision], DTYPES[precision] == torch.bfloat16 and not base_alone
    try:
        # What is missing would be drawn at random, with a warning: it is refused below.
        model, said = auto_class(domain).from_pretrained(
            str(source),
            dtype=torch.float32 if half else read_as,
            # Of itself it takes sdpa, and plain attention for architectures that have no other.
            attn_implementation=None if attention == "sdpa" else attention,
            use_safetensors=True,
            device_map=device if device == _META else None,
            output_loading_info=True,
            ignore_mismatched_sizes=True,
        )
    except _UNREADABLE as error:
        raise unreadable(source, error) from None
    lacking = sorted({*said["missing_keys"], *(name for name, *_ in said["mismatched_keys"])})
    if lacking:
        raise UserError(f"model {source}: lacks, or has in another shape, {_some(lacking)}")
    if half and device != _META:
        narrow(model, read_as)
    model = placed(model, device).eval()
    for adapter in adapters:
        model = _merged(model, adapter)
    return placed(model, device).eval()


def _merged(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """The model with an adapter merged into its weights."""
    try:
        config = PeftConfig.from_pretrained(str(adapter))
        config.inference_mode = True
        if config.is_prompt_learning:
            raise ValueError(f"{config.peft_type.value} can't be merged into weights")
        # On `meta`, a tensor can take another's place, but not its numbers.
        assign = model.device == _META
        laid = PeftModel(model, config, low_cpu_mem_usage=assign)
        half = model.config.dtype if model.config.dtype == torch.bfloat16 else None
        if half and not assign:
            _widen_adapted(laid)
        said = laid.load_adapter(
            str(adapter), "default", torch_device="cpu", low_cpu_mem_usage=assign
        )
        strange = sorted({*said.missing_keys, *said.unexpected_keys})
        if strange:
            raise ValueError(f"not of this model: {_some(strange)}")
        said_apart = None if assign else _logits(laid.eval(), half)
        merged: PreTrainedModel = laid.merge_and_unload()
        if half and not assign:
            narrow(merged, half)
        said_merged = None if assign else _logits(merged)
    except _UNREADABLE as error:
        raise unreadable(adapter, error) from None
    if said_apart is not None and said_merged is not None:
        apart = ((said_merged - said_apart).norm() / said_apart.norm()).item()
        if not apart <= _ROUNDING[half or torch.float32]:
            raise UserError(
                f"model {adapter}: merged into the weights it is another model: what it says"
                f" differs by {apart:.2g} of its size; an adapter of weights that two modules share"
                " (tied embeddings) can't be merged, save that model whole"
            )
    return merged


def _widen_adapted(laid: PeftModel) -> None:
    """Have in single precision what an adapter is merged into, and what it brings whole."""
    biases = any(getattr(config, "bias", "none") != "none" for config in laid.peft_config.values())
    for module in laid.modules():
        if isinstance(module, BaseTunerLayer):
            widen(module.get_base_layer())
        elif isinstance(module, AuxiliaryTrainingWrapper):
            for part in module.modules():
                widen(part)
        elif biases and isinstance(getattr(module, "bias", None), nn.Parameter):
            widen(module)


@torch.no_grad()
def _logits(model: Model, half: torch.dtype | None = None) -> torch.Tensor:
    """What a model says after each of a few tokens, in single precision.

    With `half`, it is run in that, whatever its weights are in.
    """
    with torch.autocast(model.device.type, half, enabled=half is not None):
        logits: torch.Tensor = model(input_ids=_SOME_TOKENS.to(model.device)).logits
    return logits.float()


def _some(names: Sequence[str]) -> str:
    """Weights by the first one's name and their number."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more weights"


def placed(model: PreTrainedModel, device: torch.device) -> PreTrainedModel:
    """The model on a device."""
    # The decorator that transformers puts around `to` hides the method's type.
    model.to(device)  # type: ignore[arg-type]
    return model


def prepare_training(
    model: PreTrainedModel, weights: str, lora: Lora, frozen: str, checkpointing: bool = False
) -> Model:
    """Choose what is trained: an adapter, or all weights but the `frozen` ones.

    `weights` is `lora` or `full`; `frozen` a regular expression for the names of parameters that
    neither trains. What is trained is in single precision, whatever the model is in: a step is
    smaller than half precision can tell. With `checkpointing`, layers keep no activations and
    compute them again when needed. Raises UserError where an expression matches nothing, or where
    nothing is left to be trained.
    """
    trained = _trained(model, weights, lora, frozen)
    if checkpointing:
        keep_no_activations(model)
    return trained


def keep_no_activations(model: PreTrainedModel) -> None:
    """Have the layers of a model compute their activations again when they are needed."""
    model.activation_checkpointing_enable({"use_reentrant": False})
    # It has made all embeddings ask for a gradient, as older ways of checkpointing need; a frozen
    # vision tower would be run backward for nothing.
    model.disable_input_require_grads()


def _trained(model: PreTrainedModel, weights: str, lora: Lora, frozen: str) -> Model:
    if weights == "full":
        freeze(model, frozen)
        run_in_half_precision(model)
        return model
    spared = frozen_weights(model, frozen)
    # Of a normalisation, an adapter would be trained on statistics that it is not stored with.
    _keep_statistics(model, "")
    owners = _owners(model)
    try:
        adapted = get_peft_model(model, _adapter(model, lora, spared))
    except ValueError as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"lora.targets: no adapter of {lora.targets} ({reason})") from None
    _check_unshared(adapted, owners)
    return adapted


def _adapter(model: nn.Module, lora: Lora, frozen: Collection[str]) -> LoraConfig:
    """An adapter on the modules that are meant, but for those of `frozen` weights, by their names.

    Raises UserError where no other module is meant.
    """
    meant = _meant(model, lora)
    spared = [name for name in meant if f"{name}.weight" in frozen]
    if meant and len(spared) == len(meant):
        raise UserError(
            f"frozen: has every module that lora.targets matches ({_some(spared)}), so that nothing"
            " is trained"
        )
    return LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules=lora.targets,
        exclude_modules="|".join(map(re.escape, spared)) or None,
        task_type=None,
    )


def _meant(model: nn.Module, lora: Lora) -> list[str]:
    """The names of the modules that an adapter is meant for."""
    return [
        name
        for name, module in model.named_modules()
        if re.fullmatch(lora.targets, name)
        or (lora.targets == INCLUDE_LINEAR_LAYERS_SHORTHAND and isinstance(module, nn.Linear))
    ]


def leave_as_trained(model: PreTrainedModel, weights: str, lora: Lora, frozen: str) -> None:
    """Give a base without weights the precisions that `load_model` gives one that was trained.

    What was trained is known better than half precision can tell.
    """
    if model.dtype != torch.bfloat16:
        return
    spared, meant = frozen_weights(model, frozen), _meant(model, lora)
    for name, module in model.named_modules():
        own = {f"{name}.{part}" for part, _ in module.named_parameters(recurse=False)}
        if own - spared and (weights == "full" or name in meant):
            widen(module)
    narrow(model, torch.bfloat16)


def _owners(model: nn.Module) -> dict[int, list[str]]:
    """The names of each weight, by its identity: several where modules share it."""
    names: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return names


def _check_unshared(adapted: PeftModel, owners: Mapping[int, Sequence[str]]) -> None:
    """Raise UserError where an adapter lies on weights that other modules have as well.

    Merged into them it would change those modules too. `owners` are the model's as it was.
    """
    for module in adapted.modules():
        if isinstance(module, BaseTunerLayer):
            for parameter in module.get_base_layer().parameters():
                names = owners.get(id(parameter), [])
                if len(names) > 1:
                    raise UserError(
                        f"lora.targets: {' and '.join(names)} are the same weights (tied), so an"
                        " adapter of one changes both once it is merged; leave them out"
                    )


def freeze(model: nn.Module, frozen: str) -> None:
    """Train all weights but those whose names the regular expression `frozen` matches.

    A frozen normalisation keeps its statistics as well. Raises UserError as `frozen_weights`, and
    where nothing would be trained.
    """
    spared = frozen_weights(model, frozen)
    for name, module in model.named_modules():
        if isinstance(module, PreciseLinear):
            if f"{name}.weight" in spared:
                spared.add(f"{name}.rest")
            else:
                module.fold()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name not in spared)
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError(f"frozen: {frozen} matches all weights, so that nothing is trained")
    if frozen:
        _keep_statistics(model, frozen)


def frozen_weights(model: nn.Module, frozen: str) -> set[str]:
    """The names of the weights that a regular expression matches at their beginning.

    All names of a weight that modules share, where one of them is matched; none for the empty
    expression. Raises UserError for another one that matches nothing.
    """
    if not frozen:
        return set()
    shared = _owners(model).values()
    matched = {
        name for names in shared if any(re.match(frozen, name) for name in names) for name in names
    }
    if not matched:
        names = [names[0] for names in shared]
        raise UserError(
            f"frozen: no weight matches {frozen}; they have names as {names[0]} and {names[-1]}"
        )
    return matched


def _keep_statistics(model: nn.Module, frozen: str) -> None:
    """Let normalisations keep the statistics whose names an expression matches, in training too."""
    for name, module in model.named_modules():
        if isinstance(module, nn.modules.batchnorm._NormBase) and any(
            re.match(frozen, f"{name}.{own}") for own, _ in module.named_buffers(recurse=False)
        ):
            module.register_forward_pre_hook(_evaluating)


def _evaluating(module: nn.Module, _: Any) -> None:
    module.eval()


def save_checkpoint(model: Model, folder: Path) -> None:
    """Write the adapter, or the full weights, as safetensors: what was trained in single precision.

    The first of several processes of a job does it. Raises OSError where the disk does not take
    them.
    """
    weights = None
    if not isinstance(model, PeftModel):
        weights = {**model.state_dict(), **whole_weights(model)}
        weights = {name: weight for name, weight in weights.items() if not name.endswith(".rest")}
        weights = gathered_weights(weights)
    if parallel.rank():
        return
    with disk_errors(folder):
        model.save_pretrained(str(folder), state_dict=weights)
    if isinstance(model, PeftModel):
        # PEFT's card is a form with nothing filled in, and its configuration names a path.
        (folder / "README.md").unlink(missing_ok=True)
        config = folder / _ADAPTER_CONFIG
        settings = {**json.loads(config.read_text()), "base_model_name_or_path": None}
        config.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n")


def _quantisation(config: Any) -> str | None:
    """The way in which a configuration says that weights are quantised; None where it does not."""
    if not isinstance(config, dict):
        return None
    for key, value in config.items():
        if key in ("quantization_config", "compression_config") and value:
            way = value.get("quant_method") if isinstance(value, dict) else None
            return str(way or key)
    # A model of several parts has a configuration of each.
    return next(filter(None, map(_quantisation, config.values())), None)


def _pointer(folder: Path) -> dict[str, Any]:
    """What a folder that is no checkpoint itself says of its own; nothing for one that is."""
    path = folder / _POINTER
    pointer: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return pointer


def _folder(folder: Path, pointer: Mapping[str, Any]) -> Path:
    """The folder that holds the checkpoint of a folder with a pointer, or without."""
    name = pointer.get("hub")
    return folder if name is None else hub.folder("model", name, pointer["revision"])


def unreadable(source: Path, error: Exception) -> UserError:
    """A model that a library can't load, in one line with its folder and what to do."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    # What torch tells of shapes stands below a heading.
    reason = lines[1].strip() if len(lines) > 1 and lines[0].endswith(":") else lines[0]
    return UserError(
        f"model {source}: can't be loaded ({reason}); if it is of the hub, `clearbench fetch`"
        " checks its files"
    )
