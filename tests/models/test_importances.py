"""Importances, masks and separate steps against plain torch, and what methods make of them."""

import math
import re
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from clearbench import methods
from clearbench.config.settings import Training, Unlearning
from clearbench.data.store import Store, write_store
from clearbench.errors import UserError
from clearbench.jobs.state import State
from clearbench.methods.alternation import ForgetStep
from clearbench.methods.importances import largest, outweighing
from clearbench.models.answers import Answers
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder, collate
from clearbench.provenance import plan
from clearbench.suite.rows.cells import unlearning
from clearbench.training.apart import Apart
from clearbench.training.batches import endless_batches
from clearbench.training.importances import samples_of
from clearbench.training.loop import minimise
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from installed import forgotten, install  # noqa: F401
from synthetic import write_suite
from tiny_models import BUILDS, domain_of, new_tokenizer, png, sample

CPU = torch.device("cpu")
FULL_ONLY = ("ssd", "salun", "sfron", "mmunlearner")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """By architecture, a new model and sets of four samples to forget, five to retain."""
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [png(10), png(200)], [], [], [])
    tokenizer = new_tokenizer()

    def of(architecture, images=(None,), spared=()):
        encoder = Encoder(build_processor(BUILDS[architecture], tokenizer), Store(folder))
        rows = [sample(number, images[number % len(images)]) for number in range(9)]
        domain = domain_of(architecture)
        model = build_model(BUILDS[architecture], domain, tokenizer, 0).eval()
        sets = Sets(rows[:4], rows[4:], encoder, CPU, spared=spared)
        return prepare_training(model, "full", None, ""), sets

    return of


def unlearner(model, sets, key="ssd", state=None, **changes):
    training = Unlearning(**{"batch_size": 2, "epochs": 2, "weights": "full", "lr": 1e-3} | changes)
    method = methods.create(key, {}) if isinstance(key, str) else key
    return Unlearner(model, method, sets, training, 0, lambda: pytest.fail("no second"), state)


