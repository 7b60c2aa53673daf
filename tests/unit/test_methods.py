"""Methods against loss values computed elsewhere, and against what their files declare."""

import json
import math
import re
from dataclasses import fields
from types import SimpleNamespace
from typing import Literal, get_args, get_origin

import pytest
import torch

from clearbench import methods
from clearbench.errors import UserError
from clearbench.methods.base import Constraint
from clearbench.methods.batches import FORGET, IDK
from clearbench.methods.published.base import divergence
from clearbench.methods.published.rmu import directions
from clearbench.methods.rmu import direction
from clearbench.models.answers import Answers, log_likelihood
from clearbench.training.dual import Dual
from clearbench.training.model_view import ModelView
from installed import forgotten, install  # noqa: F401
from published import DATA

PARITY = [
    ("retain_ft", {}, "retain_ft"),
    ("ga", {}, "ga"),
    ("gd", {}, "gd"),
    ("kl", {}, "kl"),
    ("idk", {}, "idk"),
    ("npo", {"beta": 1.0}, "npo@beta1.0"),
    ("npo", {"beta": 0.1}, "npo@beta0.1"),
    ("dpo", {"beta": 0.1}, "dpo@beta0.1"),
    ("scrub", {"alpha": 1.0, "gamma": 1.0}, "scrub@alpha1,gamma1"),
    ("llmu", {}, "llmu"),
]
"""Methods with the loss of the fixture that they must have."""

PUBLISHED_PARITY = [
    ("kl@published", {}, "kl@beta1.0"),
    ("idk@published", {}, "idk@beta1.0"),
    ("dpo@published", {}, "dpo@beta1.0"),
    ("npo@published", {"beta": 1.0}, "npo@beta1.0"),
    ("npo@published", {"beta": 0.1}, "npo@beta0.1"),
    ("scrub@published", {}, "scrub@beta1.0"),
    ("llmu@published", {}, "llmu@beta1.0"),
]
"""Variants with what CLEAR's code computes, on refusals that it does not lose there."""

FORGET_ALONE = {"forget_weight": 1.0, "retain_weight": 0.0}
"""Weights that leave the forget term of a loss."""

LATER_PARITY = [
    ("retain_ft", {}, "retain_nll"),
    ("simnpo", FORGET_ALONE, "simnpo_forget@beta4.5,delta0.0"),
    ("simnpo", {**FORGET_ALONE, "beta": 2.5, "delta": 0.5}, "simnpo_forget@beta2.5,delta0.5"),
    ("simnpo", {**FORGET_ALONE, "beta": 1.0}, "simnpo_forget@beta1.0,delta0.0"),
    ("simnpo", {}, "simnpo@beta4.5,delta0,gamma0.125,alpha1"),
    ("undial", {"beta": 1.0}, "undial_forget@beta1.0"),
    ("undial", {}, "undial_forget@beta10.0"),
    ("wga", FORGET_ALONE, "wga_forget@beta1.0"),
    ("wga", {**FORGET_ALONE, "beta": 5.0}, "wga_forget@beta5.0"),
    ("satimp", FORGET_ALONE, "satimp_forget@beta1=5,beta2=1"),
    ("ceu", {"ignored_tokens": 0}, "ceu@ignore_first0"),
    ("ceu", {}, "ceu@ignore_first1"),
    ("pdu", FORGET_ALONE, "pdu_forget"),
    # Of answers that the original made up in the place of refusals.
    (
        "altpo",
        {"beta": 0.1, "retain_weight": 0.0},
        "preference@beta0.1 (2/beta scaled, as open-unlearning)",
    ),
    (
        "dpo",
        {"beta": 0.1, "idk_weight": 0.0, "preference_weight": 20.0},
        "preference@beta0.1 (2/beta scaled, as open-unlearning)",
    ),
]
"""The same of later methods, whose values stand in cases of their own."""

LATER_PUBLISHED_PARITY = [
    ("undial@published", {"beta": 1.0}, "undial_forget@beta1.0"),
    ("undial@published", {}, "undial_forget@beta10.0"),
    ("pdu@published", FORGET_ALONE, "pdu_forget"),
]
"""Variants with what open-unlearning computes, where it can: of undial not on few words."""

FORMULAS = {"rmu", "sku", "scrub_bio", "twins", "sparsity", "rmu@published", "sku@published"}
FORMULAS |= {"flat", "me_gd", "idk_ap", "adaptive_rmu", "task_vector", "leace", "icr"}
FORMULAS |= {"ssd", "salun", "sfron", "mmunlearner", "manu", "manu@published", "mip_editor"}
FORMULAS |= {"npo@mllmu", "npo@muse", "kl@muse", "llmu@paper"}
"""Methods that are tested by their formula; those of neurons in `test_neurons.py`."""

