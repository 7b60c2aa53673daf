"""The memory of a training is known before it starts, and a setting that fits is named."""

import copy
import itertools
import json
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from click.testing import CliRunner
from torch.distributed._tools.mem_tracker import MemTracker
from torch.profiler import ProfilerActivity, profile
from transformers import AutoConfig

from clearbench import methods
from clearbench.cli import cli
from clearbench.config.files import ModelSpec, Shape, read_spec
from clearbench.config.settings import (
    FinetuneSettings,
    Finetuning,
    Lora,
    ModelUse,
    Training,
    Unlearning,
    UnlearnSettings,
)
from clearbench.domains.language.unlearn import unlearn_longest
from clearbench.errors import UserError
from clearbench.jobs.state import State
from clearbench.memory import language, vision
from clearbench.memory.plan import GPUS, Need, report, sample_size
from clearbench.memory.plan import needs as needs_of
from clearbench.models.build import build_shape
from clearbench.models.checkpoint import auto_class, leave_as_trained, prepare_training
from clearbench.models.faces import build_face_model
from clearbench.models.weightless import running_weightless, weightless
from clearbench.suite.load import load_suite
from clearbench.training import memory
from clearbench.training.faces import train_faces
from clearbench.training.finetune import finetune
from clearbench.training.memory import Held, SampleSize, advice, largest_batch
from clearbench.training.views import Sets

GB = 10**9
MODELS = Path(__file__).parents[2] / "config/models"
TRAINING = Training(batch_size=12, accumulation=1)
TEXT = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 512,
}
SHAPES = {
    "text": Shape(architecture="llama", config=TEXT),
    "multimodal": Shape(
        architecture="llava",
        config={
            "image_token_id": 511,
            "text_config": {"model_type": "llama", **TEXT},
            "vision_config": {
                "model_type": "clip_vision_model",
                "hidden_size": 96,
                "intermediate_size": 192,
                "num_hidden_layers": 3,
                "num_attention_heads": 4,
                "image_size": 64,
                "patch_size": 8,
            },
        },
    ),
    "vision": Shape(
        architecture="resnet",
        config={
            "embedding_size": 16,
            "hidden_sizes": [16, 32],
            "depths": [1, 1],
            "layer_type": "basic",
        },
    ),
}
# Of many layers: what kernels take beside one layer at a time is little against what all keep.
SHAPES["deep"] = SHAPES["multimodal"].model_copy(deep=True)
SHAPES["deep"].config["text_config"]["num_hidden_layers"] = 16
FROZEN = {"text": "", "multimodal": r"model\.vision_tower\..*", "vision": ""}


def needs(size: int, twice: bool) -> int:
    """As of LLaVA-1.5-7B: its weights, and a sample's activations kept or computed twice."""
    return int(14.1 * GB) + size * int((0.7 if twice else 4) * GB)


@pytest.mark.parametrize(
    ("gigabytes", "expected"),
    [
        (48, "batch_size: 6 with accumulation: 2"),
        (24, "batch_size: 2 with accumulation: 6"),
        (17, "batch_size: 4 with accumulation: 3, gradient_checkpointing: true in the model's"),
        (12, "a GPU with 14.8 GB at the least"),
    ],
)
def test_what_does_not_fit_is_given_the_nearest_setting_that_does(gigabytes, expected):
    assert advice(needs, gigabytes * GB, TRAINING, False).startswith(expected)


@pytest.mark.parametrize(
    ("gigabytes", "expected"),
    [
        (48, "gradient_checkpointing: true in the model's file"),
        (17, "batch_size: 4 with accumulation: 3, gradient_checkpointing: true in the model's"),
        (12, "a GPU with 14.8 GB at the least"),
    ],
)
def test_a_published_variant_is_told_that_a_smaller_batch_makes_another_row_of_it(
    gigabytes, expected
):
    found = advice(needs, gigabytes * GB, TRAINING, False, as_published=True)
    assert found.startswith(expected)
    assert ("variants @published average within each batch" in found) == ("batch_size" in expected)
    assert "average within" in advice(needs, 17 * GB, TRAINING, True, as_published=True)


def test_accumulation_goes_with_the_batch_so_that_a_step_sees_the_same_samples():
    found = advice(needs, 48 * GB, Training(batch_size=12, accumulation=3), False)
    assert found == "batch_size: 6 with accumulation: 6"


