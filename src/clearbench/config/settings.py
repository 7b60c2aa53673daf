"""What jobs are told: the settings that rules pass to a stage as `--settings`, one class a stage.

They hold only what a job's result depends on. Files of `config/` are made of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from clearbench.config.strict import Day, Expression, ForgetSize, Positive, Strict, validate
from clearbench.errors import UserError

Domain = Literal["multimodal", "text", "vision"]
Attention = Literal["sdpa", "eager", "flash_attention_2"]
TEMPLATE_DATE = "2024-07-26"
"""The day that Llama 3's template takes where nothing tells it which one it is."""


class Training(Strict):
    """How a model is trained: linear warm-up, then the schedule, gradients clipped."""

    epochs: Positive = Field(3, description="passes over the training set (unlearning: forget set)")
    batch_size: Positive = Field(16, description="samples a forward pass")
    accumulation: Positive = Field(1, description="forward passes an optimiser step")
    lr: float = Field(1e-5, gt=0, description="peak learning rate")
    optimizer: Literal["adamw", "adamw_8bit", "sgd"] = Field(
        "adamw",
        description="which optimiser; adamw_8bit keeps its moments in a byte each, and needs"
        " bitsandbytes",
    )
    momentum: float = Field(0.9, ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(
        0.01,
        ge=0,
        description="decoupled in AdamW, a part of the gradient in SGD; not of biases and norms",
    )
    adam_epsilon: float = Field(
        1e-8, gt=0, description="AdamW's epsilon: smaller gradients than this barely move a weight"
    )
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the steps with a rising rate")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="the rate after warm-up"
    )
    max_grad_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    augment: Literal["none", "flip"] = Field(
        "none", description="of images in the vision domain: mirrored with probability 1/2, or not"
    )


class Finetuning(Training):
    """Training of the base, the original and the golds: which weights, and how."""

    weights: Literal["full", "lora"] = Field("full", description="all weights or an adapter")


class Unlearning(Training):
    """Training of the cells; a method's own entry overrides any key."""

    weights: Literal["full", "lora"] = Field("lora", description="all weights or an adapter")


class Reporting(Strict):
    """The page of a suite's results."""

    answers: float = Field(
        1.5,
        gt=0,
        le=100,
        description="megabytes that answers and pictures may take; the page says what it left out",
    )


class Repeats(Strict):
    """How often what a seed makes is made again with other seeds, for the table `noise` alone."""

    finetune: Positive = Field(1, description="originals, each with its golds, of a base")
    unlearn: Positive = Field(1, description="cells of a kind that start from one original")


class Evaluating(Strict):
    """How models are evaluated."""

    batch_size: int = Field(32, gt=0, description="prompts a batch")
    max_new_tokens: int = Field(64, gt=0, description="longest greedy answer, in tokens")


class Selecting(Strict):
    """How a point of a sweep is chosen: by forget quality at a share of retention, on validation.

    The persons of the choice are retained ones; those of the forget set take no part in it.
    """

    retention: float = Field(
        0.95, gt=0, lt=1, description="share of the original's retain score that all points keep"
    )
    persons: Positive | None = Field(
        None,
        description="how many persons stand for the forget set; null for as many as it has, at most"
        " half of the retained ones who are evaluated",
    )


class Lora(Strict):
    """A low-rank adapter."""

    rank: Positive = Field(8, description="rank of an update")
    alpha: Positive = Field(32, description="an update is scaled by alpha / rank")
    dropout: float = Field(0.0, ge=0, lt=1, description="on the adapter's input, in training")
    targets: Expression = Field(
        r".*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)",
        description="regular expression that a module's whole name must match",
    )


class ModelUse(Strict):
    """What a stage that loads a model must know of it, beyond its files."""

    domain: Domain
    precision: Literal["float32", "bfloat16"] = "float32"
    attention: Attention = "sdpa"
    gradient_checkpointing: bool = False
    frozen: Expression = ""
    lora: Lora = Lora()
    date: Day = TEMPLATE_DATE
    shard: bool = Field(False, exclude_if=lambda given: not given)


class Imported(Strict):
    """A row of the tables that another group evaluated: its log, and that of its gold model."""

    log: str = Field(description="file of the model's per-sample log")
    gold: str = Field(description="file of the log of the model that never saw the forget set")
    forget_size: ForgetSize = Field(description="percent of persons; in whose block the row stands")
    prompts: Literal["same", "other"] = Field(
        "same",
        description="other where the two were asked in other words, as on another day: then only"
        " their true answers are compared, and the tables say so",
    )


