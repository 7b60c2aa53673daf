"""What neurons are chosen by, and that pruning and training them touches nothing else."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clearbench import methods
from clearbench.config.settings import Lora, Unlearning
from clearbench.data.store import TrainSample
from clearbench.errors import UserError
from clearbench.jobs.state import State
from clearbench.methods.batches import FORGET
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import (
    keep_no_activations,
    load_model,
    prepare_training,
    save_checkpoint,
)
from clearbench.models.encoding import Encoder
from clearbench.models.influence import integrated_gradients, squared_gradients
from clearbench.models.neurons import Activations, Layer, layers_of, leaving, rows_in_training, zero
from clearbench.models.scaled import load_scaled
from clearbench.training.neurons import Survey
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from tiny_models import BUILDS, LORA_TARGETS, ODD_BUILDS, domain_of

CPU = torch.device("cpu")
TRAINING = Unlearning(epochs=2, batch_size=2, lr=1e-2, weights="full")
VISION = r"model\.(vision_tower|visual)\..*"
NONE = {"share": 0.0}
ALIKE = {"absolute_weight": 1.0, "frequency_weight": 3.0, "deviation_weight": 0.5}


@pytest.fixture(scope="module")
def cell(store, tokenizer):
    """A model of an architecture that is trained whole, and its sets, of two and three samples."""

    def made(architecture, frozen="", weights="full", precision=torch.float32):
        build, domain = {**BUILDS, **ODD_BUILDS}[architecture], domain_of(architecture)
        model = build_model(build, domain, tokenizer, 0).to(precision).eval()
        for name, parameter in model.named_parameters():
            # Those of a new model are zero.
            if name.endswith(".bias"):
                torch.nn.init.normal_(parameter, std=0.1)
        lora = Lora(rank=2, targets=LORA_TARGETS)
        encoder = Encoder(build_processor(build, tokenizer), store)
        images = (None,) if domain == "text" else (None, 0, 1)
        samples = [
            TrainSample(
                str(number), "x", "text", "x", "Who wrote it?", "x" + " x" * (3 * number), image
            )
            for number, image in enumerate((*images, *images, *images)[:5])
        ]
        sets = Sets(samples[:2], samples[2:], encoder, CPU)
        return prepare_training(model, weights, lora, frozen), sets

    return made


def unlearned(cell, key, parameters, architecture, frozen="", **training):
    """The weights before and after a cell."""
    model, sets = cell(architecture, frozen)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    settings = TRAINING.model_copy(update=training)
    original = lambda: cell(architecture)[0].requires_grad_(False)  # noqa: E731
    unlearner = Unlearner(model, methods.create(key, parameters), sets, settings, 0, original)
    methods.create(key, parameters).unlearn(unlearner)
    assert all(p.requires_grad for n, p in model.named_parameters() if frozen == "")
    return before, dict(model.named_parameters())


def changed(before, after):
    """The rows that are others, by the name of their parameter."""
    assert before.keys() == after.keys()
    differing = {
        name: (old != after[name]).reshape(len(old), -1).any(1).nonzero().flatten().tolist()
        for name, old in before.items()
    }
    return {name: rows for name, rows in differing.items() if rows}


NAMES = {
    "llama": ({"gate_proj", "up_proj", "down_proj"}, None),
    "phi": ({"fc1", "fc2"}, None),
    "opt": ({"fc1", "fc2"}, None),
    "falcon_h1": ({"gate_proj", "up_proj", "down_proj"}, None),
    "llava": ({"gate_proj", "up_proj", "down_proj"}, {"fc1", "fc2"}),
    "qwen2_vl": ({"gate_proj", "up_proj", "down_proj"}, {"fc1", "fc2"}),
    "qwen2_5_vl": ({"gate_proj", "up_proj", "down_proj"},) * 2,
}


@pytest.mark.parametrize("architecture", NAMES)
def test_the_neurons_of_every_architecture_are_found_in_both_towers(cell, architecture):
    language, vision = NAMES[architecture]
    layers = layers_of(cell(architecture)[0])
    for tower, kinds in (("language", language), ("vision", vision or set())):
        found = {(layer.block, layer.kind) for layer in layers if layer.tower == tower}
        blocks = {layer.blocks for layer in layers if layer.tower == tower}
        depth = 1 if (architecture, tower) == ("llava", "vision") else 2
        assert blocks == ({depth} if kinds else set())
        assert found == {(block, kind) for block in range(depth) for kind in kinds}


@pytest.mark.parametrize(
    ("architecture", "frozen", "weights"),
    [("gpt2", "", "full"), ("llama", r"model\.layers\..*", "full"), ("llama", "", "lora")],
)
def test_a_model_that_has_no_such_layers_in_training_is_told_in_a_line(
    cell, architecture, frozen, weights
):
    model, sets = cell(architecture, frozen, weights)
    method = methods.create("manu", {})
    with pytest.raises(UserError, match=r"^model of type \w+: none of its blocks has a feed-f"):
        method.unlearn(Unlearner(model, method, sets, TRAINING, 0, lambda: None))


def by_numpy(outputs, threshold):
    """The four statistics of what neurons put out, (positions, neurons)."""
    return [
        np.abs(outputs).mean(0),
        (np.abs(outputs) > threshold).mean(0),
        outputs.std(0),
        np.sqrt((outputs**2).mean(0)),
    ]


def statistics(activations):
    names = ("absolute", "frequency", "deviation", "root_mean_square")
    return [getattr(activations, name).numpy() for name in names]


@pytest.mark.parametrize("architecture", ["llava", "qwen2_vl"])
def test_statistics_of_activations_are_those_of_each_sample_run_alone(cell, architecture):
    """So that neither padding nor the batch that a sample stands in changes what is pruned."""
    model, sets = cell(architecture)
    seen = {}

    def choose(given):
        seen.update(given)
        return {}

    training = TRAINING.model_copy(update={"batch_size": 3})
    assert Survey(model, sets, training, State()).by_activity(choose, 0.4) == {}
    outputs = {layer: ([], []) for layer in seen}
    for layer, module in layers_of(model).items():
        module.register_forward_hook(lambda m, a, out, key=layer: outputs[key][part].append(out))
    for part, samples in enumerate((sets.forget, sets.retain)):
        for number in range(len(samples)):
            alone = ([number], []) if part == 0 else ([], [number])
            asked = methods.batches.FORGET if part == 0 else methods.batches.RETAIN
            with torch.no_grad():
                sets.answers(model, sets.batches(*alone, 0), [asked], None)
    assert {layer.tower for layer in seen} == {"language", "vision"}
    for layer, pair in seen.items():
        for activations, alone in zip(pair, outputs[layer], strict=True):
            rows = np.concatenate([out.flatten(0, -2).double().numpy() for out in alone])
            assert activations.count == len(rows) > 0
            for found, expected in zip(statistics(activations), by_numpy(rows, 0.4), strict=True):
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def activations(rows, threshold=0.1):
    return Activations.of(torch.as_tensor(np.array(rows), dtype=torch.float32), threshold)


def drawn(seed, neurons=40):
    return np.random.default_rng(seed).normal(size=(50, neurons))


def layer(tower, block, blocks, kind="up_proj"):
    return Layer(f"{tower}.{block}.{kind}", tower, block, blocks)


def test_the_score_of_manu_weighs_what_both_sets_do_by_four_statistics():
    forget, retain = drawn(0), drawn(1)
    pairs = zip(by_numpy(forget, 0.1), by_numpy(retain, 0.1), strict=True)
    terms = [ours / (theirs + 1e-5) - 1 for ours, theirs in pairs]
    expected = sum(weight * term for weight, term in zip((1.0, 3.0, 0.5, 2.0), terms, strict=True))
    found = methods.create("manu", ALIKE).score(activations(forget), activations(retain))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("key", ["manu", "manu@published"])
def test_a_neuron_that_the_forget_set_alone_uses_is_the_first_to_be_pruned(key):
    forget, retain = drawn(0), drawn(1)
    retain[:, 7] = 0.0
    seen = {layer("language", 0, 1): (activations(forget), activations(retain))}
    assert methods.create(key, {"share": 0.025}).choose(seen) == {"language.0.up_proj": [7]}


def test_manu_prunes_the_top_share_of_each_tower_in_its_last_blocks_alone():
    seen = {
        layer(tower, block, 3): (activations(factor * drawn(n)), activations(drawn(n + 50)))
        for tower, factor in (("language", 1), ("vision", 9))
        for n, block in enumerate(range(3))
    }
    method = methods.create("manu", {"share": 0.1, "blocks": 2})
    chosen = method.choose(seen)
    for tower in ("language", "vision"):
        assert f"{tower}.0.up_proj" not in chosen
        rows = [chosen[f"{tower}.{block}.up_proj"] for block in (1, 2)]
        assert sum(map(len, rows)) == int(0.1 * 80)
        scores = [method.score(*seen[layer(tower, block, 3)]).numpy() for block in (1, 2)]
        taken = np.concatenate([s[r] for s, r in zip(scores, rows, strict=True)])
        assert sorted(taken) == sorted(np.concatenate(scores))[-8:]


def test_a_tower_that_no_forget_sample_runs_through_keeps_its_neurons():
    seen = {
        layer("language", 0, 1): (activations(drawn(0)), activations(drawn(1))),
        layer("vision", 0, 1): (Activations.none(40), activations(drawn(2))),
    }
    assert methods.create("manu", {"share": 0.5}).choose(seen).keys() == {"language.0.up_proj"}


def test_manu_as_published_prunes_the_same_neurons_in_each_block_by_all_blocks_together():
    forget, retain = ([drawn(seed + block) for block in range(4)] for seed in (0, 10))
    seen = {
        layer("language", block, 4): (activations(forget[block]), activations(retain[block]))
        for block in range(4)
    }
    # 6 of the 120 neurons of three blocks: two of each.
    chosen = methods.create("manu@published", {"share": 0.05}).choose(seen)
    pooled = methods.create("manu", {}).score(
        *(activations(np.concatenate(s)) for s in (forget, retain))
    )
    best = sorted(pooled.argsort(descending=True)[:2].tolist())
    assert chosen == {f"language.{block}.up_proj": best for block in (1, 2, 3)}
    # 4 of them: all that are as high as the fourth.
    assert methods.create("manu@published", {"share": 0.034}).choose(seen) == chosen


@pytest.mark.parametrize(
    ("architecture", "frozen"), [("phi", ""), ("llava", ""), ("llava", VISION)]
)
def test_manu_sets_whole_neurons_to_zero_and_leaves_all_else_bit_by_bit(cell, architecture, frozen):
    before, after = unlearned(cell, "manu", {"share": 0.1}, architecture, frozen)
    rows = changed(before, after)
    assert rows
    for name, numbers in rows.items():
        assert not after[name][numbers].any()
    layers = layers_of(cell(architecture, frozen)[0])
    for tower in {one.tower for one in layers}:
        names = [one.name for one in layers if one.tower == tower]
        count = sum(len(before[f"{name}.weight"]) for name in names)
        assert sum(len(rows.get(f"{name}.weight", [])) for name in names) == int(0.1 * count)
    biases = {n for n in rows if n.endswith(".bias")}
    assert bool(biases) == (not frozen)
    seen = any("vision_tower" in name for name in rows)
    assert seen == (architecture == "llava" and not frozen)


def test_manu_of_no_share_leaves_the_model_bit_by_bit(cell):
    assert changed(*unlearned(cell, "manu", NONE, "llama")) == {}


def test_a_pruned_model_has_strengths_on_the_line_from_the_original(cell, tmp_path):
    model, sets = cell("llama")
    save_checkpoint(model, tmp_path / "base")
    method = methods.create("manu", {"share": 0.1})
    method.unlearn(Unlearner(model, method, sets, TRAINING, 0, lambda: None))
    save_checkpoint(model, tmp_path / "cell")
    start = dict(load_model(tmp_path / "base", [], "text", "float32", CPU).named_parameters())
    for strength in (0.0, 0.5, 1.0):
        scaled = load_scaled(
            tmp_path / "base", [tmp_path / "cell"], "text", "float32", CPU, strength
        )
        for name, weight in scaled.named_parameters():
            expected = torch.lerp(start[name], model.get_parameter(name), strength)
            torch.testing.assert_close(weight, expected)


def likelihood(model, sets, number=0):
    def run():
        (answers,) = sets.answers(model, sets.batches([number], [], 0), [FORGET], None)
        return answers.in_answers(answers.token_log_likelihood).sum()

    return run


def ends_of(model, tower):
    return {one.part: leaving(model, one.part) for one in layers_of(model) if one.tower == tower}


def test_integrated_gradients_are_complete(cell):
    model, sets = cell("llama")
    ends, run = ends_of(model, "language"), likelihood(model, sets, 1)
    shares = integrated_gradients(ends, run, 64)
    assert {len(share) for share in shares.values()} == {48}
    with torch.no_grad():
        whole = run()
        hooks = [end.register_forward_pre_hook(lambda m, a: (0 * a[0],)) for end in ends.values()]
        empty = run()
    for hook in hooks:
        hook.remove()
    assert abs(whole - empty) > 0.1
    together = sum(share.sum() for share in shares.values()).item()
    assert together == pytest.approx((whole - empty).item(), rel=1e-2)


def test_integrated_and_squared_gradients_are_those_of_a_function_known_by_hand():
    """Of f = (Σ_t w·z_t)², with z the input of the layer w, and v the one before it."""
    first, last = torch.nn.Linear(2, 3, bias=False), torch.nn.Linear(3, 1, bias=False)
    x = torch.tensor([[1.0, -2.0], [0.5, 0.25]])
    output = lambda: last(first(x)).sum().square()  # noqa: E731
    z, w = first(x).detach().double(), last.weight.detach().double().flatten()
    slope = 2 * (z @ w).sum() * w
    # ∂f/∂z at αz is α times that at z, so that the middles of any steps give one half of it.
    for steps in (1, 4):
        shares = integrated_gradients({"end": last}, output, steps)["end"]
        torch.testing.assert_close(shares, z.sum(0) * slope / 2, rtol=1e-5, atol=1e-6)
    squares = squared_gradients({"end": last}, output)["end"]
    torch.testing.assert_close(squares, 2 * slope.square(), rtol=1e-5, atol=1e-6)


def test_influence_takes_the_neurons_of_each_sample_and_unites_them(cell):
    model, sets = cell("llava")
    found = Survey(model, sets, TRAINING, State()).by_influence(3, 2)
    assert all(parameter.requires_grad for parameter in model.parameters())
    for tower, measure in (
        ("language", lambda ends, run: integrated_gradients(ends, run, 2)),
        ("vision", squared_gradients),
    ):
        ends = ends_of(model, tower)
        expected = {part: set() for part in ends}
        for number in range(len(sets.forget)):
            for part, values in measure(ends, likelihood(model, sets, number)).items():
                expected[part] |= set(values.topk(3).indices.tolist())
        for one in layers_of(model):
            if one.tower == tower and one.kind in ("gate_proj", "up_proj", "fc1"):
                assert found[one.name] == sorted(expected[one.part])
    # The first sample has no image.
    assert {len(rows) for name, rows in found.items() if "vision" in name} == {3}


@pytest.mark.parametrize("architecture", ["llama", "llava"])
def test_influence_is_the_same_where_layers_keep_no_activations(cell, architecture):
    model, sets = cell(architecture)
    kept = Survey(model.train(), sets, TRAINING, State()).by_influence(3, 2)
    keep_no_activations(model)
    assert Survey(model, sets, TRAINING, State()).by_influence(3, 2) == kept


def test_mip_editor_trains_the_emptied_neurons_and_leaves_all_else_bit_by_bit(cell):
    """Weight decay, too, which moves weights that have no gradient."""
    model, sets = cell("llava")
    path = Survey(model, sets, TRAINING, State()).by_influence(2, 4)
    parameters = {"layer": 0, "count": 2}
    before, after = unlearned(cell, "mip_editor", parameters, "llava", weight_decay=0.5)
    allowed = {f"{name}.{own}": rows for name, rows in path.items() for own in ("weight", "bias")}
    for name, rows in changed(before, after).items():
        assert set(rows) <= set(allowed[name]), name
    for name, rows in path.items():
        assert 2 <= len(rows) <= 4
        later = ".layers.1." in name
        trained, old = (weights[f"{name}.weight"][rows] for weights in (after, before))
        if name.endswith("gate_proj"):
            # Its gradient is the neuron's, which begins at nothing.
            assert torch.equal(trained, old) == later
        else:
            assert bool(trained.any()) != later
            assert (trained - old).abs().max() > 0


def test_mip_editor_empties_the_neurons_before_it_trains_them(cell):
    model, sets = cell("llama")
    method, seen = methods.create("mip_editor", {"layer": 1}), []
    unlearner = Unlearner(model, method, sets, TRAINING, 0, lambda: None)

    def look(loss, path):
        for name, rows in path.items():
            seen.append(
                (name.rpartition(".")[2], bool(model.get_submodule(name).weight[rows].any()))
            )

    unlearner.minimise_rows = look
    method.unlearn(unlearner)
    assert set(seen) == {("up_proj", False), ("gate_proj", True)}


def test_the_loss_of_mip_editor_is_half_of_each_mean_square():
    generator = torch.Generator().manual_seed(1)
    forget, retain, before = (torch.randn(n, 6, generator=generator) for n in (3, 5, 5))

    def view(first, second):
        parts = (SimpleNamespace(hidden=h, over_tokens=torch.mean) for h in (first, second))
        return SimpleNamespace(seed=3, **dict(zip(("forget", "retain"), parts, strict=True)))

    loss = methods.create("mip_editor", {}).loss(view(forget, retain), view(None, before))
    u = torch.rand(6, generator=torch.Generator().manual_seed(3))
    target = 10 * u / u.norm()
    expected = ((retain - before) ** 2).mean() / 2 + ((forget - target) ** 2).mean() / 2
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_rows_in_training_run_as_they_do_in_their_layers(cell, precision):
    model, sets = cell("phi", precision=precision)
    rows = {"model.layers.0.mlp.fc1": [3, 0], "model.layers.1.mlp.fc1": []}
    run = likelihood(model, sets)
    with torch.no_grad():
        before = run()
        with rows_in_training(model, rows):
            moving = {name for name, p in model.named_parameters() if p.requires_grad}
            within = run()
        after = run()
    assert moving == {f"model.layers.0.mlp.fc1.rows.{own}" for own in ("weight", "bias")}
    assert torch.equal(before, after)
    torch.testing.assert_close(
        within, before, rtol=1e-2 if precision == torch.bfloat16 else 1e-5, atol=0
    )


def test_a_zeroed_neuron_has_neither_weights_nor_a_bias(cell):
    model, _ = cell("phi")
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    zero(model, {"model.layers.1.mlp.fc1": [2, 5]})
    after = dict(model.named_parameters())
    names = [f"model.layers.1.mlp.fc1.{own}" for own in ("weight", "bias")]
    assert changed(before, after) == {name: [2, 5] for name in names}
