"""Too little GPU memory is told before the first step, with a setting that fits."""

from dataclasses import replace

import pytest
import torch

from clearbench.config.files import Lora
from clearbench.config.settings import Training
from clearbench.data.store import Store
from clearbench.errors import UserError
from clearbench.models.build import build_model
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder
from clearbench.training import memory
from clearbench.training.memory import Need, advice, need_of
from tiny_models import BUILDS, FROZEN, LORA_TARGETS, SENTENCES, new_tokenizer

GB = 10**9
# LLaVA-1.5-7B with an adapter in half precision: 14.1 GB of weights, 20 million trained ones.
LLAVA = Need(
    fixed=int(14.1 * GB) + 4 * 4 * 20_000_000,
    element=2,
    layers=32,
    width=4096,
    inner_width=11008,
    key_width=4096,
    vocabulary=32064,
    batch_size=12,
    tokens=720,
    answer_tokens=80,
    checkpointing=False,
)
TRAINING = Training(batch_size=12, accumulation=1)


def test_what_fits_needs_no_advice():
    assert 55 * GB < LLAVA.bytes < 70 * GB
    assert advice(LLAVA, 80 * GB, TRAINING) is None
    assert advice(LLAVA, LLAVA.bytes, TRAINING) is None


@pytest.mark.parametrize(
    ("gigabytes", "expected"),
    [
        (48, "batch_size: 6 with accumulation: 2"),
        (24, "batch_size: 2 with accumulation: 6"),
        (
            16,
            "batch_size: 4 with accumulation: 3, gradient_checkpointing: true in the model's file",
        ),
        (12, "a GPU with 14.8 GB at the least"),
    ],
)
def test_what_does_not_fit_is_given_the_nearest_setting_that_does(gigabytes, expected):
    assert advice(LLAVA, gigabytes * GB, TRAINING) == expected


@pytest.mark.parametrize(
    ("gigabytes", "expected"),
    [
        (48, "gradient_checkpointing: true in the model's file"),
        (
            16,
            "batch_size: 4 with accumulation: 3, gradient_checkpointing: true in the model's file;",
        ),
        (12, "a GPU with 14.8 GB at the least"),
    ],
)
def test_a_published_variant_is_told_that_a_smaller_batch_makes_another_row_of_it(
    gigabytes, expected
):
    found = advice(LLAVA, gigabytes * GB, TRAINING, as_published=True)
    assert found.startswith(expected)
    smaller = "batch_size" in expected
    assert ("variants @published average within each batch" in found) == smaller
    kept = replace(LLAVA, checkpointing=True)
    assert "average within" in advice(kept, 16 * GB, TRAINING, as_published=True)


def test_accumulation_goes_with_the_batch_so_that_a_step_sees_the_same_samples():
    found = advice(LLAVA, 48 * GB, Training(batch_size=12, accumulation=3))
    assert found == "batch_size: 6 with accumulation: 6"


@pytest.fixture
def encoder(tmp_path):
    return Encoder(new_tokenizer(), Store(tmp_path))


def examples(encoder):
    return [encoder.sequence(SENTENCES[0], None, answer) for answer in SENTENCES[2:5]]


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_a_models_own_weights_and_longest_sample_are_counted(encoder, weights):
    model = build_model(BUILDS["llama"], "text", encoder.tokenizer, 0)
    size = sum(p.numel() for p in model.parameters())
    trained = prepare_training(model, weights, Lora(rank=2, targets=LORA_TARGETS), FROZEN)
    moving = sum(p.numel() for p in trained.parameters() if p.requires_grad)
    adapter = moving if weights == "lora" else 0
    longest = max(examples(encoder), key=lambda example: len(example.ids))
    need = need_of(trained, TRAINING, examples(encoder))
    # A weight, and of what is trained its gradient and two moments, of four bytes each.
    assert need.fixed == 4 * (size + adapter) + 12 * moving
    few = need_of(trained, TRAINING, examples(encoder), few_rows=True)
    assert few.fixed == 4 * (size + adapter)
    assert need.tokens == len(longest.ids)
    assert (need.layers, need.width, need.inner_width, need.key_width) == (2, 32, 48, 16)
    assert need.vocabulary == len(encoder.tokenizer)


def test_it_is_a_lower_bound_of_what_autograd_keeps(encoder):
    """Counted on the processor: the tensors that a pass saves for its backward pass."""
    model = build_model(BUILDS["llama"], "text", encoder.tokenizer, 0)
    trained = prepare_training(model, "full", Lora(), "").train()
    example = max(examples(encoder), key=lambda example: len(example.ids))
    saved = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        trained.model(input_ids=example.ids[None].repeat(4, 1), use_cache=False)
    weights = {p.untyped_storage().data_ptr() for p in trained.parameters()}
    kept = sum(size for pointer, size in saved.items() if pointer not in weights)
    need = need_of(trained, Training(batch_size=4), [example])
    counted = need.bytes - need.fixed - 4 * need.answer_tokens * need.vocabulary * 12
    assert kept / 2 < counted <= kept


def test_the_check_speaks_in_one_line_and_only_of_a_gpu(encoder, monkeypatch):
    model = build_model(BUILDS["llama"], "text", encoder.tokenizer, 0)
    trained = prepare_training(model, "full", Lora(), "")
    memory.check(trained, TRAINING, examples(encoder))
    need = need_of(trained, TRAINING, examples(encoder))
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda device: (need.bytes - 1, 0))
    monkeypatch.setattr("torch.cuda.memory_allocated", lambda device: 0)
    monkeypatch.setattr(memory, "_device", lambda model: torch.device("cuda"))
    with pytest.raises(UserError, match=r"^batch_size 12 needs .* this would fit: batch_size: 6 "):
        memory.check(trained, TRAINING, examples(encoder))
