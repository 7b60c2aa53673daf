"""Files of `config/`: models and datasets, each described once, and how they are read."""

import json
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, Field

from clearbench import hub
from clearbench.config.generator import MiniSettings
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.settings import TEMPLATE_DATE, Attention, Domain, Lora, ModelUse, Training
from clearbench.config.strict import (
    Day,
    Expression,
    ForgetSize,
    GroupName,
    Positive,
    Strict,
    validate,
)
from clearbench.errors import UserError, unknown

_Spec = TypeVar("_Spec", bound=BaseModel)


class Tokenizer(Strict):
    """A byte-level BPE tokenizer trained on the dataset's text."""

    vocabulary: Positive = Field(description="number of tokens, special ones included")
    chat_template: str = Field(description="how questions and answers are laid out, in Jinja")


class Shape(Strict):
    """The layers and sizes of a model: an architecture of transformers with its configuration."""

    architecture: str = Field(description="a `model_type` of transformers, as `llava` or `llama`")
    config: dict[str, Any] = Field(description="arguments of its configuration class")


class Build(Shape):
    """A model made by the workflow: any architecture of transformers, from its configuration."""

    tokenizer: Tokenizer | None = Field(None, description="null for vision models")
    processor: str | None = Field(None, description="the processor class; null for text models")
    processor_config: dict[str, Any] = Field(default_factory=dict, description="its arguments")
    image_processor: str | None = Field(None, description="the class of its image processor")
    image_processor_config: dict[str, Any] = Field(
        default_factory=dict, description="its arguments"
    )


class Need(Strict):
    """What a job asks of a cluster; memory and minutes double with each further attempt."""

    gpus: int = Field(
        0, ge=0, description="GPUs; several share the batches of a step, and those of an evaluation"
    )
    gpu_gb: Positive | None = Field(
        None, description="memory that each GPU must have, in gigabytes; null for any"
    )
    mem_mb: Positive = Field(4000, description="memory in megabytes")
    minutes: Positive = Field(60, description="time limit in minutes")


class Resources(Strict):
    """What the jobs with this model need, by stage."""

    base: Need = Need(gpus=1, mem_mb=64_000, minutes=240)
    finetune: Need = Need(gpus=1, mem_mb=64_000, minutes=720)
    unlearn: Need = Need(gpus=1, mem_mb=64_000, minutes=240)
    evaluate: Need = Need(gpus=1, mem_mb=64_000, minutes=240)
    shadows: Need = Need(gpus=1, mem_mb=64_000, minutes=720)


_WITHOUT_MODEL = {
    "generate": Need(mem_mb=3000),
    "dataset": Need(mem_mb=8000),
    "import_logs": Need(mem_mb=2000, minutes=10),
    "validation": Need(mem_mb=2000, minutes=10),
    "request": Need(mem_mb=2000, minutes=10),
    "select": Need(mem_mb=1000, minutes=10),
    "score": Need(mem_mb=2000, minutes=10),
    "tabulate": Need(mem_mb=3000, minutes=30),
    "report": Need(mem_mb=3000, minutes=30),
}
"""What the stages that load no weights ask of a cluster, in every suite."""


class ModelSource(Strict):
    """Where a base model comes from."""

    domain: Domain = Field(description="what kind of model it is")
    hub: str | None = Field(
        None,
        description="hub id or folder of the pretrained model; or pip:PACKAGE==VERSION/FILE.gguf,"
        " a file in a wheel of the Python package index",
    )
    revision: str | None = Field(None, description="commit of the hub model; of a wheel its sha256")
    chat_template: str | None = Field(
        None,
        description="how a hub model that does not say it lays out questions and answers",
    )
    date: Day = Field(
        TEMPLATE_DATE,
        description="the day that a chat template is told which asks what day it is, as Llama 3's",
    )
    build: Build | None = Field(None, description="how the workflow makes the model instead")
    embedding: Positive | None = Field(
        None, description="width of a vision model's embeddings; null for other models"
    )

    @property
    def layers(self) -> int | None:
        """How many layers a method can name; None where no file at hand says it."""
        if self.build is not None:
            return _layers(self.build.config)
        config = hub.cached("model", self.hub or "", self.revision, "config.json")
        try:
            return None if config is None else _layers(json.loads(config.read_text("utf-8")))
        except (ValueError, OSError):
            # What stage `base` says in a line.
            return None


def _layers(config: Any) -> int | None:
    """The decoder layers, stages or blocks that the configuration of a model counts."""
    if not isinstance(config, dict):
        return None
    inner = config.get("text_config", config)
    depths = inner.get("depths")
    count = len(depths) if isinstance(depths, list) else inner.get("num_hidden_layers")
    return count if isinstance(count, int) else None