def weights_of(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def by_hand(model, sets, of, size, squared):
    """The mean over the batches that reach a weight, by the model's own loss."""
    rows, weights = samples_of(sets, of), dict(model.named_parameters())
    order = endless_batches(
        sets.retaining(rows).lengths("retain"), size, torch.Generator().manual_seed(0)
    )
    found = {name: [] for name in weights}
    for numbers in (next(order) for _ in range(math.ceil(len(rows) / size))):
        samples = [rows[number] for number in numbers]
        examples = [sets.encoder.sequence(s.question, s.image, s.answer) for s in samples]
        batch = collate(examples, sets.encoder.padding, CPU)
        loss = model(**batch).loss
        gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
        for name, gradient in zip(weights, gradients, strict=True):
            if gradient is not None:
                found[name].append(gradient.square() if squared else gradient)
    return {n: sum(g) / len(g) if g else torch.zeros_like(weights[n]) for n, g in found.items()}


def hold(found, expected):
    assert found.keys() == expected.keys()
    for name, value in found.items():
        scale = max(expected[name].abs().max().item(), 1e-12)
        assert torch.allclose(value, expected[name], rtol=1e-3, atol=1e-5 * scale), name
    assert any(value.any() for value in found.values())


def test_importances_are_means_of_squared_gradients_of_batches_and_leave_the_model_as_it_is(made):
    model, sets = made("llama")
    before = weights_of(model)
    forget, everything = unlearner(model, sets).importances("forget", "all")
    hold(forget, by_hand(model, sets, "forget", 2, squared=True))
    hold(everything, by_hand(model, sets, "all", 2, squared=True))
    (plain,) = unlearner(model, sets, "salun").importances("forget", squared=False)
    hold(plain, by_hand(model, sets, "forget", 2, squared=False))
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    assert all(weight.grad is None for weight in model.parameters())


def test_importances_are_the_same_however_a_step_is_split(made):
    model, sets = made("llama")
    whole, split = (
        unlearner(model, sets, batch_size=size, accumulation=4 // size).importances("forget", "all")
        for size in (4, 1)
    )
    for one, other in zip(split, whole, strict=True):
        hold(one, other)


def test_a_vision_tower_is_judged_by_batches_with_pictures_alone(made):
    spared = [sample(number) for number in range(4)]
    model, sets = made("llava", (0, 1), spared)
    assert samples_of(sets, "kept") == [*sets.retain, *spared]
    (_, kept), (_, retain) = (
        unlearner(model, one, "mmunlearner", batch_size=9).importances("forget", "kept")
        for one in (sets, Sets(sets.forget, sets.retain, sets.encoder, CPU))
    )
    hold(kept, by_hand(model, sets, "kept", 9, squared=True))
    model, pictured = made("llava", (0, 1))
    of_each = [
        unlearner(model, one, "mmunlearner", batch_size=1).importances("forget", "kept")[1]
        for one in (sets, pictured)
    ]
    towers = [name for name in retain if "vision_tower" in name]
    assert towers
    # The texts about the forgotten persons move what is said of words, and of pictures nothing.
    assert all(torch.allclose(*(found[name] for found in of_each)) for name in towers)
    assert any(not torch.allclose(*(found[n] for found in of_each)) for n in {*retain} - {*towers})


def test_the_operations_of_importances_are_counted(made):
    model, sets = made("llama")
    state = State()
    with FlopCounterMode(display=False) as mode:
        unlearner(model, sets, state=state).importances("forget", "all")
    seen = {str(op): count for op, count in mode.get_flop_counts()["Global"].items()}
    products = seen["aten.mm"]
    assert 0 < products <= state.counts["flops"] <= products + seen.get("aten.bmm", 0)


@pytest.mark.parametrize("share", [0.001, 0.3, 0.5, 1.0])
def test_the_largest_share_is_of_all_weights_together(share):
    generator = torch.Generator().manual_seed(0)
    values = {name: torch.randn(size, generator=generator) for name, size in (("a", 40), ("b", 61))}
    values["b"] /= 100
    mask = largest(values, share=share)
    every = torch.cat([value.abs() for value in values.values()])
    bound = every.sort(descending=True).values[max(1, int(share * 101)) - 1]
    assert all(torch.equal(mask[name], values[name].abs() >= bound) for name in values)
    assert sum(int(part.sum()) for part in mask.values()) == max(1, int(share * 101))


def test_a_weight_without_a_gradient_is_never_among_the_largest():
    mask = largest({"a": torch.tensor([0.0, 3.0, -0.0]), "b": torch.zeros(4)}, share=0.5)
    assert mask["a"].tolist() == [False, True, False]
    assert not mask["b"].any()


def test_weights_outweigh_by_their_ratio_and_where_nobody_needs_them_they_are_even():
    ours, theirs = (
        {"a": torch.tensor(values)} for values in ([2.0, 1.0, 0.0, 1e-9], [1.0, 2, 0, 0])
    )
    found = {
        bound: outweighing(ours, theirs, threshold=bound)["a"].tolist() for bound in (0.5, 1.0, 2.5)
    }
    assert found[0.5] == [True, True, True, True]
    assert found[1.0] == [True, False, True, True]
    assert found[2.5] == [False, False, False, True]


@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd"}])
def test_a_step_apart_moves_nothing_outside_its_mask_whatever_moments_and_decay_would(settings):
    torch.manual_seed(0)
    layer = nn.Linear(6, 4)
    rows = torch.randn(6, 5, 6)
    mask = {"weight": torch.rand(4, 6) < 0.5, "bias": torch.tensor([True, False, True, False])}
    training = Training(epochs=1, batch_size=1, lr=0.05, weight_decay=0.5, **settings)
    kept = {step: {} for step in range(1, 7)}
    before = weights_of(layer)
    apart = Apart(dict(layer.named_parameters()), mask, every=3)
    losses = [[lambda batch=batch: layer(batch).square().sum()] for batch in rows]
    minimise(layer, losses, 6, training, State(), kept=kept, apart=apart)
    for step, weights in kept.items():
        for name, weight in weights.items():
            moved = weight != before[name]
            if step % 3 == 1:
                assert torch.equal(moved, mask[name])
            else:
                assert moved.all()
        before = weights


def test_a_step_apart_is_divided_and_then_clipped_to_its_own_norm():
    layer = nn.Linear(3, 1, bias=False)
    mask = {"weight": torch.tensor([[True, True, False]])}
    training = Training(
        epochs=1, batch_size=1, lr=1.0, optimizer="sgd", momentum=0.0, max_grad_norm=1.0
    )
    training = training.model_copy(update={"weight_decay": 0.0})
    row = torch.tensor([[3.0, 4.0, 12.0]])
    moved, history = [], []
    for limit in (2.0, 20.0):
        with torch.no_grad():
            layer.weight.zero_()
        apart = Apart(dict(layer.named_parameters()), mask, max_grad_norm=limit)

        def share(part, apart=apart):
            apart.tell(1.0)
            return 2 * part * layer(row).sum() + 1

        history += minimise(
            layer, [[lambda: share(1.0), lambda: share(3.0)]], 1, training, State(), apart=apart
        )
        moved.append(layer.weight.detach().tolist()[0])
    # Half of 8·(3, 4, 12): of norm 20 without what is masked.
    assert moved[0] == pytest.approx([-1.2, -1.6, 0], rel=1e-4)
    assert moved[1] == pytest.approx([-12, -16, 0], rel=1e-4)
    assert history == [1.0, 1.0]


def test_ssd_dampens_what_it_selects_and_no_other_bit(made):
    model, sets = made("llama")
    before = weights_of(model)
    forget, everything = unlearner(model, sets).importances("forget", "all")
    methods.create("ssd", {"alpha": 1e30}).unlearn(unlearner(model, sets))
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())

    methods.create("ssd", {"alpha": 1.5, "dampening": 0.7}).unlearn(unlearner(model, sets))
    chosen = {name: forget[name] > 1.5 * everything[name] for name in forget}
    assert any(part.any() for part in chosen.values())
    for name, weight in model.named_parameters():
        on = chosen[name]
        assert torch.equal(weight[~on], before[name][~on])
        factor = (0.7 * everything[name][on] / forget[name][on]).clamp(max=1)
        assert torch.allclose(weight[on], before[name][on] * factor)


def test_ssd_without_a_rest_makes_selected_weights_nought():
    forget, everything = torch.tensor([4.0, 4.0, 0.0]), torch.tensor([1.0, 2.0, 0.0])
    for dampening, expected in ((0.0, [0.0, 1.0, 1.0]), (1.0, [0.25, 1, 1]), (8.0, [1, 1, 1])):
        method = methods.create("ssd", {"alpha": 3.0, "dampening": dampening})
        assert method.factor(forget, everything).tolist() == expected


@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd"}])
def test_salun_moves_its_share_of_the_weights_and_no_other_bit(made, settings):
    model, sets = made("llama")
    before = weights_of(model)
    (gradient,) = unlearner(model, sets, "salun").importances("forget", squared=False)
    mask = largest(gradient, share=0.3)
    total = sum(part.numel() for part in mask.values())
    trainer = unlearner(model, sets, "salun", weight_decay=0.5, **settings)
    methods.create("salun", {"share": 0.3}).unlearn(trainer)
    assert len(trainer.history) == 4
    moved = {n: weight != before[n] for n, weight in model.named_parameters()}
    assert not any((moved[name] & ~mask[name]).any() for name in mask)
    shares = [sum(int(part.sum()) for part in found.values()) / total for found in (mask, moved)]
    assert shares[0] == pytest.approx(0.3, abs=1e-3)
    assert shares[1] > 0.25


def test_sfron_weighs_samples_by_a_power_of_their_losses_that_adds_up_to_one():
    # Samples of two tokens, whose losses are 1 and 4.
    tokens = torch.tensor([0.5, 1.5, 3.0, 5.0], dtype=torch.float64)
    logits = torch.stack([-tokens, torch.log1p(-(-tokens).exp())], -1).requires_grad_()
    labels, of = torch.zeros(4, dtype=torch.long), torch.tensor([0, 0, 1, 1])
    view = SimpleNamespace(forget=Answers(lambda: logits, labels, of, 2))
    for evenness, (first, second) in ((0.5, (2 / 3, 1 / 3)), (0.0, (0.5, 0.5)), (1.0, (0.8, 0.2))):
        method = methods.create("sfron", {"evenness": evenness})
        loss = method.ascent(view, None) / method.divisor(view, None)
        assert loss.item() == pytest.approx(-(first * 1 + second * 4))
        # No gradient through the weights.
        (slope,) = torch.autograd.grad(loss, logits, retain_graph=True)
        plain = -view.forget.token_log_likelihood.view(2, 2).mean(1)
        expected = -(first * plain[0] + second * plain[1])
        assert torch.allclose(slope, torch.autograd.grad(expected, logits, retain_graph=True)[0])
    assert not method.divisor(view, None).requires_grad


class Recorder:
    """A trainer that writes down what it is asked for."""

    def importances(self, *of, squared=True):
        self.of = of
        return [{"a": torch.tensor([1.0, 3.0])}, {"a": torch.tensor([2.0, 1.0])}]

    def alternate(self, retain, forget, retain_steps):
        self.forget, self.retain_steps = forget, retain_steps


def test_sfron_climbs_less_and_less_where_the_forget_set_outweighs():
    trainer, method = Recorder(), methods.create("sfron", {"threshold": 2.0})
    method.unlearn(trainer)
    assert (trainer.of, trainer.retain_steps) == (("forget", "retain"), 5)
    assert trainer.forget.mask["a"].tolist() == [False, True]
    assert trainer.forget.max_grad_norm == 7.0
    factors = [trainer.forget.factor(done) for done in (0.0, 0.5, 1.0)]
    assert factors == pytest.approx([25.0, 12.5, 0.0])


def test_mmunlearner_keeps_what_is_known_of_the_forgotten_by_other_means():
    trainer = Recorder()
    methods.create("mmunlearner", {}).unlearn(trainer)
    assert (trainer.of, trainer.retain_steps) == (("forget", "kept"), 0)
    assert trainer.forget.mask["a"].tolist() == [False, True]
    assert (trainer.forget.divisor, trainer.forget.max_grad_norm) == (None, None)


@pytest.mark.parametrize(("asked", "following"), [(0, 2), (3, 3)])
def test_steps_alternate_from_the_forget_set_on_and_see_one_set_each(made, asked, following):
    model, sets = made("llama")
    # Five are retained: of two forgotten ones twice as many, rounded down.
    sets = Sets(sets.forget[:2], sets.retain, sets.encoder, CPU)
    seen = []

    def part(name, sign):
        def loss(student, reference):
            mine, other = (
                getattr(student, one) for one in (name, {"forget": "retain"}.get(name, "forget"))
            )
            seen.append(name)
            assert mine.size == 2 or name == "retain"
            assert other.size == 0
            return -sign * mine.over_tokens(mine.token_log_likelihood)

        return loss

    trainer = unlearner(model, sets, "gd")
    mask = {name: torch.ones_like(weight, dtype=bool) for name, weight in weights_of(model).items()}
    forget = ForgetStep(part("forget", -1), mask, factor=lambda done: 1.0 + done)
    trainer.alternate(part("retain", 1), forget, asked)
    assert seen == ["forget", *["retain"] * following] * 2
    assert trainer.history[0] < 0 < trainer.history[1]


def test_importances_that_a_method_does_not_declare_are_refused(made):
    model, sets = made("llama")
    with pytest.raises(ValueError, match="asks for the importances of forget; importances decl"):
        unlearner(model, sets).importances("forget")


@pytest.mark.parametrize("key", FULL_ONLY)
def test_a_suite_that_gives_an_adapter_to_a_method_of_single_weights_is_told_in_a_line(
    tmp_path, key
):
    told = rf"methods\.{key}\.weights: lora; {key} is about single weights of the model, which an"
    with pytest.raises(UserError, match=told):
        write_suite(tmp_path, methods={key: {}})
    suite = write_suite(tmp_path, methods={key: {"weights": "full"}})
    assert unlearning(suite, key, "text").training.weights == "full"


def test_a_plan_counts_importances_and_the_steps_that_follow_one_another(tmp_path):
    def work(key, size=10, **given):
        suite = write_suite(tmp_path, methods={key: {"weights": "full", "epochs": 2, **given}})
        settings = unlearning(suite, key, "text").model_dump()
        return plan._work("unlearn", {**settings, "method": key, "forget_size": size}, False)

    # Two epochs over 10 %, forward and backward; and once over them, over all, or over the others.
    assert work("ga") == 2 * 10 * 3
    assert work("ssd") == 3 * (10 + 100)
    assert work("salun") == 2 * 10 * 2 * 3 + 3 * 10
    assert work("sfron", retain_steps=4) == 2 * 10 * (1 + 4) * 3 + 3 * (10 + 90)
    assert work("mmunlearner", 5) == 2 * 5 * (1 + 19) * 3 + 3 * (5 + 95)


METHOD = '''
from dataclasses import dataclass

from clearbench.methods.base import Method


@dataclass(frozen=True)
class Own(Method):
    """Mine."""

    {body}
'''


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("importances = ('forgotten',)", "importances names 'forgotten'; allowed: forget, retain,"),
        ("importances = 'forget'", "importances must be a tuple of parts"),
        ("separate = True", "separate needs the parameter retain_steps, an int"),
    ],
)
def test_a_declaration_that_cannot_be_is_told_with_its_line(tmp_path, monkeypatch, body, told):
    files = {"own_method.py": METHOD.format(body=body)}
    install(monkeypatch, tmp_path, files, {"methods": {"own": "own_method"}})
    with pytest.raises(UserError, match=re.escape(f"line 11: method own: {told}")):
        methods.describe("own")
