"""What training and evaluation gain at LLaVA's proportions: `python benchmarks/scale.py`.

A LLaVA with random weights, of a quarter of LLaVA-1.5-7B's width, depth and vocabulary or (`--shape
7b`, for a GPU) of its exact shape, is trained with an adapter and evaluated in two ways. *Plain*:
the reference is a second model in memory, logits are computed at every position, each answer to a
prompt is a forward of its own, through all layers. *Ours*: what the reference says is the model's
with its adapter off, and on the samples' own answers stored beforehand (which is not timed: it is
once for all cells); logits exist where an answer token is predicted, a prompt is run once for all
its answers, and no layer after the one whose states a method wants. Each measurement is a process
of its own, so that peak memory is its own; the two ways take turns, and a table gives medians and
the ratios.
"""

import argparse
import copy
import io
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from evaluation import plainly
from PIL import Image
from transformers import (
    AutoModelForImageTextToText,
    CLIPImageProcessorPil,
    LlavaConfig,
    LlavaProcessor,
)

from clearbench import methods
from clearbench.config.files import Lora, Tokenizer
from clearbench.config.settings import Unlearning
from clearbench.data.store import EvalSample, Store, TrainSample, write_store
from clearbench.evaluation.evaluate import evaluate
from clearbench.models.answers import Answers, cross_entropy
from clearbench.models.build import build_tokenizer
from clearbench.models.checkpoint import prepare_training
from clearbench.models.device import prepare_device
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answers_of, unwrapped
from clearbench.training.model_view import ModelView
from clearbench.training.references import References, write_references
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets

METHODS = ("kl", "dpo", "npo", "scrub", "llmu", "rmu", "sku")
"""The methods whose loss asks the reference."""

# Decoder: width, width of the feed-forward part, layers, heads, vocabulary. Tower: width, layers.
SHAPES = {
    "tiny": ((64, 128, 4, 4, 512), (64, 2)),
    "quarter": ((1024, 2752, 8, 8, 8016), (256, 6)),
    "7b": ((4096, 11008, 32, 32, 32064), (1024, 24)),
}
SIDE, PATCH = 336, 14
"""Pixels of a picture's side, and of a square that is one token."""

TARGETS = r".*language_model.*\.(q_proj|k_proj|v_proj|o_proj|gate_proj|up_proj|down_proj)"
WORDS = (
    *("the", "of", "a", "person", "in", "red", "hat", "at", "old", "mill", "by", "sea", "town"),
    *("book", "who", "wrote", "it"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="quarter")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument(
        "--checkpointing", action="store_true", help="both ways compute activations twice"
    )
    parser.add_argument("--steps", type=int, default=3, help="timed, after one that is not")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=8, help="of an evaluation")
    parser.add_argument("--only", nargs="*", default=["finetune", *METHODS, "evaluate"])
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure, options)))
        return
    device = "CUDA" if torch.cuda.is_available() else "CPU, one thread"
    twice = ", gradient checkpointing" * options.checkpointing
    print(f"{device}; LLaVA, {options.shape} shape, batches of {options.batch_size}{twice}")
    print("| step | plain s | ours s | times faster | plain GB | ours GB | share of memory |")
    print("| --- | --: | --: | --: | --: | --: | --: |")
    for what in options.only:
        found: dict[str, list[dict]] = {"plain": [], "ours": []}
        for _ in range(options.rounds):
            for way, results in found.items():
                words = [sys.executable, __file__, *sys.argv[1:], "--measure", what, way]
                done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
                results.append(json.loads(done.stdout.splitlines()[-1]))
        print(row(what, found), flush=True)


def row(what: str, found: dict[str, list[dict]]) -> str:
    """A line of the table; ratios are the medians of the rounds'."""

    def median(key: str, way: str) -> float:
        return statistics.median(result[key] for result in found[way])

    def ratio(key: str, above: str, below: str) -> float:
        pairs = zip(found[above], found[below], strict=True)
        return statistics.median(a[key] / b[key] for a, b in pairs)

    line = (
        f"| {what} | {median('seconds', 'plain'):.2f} | {median('seconds', 'ours'):.2f}"
        f" | {ratio('seconds', 'plain', 'ours'):.2f} | {median('peak', 'plain') / 1e9:.2f}"
        f" | {median('peak', 'ours') / 1e9:.2f} | {ratio('peak', 'ours', 'plain'):.2f} |"
    )
    if what == "finetune":
        line += (
            f"\n| … tokens/s | {median('tokens', 'plain'):.0f} | {median('tokens', 'ours'):.0f} |"
            f" | | | |\n| … of the machine's FLOPs | {median('share', 'plain'):.0%}"
            f" | {median('share', 'ours'):.0%} | | | | |"
        )
    return line