class ModelSpec(ModelSource):
    """A file of `config/models/`."""

    description: str = Field("", exclude=True, description="what it is, for people")
    shape: Shape | None = Field(
        None,
        description="the layers and sizes of a hub model, which `clearbench plan --memory` counts"
        " by; null for one that is built here",
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of the weights and the arithmetic"
    )
    attention: Attention = Field(
        "sdpa", description="the implementation of attention in training; evaluation takes sdpa"
    )
    gradient_checkpointing: bool = Field(
        False, description="compute activations twice in training instead of keeping them"
    )
    shard: bool = Field(
        False,
        description="divide the layers among the GPUs of a job, for a model that one can't hold;"
        " a job with one has all of it",
    )
    frozen: Expression = Field(
        "",
        description="regular expression for parameters that neither full weights nor an adapter"
        " trains, once there is a base; empty for none",
    )
    lora: Lora = Lora()
    parameters: dict[str, dict[str, Any]] = Field(
        default_factory=dict,
        description="methods' parameters that suit this model, as rmu's layer; a suite's own win",
    )
    resources: Resources = Resources()

    def need(self, stage: str) -> Need:
        """What a stage's jobs ask of a cluster: as an unlearning's, where `needs` says nothing."""
        return self.needs().get(stage, self.resources.unlearn)

    def needs(self) -> dict[str, Need]:
        """What the jobs of each stage ask of a cluster."""
        shadowed = self.domain == "vision"
        own = {name: need for name, need in self.resources if name != "shadows" or shadowed}
        if shadowed:
            own["unlearn_shadows"] = self.resources.shadows
        else:
            # A pass over samples like an evaluation's, by one process if that can hold the model.
            need = self.resources.evaluate
            gpus = need.gpus if self.shard else min(1, need.gpus)
            own["reference"] = need.model_copy(update={"gpus": gpus})
            own["alternates"] = own["reference"]
        # An adapter is merged, to see that it stays the same model: in memory, without a GPU.
        own["external"] = Need(mem_mb=self.resources.evaluate.mem_mb)
        return {**_WITHOUT_MODEL, **own}

    @property
    def source(self) -> ModelSource:
        """The part that makes the base."""
        return ModelSource(**{key: getattr(self, key) for key in ModelSource.model_fields})

    @property
    def use(self) -> ModelUse:
        """The part that every stage with a model needs."""
        return ModelUse(
            domain=self.domain,
            precision=self.precision,
            attention=self.attention,
            gradient_checkpointing=self.gradient_checkpointing,
            frozen=self.frozen,
            lora=self.lora,
            date=self.date,
            shard=self.shard,
        )


class BaseSettings(Strict):
    """What the stage `base` is told: the model, and its training where it is built here."""

    model: ModelSource
    training: Training | None = None


class GeneralSpec(Strict):
    """Questions about pictures of anything, of which no model learns or forgets any."""

    folder: str = Field(
        description="a folder of pictures and of questions in the layouts of POPE and VQAv2"
    )
    questions: Positive = Field(
        1000, description="the most that are asked of each of its files, spread over it"
    )


class DatasetSpec(Strict):
    """A file of `config/datasets/`, and what the stage `dataset` is told."""

    description: str = Field("", exclude=True, description="what it is, for people")
    domain: Domain = Field(description="multimodal where it has images")
    layout: str = Field(description="a module of clearbench.data.layouts")
    generator: MiniSettings | None = Field(
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
    general: GeneralSpec | None = Field(
        None,
        exclude_if=lambda given: given is None,
        description="questions of general ability, beside those of the layout; null for none, or"
        " for those that a generator draws",
    )
    fictitious: bool = Field(
        False,
        exclude=True,
        description="whether its persons, but for those of the split `real`, are made up; the"
        " answers about others are in a page only where that is asked for",
    )
    groups: dict[str, dict[GroupName, Expression]] = Field(
        default_factory=dict,
        exclude=True,
        description="groupings of persons, that a suite's `fairness` may ask for: by the name of a"
        " group a regular expression, and a person is of that group whose expression is found most"
        " often in the questions and answers about the person",
    )

    @property
    def made_up(self) -> bool:
        """Whether all whom a model of it is to forget or retain are made up."""
        return self.fictitious or self.generator is not None

    @property
    def general_folder(self) -> str | None:
        """The folder that it names of questions of general ability, if any."""
        return None if self.general is None else self.general.folder


def read_spec(kind: type[_Spec], folder: Path, name: str, where: str) -> _Spec:
    """The specification `name` in a folder of `config/`; `where` is the key that asked for it."""
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        raise UserError(f"{where}: {unknown(name, known, f'unknown: {name}')}")
    return validate(kind, read_yaml(path), str(path))