DECLARED = ("domains", "weights", "unaugmented", "as_published", "student_reads", "reference_reads")
DECLARED += ("importances", "separate", "few_rows", "surveys", "trains", "compares_with")
"""What a method says of itself beside its parameters."""

WRONG_VALUES = {"int": 1.5, "float": "high", "bool": 1, "str": 3}


class Echo:
    """A model that answers any batch by the batch."""

    name, reads, weights = "student", (FORGET, IDK), ()

    def stored(self, batches, asked):
        return None

    def answers(self, batches, asked):
        return asked


class LogitsView:
    """A view whose answers come from given logits (B, T, V) and labels (B, T) of each batch."""

    seed = 0

    def __init__(self, logits, labels):
        self._answers = {
            part: Answers.from_logits(torch.as_tensor(logits[part]), torch.as_tensor(labels[part]))
            for part in logits
        }

    @property
    def forget(self):
        return self._answers["forget"]

    @property
    def retain(self):
        return self._answers["retain"]

    @property
    def idk(self):
        return self._answers["idk"]

    @property
    def alternate(self):
        return self._answers["idk"]

    @property
    def retain_idk(self):
        return self._answers["retain_idk"]

    def mismatched(self, k):
        assert k * self.forget.size == self._answers["mismatched"].size
        return self._answers["mismatched"]


class States:
    """A view that knows hidden states only."""

    def __init__(self, seed, forget, retain):
        self.seed = seed
        self.forget = SimpleNamespace(hidden=forget, over_tokens=torch.mean)
        self.retain = SimpleNamespace(hidden=retain, over_tokens=torch.mean)


class WholeStates:
    """A view that knows the hidden states at every position only."""

    def __init__(self, seed, forget, retain):
        self.seed = seed
        self.forget = SimpleNamespace(whole_hidden=forget)
        self.retain = SimpleNamespace(whole_hidden=retain)


@pytest.fixture(scope="session")
def data():
    return json.loads((DATA / "losses.json").read_text())


@pytest.fixture(scope="session")
def cases(data):
    return data["cases"]


def doubles(logits):
    return {part: torch.tensor(values, dtype=torch.float64) for part, values in logits.items()}


def assert_parity(cases, column, key, parameters, name):
    method = methods.create(key, parameters)
    cases = [case for case in cases if name in case[column]]
    assert cases
    for case in cases:
        student, reference = (
            LogitsView(doubles(case[f"{model}_logits"]), case["labels"])
            for model in ("student", "reference")
        )
        loss = method.loss(student, reference)
        assert loss.dtype == torch.float64
        assert loss.item() == pytest.approx(case[column][name], rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("key", "parameters", "name"), PARITY)
def test_loss_is_the_one_of_the_paper(cases, key, parameters, name):
    assert_parity(cases, "paper", key, parameters, name)


@pytest.mark.parametrize(("key", "parameters", "name"), PUBLISHED_PARITY)
def test_loss_as_published_is_what_the_published_code_computes(cases, key, parameters, name):
    assert_parity(cases, "official_code", key, parameters, name)


@pytest.mark.parametrize(("key", "parameters", "name"), LATER_PARITY)
def test_loss_of_a_later_method_is_the_one_of_its_paper(data, key, parameters, name):
    assert_parity(data["later"], "paper", key, parameters, name)


@pytest.mark.parametrize(("key", "parameters", "name"), LATER_PUBLISHED_PARITY)
def test_loss_of_a_later_method_as_published_is_what_open_unlearning_computes(
    data, key, parameters, name
):
    assert_parity(data["later"], "code", key, parameters, name)


def test_every_value_of_the_later_cases_is_held(data):
    columns = {"paper": LATER_PARITY, "code": LATER_PUBLISHED_PARITY}
    for column, parity in columns.items():
        there = {name for case in data["later"] for name in case[column]}
        assert there == {name for _, _, name in parity}


def test_parity_covers_every_method_but_those_with_a_formula_of_their_own():
    later = LATER_PARITY + LATER_PUBLISHED_PARITY
    covered = {key for key, _, _ in PARITY + PUBLISHED_PARITY + later}
    assert covered == set(methods.available()) - FORMULAS


def test_published_code_that_loses_the_refusals_trains_on_the_forget_answers():
    losing = {key for key in methods.available() if methods.create(key, {}).as_published}
    assert losing == {key for key in methods.available() if key.endswith(("@published", "@muse"))}
    seen = {lost: ModelView(Echo(), None, 0, as_published=lost).idk for lost in (True, False)}
    assert seen == {True: FORGET, False: IDK}


def test_llmu_as_published_forgets_and_refuses_nothing(drawn):
    student, reference = drawn
    student._answers["idk"] = student.forget
    loss = methods.create("llmu@published", {}).loss(student, reference)
    assert loss.item() == pytest.approx(divergence(student.retain, reference.retain).item())