def measure(what: str, way: str, options: argparse.Namespace) -> dict[str, float]:
    """Seconds of a step or an evaluation, and peak memory in bytes beyond the imports'."""
    device = prepare_device(0)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with tempfile.TemporaryDirectory() as folder:
        model, encoder = build(options.shape, Path(folder), device)
        rows = samples(8 * options.batch_size)
        if what == "evaluate":
            seconds = timed_evaluation(way, model, encoder, options)
            result = {"seconds": seconds}
        else:
            steps = (
                finetune_step if what == "finetune" else partial(method_step, what, Path(folder))
            )
            step = steps(way, model, encoder, rows, options)
            step()
            clock = Clock(device)
            for _ in range(options.steps):
                step()
            result = {"seconds": clock.seconds() / options.steps}
        if what == "finetune":
            tokens, flops = work(model, encoder, rows[: options.batch_size])
            result["tokens"] = tokens / result["seconds"]
            result["share"] = flops / result["seconds"] / peak_flops(model)
    if device.type == "cuda":
        result["peak"] = torch.cuda.max_memory_allocated()
    else:
        result["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    return result


class Clock:
    """Time since it was made: of the processor, or of a GPU with what it has yet to do."""

    def __init__(self, device: torch.device):
        self._gpu = device.type == "cuda"
        self._start = self._now()

    def seconds(self) -> float:
        return self._now() - self._start

    def _now(self) -> float:
        if self._gpu:
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()


def build(shape: str, folder: Path, device: torch.device):
    """The model with random weights and the encoder of its samples; 576 tokens an image."""
    (width, inner, layers, heads, vocabulary), (tower, depth) = SHAPES[shape]
    encoder = encoder_of(folder)
    config = LlavaConfig(
        image_token_id=image_token(encoder),
        text_config={
            "model_type": "llama",
            "hidden_size": width,
            "intermediate_size": inner,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "vocab_size": vocabulary,
            "max_position_embeddings": 4096,
        },
        vision_config={
            "model_type": "clip_vision_model",
            "hidden_size": tower,
            "intermediate_size": 4 * tower,
            "num_hidden_layers": depth,
            "num_attention_heads": tower // 64,
            "projection_dim": 768,
            "image_size": SIDE,
            "patch_size": PATCH,
        },
    )
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    with device:
        model = AutoModelForImageTextToText.from_config(config, dtype=dtype).eval()
    return model, encoder


def image_token(encoder: Encoder) -> int:
    return encoder.tokenizer.convert_tokens_to_ids("<image>")


def encoder_of(folder: Path, side: int = SIDE) -> Encoder:
    """The encoder of samples about four drawn pictures, in squares of `PATCH` pixels a token."""
    template = (
        "{% for message in messages %}{% for part in message['content'] %}"
        "{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
        "{% endfor %}:{% endfor %}"
    )
    tokenizer = build_tokenizer(Tokenizer(vocabulary=400, chat_template=template), WORDS)
    square = {"height": side, "width": side}
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size=square, crop_size=square),
        tokenizer=tokenizer,
        chat_template=template,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        image_token="<image>",
    )
    draw = np.random.default_rng(0)
    images = []
    for _ in range(4):
        file = io.BytesIO()
        Image.fromarray(draw.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(file, "PNG")
        images.append(file.getvalue())
    write_store(folder, images, [], [], [])
    return Encoder(processor, Store(folder))


def text(words: int, seed: int) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, words))


def samples(count: int) -> list[TrainSample]:
    return [
        TrainSample(str(n), "captions", "visual", "x", text(12, n), text(40, 99 + n), n % 4)
        for n in range(count)
    ]


def whole(model, layer, batch) -> Answers:
    """The answers from logits at every position, in single precision."""
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    output = model(**inputs, use_cache=False, output_hidden_states=layer is not None)
    answers = Answers.from_logits(output.logits.float(), batch["labels"])
    if layer is not None:
        sample, position = (batch["labels"][:, 1:] != -100).nonzero(as_tuple=True)
        answers.hidden = output.hidden_states[layer + 1][sample, position]
    return answers


