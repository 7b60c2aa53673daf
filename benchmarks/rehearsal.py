"""What a suite would meet on this machine, in ten minutes: `python benchmarks/rehearsal.py`.

A model of the exact shape of LLaVA-1.5-7B's file, with random weights, goes the way of a suite: it
is fine-tuned, laid on its base and read again, forgets by every method, is stopped and goes on, and
answers. Seconds and memory are measured, the memory is held against what `clearbench plan --memory`
counts, bytes against bytes, and the straightforward way against this package's (`scale.py`). On a
processor the same is done at a small shape. It needs no download.
"""

import argparse
import gc
import itertools
import platform
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import scale
import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig

from clearbench import methods
from clearbench.config.files import ModelSpec, Shape, read_spec
from clearbench.config.settings import FinetuneSettings, Finetuning, Unlearning, UnlearnSettings
from clearbench.data.store import EvalSample, TrainSample
from clearbench.digests import folder_digest
from clearbench.errors import UserError
from clearbench.evaluation.evaluate import evaluate
from clearbench.jobs.machine import machine
from clearbench.jobs.pace import Pace
from clearbench.jobs.state import State
from clearbench.memory import language
from clearbench.models.checkpoint import (
    DTYPES,
    auto_class,
    load_model,
    prepare_training,
    save_checkpoint,
)
from clearbench.models.device import prepare_device
from clearbench.training.finetune import finetune
from clearbench.training.memory import SampleSize
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets

ROOT = Path(__file__).resolve().parents[1]
MARK = "rehearsed"
"""What its tables stand between, in a page."""

COUNTED = ("ga", "kl", "dpo", "npo", "rmu", "sku")
"""Methods whose memory is counted: at the exact shape, that takes longer than their steps."""

COMPARED = ("npo", "evaluate")
"""What is also done in the straightforward way, each with a model of its own."""

# As the exact shape is, but for its sizes.
SMALL = {
    "text_config": {
        "model_type": "llama",
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "vocab_size": 512,
    },
    "vision_config": {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 56,
        "patch_size": scale.PATCH,
    },
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="llava-1.5-7b", help="a file of config/models")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--methods", nargs="*", help="those alone; else all")
    parser.add_argument("--write", type=Path, help="a page whose part is replaced by the tables")
    options = parser.parse_args()
    device = prepare_device(0)
    spec = read_spec(ModelSpec, ROOT / "config/models", options.model, "--model")
    keys = options.methods or every_method()
    for key in keys:
        methods.describe(key)
    if options.write:
        parts_of(options.write, MARK)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        rehearsal = Rehearsal(spec, options.batch_size, device, Path(folder))
        for line in rehearsal.lines(keys):
            print(line, flush=True)
            lines.append(line)
    if options.write:
        write(options.write, MARK, lines)
    if rehearsal.failed:
        raise UserError(f"not as it should be: {', '.join(rehearsal.failed)}")


def every_method() -> list[str]:
    """All methods of models of texts and images, but for variants; those of all weights last."""
    keys = [
        key
        for key in methods.available()
        if "@" not in key and "multimodal" in methods.describe(key).domains
    ]
    return sorted(keys, key=lambda key: weights_of(key) == "full")


def weights_of(key: str) -> str:
    return "lora" if "lora" in methods.describe(key).weights else "full"


