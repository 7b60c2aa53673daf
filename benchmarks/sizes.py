"""What joint unlearning costs as models grow: `python benchmarks/sizes.py`.

LLaVAs of five sizes with random weights forget questions without a picture, with one, and both at
once, with an adapter, on one thread of this processor. Measured are processor seconds (medians of
rounds that take turns), operations and the most bytes at a time, of the joint cell beside the two
single ones together, of bytes beside the larger. A law in the number of weights is fitted, and
stands beside what is counted of the models of `config/models` at their exact shapes, without
weights and by the same samples. With `--write` and `--figure` both are put into the documentation.
"""

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scale
import torch
from rehearsal import parts_of, write
from transformers import AutoConfig

from clearbench import methods
from clearbench.config.files import ModelSpec, read_spec
from clearbench.config.settings import Unlearning, UnlearnSettings
from clearbench.data.store import TrainSample
from clearbench.errors import UserError
from clearbench.figures.base import look, style
from clearbench.jobs.machine import machine
from clearbench.memory import language
from clearbench.models.build import build_shape
from clearbench.models.checkpoint import auto_class
from clearbench.models.device import prepare_device
from clearbench.training.flops import counted_flops
from clearbench.training.memory import STEPS, Held, SampleSize
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets

ROOT = Path(__file__).resolve().parents[1]
MARK = "sizes"
SIZES = ((64, 2), (128, 4), (256, 6), (512, 8), (768, 12))
"""Width and layers of the decoders; of a tower both are half as much."""

REAL = ("qwen2-vl-2b", "qwen2.5-vl-3b", "llava-1.5-7b", "qwen2-vl-7b", "llava-1.5-13b")
TEXT, VISUAL, BOTH = MODALITIES = ("text", "visual", "both")
PERSONS = 2
"""In the forget and in the retain set."""


@dataclass(frozen=True)
class Cost:
    """What a training takes for each person whom it forgets; seconds where it was run.

    A person has a question without a picture and one with it, of which a cell of one modality
    forgets the one or the other.
    """

    flops: float
    bytes: int
    seconds: float = math.nan


@dataclass(frozen=True)
class Model:
    """A model by name, how many weights it has, and what it costs by modality."""

    name: str
    weights: int
    costs: dict[str, Cost]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="npo")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sizes", type=int, default=len(SIZES), help="only so many, from below")
    parser.add_argument("--models", nargs="*", default=REAL, help="files of config/models")
    parser.add_argument("--write", type=Path, help="a page whose part is replaced by the tables")
    parser.add_argument("--figure", type=Path, help="where the figure goes, an .svg")
    options = parser.parse_args()
    if not 2 <= options.sizes <= len(SIZES):
        raise UserError(f"--sizes: {options.sizes}; allowed: 2 to {len(SIZES)}, to fit a law")
    if options.rounds < 1:
        raise UserError(f"--rounds: {options.rounds}; allowed: 1 and more")
    methods.describe(options.method)
    if options.write:
        parts_of(options.write, MARK)
    read = [
        read_spec(ModelSpec, ROOT / "config/models", name, "--models") for name in options.models
    ]
    for name, spec in zip(options.models, read, strict=True):
        if (spec.shape or spec.build) is None or spec.domain != "multimodal":
            raise UserError(f"--models: {name} has no shape of a model that sees")
    prepare_device(0)
    lines = []
    measured, counted = [], []
    for line in told(options, read, measured, counted):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        write(options.write, MARK, lines)
    if options.figure:
        draw(measured, counted).savefig(options.figure, metadata={"Date": None})


def told(
    options: argparse.Namespace,
    read: Sequence[ModelSpec],
    measured: list[Model],
    counted: list[Model],
) -> Iterator[str]:
    """The page, line by line; the models are put into the lists."""
    with tempfile.TemporaryDirectory() as folder:
        encoder = scale.encoder_of(Path(folder))
        size = sample_size(encoder)
        yield (
            f"On {machine()['processor']}, one thread, torch {torch.__version__}: {options.method}"
            f" with an adapter of rank 8, batches of one, prompts of {size.prompt} tokens and"
            f" answers of {size.answer}, and where there is a picture of {size.picture} pixels"
            " also 576 tokens of it. For each person, who has a question of either kind; joint:"
            " what both take beside the two alone, together or, of memory, the larger."
        )
        yield from ("", f"| model | weights (M) | {' | '.join(heads())} |")
        yield f"| --- |{' --: |' * (1 + 3 * 4)}"
        for width, layers in SIZES[: options.sizes]:
            measured.append(measure(width, layers, encoder, options))
            yield row(measured[-1])
    yield ""
    yield "The law that fits best, c·(weights in millions)^b a person:"
    yield ""
    yield "| of | modality | b | c |"
    yield "| --- | --- | --: | --: |"
    for what, unit in (("seconds", "s"), ("flops", "GFLOP")):
        for modality in MODALITIES:
            power, factor = law(measured, what, modality)
            factor /= 1e9 if what == "flops" else 1
            name = what.replace("flops", "operations")
            yield f"| {name} | {modality} | {power:.2f} | {factor:.3g} {unit} |"
    if not read:
        return
    yield ""
    yield "Counted at the exact shape, and what the law of operations says of as many weights:"
    yield ""
    yield "| model | weights (M) | GB text | visual | GFLOP text | visual | law: text | visual |"
    yield f"| --- |{' --: |' * 7}"
    for name, spec in zip(options.models, read, strict=True):
        counted.append(count(name, spec, size, options.method))
        yield counted_row(counted[-1], measured)