@pytest.mark.parametrize(
    ("available", "largest"), [(10, 0), (11, 1), (14, 3), (15, 4), (20, 5), (35, 8), (44, 9)]
)
def test_the_largest_batch_lies_between_what_was_counted_or_goes_on_from_it(available, largest):
    assert largest_batch(available, [(8, 35), (1, 11), (4, 15)]) == largest


def case(domain, key, weights="lora", precision="float32", checkpointing=False, batch_size=4):
    return pytest.param(
        *(domain, key, weights, precision, checkpointing, batch_size),
        id=f"{domain}-{key}-{weights}-{precision}{'-twice' * checkpointing}",
    )


def taken(work, *models) -> int:
    """The most bytes that the allocator had given out while some work was done, models included."""
    tensors = [t for m in models for t in itertools.chain(m.parameters(), m.buffers())]
    storages = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = profiler.profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    return sum(storages.values()) + max(itertools.accumulate(size for _, size in changes))


def with_weights(shape, use, trained=None):
    """What `build_shape` makes, with weights; where some were trained, finer than their type."""
    model = build_shape(shape, use.domain, use.precision, "sdpa")
    if trained is not None:
        leave_as_trained(model, trained, use.lora, use.frozen)
    for module in model.modules():
        for store in (module._parameters, module._buffers):
            for name, tensor in store.items():
                if tensor is not None and tensor.is_meta:
                    drawn = torch.randn(tensor.shape).mul(0.05).to(tensor.dtype)
                    own = isinstance(tensor, torch.nn.Parameter)
                    store[name] = torch.nn.Parameter(drawn, tensor.requires_grad) if own else drawn
    if "vision_config" in shape.config:
        embeddings = model.model.vision_tower.embeddings
        embeddings.position_ids = torch.arange(embeddings.num_positions)[None]
    return model.eval()


def use_of(domain, precision="float32", checkpointing=False):
    return ModelUse(
        domain=domain,
        precision=precision,
        gradient_checkpointing=checkpointing,
        frozen=FROZEN[domain],
    )


def method_of(key):
    layer = methods.describe(key).layer
    return methods.create(key, {layer: 1} if layer else {})


SIZES = {
    "text": SampleSize(40, 30),
    "multimodal": SampleSize(40, 30, 64),
    "vision": SampleSize(width=16, persons=8),
}


@pytest.mark.parametrize(
    ("domain", "key", "weights", "precision", "checkpointing", "batch_size"),
    [
        case("text", "kl"),
        case("text", "npo", "full"),
        case("text", "scrub", "full", "bfloat16"),
        case("text", "salun", "full"),
        case("multimodal", "llmu"),
        case("multimodal", "rmu", "lora", "bfloat16"),
        case("multimodal", "gd", "full", "float32", True),
        case("multimodal", "kl", "lora", "bfloat16", True, 8),
    ],
)
def test_what_is_counted_is_what_an_unlearning_takes(
    domain, key, weights, precision, checkpointing, batch_size
):
    use, size, method = use_of(domain, precision, checkpointing), SIZES[domain], method_of(key)
    shape = SHAPES["deep" if checkpointing else domain]
    training = Unlearning(batch_size=batch_size, weights=weights, epochs=2)
    settings = UnlearnSettings(model=use, parameters={}, training=training)
    counted = language.unlearning(shape, settings, method, "lora", size, False)

    model = with_weights(shape, use, "lora")
    original = copy.deepcopy(model)
    encoder = language._Words(model.config, size)
    trained = prepare_training(model, weights, use.lora, use.frozen, checkpointing)
    forget, retain = (language._samples(size, part, batch_size) for part in ("forget", "retain"))
    sets = Sets(forget, retain, encoder, torch.device("cpu"), as_published=method.as_published)
    held = SimpleNamespace(model=lambda model: model)
    models = [trained]
    if weights == "full" and method.reads.reference:
        models.append(original)
    work = partial(unlearn_longest, method, sets, original, 0, trained, training, held)
    # In half precision, kernels of the processor convert into buffers of their own.
    assert counted == pytest.approx(
        taken(work, *models), rel=0.002 if precision == "float32" else 0.05
    )


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_what_is_counted_is_what_a_fine_tuning_takes(weights):
    use, size = use_of("text"), SIZES["text"]
    training = Finetuning(batch_size=4, accumulation=2, weights=weights, epochs=2)
    counted = language.finetuning(
        SHAPES["text"], FinetuneSettings(model=use, training=training), size
    )
    model = with_weights(SHAPES["text"], use)
    encoder = language._Words(model.config, size)
    trained = prepare_training(model, weights, use.lora, use.frozen)
    samples = language._samples(size, "x", 8)
    work = partial(finetune, trained, encoder, samples, training, 0, State())
    assert counted == pytest.approx(taken(work, trained), rel=0.002)