def test_as_in_muse_every_logit_at_every_position_counts(drawn):
    student, reference = drawn
    z, before = (view.forget.whole() for view in (student, reference))
    expected = -(2 / 0.1) * torch.sigmoid(0.1 * (before - z)).log().mean()
    lost = methods.create("npo@muse", {}).loss(student, reference)
    assert lost.item() == pytest.approx(expected.item(), rel=1e-9)
    # A constant changes what is counted, and not what is said.
    lower = LogitsView({"forget": z - 1.0}, {"forget": torch.full(z.shape[:2], 0)})
    assert methods.create("npo@muse", {}).loss(lower, reference) < lost
    z, before = (view.retain.whole() for view in (student, reference))
    expected = nll(student.forget).neg() + (before.exp() * (before - z)).sum() / 2
    found = methods.create("kl@muse", {}).loss(student, reference)
    assert found.item() == pytest.approx(expected.item(), rel=1e-9)


def test_npo_of_mllmu_is_npo_below_gold(drawn):
    student, gold = drawn
    below_gold = methods.create("npo@mllmu", {}).loss(student, gold)
    assert below_gold == methods.create("npo", {"beta": 0.4}).loss(student, gold)
    comparing = {
        key for key in methods.available() if methods.describe(key).compares_with == "gold"
    }
    assert comparing == {"npo@mllmu"}
    assert not methods.describe("npo@mllmu").takes_stored_reference


def test_llmu_of_its_paper_has_random_answers_in_the_place_of_refusals():
    view = SimpleNamespace(
        forget=costing(5), retain=costing(1), mismatched=lambda k: costing(*[6] * k)
    )
    weights = {"forget_weight": 0.5, "idk_weight": 2.0}
    loss = methods.create("llmu@paper", {**weights, "mismatches": 3}).loss(view, view)
    assert loss.item() == pytest.approx(2.0 * 6 - 0.5 * 5)


@pytest.mark.parametrize(
    ("epoch", "terms"), [(0, "F"), (1, "R"), (2, "F"), (3, "R"), (4, "R"), (5, "R")]
)
def test_scrub_alternates_epochs_and_at_last_stays_with_the_retain_set(drawn, epoch, terms):
    student, reference = drawn
    student.epoch = epoch
    both, rest = (
        methods.create("scrub", {"alpha": 0.5, **more}).loss(student, reference)
        for more in ({}, {"max_epochs": 2})
    )
    student.epoch = 7
    kept = methods.create("scrub", {"alpha": 0.5, "max_epochs": 1}).loss(student, reference)
    expected = kept if terms == "R" else both - kept
    assert rest.item() == pytest.approx(expected.item(), rel=1e-9)


def test_rmu_as_published_steers_each_average_over_time_to_all_targets_of_the_batch():
    generator = torch.Generator().manual_seed(0)
    forget, retain, held = (torch.randn(3, 4, 5, generator=generator) for _ in range(3))
    student = WholeStates(7, forget, retain)
    method = methods.create("rmu@published", {"layer": 1, "steering": 2.0, "beta": 0.5})
    targets = 2.0 * directions(3, 5, 7)
    assert targets.norm().item() == pytest.approx(2.0)
    steered = sum(
        (forget[i].mean(0) - targets[j, 0]).square().mean() for i in range(3) for j in range(3)
    )
    expected = 0.5 * steered / 9 + (retain - held).square().mean()
    loss = method.loss(student, WholeStates(7, forget, held))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert method.hidden_layer() == 1


@pytest.fixture
def drawn():
    """Student and reference on two forget and two retain samples, with two wrong answers each."""
    generator = torch.Generator().manual_seed(5)
    sizes = {"forget": 2, "retain": 2, "mismatched": 4}
    labels = {
        part: torch.randint(9, (size, 5), generator=generator) for part, size in sizes.items()
    }
    for rows in labels.values():
        rows[:, :2] = -100
        rows[1, 2] = -100

    def view():
        return LogitsView(
            {
                part: torch.randn(*rows.shape, 9, generator=generator, dtype=torch.float64)
                for part, rows in labels.items()
            },
            labels,
        )

    return view(), view()


def nll(answers):
    return -answers.token_log_likelihood.mean()


def test_sku_learns_the_forget_set_and_leaves_the_original_on_the_retain_set(drawn):
    student, reference = drawn
    parameters = {"forget_weight": 2.5, "mismatch_weight": 0.7, "retain_weight": 0.5}
    method = methods.create("sku", {**parameters, "mismatches": 2})
    p, q = reference.retain.log_probabilities, student.retain.log_probabilities
    divergence = sum((row.exp() * (row - other)).sum() for row, other in zip(p, q, strict=True))
    expected = (
        2.5 * nll(student.forget)
        + 0.7 * nll(student.mismatched(2))
        - 0.5 * divergence / len(student.retain.labels)
    )
    assert method.loss(student, reference).item() == pytest.approx(expected.item(), rel=1e-12)


