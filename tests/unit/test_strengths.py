"""Models whose last layer is scaled: the two ends bit by bit, and the way between them."""

import pytest
import torch
from peft import LoraConfig, get_peft_model

from clearbench.errors import UserError
from clearbench.models.build import build_model
from clearbench.models.checkpoint import save_checkpoint
from clearbench.models.instruction import instruction_of, write_instruction
from clearbench.models.scaled import load_scaled
from models.test_checkpoints import (
    BUILDS,
    CPU,
    domain_of,
    lora_of,
    new_tokenizer,
    place_and_build,
    same,
    weights,
)


@pytest.fixture(scope="module", params=["llava", "llama"])
def made(request, tmp_path_factory):
    """A folder with a base, an original, and an adapter and full weights that were made of it."""
    folder, domain, build = place_and_build(request.param, tmp_path_factory)
    for seed, name in enumerate(("base", "original", "full")):
        save_checkpoint(build(seed), folder / name)
    save_checkpoint(lora_of(build(1)), folder / "adapter")
    return folder, domain


def loaded(made, *stack, strength=1.0, precision="float32"):
    folder, domain = made
    layers = [folder / name for name in stack]
    return load_scaled(folder / "base", layers, domain, precision, CPU, strength)


@pytest.mark.parametrize("kind", ["adapter", "full"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_ends_are_the_original_and_the_cell_bit_by_bit(made, kind, precision):
    original = weights(loaded(made, "original", precision=precision))
    cell = weights(loaded(made, "original", kind, precision=precision))
    assert not same(original, cell)
    ends = [
        weights(loaded(made, "original", kind, strength=strength, precision=precision))
        for strength in (0.0, 1.0)
    ]
    assert same(ends[1], cell)
    # What was adapted is in another layout in half precision, and says the same.
    if precision == "float32" or kind == "full":
        assert same(ends[0], original)
    tokens = torch.arange(3, 9).unsqueeze(0)
    said = [
        loaded(made, *stack, strength=strength, precision=precision)(input_ids=tokens).logits
        for stack, strength in ((("original",), 1.0), (("original", kind), 0.0))
    ]
    assert torch.equal(*said)


def test_an_instruction_leaves_the_weights_below_and_above_it_at_any_strength(made):
    folder, _ = made
    (folder / "words").mkdir(exist_ok=True)
    write_instruction(folder / "words", "Say nothing.")
    original = weights(loaded(made, "original"))
    assert same(weights(loaded(made, "original", "words")), original)
    assert same(weights(loaded(made, "original", "words", strength=0.5)), original)
    again = weights(loaded(made, "original", "words", "adapter"))
    assert same(again, weights(loaded(made, "original", "adapter")))
    layers = [folder / name for name in ("words", "original", "words")]
    assert instruction_of(layers) == "Say nothing. Say nothing."
    assert instruction_of(layers[1:2]) == ""


@pytest.mark.parametrize("kind", ["adapter", "full"])
@pytest.mark.parametrize("strength", [0.25, 0.5, 2.0])
def test_between_and_beyond_weights_go_on_the_straight_line(made, kind, strength):
    original = weights(loaded(made, "original"))
    cell = weights(loaded(made, "original", kind))
    scaled = weights(loaded(made, "original", kind, strength=strength))
    for name, start in original.items():
        expected = start + strength * (cell[name] - start)
        torch.testing.assert_close(scaled[name], expected, rtol=1e-5, atol=1e-6)
    assert any(not torch.equal(scaled[name], cell[name]) for name in cell)


def test_what_is_no_low_rank_update_has_no_strength(tmp_path):
    domain, tokenizer = domain_of("llama"), new_tokenizer()
    base, whole = tmp_path / "base", tmp_path / "whole"
    save_checkpoint(build_model(BUILDS["llama"], domain, tokenizer, 0), base)
    config = LoraConfig(target_modules=["q_proj"], modules_to_save=["norm"])
    model = build_model(BUILDS["llama"], domain, tokenizer, 0)
    save_checkpoint(get_peft_model(model, config), whole)
    load_scaled(base, [whole], domain, "float32", CPU, 1.0)
    with pytest.raises(UserError, match="has whole weights beside its updates"):
        load_scaled(base, [whole], domain, "float32", CPU, 0.5)
