"""Configuration files: read strictly, checked before anything runs, each mistake in one line."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clearbench.errors import UserError

Domain = Literal["multimodal", "text"]
ForgetSize = Literal[1, 5, 10]
Positive = Annotated[int, Field(gt=0)]


class Strict(BaseModel):
    """A configuration object: unknown keys are errors, values are not coerced silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class Training(Strict):
    """How a model is trained: AdamW, linear warm-up, then the schedule, gradients clipped."""

    epochs: Positive = Field(3, description="passes over the training set (unlearning: forget set)")
    batch_size: Positive = Field(16, description="samples a forward pass")
    accumulation: Positive = Field(1, description="forward passes an optimiser step")
    lr: float = Field(1e-5, gt=0, description="peak learning rate")
    weight_decay: float = Field(0.01, ge=0, description="AdamW's decoupled weight decay")
    adam_epsilon: float = Field(
        1e-8, gt=0, description="AdamW's epsilon: smaller gradients than this barely move a weight"
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the steps with a rising rate")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="the rate after warm-up"
    )
    max_grad_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")


class Lora(Strict):
    """A low-rank adapter."""

    rank: Positive = Field(8, description="rank of an update")
    alpha: Positive = Field(32, description="an update is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="on the adapter's input, in training")
    targets: str = Field(
        r".*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)",
        description="regular expression that a module's whole name must match",
    )


class Tokenizer(Strict):
    """A byte-level BPE tokenizer trained on the dataset's text."""

    vocabulary: Positive = Field(description="number of tokens, special ones included")
    chat_template: str = Field(description="how questions and answers are laid out, in Jinja")


class Build(Strict):
    """A model made by the workflow: any architecture of transformers, from its configuration."""

    architecture: str = Field(description="a `model_type` of transformers, as `llava` or `llama`")
    config: dict[str, Any] = Field(description="arguments of its configuration class")
    tokenizer: Tokenizer
    processor: str | None = Field(None, description="the processor class; null for text models")
    processor_config: dict[str, Any] = Field(default_factory=dict, description="its arguments")
    image_processor: str | None = Field(None, description="the class of its image processor")
    image_processor_config: dict[str, Any] = Field(
        default_factory=dict, description="its arguments"
    )


class ModelSpec(Strict):
    """A file of `config/models/`."""

    description: str = Field("", description="what it is, for people")
    domain: Domain = Field(description="what kind of model it is")
    hub: str | None = Field(None, description="hub id or folder of the pretrained model")
    revision: str | None = Field(None, description="commit of the hub model")
    build: Build | None = Field(None, description="how the workflow makes the model instead")
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the weights and the arithmetic"
    )
    frozen: str = Field("", description="regular expression for parameters that are never trained")
    lora: Lora = Lora()

    @property
    def use(self) -> "ModelUse":
        """The part that every stage with a model needs."""
        return ModelUse(
            domain=self.domain, precision=self.precision, frozen=self.frozen, lora=self.lora
        )


class ModelUse(Strict):
    """What a stage that loads a model must know of it, beyond its files."""

    domain: Domain
    precision: Literal["float32", "bfloat16"] = "float32"
    frozen: str = ""
    lora: Lora = Lora()


class DatasetSpec(Strict):
    """A file of `config/datasets/`."""

    description: str = Field("", description="what it is, for people")
    domain: Domain = Field(description="multimodal where it has images")
    layout: str = Field(description="a module of clearbench.data.layouts")
    generator: dict[str, Any] | None = Field(
        None, description="settings of the mini generator, whose output then is the source"
    )
    images: str | None = Field(None, description="hub id or folder of the image part")
    images_revision: str | None = Field(None, description="commit of the image part on the hub")
    texts: str | None = Field(None, description="hub id or folder of the text part")
    texts_revision: str | None = Field(None, description="commit of the text part on the hub")
    forget_sizes: list[ForgetSize] = Field(
        min_length=1, description="percent of persons; the sizes that its forget sets have"
    )
    options: dict[str, Any] = Field(default_factory=dict, description="options of the layout")


_Spec = TypeVar("_Spec", bound=BaseModel)


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML says nothing of a key that is written twice; the second would win silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=deep)
            if key in seen:
                raise UserError(f"line {key_node.start_mark.line + 1}: key {key} stands twice")
            seen.add(key)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's top-level mapping."""
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeyLoader)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise UserError(f"{path}: must hold keys and values")
    return data


def validate(kind: type[_Spec], data: Any, where: str) -> _Spec:
    """Check data against a specification; the first mistake is raised as one line."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        message = first["msg"][:1].lower() + first["msg"][1:]
        if first["type"] == "extra_forbidden":
            message = f"unknown key; allowed: {', '.join(_allowed(kind, path[:-1]))}"
        elif first["type"] == "missing":
            message = "missing"
        elif isinstance(first["input"], str | int | float | bool):
            message += f", not {first['input']!r}"
        raise UserError(f"{where}: {'.'.join(path)}: {message}") from None


def read_spec(kind: type[_Spec], folder: Path, name: str, where: str) -> _Spec:
    """The specification `name` in a folder of `config/`; `where` is the key that asked for it."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        allowed = ", ".join(sorted(file.stem for file in folder.glob("*.yaml")))
        raise UserError(f"{where}: unknown: {name}; allowed: {allowed}")
    return validate(kind, read_yaml(path), str(path))


def specification(annotation: Any) -> type[BaseModel] | None:
    """The specification that a key with this type holds, or None where it holds a plain value."""
    for option in (annotation, *get_args(annotation)):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _allowed(kind: type[BaseModel], path: list[str]) -> list[str]:
    """The keys that a specification allows at a path inside it."""
    for part in path:
        field = kind.model_fields.get(part)
        inner = specification(field.annotation) if field else None
        if inner is None:
            return []
        kind = inner
    return sorted(kind.model_fields)