class Checkpoint(Strict):
    """A checkpoint that was not made here: of the hub at a commit, or in a folder."""

    model: str = Field(
        description="hub id or folder, of an adapter or of full weights, as safetensors"
    )
    revision: str | None = Field(None, description="commit of the hub model; null for a folder")
    trained_on: str | None = Field(
        None,
        description="the base that an adapter's configuration names, where that is not the suite's"
        " by name; the tables tell it",
    )

    @property
    def folder(self) -> Path | None:
        """The folder; None for what is on the hub."""
        return Path(self.model) if self.revision is None else None

    def check_folder(self, where: str) -> None:
        """Raise UserError, which begins with `where`, if the folder is not there."""
        if self.folder is not None and not self.folder.is_dir():
            raise UserError(
                f"{where}: {self.model}: no such folder; a model of the hub needs its commit as"
                " revision"
            )


class External(Checkpoint):
    """A row of the tables whose model was made elsewhere, and is evaluated here."""

    forget_size: ForgetSize = Field(description="percent of persons; in whose block the row stands")
    on: Literal["base", "original"] = Field("base", description="what an adapter is merged into")


class Population(Strict):
    """The models of a membership attack: those that it learns from, and those that it is tried on.

    They are alike. Numbers from 0 are shadow models, those after them targets.
    """

    shadows: Positive = Field(64, description="shadow models, which know half of the persons each")
    targets: Positive = Field(64, description="models like them, which are attacked")
    together: Positive = Field(8, description="of these models, how many one job trains")

    @property
    def jobs(self) -> int:
        """The jobs that train all of them."""
        return -(-(self.shadows + self.targets) // self.together)

    def numbers(self, job: int) -> range:
        """The models of a job; the last one has perhaps fewer."""
        first = job * self.together
        return range(self.shadows + self.targets)[first : first + self.together]


class Faces(Population):
    """Who a vision model is shown, how persons are told apart, and the models of the attack."""

    holdout: int = Field(
        10, gt=0, le=50, description="percent of persons, retained ones, that no model is shown"
    )
    persons: Positive | None = Field(
        None, description="how many persons a model is trained on; null for all but the held out"
    )
    enrolment: Positive = Field(5, description="pictures of a person in its enrolment vector")

    @property
    def population(self) -> Population:
        """The part that says how many models there are."""
        return Population(**{key: getattr(self, key) for key in Population.model_fields})


class FinetuneSettings(Strict):
    """The model and how it is trained.

    `holdout` and `persons` are as in `Faces`, null outside the vision domain.
    """

    model: ModelUse
    training: Finetuning
    holdout: int | None = None
    persons: int | None = None


class ShadowSettings(FinetuneSettings):
    """As those of the original, for the models of an attack that serve some forget sizes."""

    holdout: int
    population: Population
    forget_sizes: list[int]


class ValidationSettings(Strict):
    """How many persons stand for the forget set, as in `Selecting`."""

    persons: Positive | None = None


class Tried(Strict):
    """A point of a sweep: its name, and its values of some parameters and training keys."""

    name: str
    values: dict[str, Any]


class SelectSettings(Strict):
    """The points of a row, and the strengths of their curves."""

    retention: float
    points: list[Tried]
    strengths: list[float]


class ReferenceSettings(Strict):
    """The model, and the samples that a forward pass of the original takes."""

    model: ModelUse
    batch_size: Positive


class AlternatesSettings(Strict):
    """The model, and how it makes up answers: so many a question, of so many tokens at the most."""

    model: ModelUse
    batch_size: Positive
    max_new_tokens: Positive
    modality: Literal["text", "both"]
    answers: Positive = 5
    temperature: float = 1.0


class ExternalSettings(Checkpoint):
    """The checkpoint, and what kind of model it is of."""

    domain: Domain


class UnlearnSettings(Strict):
    """The model, the method's parameters and how the model is trained."""

    model: ModelUse
    parameters: dict[str, Any]
    training: Unlearning
    retain_modality: str = "same"
    holdout: int | None = None
    persons: int | None = None

    def with_values(self, values: Mapping[str, Any]) -> "UnlearnSettings":
        """The same with other values of some parameters and training keys."""
        training = {key: value for key, value in values.items() if key in Unlearning.model_fields}
        own = {key: value for key, value in values.items() if key not in training}
        changed = {
            "parameters": {**self.parameters, **own},
            "training": {**self.training.model_dump(), **training},
        }
        return validate(type(self), {**self.model_dump(), **changed}, "chosen values")


class UnlearnShadowsSettings(UnlearnSettings):
    """As those of a cell, for the models of an attack, and how they are evaluated."""

    holdout: int
    population: Population
    evaluation: Evaluating


class LayerSettings(Strict):
    """What a stage is told that lays something on a stack of models, as a stress test."""

    model: ModelUse
    stress: dict[str, Any]


class EvaluateSettings(Strict):
    """The model and how it is evaluated; under a stress test, its kind and its settings."""

    model: ModelUse
    evaluation: Evaluating
    holdout: int | None = None
    persons: int | None = None
    stress: dict[str, Any] | None = None


@dataclass(frozen=True)
class Cell:
    """A method on a modality at a forget size with a seed."""

    method: str
    modality: str
    forget_size: int
    seed: int