def costing(*costs, tokens=3):
    """Answers of some tokens of which each costs what is given, in nats."""
    likelihood = torch.tensor(costs, dtype=torch.float64).neg().exp()
    logits = torch.stack([likelihood, 1 - likelihood], -1).log()[:, None].repeat(1, tokens + 1, 1)
    return Answers.from_logits(logits, torch.zeros(len(costs), tokens + 1, dtype=torch.long))


@pytest.mark.parametrize(
    ("key", "expected"),
    # Forget 5, three mismatched answers of 6 each and no divergence: averaged, and summed.
    [("sku", 2.5 * 5 + 2.5 * 6), ("sku@published", 2.5 * 5 + 1.0 * 18)],
)
def test_sku_averages_its_mismatched_answers_and_the_published_code_sums_them(key, expected):
    view = SimpleNamespace(
        forget=costing(5), retain=costing(1), mismatched=lambda k: costing(*[6] * k)
    )
    loss = methods.create(key, {"mismatches": 3}).loss(view, view)
    assert loss.item() == pytest.approx(expected)


def test_sku_as_published_sums_over_the_answers_of_each_draw_and_takes_all_positions(drawn):
    student, reference = drawn
    tokens, of = (
        getattr(student.mismatched(2), name) for name in ("token_log_likelihood", "sample")
    )
    # Of two samples with two answers each, the first answers make a batch, the second another.
    summed = -sum(tokens[of % 2 == k].mean() for k in (0, 1))
    expected = 2.5 * nll(student.forget) + summed
    expected -= 0.5 * divergence(reference.retain, student.retain)
    loss = methods.create("sku@published", {"mismatches": 2}).loss(student, reference)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


def test_sku_as_published_keeps_what_it_trained():
    trainer = SimpleNamespace(minimise=lambda loss: None)
    methods.create("sku@published", {}).unlearn(trainer)


def test_sku_negates_the_update_after_training_and_once():
    class Trainer:
        def __init__(self):
            self.calls = []

        def minimise(self, loss):
            self.calls.append(loss)

        def negate_update(self):
            self.calls.append("negate")

    trainer, method = Trainer(), methods.create("sku", {})
    method.unlearn(trainer)
    assert trainer.calls == [method.loss, "negate"]


@pytest.mark.parametrize("seed", [0, 7])
def test_rmu_steers_forget_states_and_holds_retain_states(seed):
    generator = torch.Generator().manual_seed(1)
    forget, retain, before = (torch.randn(n, 6, generator=generator) for n in (3, 5, 5))
    method = methods.create("rmu", {"steering": 20.0, "alpha": 0.3})
    loss = method.loss(States(seed, forget, retain), States(seed, None, before))
    u = direction(6, seed)
    steered = sum(sum((h - 20.0 * c) ** 2 for h, c in zip(row, u, strict=True)) for row in forget)
    held = sum(
        sum((h - h0) ** 2 for h, h0 in zip(row, row0, strict=True))
        for row, row0 in zip(retain, before, strict=True)
    )
    assert loss.item() == pytest.approx((steered / 3 + 0.3 * held / 5).item(), rel=1e-5)


def test_rmu_steers_a_run_in_one_direction_of_unit_length_that_its_seed_draws():
    u = direction(64, 3)
    assert u.norm().item() == pytest.approx(1, abs=1e-6)
    assert (u >= 0).all()
    assert torch.equal(u, direction(64, 3))
    assert not torch.allclose(u, direction(64, 4))


class FacesView:
    """A view whose answers have given embeddings (B, E) of each batch, and weights."""

    def __init__(self, weights=(), **embeddings):
        for name, vectors in embeddings.items():
            answers = Answers.from_logits(torch.zeros(1, 2, 2), torch.tensor([[0, 1]]))
            answers.embeddings = torch.nn.functional.normalize(vectors, dim=-1)
            setattr(self, name, answers)
        self.weight_l1 = sum(weight.abs().sum() for weight in weights)


def drawn_embeddings(seed):
    generator = torch.Generator().manual_seed(seed)
    names = ("forget", "retain", "flipped")
    return {name: torch.randn(4, 6, generator=generator) for name in names}


def test_scrub_bio_turns_forget_embeddings_away_and_holds_retain_embeddings():
    student, reference = drawn_embeddings(0), drawn_embeddings(1)
    loss = methods.create("scrub_bio", {"retain_weight": 2.0}).loss(
        FacesView(**student), FacesView(**reference)
    )
    cosine = torch.nn.functional.cosine_similarity
    left, kept = (cosine(student[part], reference[part]).mean() for part in ("forget", "retain"))
    assert loss == pytest.approx((left - 2 * kept).item())


