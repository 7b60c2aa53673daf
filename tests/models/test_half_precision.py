"""Evaluation in half precision sees all that an adapter does, however little it changes weights."""

import copy
from functools import cache

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

from clearbench.config.settings import Lora
from clearbench.models.build import build_model
from clearbench.models.checkpoint import load_model, prepare_training, save_checkpoint
from clearbench.models.precise_linear import PreciseLinear
from tiny_models import BUILDS, LORA_TARGETS, new_tokenizer

CPU = torch.device("cpu")
WIDE = {"hidden_size": 256, "intermediate_size": 512, "max_position_embeddings": 64}
IDS = torch.randint(10, 300, (8, 32), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Bases, and what full training makes of them, by what they are made of; only to be read."""

    @cache
    def of(architecture, tied, frozen):
        folder = tmp_path_factory.mktemp(architecture) / "model"
        if frozen is None:
            base_of(architecture, folder, tie_word_embeddings=tied)
            return folder, loss(load_model(folder, [], "text", "float32", CPU))
        base, _ = of(architecture, tied, None)
        return folder, full(base, [], folder, frozen)

    return lambda architecture, frozen=None, tied=True: of(architecture, tied, frozen)


def loss(model) -> float:
    with torch.no_grad():
        logits = model(input_ids=IDS).logits[:, :-1].float()
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), IDS[:, 1:].flatten()).item()


def base_of(architecture, folder, **settings):
    """A base that is in half precision, as those of the hub."""
    shape = BUILDS["llama" if architecture == "qwen2" else architecture]
    build = shape.model_copy(update={"architecture": architecture}, deep=True)
    build.config.update(WIDE | settings)
    if architecture == "llama":
        build.config["initializer_range"] = 0.04
    model = build_model(build, "text", new_tokenizer(), 0).to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    save_checkpoint(model, folder)


def adapter(base, stack, folder, steps, targets=LORA_TARGETS, seed=0, **kind) -> None:
    """A few steps of ascent in single precision, at a rate of the paper's."""
    model = load_model(base, stack, "text", "float32", CPU)
    # The same start whatever was made before.
    torch.manual_seed(seed)
    config = LoraConfig(r=8, lora_alpha=32, target_modules=targets, **kind)
    trained = get_peft_model(model, config)
    parameters = [p for p in trained.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4)
    for _ in range(steps):
        logits = trained(input_ids=IDS).logits[:, :-1]
        (-torch.nn.functional.cross_entropy(logits.flatten(0, 1), IDS[:, 1:].flatten())).backward()
        optimizer.step()
        optimizer.zero_grad()
    save_checkpoint(trained, folder)


def effects(base, *stacks):
    """By how much each stack changes the loss of the one before, in single and half precision."""
    exact, found = (
        [loss(load_model(base, stack, "text", precision, CPU)) for stack in stacks]
        for precision in ("float32", "bfloat16")
    )
    return [(exact[n] - exact[n - 1], found[n] - found[n - 1]) for n in range(1, len(stacks))]


@pytest.mark.parametrize("architecture", ["llama", "phi"])
@pytest.mark.parametrize("kind", [{}, {"use_dora": True}])
def test_an_adapter_changes_the_loss_in_half_precision_by_what_it_does_in_single(
    made, tmp_path, architecture, kind
):
    """Of a stack of two: each one's own part."""
    (base, _), first, second = made(architecture), tmp_path / "first", tmp_path / "second"
    adapter(base, [], first, 5, **kind)
    adapter(base, [first], second, 5, seed=1, **kind)
    for exact, found in effects(base, [], [first], [first, second]):
        assert exact > 3e-3
        assert found == pytest.approx(exact, rel=0.15)


def test_weights_that_two_hold_are_added_before_they_are_rounded():
    torch.manual_seed(0)
    layer = torch.nn.Linear(512, 64)
    step = 1e-4 * torch.randn(64, 1) @ torch.randn(1, 512)
    # Near one half, where half precision has steps of 0.004.
    near = layer.weight.data.sign() * (0.5 + 0.4 * torch.rand(64, 512))
    layer.weight.data = near.bfloat16().float() + step
    layer.bias.data = layer.bias.data.bfloat16().float()
    rows = torch.randn(2, 300, 512).bfloat16()
    exact = torch.nn.functional.linear(rows.float(), layer.weight, layer.bias)
    rest = copy.deepcopy(layer)
    precise = PreciseLinear(rest, torch.bfloat16)
    precise.split()
    rounded = torch.nn.functional.linear(
        rows, layer.weight.bfloat16(), layer.bias.bfloat16()
    ).float()
    found = precise(rows).float()
    # As near as one rounding can be, and without its bias in the direction of the step.
    direction = rows.float() @ step.T
    missing = [
        ((exact - one) * direction).sum() / direction.square().sum() for one in (found, rounded)
    ]
    assert abs(missing[0]) < 0.1 < missing[1]
    precise.fold()
    assert torch.allclose(precise.weight, layer.weight, atol=1e-4, rtol=0)


def test_all_weights_trained_above_an_adapter_start_from_it_and_are_saved_whole(made, tmp_path):
    (base, _), first, full = made("llama"), tmp_path / "first", tmp_path / "full"
    adapter(base, [], first, 5)
    model = load_model(base, [first], "text", "bfloat16", CPU)
    exact = load_model(base, [first], "text", "float32", CPU)
    trained = prepare_training(model, "full", Lora(), "")
    weights = dict(exact.named_parameters())
    for name, parameter in trained.named_parameters():
        assert parameter.dtype == torch.float32
        assert torch.allclose(parameter, weights[name], rtol=1e-4, atol=1e-6)
    save_checkpoint(trained, full)
    again = load_model(base, [full], "text", "bfloat16", CPU)
    assert {p.dtype for p in again.parameters()} == {torch.bfloat16}


def full(base, stack, folder, frozen="", steps=5) -> float:
    """A few steps of ascent of all weights, saved as a job does; the loss before it was saved."""
    model, exact = (
        prepare_training(load_model(base, stack, "text", precision, CPU), "full", Lora(), frozen)
        for precision in ("bfloat16", "float32")
    )
    parameters = [p for p in exact.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-5)
    for _ in range(steps):
        logits = exact(input_ids=IDS).logits[:, :-1]
        (-torch.nn.functional.cross_entropy(logits.flatten(0, 1), IDS[:, 1:].flatten())).backward()
        optimizer.step()
        optimizer.zero_grad()
    found = dict(exact.named_parameters())
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.dtype == torch.float32
            parameter.data = found[name].data
    save_checkpoint(model, folder)
    return loss(exact)


@pytest.mark.parametrize("architecture", ["llama", "phi"])
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("frozen", ["", "lm_head|model.embed_tokens", r".*norm|.*q_proj"])
def test_all_weights_change_the_loss_in_half_precision_by_what_they_do_in_training(
    made, tmp_path, architecture, tied, frozen
):
    """Trained once, and once more from there."""
    (base, of_base), (first, of_first) = (made(architecture, how, tied) for how in (None, frozen))
    second = tmp_path / "second"
    exact = [of_base, of_first, full(base, [first], second, frozen)]
    models = [load_model(base, stack, "text", "bfloat16", CPU) for stack in ([], [first], [second])]
    assert {model.config.dtype for model in models} == {torch.bfloat16}
    found = list(map(loss, models))
    for number in (1, 2):
        effect = exact[number] - exact[number - 1]
        assert effect > 3e-3
        assert found[number] - found[number - 1] == pytest.approx(effect, rel=0.15)


@pytest.mark.parametrize("architecture", ["llama", "phi", "qwen2"])
@pytest.mark.parametrize("targets", [LORA_TARGETS, r".*\.(down_proj|fc2)"], ids=["all", "some"])
def test_an_adapter_on_weights_that_were_trained_changes_what_they_say_by_its_own_part(
    made, tmp_path, architecture, targets
):
    """Of layers with biases, too; a layer that it does not lie on keeps what it was trained to."""
    (base, _), (first, _), second = made(architecture), made(architecture, ""), tmp_path / "second"
    adapter(base, [first], second, 5, targets)
    for exact, found in effects(base, [], [first], [first, second]):
        assert exact > 1e-3
        assert found == pytest.approx(exact, rel=0.15, abs=5e-4)


@pytest.mark.parametrize("saved", [["lm_head"], ["lm_head", "norm"]], ids=str)
@pytest.mark.parametrize("bias", ["none", "all", "lora_only"])
def test_what_an_adapter_brings_whole_is_as_precise(made, tmp_path, saved, bias):
    (base, _), first = made("qwen2", None, False), tmp_path / "first"
    adapter(base, [], first, 5, bias=bias, modules_to_save=saved)
    ((exact, found),) = effects(base, [], [first])
    assert exact > 3e-3
    assert found == pytest.approx(exact, rel=0.1)


def test_layers_that_are_no_linear_ones_are_as_precise(tmp_path):
    """GPT-2 has matrices of a class of its own."""
    base, first, second = (tmp_path / name for name in ("base", "first", "second"))
    config = GPT2Config(vocab_size=330, n_positions=64, n_embd=64, n_layer=2, n_head=2)
    torch.manual_seed(0)
    model = GPT2LMHeadModel(config).to(torch.bfloat16)
    model.config.dtype = torch.bfloat16
    save_checkpoint(model, base)
    exact = [loss(load_model(base, [], "text", "float32", CPU)), full(base, [], first)]
    exact.append(full(base, [first], second, r"transformer\.(wte|wpe|.*ln_).*"))
    found = [
        loss(load_model(base, stack, "text", "bfloat16", CPU)) for stack in ([], [first], [second])
    ]
    for number in (1, 2):
        effect = exact[number] - exact[number - 1]
        assert effect > 3e-3
        assert found[number] - found[number - 1] == pytest.approx(effect, rel=0.15)


@pytest.mark.parametrize("architecture", ["llama", "phi", "qwen2"])
@pytest.mark.parametrize("frozen", ["", r"model.embed_tokens|.*norm"])
def test_training_starts_from_all_that_the_original_was_trained_to(made, architecture, frozen):
    """The student runs its weights as precisely as the reference does, in every pass."""
    (base, _), (first, _) = made(architecture), made(architecture, frozen)
    original = load_model(base, [first], "text", "bfloat16", CPU)
    student = prepare_training(
        load_model(base, [first], "text", "bfloat16", CPU), "full", Lora(), frozen
    )
    learnt = loss(original) - loss(load_model(base, [], "text", "bfloat16", CPU))
    assert learnt > 0.01
    assert loss(student) == pytest.approx(loss(original), abs=0.03 * learnt)
    student(input_ids=IDS).logits.float().square().mean().backward()
    assert all(p.grad is not None for p in student.parameters() if p.requires_grad)


def test_weights_are_saved_without_a_change_to_the_model(made, tmp_path):
    (base, _), (first, _) = made("qwen2"), made("qwen2", r"model.embed_tokens|.*norm")
    again = tmp_path / "again"
    model = load_model(base, [first], "text", "bfloat16", CPU)
    before = loss(model)
    save_checkpoint(model, again)
    assert loss(model) == before
    assert loss(load_model(base, [again], "text", "bfloat16", CPU)) == pytest.approx(before, 1e-4)