def heads() -> list[str]:
    return [
        f"{unit} {modality}" if modality == TEXT else modality
        for unit in ("s", "MB", "GFLOP")
        for modality in (*MODALITIES, "joint")
    ]


def sample_size(encoder) -> SampleSize:
    """How large the samples are, for what is counted without them."""
    (sample,) = samples("forget", VISUAL, 1)
    example = encoder.sequence(sample.question, sample.image, sample.answer)
    pictures = int((example.ids == scale.image_token(encoder)).sum())
    prompt = len(example.ids) - example.answer_tokens - pictures
    return SampleSize(prompt, example.answer_tokens, scale.SIDE)


def samples(part: str, modality: str, count: int) -> list[TrainSample]:
    """Samples of as many persons, with a picture each or without."""
    start = {"forget": 0, "retain": 1000}[part]
    return [
        TrainSample(
            *(f"{part}/{modality}/{n}", "captions", modality, f"{part} {n}"),
            *(scale.text(12, start + n), scale.text(40, start + 99 + n)),
            n % 4 if modality == VISUAL else None,
        )
        for n in range(count)
    ]


def measure(width: int, layers: int, encoder, options: argparse.Namespace) -> Model:
    """What a model of random weights costs by modality."""
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        "llava",
        image_token_id=scale.image_token(encoder),
        text_config={
            "model_type": "llama",
            "hidden_size": width,
            "intermediate_size": 8 * width // 3,
            "num_hidden_layers": layers,
            "num_attention_heads": width // 32,
            "num_key_value_heads": width // 32,
            "vocab_size": 512,
        },
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": width // 2,
            "intermediate_size": 2 * width,
            "num_hidden_layers": layers // 2,
            "num_attention_heads": max(1, width // 64),
            "image_size": scale.SIDE,
            "patch_size": scale.PATCH,
        },
    )
    model = auto_class("multimodal").from_config(config).eval()
    weights = sum(weight.numel() for weight in model.parameters())
    trained = scale.adapted(model, False)
    seconds: dict[str, list[float]] = {modality: [] for modality in MODALITIES}
    flops, most = {}, {}
    for modality in MODALITIES:
        with Held() as held:
            held.model(trained)
            flops[modality] = forget(trained, modality, encoder, options.method)
        most[modality] = held.peak
    for _ in range(options.rounds):
        for modality, took in seconds.items():
            clock = scale.Clock(torch.device("cpu"))
            forget(trained, modality, encoder, options.method)
            took.append(clock.seconds())
    costs = {
        modality: Cost(
            flops[modality] / PERSONS,
            most[modality],
            statistics.median(seconds[modality]) / PERSONS,
        )
        for modality in MODALITIES
    }
    return Model(f"width {width}, {layers} layers", weights, costs)


def forget(trained, modality: str, encoder, key: str) -> float:
    """Unlearn once, of a fresh adapter or of one that has moved; gives the operations."""
    asked = (TEXT, VISUAL) if modality == BOTH else (modality,)
    rows = [
        [sample for one in asked for sample in samples(part, one, PERSONS)]
        for part in ("forget", "retain")
    ]
    sets = Sets(*rows, encoder, torch.device("cpu"), shares_prompts=True)
    training = Unlearning(epochs=1, batch_size=1, lr=1e-5)
    method = methods.create(key, {})
    with counted_flops() as counter:
        method.unlearn(Unlearner(trained, method, sets, training, 0, lambda: None))
        return counter.take()