def test_twins_moves_forget_embeddings_to_those_of_the_mirrored_pictures():
    student, reference = drawn_embeddings(0), drawn_embeddings(1)
    loss = methods.create("twins", {}).loss(FacesView(**student), FacesView(**reference))
    unit = torch.nn.functional.normalize
    pairs = [(student["forget"], reference["flipped"]), (student["retain"], reference["retain"])]
    expected = sum((unit(a) - unit(b)).square().sum(-1).mean() for a, b in pairs)
    assert loss == pytest.approx(expected.item(), rel=1e-5)


def test_sparsity_adds_the_norm_of_all_weights_to_the_loss_of_the_retain_set():
    weights = [torch.tensor([1.0, -2.0]), torch.tensor([[3.0]])]
    view = FacesView(weights, **drawn_embeddings(0))
    loss = methods.create("sparsity", {"penalty": 0.1}).loss(view, view)
    # Two answers alike.
    assert loss == pytest.approx(torch.log(torch.tensor(2.0)).item() + 0.6)


def repeated(answers_logits, times):
    """Logits whose answers have each token so many times over, and the labels of token 0."""
    logits = answers_logits.repeat_interleave(times, dim=1)
    # The last position predicts nothing.
    logits = torch.cat([logits, logits[:, -1:]], 1)
    labels = torch.zeros(logits.shape[:2], dtype=torch.long)
    labels[:, 0] = -100
    return Answers.from_logits(logits, labels)