def test_what_is_counted_is_what_a_training_on_faces_takes():
    training = Finetuning(batch_size=4, epochs=2)
    settings = FinetuneSettings(model=use_of("vision"), training=training)
    shape = Shape(
        architecture="vit",
        config={
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 4,
            "num_attention_heads": 4,
            "image_size": 64,
            "patch_size": 8,
        },
    )
    counted = vision.finetuning(shape, settings, SIZES["vision"])
    persons = [str(number) for number in range(8)]
    model = build_face_model(shape.architecture, shape.config, 16, persons, 0)
    faces = vision._faces(SIZES["vision"], "retain", 4)
    work = partial(train_faces, model, vision._Blank(64), faces, training, 0, State())
    # The first layer, a convolution, lays out pictures anew.
    assert counted == pytest.approx(taken(work, model), rel=0.05)


def test_a_step_that_runs_a_model_once_is_counted_as_by_the_tracker_of_torch():
    model = weightless(
        prepare_training(build_shape(SHAPES["text"], "text", "float32", "sdpa"), "full", Lora(), "")
    )
    ids = torch.ones(2, 20, dtype=torch.long)
    tracker = MemTracker()
    with running_weightless():
        tracker.track_external(model)
        with tracker, Held() as held:
            held.model(model)
            model(input_ids=ids, use_cache=False).logits.sum().backward()
    (snapshot,) = tracker.get_tracker_snapshot("peak").values()
    assert held.peak == pytest.approx(snapshot["Total"], rel=0.02)


@pytest.mark.parametrize("key", methods.available())
def test_every_method_is_counted_on_every_kind_of_model_that_it_serves(key):
    method, described = method_of(key), methods.describe(key)
    training = Unlearning(batch_size=2, weights=described.weights[0])
    served = [domain for domain in ("vision", "text") if domain in described.domains]
    for domain in served or ["multimodal"]:
        settings = UnlearnSettings(model=use_of(domain), parameters={}, training=training)
        count = vision.unlearning if domain == "vision" else language.unlearning
        found = count(SHAPES[domain], settings, method, "full", SIZES[domain], False)
        # What trains holds more than its weights.
        weights = 88_896 if domain == "vision" else 2_297_344
        assert found > weights * (1.2 if method.reads.student else 1)


def test_a_stored_reference_takes_its_output_layer_and_saves_the_pass():
    training = Unlearning(batch_size=4)
    settings = UnlearnSettings(model=use_of("text"), parameters={}, training=training)
    stored, computed = (
        language.unlearning(SHAPES["text"], settings, method_of("kl"), "lora", SIZES["text"], one)
        for one in (True, False)
    )
    assert stored != computed


# Numbers of weights as published; none was found for llava-1.5-13b, whose shape is LLaVA-1.5-7B's
# with the decoder of Llama-2-13B.
WEIGHTS = {
    "llama-2-7b": 6_738_415_616,
    "llama-3.2-1b": 1_235_814_400,
    "llava-1.5-7b": 7_063_427_072,
    "mistral-7b-v0.3": 7_248_023_552,
    "phi-1.5": 1_418_270_720,
    "qwen2-vl-2b": 2_208_985_600,
    "qwen2-vl-7b": 8_291_375_616,
    "qwen2.5-vl-3b": 3_754_622_976,
    "qwen2.5-vl-7b": 8_292_166_656,
    "qwen2.5-vl-32b": 33_452_718_336,
    "smollm2-135m": 134_515_008,
}


@pytest.mark.parametrize("name", sorted(path.stem for path in MODELS.glob("*.yaml")))
def test_every_model_of_the_repository_has_a_shape_with_its_layers_and_targets(name):
    spec = read_spec(ModelSpec, MODELS, name, "model")
    shape = spec.build or spec.shape
    if spec.domain == "vision":
        with torch.device("meta"):
            assert build_face_model(shape.architecture, shape.config, 8, ["x"], 0)
        return
    model = build_shape(shape, spec.domain, spec.precision, "sdpa")
    count = sum(weight.numel() for weight in model.parameters())
    assert name not in WEIGHTS or count == WEIGHTS[name]
    assert spec.build is not None or name in {*WEIGHTS, "llava-1.5-13b"}
    trained = prepare_training(model, "lora", spec.lora, spec.frozen, spec.gradient_checkpointing)
    assert any(weight.requires_grad for weight in trained.parameters())