class Rehearsal:
    """A model's way through a suite, told line by line as a page of Markdown."""

    def __init__(self, spec: ModelSpec, batch_size: int, device: torch.device, folder: Path):
        self.device, self.folder, self.batch_size = device, folder, batch_size
        self.failed: list[str] = []
        self.exact = device.type == "cuda"
        # A small model on a processor is in the precision that processors are fast in.
        precision = spec.precision if self.exact else "float32"
        self.use = spec.use.model_copy(update={"precision": precision})
        given = spec.shape or spec.build
        if given is None or given.architecture != "llava":
            raise UserError("--model: needs a model with the shape of a llava")
        shape = given.config if self.exact else SMALL
        side = shape["vision_config"]["image_size"]
        (store := folder / "store").mkdir()
        self.encoder = scale.encoder_of(store, side)
        config = {**shape, "image_token_id": scale.image_token(self.encoder)}
        self.shape = Shape(architecture=given.architecture, config=config)
        self.rows = [samples(part, 2 * batch_size) for part in ("forget", "retain")]
        first = self.rows[0][0]
        example = self.encoder.sequence(first.question, first.image, first.answer)
        pictures = int((example.ids == config["image_token_id"]).sum())
        prompt = len(example.ids) - example.answer_tokens - pictures
        self.size = SampleSize(prompt, example.answer_tokens, side)

    def lines(self, keys: list[str]) -> Iterator[str]:
        yield from self.heading()
        yield "| training | seconds | GB | counted GB | counted / met |"
        yield "| --- | --: | --: | --: | --: |"
        self.make_base()
        once, twice = (self.folder / name for name in ("original", "again"))
        base = self.loaded([])
        yield self.row("fine-tuning", self.finetuned(base, once))
        self.finetuned(base, twice)
        del base
        original = self.original()
        for key in keys:
            if weights_of(key) == "lora":
                yield self.row(key, self.forgotten(key, original))
        checks = [
            self.same("a fine-tuning, made twice", once, twice),
            self.resumed(original),
            self.evaluated(original),
        ]
        del original
        for key in keys:
            if weights_of(key) == "full":
                # These change the model itself.
                yield self.row(f"{key}, all weights", self.forgotten(key, None))
        yield from ("", "| what was held against what | found |", "| --- | --- |", *checks)
        self.free()
        yield from self.compared()

    def heading(self) -> Iterator[str]:
        found = machine()
        where = found["gpu"] or f"{found['processor']}, one thread"
        sizes = self.shape.config["text_config"]
        kind = "the exact shape" if self.exact else "a small shape"
        yield (
            f"On {where}, torch {torch.__version__}, Python {platform.python_version()}:"
            f" {self.shape.architecture}, {kind} ({sizes['num_hidden_layers']} layers of width"
            f" {sizes['hidden_size']}), {self.use.precision}, batches of {self.batch_size}, two"
            f" steps a training, prompts of {self.size.prompt} tokens and answers of"
            f" {self.size.answer} with a picture of {self.size.picture} pixels each."
        )
        yield ""

    def make_base(self) -> None:
        """Write a base with random weights where a suite's would lie."""
        torch.manual_seed(0)
        config = AutoConfig.for_model(self.shape.architecture, **self.shape.config)
        with self.device:
            model = auto_class("multimodal").from_config(config, dtype=DTYPES[self.use.precision])
        model.save_pretrained(str(self.folder / "base"))

    def loaded(self, stack: list[Path]):
        self.free()
        base, use = self.folder / "base", self.use
        return load_model(base, stack, "multimodal", use.precision, self.device)

    def original(self):
        return self.loaded([self.folder / "original"])

    def prepared(self, model, weights: str):
        use = self.use
        return prepare_training(model, weights, use.lora, use.frozen, use.gradient_checkpointing)

    def finetuned(self, base, out: Path) -> tuple[float, int, int]:
        """Seconds, bytes and counted bytes of a fine-tuning, whose adapter is written."""
        training = Finetuning(epochs=1, batch_size=self.batch_size, lr=1e-3, weights="lora")
        settings = FinetuneSettings(model=self.use, training=training)
        counted = language.finetuning(self.shape, settings, self.size)
        torch.manual_seed(0)
        trained = self.prepared(base, "lora")
        with self.measured(trained) as met:
            finetune(trained, self.encoder, self.rows[0], training, 0, State())
        save_checkpoint(trained, out)
        trained.unload()
        return met.seconds, met.bytes, counted

    def forgotten(self, key: str, original) -> tuple[float, int, int | None] | str:
        """The same of an unlearning, of the original or of one that is read anew.

        Words where it does not fit, or ends in an error.
        """
        weights = weights_of(key)
        training = Unlearning(epochs=1, batch_size=self.batch_size, lr=1e-3, weights=weights)
        method, counted = self.method(key), None
        if key in COUNTED:
            settings = UnlearnSettings(model=self.use, parameters={}, training=training)
            counted = language.unlearning(self.shape, settings, method, "lora", self.size, False)
        torch.manual_seed(0)
        trained = self.prepared(self.original() if original is None else original, weights)
        try:
            with self.measured(trained) as met:
                self.unlearn(method, trained, training)
        except torch.cuda.OutOfMemoryError:
            return "does not fit"
        except Exception as error:
            self.failed.append(key)
            return f"ENDED: {type(error).__name__}"
        finally:
            if original is not None:
                trained.unload()
            self.free()
        return met.seconds, met.bytes, counted

    def method(self, key: str):
        layer, layers = methods.describe(key).layer, self.shape.config["text_config"]
        # As far in as layer 7 of 32.
        return methods.create(key, {layer: layers["num_hidden_layers"] * 7 // 32} if layer else {})

    def unlearn(self, method, trained, training: Unlearning, state: State | None = None) -> None:
        forget, retain = self.rows
        sets = Sets(
            forget,
            retain,
            self.encoder,
            self.device,
            shares_prompts=self.use.attention == "sdpa",
            alternates={sample.id: [sample.answer] for sample in forget},
            spared=retain,
        )
        anew = lambda: self.original().requires_grad_(False)  # noqa: E731
        method.unlearn(Unlearner(trained, method, sets, training, 0, anew, state))

    def resumed(self, original) -> str:
        """An unlearning of four steps beside one that is ended after two and goes on."""
        training = Unlearning(epochs=2, batch_size=self.batch_size, lr=1e-3)
        whole, parts = (self.folder / name for name in ("whole", "parts"))
        for out, ends in ((whole, (None,)), (parts, (2, None))):
            for left in ends:
                torch.manual_seed(0)
                trained = self.prepared(original, "lora")
                state = Ending(out, left)
                state.find()
                with suppress(Ended):
                    self.unlearn(self.method("npo"), trained, training, state)
                    save_checkpoint(trained, out)
                trained.unload()
            assert state.resumed_at == list(ends[:-1])
        return self.same("npo, ended after two of four steps and gone on", whole, parts)

    def evaluated(self, original) -> str:
        rows = [
            EvalSample(
                *(str(n), "forget", "captions", None, s.question, s.answer, scale.text(40, n)),
                tuple(scale.text(40, 300 + 5 * n + k) for k in range(5)),
                s.image,
            )
            for n, s in enumerate(self.rows[0])
        ]
        took, said = [], []
        for _ in range(2):
            clock = scale.Clock(self.device)
            said.append(evaluate(original, self.encoder, rows, self.batch_size, 16))
            took.append(clock.seconds())
        what = f"an evaluation of {len(rows)} samples ({min(took):.1f} s), made twice"
        return self.held(what, said[0] == said[1], "numbers")

    def compared(self) -> Iterator[str]:
        """What `scale.py` measures, of its own models."""
        yield ""
        yield "| step | plain s | ours s | times faster | plain GB | ours GB |"
        yield "| --- | --: | --: | --: | --: | --: |"
        asked = SimpleNamespace(
            shape="7b" if self.exact else "tiny",
            batch_size=self.batch_size,
            checkpointing=self.use.gradient_checkpointing,
            steps=2,
            samples=2,
        )
        for what in COMPARED:
            ways = []
            for way in ("plain", "ours"):
                ways.append(scale.measure(what, way, asked))
                self.free()
            plain, ours = ways
            # A process's peak, on a processor, is that of all that it has done.
            size = [f"{way['peak'] / 1e9:.1f}" if self.exact else "" for way in ways]
            yield (
                f"| {what} | {plain['seconds']:.2f} | {ours['seconds']:.2f} |"
                f" {plain['seconds'] / ours['seconds']:.2f} | {size[0]} | {size[1]} |"
            )

    @contextmanager
    def measured(self, model) -> Iterator[SimpleNamespace]:
        """The seconds of some work, and the most bytes that there were given out meanwhile."""
        met = SimpleNamespace()
        if self.exact:
            torch.cuda.reset_peak_memory_stats()
            clock = scale.Clock(self.device)
            yield met
            met.seconds, met.bytes = clock.seconds(), torch.cuda.max_memory_allocated()
            return
        tensors = itertools.chain(model.parameters(), model.buffers())
        held = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
        clock = scale.Clock(self.device)
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            yield met
        met.seconds = clock.seconds()
        events = profiler.profiler.kineto_results.events()
        changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
        most = max(itertools.accumulate((size for _, size in changes), initial=0))
        met.bytes = sum(held.values()) + most

    def free(self) -> None:
        gc.collect()
        if self.exact:
            torch.cuda.empty_cache()

    def row(self, what: str, found: tuple[float, int, int | None] | str) -> str:
        if isinstance(found, str):
            return f"| {what} | {found} | | | |"
        seconds, met, counted = found
        digits = 1 if self.exact else 4
        beside = f"{counted / 1e9:.{digits}f} | {counted / met:.2f}" if counted else " | "
        return f"| {what} | {seconds:.2f} | {met / 1e9:.{digits}f} | {beside} |"

    def same(self, what: str, one: Path, other: Path) -> str:
        return self.held(what, folder_digest(one) == folder_digest(other), "bytes")

    def held(self, what: str, same: bool, of: str) -> str:
        if not same:
            self.failed.append(what)
        return f"| {what} | {'the same' if same else 'OTHER'} {of} |"


class Ended(Exception):
    """What ends a training between two steps, after the first of them is saved."""


class Ending(State):
    """A state that is saved after each step, and ends its training after so many, if any."""

    def __init__(self, out: Path, left: int | None):
        super().__init__(out, "key", pace=Pace(0))
        self._left = left

    @contextmanager
    def loop(self, holder=None):
        with super().loop(holder) as loop:

            def end_step() -> None:
                loop.end_step()
                if self._left is not None:
                    self._left -= 1
                    if not self._left:
                        raise Ended

            yield replace(loop, end_step=end_step)


def samples(part: str, count: int) -> list[TrainSample]:
    """Samples of as many persons, each about a picture."""
    start = {"forget": 0, "retain": 1000}[part]
    return [
        TrainSample(
            *(f"{part}/{n}", "captions", "visual", f"{part} {n}"),
            *(scale.text(12, start + n), scale.text(40, start + 99 + n), n % 4),
        )
        for n in range(count)
    ]


def parts_of(page: Path, mark: str) -> tuple[str, str]:
    """What stands before and after the marked part; UserError for a page without it."""
    begin, end = f"<!-- {mark} -->", f"<!-- end of {mark} -->"
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    first, last = text.find(begin), text.find(end)
    if not 0 <= first < last:
        raise UserError(f"--write: {page} has no part between {begin} and {end}")
    return text[:first], text[last + len(end) :]


def write(page: Path, mark: str, lines: list[str]) -> None:
    """Put lines between the marks of a page."""
    before, after = parts_of(page, mark)
    made = "\n".join([f"<!-- {mark} -->", "", *lines, "", f"<!-- end of {mark} -->"])
    page.write_text(f"{before}{made}{after}", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"rehearsal: {error}")