def test_simnpo_does_not_see_how_long_an_answer_is(drawn):
    student, reference = drawn
    logits = torch.randn(2, 3, 9, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    method = methods.create("simnpo", {})
    once, twice = (
        method.loss(SimpleNamespace(forget=repeated(logits, n), retain=student.retain), reference)
        for n in (1, 2)
    )
    assert once.item() == pytest.approx(twice.item(), rel=1e-12)
    certain = SimpleNamespace(forget=costing(0.0, 0.0), retain=student.retain)
    loss = methods.create("simnpo", FORGET_ALONE).loss(certain, reference)
    assert loss.item() == pytest.approx(2 / 4.5 * math.log(2))


@pytest.mark.parametrize("key", ["simnpo", "wga", "satimp", "ceu", "undial", "flat", "pdu"])
def test_a_step_downhill_of_a_forget_term_makes_the_forget_answers_less_likely(key):
    """Of answers that the model is nearly sure of, where all that is said otherwise is alike."""
    weight = torch.tensor([[2.0, 0.3, -0.2]], dtype=torch.float64, requires_grad=True)
    forget = Answers.from_logits(weight.expand(2, 3, 3), torch.tensor([[-100, 0, 0], [-100, 0, 0]]))
    refused = Answers.from_logits(
        weight.detach().expand(2, 3, 3), torch.tensor([[-100, 1, 1], [-100, 1, 1]])
    )
    view = SimpleNamespace(forget=forget, idk=refused, retain=costing(1, 1))
    original = SimpleNamespace(
        forget=Answers(lambda: forget.project().detach(), *fields_of(forget))
    )
    names = methods.describe(key).parameters
    alone = {name: value for name, value in FORGET_ALONE.items() if name in names}
    loss = methods.create(key, alone).loss(view, original)
    (slope,) = torch.autograd.grad(loss, weight)
    stepped = (weight - 0.1 * slope).log_softmax(-1)[0, 0]
    assert stepped < weight.log_softmax(-1)[0, 0]


def fields_of(answers):
    return answers.labels, answers.sample, answers.size


LABELS = torch.tensor([[-100, 3, 1, 0, 2], [-100, -100, -100, 1, 4]])
"""Answers of four tokens and of two."""


def forgetting():
    """Logits (B, T, V) of forget answers that a gradient is asked of, and a view of them."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 7, generator=generator, dtype=torch.float64).requires_grad_()
    return logits, LogitsView({"forget": logits}, {"forget": LABELS})


@pytest.mark.parametrize("beta", [0.0, 1e3])
def test_undial_holds_the_original_where_nothing_is_lowered_and_forbids_the_token_at_last(beta):
    logits, view = forgetting()
    original = LogitsView({"forget": logits.detach()}, {"forget": LABELS})
    loss = methods.create("undial", {"beta": beta}).loss(view, original)
    (slope,) = torch.autograd.grad(loss, logits)
    if beta == 0:
        assert slope.abs().max() < 1e-15
        return
    # The gradient is p - q, and q is 0 at the true token.
    forget = view.forget
    p = forget.token_log_likelihood.exp() / len(forget.labels)
    assert torch.allclose(slope[forget.sample, forget.position, forget.labels], p)


def test_weighted_ascents_are_those_that_their_weights_make_of_gradient_ascent():
    logits, view = forgetting()
    view = SimpleNamespace(forget=view.forget, retain=costing(1))
    plain = -methods.create("ga", {}).loss(view, view)
    for key, weights in (
        ("wga", {"beta": 0.0}),
        ("satimp", {"saturation": 0.0, "importance": 0.0}),
    ):
        loss = methods.create(key, {**FORGET_ALONE, **weights}).loss(view, view)
        assert loss.item() == pytest.approx(-plain.item(), rel=1e-12)
    for key, weight in (("wga", lambda p: p), ("satimp", lambda p: p**5 * (1 - p))):
        loss = methods.create(key, FORGET_ALONE).loss(view, view)
        (slope,) = torch.autograd.grad(loss, logits, retain_graph=True)
        # No gradient through the weight: that of -CE, a token at a time.
        p = view.forget.token_log_likelihood.detach().exp()
        tokens = (weight(p) * view.forget.token_log_likelihood).mean()
        assert torch.allclose(slope, torch.autograd.grad(tokens, logits, retain_graph=True)[0])


def test_ceu_has_the_gradient_of_being_wrong():
    logits, view = forgetting()
    loss = methods.create("ceu", {"ignored_tokens": 0}).loss(view, view)
    wrong = -torch.log1p(-view.forget.token_log_likelihood.exp()).mean()
    slope, expected = (
        torch.autograd.grad(value, logits, retain_graph=True)[0] for value in (loss, wrong)
    )
    assert torch.allclose(slope, expected, atol=1e-12)


def test_ceu_takes_short_answers_whole_and_leaves_out_the_first_tokens_of_others():
    _, view = forgetting()
    said, labels = view.forget.log_probabilities, view.forget.labels
    costs = []
    for row, label in zip(said, labels, strict=True):
        others = row.exp().index_fill(0, label, 0.0)
        costs.append(-(others / others.sum() * row).sum().item())
    # Of answers of four and two tokens.
    for ignored, counted in (
        (0, costs),
        (1, [*costs[1:4], costs[5]]),
        (2, [*costs[2:4], *costs[4:]]),
    ):
        loss = methods.create("ceu", {"ignored_tokens": ignored}).loss(view, view)
        assert loss.item() == pytest.approx(sum(counted) / len(counted), rel=1e-12)


F_OF_EQUAL = {
    "total_variation": lambda p: 0.0,
    "kl": lambda p: math.exp(p - 1) - p,
    "pearson": lambda p: p**2 / 4,
    "jensen_shannon": lambda p: 2 * math.log(math.cosh(p / 2)),
}


@pytest.mark.parametrize("divergence", F_OF_EQUAL)
def test_flat_parts_refusals_from_answers_by_a_divergence(divergence):
    method = methods.create("flat", {"divergence": divergence})
    # p = 0.5 and 0.2 a token; of equal answers what the divergence has of nothing to part.
    forget, refused = costing(math.log(2), math.log(5)), costing(math.log(4), math.log(5))
    equal = method.loss(SimpleNamespace(forget=forget, idk=forget), None).item()
    expected = sum(map(F_OF_EQUAL[divergence], (0.5, 0.2))) / 2
    assert equal == pytest.approx(expected, abs=1e-12)
    assert equal >= 0
    activation = {"total_variation": lambda p: math.tanh(p) / 2}.get(divergence, lambda p: p)
    if divergence == "jensen_shannon":
        activation = lambda p: math.log(2 / (1 + math.exp(-p)))  # noqa: E731
    loss = method.loss(SimpleNamespace(forget=forget, idk=refused), None).item()
    # The second question's answers are equal; of the first, the refusal has 0.25 in place of 0.5.
    assert loss - equal == pytest.approx((activation(0.5) - activation(0.25)) / 2, abs=1e-12)


def test_flat_names_the_divergences_that_there_are():
    with pytest.raises(UserError, match=r"^divergence: hellinger: unknown; allowed: total_v"):
        methods.create("flat", {"divergence": "hellinger"})


def test_me_gd_is_how_far_the_forget_answers_are_from_uniform(drawn):
    student, reference = drawn
    said = student.forget.log_probabilities
    uniform = torch.full_like(said, 1 / 9)
    apart = (uniform * (uniform.log() - said)).sum(-1).mean()
    loss = methods.create("me_gd", {"forget_weight": 0.3}).loss(student, reference)
    assert loss.item() == pytest.approx(0.3 * apart.item() + nll(student.retain).item(), rel=1e-12)
    flat = SimpleNamespace(forget=costing(math.log(2)), retain=costing(0))
    assert methods.create("me_gd", {}).loss(flat, None).item() == pytest.approx(0, abs=1e-12)


def test_idk_ap_refuses_and_prefers_the_retain_answers_to_refusals():
    # A retain question's answer costs 1 a token, its refusal 3, of three tokens each.
    view = SimpleNamespace(idk=costing(2, 2), retain=costing(1, 5), retain_idk=costing(3, 5))
    loss = methods.create("idk_ap", {"beta": 0.5}).loss(view, None)
    preferred = [math.log(1 + math.exp(-0.5 * apart)) for apart in (6, 0)]
    assert loss.item() == pytest.approx(2 + sum(preferred) / 2 / 0.5)


def test_adaptive_rmu_steers_a_state_by_its_own_length():
    generator = torch.Generator().manual_seed(1)
    forget, original, retain, before = (torch.randn(3, 6, generator=generator) for _ in range(4))
    method = methods.create("adaptive_rmu", {"scale": 4.0, "alpha": 0.5})
    loss = method.loss(States(7, forget, retain), States(7, original, before))
    targets = 4 * original.norm(dim=1)[:, None] * direction(6, 7)
    steered = (forget - targets).square().sum(1).mean()
    held = (retain - before).square().sum(1).mean()
    assert loss.item() == pytest.approx((steered + 0.5 * held).item(), rel=1e-5)
    # Of states of one length it is rmu.
    unit = torch.nn.functional.normalize(original, dim=1)
    plain = methods.create("rmu", {"steering": 4.0, "alpha": 0.5})
    views = States(7, forget, retain), States(7, unit, before)
    assert method.loss(*views).item() == pytest.approx(plain.loss(*views).item(), rel=1e-5)


def test_task_vector_learns_the_forget_set_and_negates_by_its_scale(drawn):
    calls = []
    trainer = SimpleNamespace(minimise=calls.append, negate_update=calls.append)
    method = methods.create("task_vector", {"scale": 0.4})
    method.unlearn(trainer)
    assert calls == [method.loss, 0.4]
    assert method.loss(*drawn).item() == pytest.approx(nll(drawn[0].forget).item())


def test_pdu_is_its_margin_and_what_the_retain_set_is_above_its_bound(drawn):
    student, reference = drawn
    method = methods.create("pdu", {"bound": 0.7, "forget_weight": 0.2, "retain_weight": 3.0})
    logits = student.forget.project()
    margins = (logits.amax(-1) - logits.mean(-1)).square().mean()
    expected = 0.2 * margins + 3 * (nll(student.retain) - 0.7)
    assert method.loss(student, reference).item() == pytest.approx(expected.item(), rel=1e-12)


def test_a_dual_variable_rises_while_a_bound_is_broken_and_falls_to_no_less_than_zero():
    violations = iter([1.0, 0.5, -0.25, -9.0, 2.0])
    bound = Constraint(lambda *_: torch.tensor(next(violations)), weight=2.0, rate=0.5, warmup=0.2)
    dual = Dual(bound, 5)
    loss = dual.added_to(lambda *_: torch.tensor(10.0))
    found = []
    for done in range(1, 6):
        value = loss(None, None).item()
        dual.end_step([dual.take()], done)
        found.append((value, dual.value))
    # The first of five steps is the warm-up.
    assert found == [(12.0, 2.0), (11.0, 2.25), (9.4375, 2.125), (-9.125, 0.0), (10.0, 1.0)]


@pytest.mark.parametrize(("as_published", "moved"), [(False, 3.0), (True, 1.5)])
def test_a_dual_variable_moves_by_the_shares_of_a_steps_batches_or_by_their_mean(
    as_published, moved
):
    dual = Dual(Constraint(None, weight=0.0, rate=1.0), 1, as_published)
    dual.end_step([1.0, 2.0], 1)
    assert dual.value == moved


@pytest.mark.parametrize("key", methods.available())
def test_description_read_without_running_the_file_is_that_of_the_class(key):
    method, description = methods.create(key, {}), methods.describe(key)
    of_class = {field.name: (field.type, field.default) for field in fields(method)}
    of_class = {
        name: ("str" if get_origin(kind) is Literal else kind.__origin__.__name__, default)
        for name, (kind, default) in of_class.items()
    }
    assert dict(description.parameters) == of_class
    for name in DECLARED:
        assert getattr(description, name) == getattr(method, name)
    assert description.reads({}) == method.reads
    assert description.name == type(method).__name__
    assert "Source: " in description.doc


@pytest.mark.parametrize("key", methods.available())
def test_unknown_parameter_is_answered_with_the_known_ones(key):
    with pytest.raises(UserError) as caught:
        methods.create(key, {"betta": 1.0})
    known = sorted(methods.describe(key).parameters)
    near = " (did you mean beta?)" if "beta" in known else ""
    told = f"betta: unknown{near}; {key} has the parameters: {', '.join(known) or 'none'}"
    assert str(caught.value) == told


@pytest.mark.parametrize(
    ("key", "name", "kind"),
    [
        (key, name, kind)
        for key in methods.available()
        for name, (kind, _) in methods.describe(key).parameters.items()
    ],
)
def test_parameter_of_a_wrong_type_is_refused(key, name, kind):
    for value in (WRONG_VALUES[kind], None, [], *([True] if kind != "bool" else [])):
        with pytest.raises(UserError) as caught:
            methods.create(key, {name: value})
        assert str(caught.value) == f"{name}: {value!r} is not of type {kind}"


@pytest.mark.parametrize("key", methods.available())
def test_every_number_of_a_method_has_a_range_that_its_type_holds_and_values_are_held_to(key):
    description = methods.describe(key)
    for field in fields(methods.create(key, {})):
        range_ = description.ranges[field.name]
        if range_.choices:
            assert get_args(field.type) == range_.choices
            continue
        bounds = range_.bounds
        (given,) = field.type.__metadata__
        known = ((found, name) for found in given.metadata for name in bounds)
        assert {n: getattr(found, n) for found, n in known if hasattr(found, n)} == bounds
        (below,) = [
            bound - (name == "ge") for name, bound in bounds.items() if name in ("gt", "ge")
        ]
        with pytest.raises(UserError) as caught:
            methods.create(key, {field.name: below})
        allowed = str(description.ranges[field.name])
        assert str(caught.value) == f"{field.name}: {below} is out of range; allowed: {allowed}"
        methods.create(key, {field.name: below + 1})


@pytest.fixture
def read_file(tmp_path, monkeypatch):
    """Install a package with a method that declares one parameter; gives its description."""

    def read(declared):
        text = (
            "from dataclasses import dataclass\nfrom clearbench.methods.base import Method\n\n\n"
            f"@dataclass(frozen=True)\nclass Own(Method):\n    {declared}\n"
        )
        install(monkeypatch, tmp_path, {"own.py": text}, {"methods": {"own": "own"}})
        return methods.describe("own")

    return read


@pytest.mark.parametrize(
    ("declared", "kind", "range_"),
    [
        ("mean: Literal['sum', 'mean'] = 'sum'", "str", "sum, mean"),
        ("share: Annotated[float, Field(ge=0, lt=1)] = 0.5", "float", ">= 0, < 1"),
        ("count: Annotated[int, Field(gt=-1, le=3)] = 0", "int", "> -1, <= 3"),
        ("weight: float = 1.0", "float", ""),
        ("sharp: bool = True", "bool", ""),
    ],
)
def test_a_range_is_optional_and_read_as_it_is_written(read_file, declared, kind, range_):
    description = read_file(declared)
    ((name, (found, _)),) = description.parameters.items()
    assert (found, str(description.ranges[name])) == (kind, range_)


@pytest.mark.parametrize(
    ("declared", "told"),
    [
        ("beta: Annotated[float, Field(gt=0)] = 0.0", "beta: 0.0 is out of range; allowed: > 0"),
        ("beta: Annotated[float, Field(multiple_of=2)] = 2.0", "beta: give it a default and a typ"),
        ("beta: Annotated[float, 'weight'] = 2.0", "beta: give it a default and a type: int, "),
        ("beta: Annotated[list, Field(gt=0)] = []", "beta: give it a default and a type: int, "),
        ("beta: Annotated[float, Field(gt=0)]", "beta: give it a default and a type: int, float"),
        ("beta: float = 1", None),
        ("mean: Literal['sum', 1] = 'sum'", "mean: give it a default and a type: int, float"),
        ("mean: Literal['sum', 'mean'] = 'max'", "mean: max: unknown; allowed: sum, mean"),
        ("beta: int = 1.5", "beta: 1.5 is not of type int"),
        ("beta: float = math.pi", "beta: give it a default and a type: int, float"),
    ],
)
def test_a_declaration_that_cannot_hold_is_told(read_file, declared, told):
    if told is None:
        assert read_file(declared).parameters == {"beta": ("float", 1)}
        return
    with pytest.raises(UserError, match=re.escape(f"line 7: method own: parameter {told}")):
        read_file(declared)


def test_whole_number_serves_as_a_float():
    assert methods.create("npo", {"beta": 2}).beta == 2


def test_likelihood_of_an_answer_counts_its_own_tokens_only(drawn):
    student, _ = drawn
    tokens, sample = student.forget.token_log_likelihood, student.forget.sample
    sums = log_likelihood(student.forget)
    assert (sample == 0).sum() != (sample == 1).sum()
    for number in (0, 1):
        assert sums[number].item() == pytest.approx(tokens[sample == number].sum().item())