def test_a_shape_that_is_none_is_told_in_a_line():
    with pytest.raises(UserError, match=r"^shape: transformers makes no model of it"):
        build_shape(Shape(architecture="nothing", config={}), "text", "float32", "sdpa")
    odd = Shape(architecture="llama", config={**TEXT, "hidden_size": "wide"})
    with pytest.raises(UserError, match=r"^shape: transformers makes no model of it"):
        build_shape(odd, "text", "float32", "sdpa")


def test_the_check_speaks_in_one_line_and_only_of_a_gpu(monkeypatch):
    size, training = SIZES["text"], Finetuning(batch_size=4, epochs=2)
    config = AutoConfig.for_model("llama", **TEXT)
    model = auto_class("text").from_config(config)
    encoder, samples = language._Words(config, size), language._samples(size, "x", 4)
    finetune(model, encoder, samples, training, 0, State())
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (12_000_000, 0))
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda device: 0)
    on_gpu = model.model.embed_tokens.weight
    device = memory._device
    monkeypatch.setattr(
        memory,
        "_device",
        lambda model: torch.device("cuda") if next(model.parameters()) is on_gpu else device(model),
    )
    with pytest.raises(UserError, match=r"^batch_size 4 needs .* GB; this would fit: "):
        finetune(model, encoder, samples, training, 0, State())


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The default suite with one method, beside the files of models and datasets."""
    root = tmp_path_factory.mktemp("checkout")
    shutil.copytree(MODELS.parent, root / "config")
    given = yaml.safe_load((root / "config/mini.yaml").read_text())
    kept = {"methods": {"npo": {}}, "modalities": ["text", "both"]}
    (root / "config/small.yaml").write_text(yaml.safe_dump({**given, **kept}))
    return root


def test_a_suite_is_told_by_stage_and_row(small, monkeypatch):
    monkeypatch.chdir(small)
    done = CliRunner().invoke(
        cli, ["plan", "--memory", "small", "--sample", "8", "6", "64", "--json"]
    )
    assert done.exit_code == 0, done.output
    base, finetuned, cell = json.loads(done.stdout)
    assert [one["stage"] for one in (base, finetuned, cell)] == ["base", "finetune", "unlearn"]
    assert (cell["row"], cell["weights"]) == ("npo", "lora")
    for one in (base, finetuned, cell):
        sizes = [one["largest"][str(gpu)] for gpu in GPUS]
        assert sizes == sorted(sizes)
        assert one["batch_size"] < sizes[0]
    suite = load_suite("small", small)
    size = SampleSize(8, 6, 64)
    lines = list(report([Need("unlearn", "npo", "lora", 4, GB, dict.fromkeys(GPUS, 0))], size))
    assert "1.0 GB" in lines[1]
    assert lines[1].split()[-1] == "-"
    assert "a prompt of 8 tokens and an answer of 6, and pictures of 64 pixels" in lines[-1]
    assert sample_size(suite).answer == suite.file.evaluate.max_new_tokens


def test_what_can_not_be_counted_is_told_in_a_line(small, monkeypatch):
    monkeypatch.chdir(small)
    path = small / "config/models/llama-3.2-1b.yaml"
    given = yaml.safe_load(path.read_text())
    shape = given.pop("shape")
    (path.parent / "shapeless.yaml").write_text(yaml.safe_dump(given))
    suite = yaml.safe_load((small / "config/tofu.yaml").read_text())
    (small / "config/odd.yaml").write_text(yaml.safe_dump({**suite, "model": "shapeless"}))
    with pytest.raises(UserError, match=r"^shapeless: its file of config/models has no shape"):
        list(needs_of(load_suite("odd", small), SampleSize(8, 6)))
    shared = {**given, "shape": shape, "shard": True}
    (path.parent / "shared.yaml").write_text(yaml.safe_dump(shared))
    (small / "config/odd.yaml").write_text(yaml.safe_dump({**suite, "model": "shared"}))
    with pytest.raises(
        UserError, match=r"^shared: is divided among GPUs \(shard: true\), and what"
    ):
        list(needs_of(load_suite("odd", small), SampleSize(8, 6)))
    done = CliRunner().invoke(cli, ["plan", "small", "--sample", "8", "6", "64"])
    assert isinstance(done.exception, UserError) or "--sample: only with --memory" in done.output