def count(name: str, spec: ModelSpec, size: SampleSize, key: str) -> Model:
    """What a model of the hub would take, at its exact shape and without weights.

    Operations of both at once are those of the two, and so is the memory that of the larger.
    """
    shape = spec.shape or spec.build
    assert shape is not None
    use, method = spec.use, methods.create(key, {})
    settings = UnlearnSettings(
        model=use, parameters={}, training=Unlearning(epochs=1, batch_size=1, lr=1e-5)
    )
    built = build_shape(shape, use.domain, use.precision, use.attention)
    costs = {}
    for modality, picture in ((TEXT, None), (VISUAL, size.picture)):
        asked = SampleSize(size.prompt, size.answer, picture)
        with counted_flops() as counter:
            most = language.unlearning(shape, settings, method, "lora", asked, False)
            # In each step one of the two persons that are counted at the least.
            costs[modality] = Cost(counter.take() / (2 * STEPS), most)
    return Model(name, sum(weight.numel() for weight in built.parameters()), costs)


def law(models: Sequence[Model], what: str, modality: str) -> tuple[float, float]:
    """The power b and the factor c of c·(weights in millions)^b, by least squares of logarithms."""
    weights = np.log([model.weights / 1e6 for model in models])
    costs = np.log([getattr(model.costs[modality], what) for model in models])
    power, factor = np.polyfit(weights, costs, 1)
    return float(power), math.exp(factor)


def by_law(models: Sequence[Model], what: str, modality: str, weights: float) -> float:
    """What the law says of so many weights."""
    power, factor = law(models, what, modality)
    return factor * (weights / 1e6) ** power


def joint(model: Model, what: str) -> float:
    """What both at once take beside the two alone: together, or of memory the larger."""
    text, visual, both = (getattr(model.costs[modality], what) for modality in MODALITIES)
    return both / (max(text, visual) if what == "bytes" else text + visual)


def row(model: Model) -> str:
    cells = [model.name, f"{model.weights / 1e6:.1f}"]
    for what, unit, digits in (("seconds", 1, 3), ("bytes", 1e6, 0), ("flops", 1e9, 1)):
        for modality in MODALITIES:
            cells.append(f"{getattr(model.costs[modality], what) / unit:,.{digits}f}")
        cells.append(f"{joint(model, what):.2f}")
    return f"| {' | '.join(cells)} |"


def counted_row(model: Model, measured: Sequence[Model]) -> str:
    cells = [model.name, f"{model.weights / 1e6:,.0f}"]
    cells += [f"{model.costs[modality].bytes / 1e9:.1f}" for modality in (TEXT, VISUAL)]
    cells += [f"{model.costs[modality].flops / 1e9:,.0f}" for modality in (TEXT, VISUAL)]
    expected = [by_law(measured, "flops", one, model.weights) for one in (TEXT, VISUAL)]
    cells += [f"{flops / 1e9:,.0f}" for flops in expected]
    return f"| {' | '.join(cells)} |"


def draw(measured: Sequence[Model], counted: Sequence[Model]):
    """Seconds, operations and what joining costs, over the weights."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(7.2, 2.6), layout="constrained")
        panels = figure.subplots(1, 3)
        titles = {"seconds": "processor seconds a person", "flops": "operations a person"}
        for axes, (what, title) in zip(panels, titles.items(), strict=False):
            everything = [*measured, *counted] if what == "flops" else measured
            ends = [min(m.weights for m in everything), max(m.weights for m in everything)]
            for place, modality in enumerate(MODALITIES):
                drawn = look(place)
                shown = [m for m in measured if modality in m.costs]
                axes.plot(
                    [m.weights for m in shown],
                    [getattr(m.costs[modality], what) for m in shown],
                    color=drawn.colour,
                    marker=drawn.marker,
                    linestyle="none",
                    markersize=4,
                    label=modality,
                )
                axes.plot(
                    ends,
                    [by_law(measured, what, modality, end) for end in ends],
                    color=drawn.colour,
                    linestyle=drawn.line,
                    linewidth=0.8,
                )
                real = [m for m in counted if modality in m.costs and what == "flops"]
                axes.plot(
                    [m.weights for m in real],
                    [getattr(m.costs[modality], what) for m in real],
                    color=drawn.colour,
                    marker=drawn.marker,
                    linestyle="none",
                    markerfacecolor="white",
                    markersize=4,
                )
            axes.set(xscale="log", yscale="log", xlabel="weights", title=title)
        panels[0].legend()
        for place, (what, label) in enumerate(
            {"seconds": "seconds", "flops": "operations", "bytes": "memory"}.items()
        ):
            drawn = look(place + len(MODALITIES))
            panels[2].plot(
                [m.weights for m in measured],
                [joint(m, what) for m in measured],
                color=drawn.colour,
                marker=drawn.marker,
                linestyle=drawn.line,
                markersize=4,
                label=label,
            )
        panels[2].set(xscale="log", xlabel="weights", title="both at once beside each alone")
        panels[2].set_ylim(bottom=0)
        panels[2].legend()
    return figure


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"sizes: {error}")