class Plain:
    """A model that is asked as another is, and runs every batch alone and whole."""

    def __init__(self, model, layer, like):
        self.name, self.reads, self.weights = like.name, like.reads, like.weights
        self._model, self._layer = model, layer

    def stored(self, batches, asked) -> None:
        return None

    def answers(self, batches, asked) -> list[Answers]:
        with torch.set_grad_enabled(self.name == "student"):
            return [whole(self._model, self._layer, batches.batch(one)) for one in asked]


def adapted(model, checkpointing):
    lora = Lora(rank=8, alpha=32, targets=TARGETS)
    trained = prepare_training(model, "lora", lora, "", checkpointing)
    return trained.train()


def finetune_step(way, model, encoder, rows, options) -> Callable[[], None]:
    trained, batch_size = adapted(model, options.checkpointing), options.batch_size
    optimizer = torch.optim.AdamW([p for p in trained.parameters() if p.requires_grad], lr=1e-5)
    examples = [encoder.sequence(s.question, s.image, s.answer) for s in rows[:batch_size]]

    def step() -> None:
        batch = collate(examples, encoder.padding, model.device)
        run = partial(whole, trained, None) if way == "plain" else partial(answers_of, trained)
        cross_entropy(run(batch)).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def method_step(key, folder, way, model, encoder, rows, options) -> Callable[[], None]:
    batch_size = options.batch_size
    # The 7th of 32 layers, as in the method's paper.
    layer = unwrapped(model).get_decoder().config.num_hidden_layers * 7 // 32
    method = methods.create(key, {"layer": layer} if key == "rmu" else {})
    original = copy.deepcopy(model).requires_grad_(False) if way == "plain" else None
    stored = None
    if original is None and methods.describe(key).takes_stored_reference:
        write_references(folder, model, encoder, rows, batch_size)
        stored = References(folder, rows, model)
    trained, layer = adapted(model, options.checkpointing), method.hidden_layer()
    optimizer = torch.optim.AdamW([p for p in trained.parameters() if p.requires_grad], lr=1e-5)
    half = len(rows) // 2
    sets = Sets(rows[:half], rows[half:], encoder, model.device, references=stored)
    training = Unlearning(batch_size=batch_size)
    ours = Unlearner(trained, method, sets, training, 0, lambda: None)

    def step() -> None:
        numbers = list(range(batch_size))
        batches = sets.batches(numbers, numbers, 0)
        models = [ours.student, ours.reference]
        if original is not None:
            models = [Plain(trained, layer, models[0]), Plain(original, layer, models[1])]
        method.loss(*(ModelView(model, batches, 0) for model in models)).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def timed_evaluation(way, model, encoder, options) -> float:
    rows = [
        EvalSample(
            *(str(n), "forget", "captions", None, text(12, n), text(40, 99 + n), text(40, 199 + n)),
            tuple(text(40, 300 + 5 * n + k) for k in range(5)),
            n % 4,
        )
        for n in range(options.samples)
    ]
    for sample in rows:
        encoder.prompt(sample.question, sample.image)
    run = plainly if way == "plain" else evaluate
    clock = Clock(model.device)
    run(model, encoder, rows, options.batch_size, 32)
    return clock.seconds()


def work(model, encoder, rows) -> tuple[int, float]:
    """Tokens of a fine-tuning step, and the floating-point operations that it asks for.

    A matrix of N weights takes 2N a token forward, and as many backward where only an adapter is
    trained; the tower runs forward alone. Attention itself and the adapter are left out.
    """
    tokens = sum(len(encoder.sequence(s.question, s.image, s.answer).ids) for s in rows)
    inner = unwrapped(model)
    decoder = sum(p.numel() for n, p in inner.named_parameters() if ".layers." in n and p.dim() > 1)
    tower = sum(p.numel() for n, p in inner.named_parameters() if "vision_tower" in n)
    decoder -= sum(
        p.numel() for n, p in inner.named_parameters() if "vision_tower" in n and ".layers." in n
    )
    return tokens, 4.0 * decoder * tokens + 2.0 * tower * 577 * len(rows)


def peak_flops(model) -> float:
    """What a large matrix product reaches here, in the model's precision."""
    size = 8192 if model.device.type == "cuda" else 1024
    a = torch.randn(size, size, device=model.device, dtype=model.dtype)
    a @ a
    clock = Clock(model.device)
    for _ in range(5):
        a @ a
    return 5 * 2 * size**3 / clock.seconds()


if __name__ == "__main__":
    main()
