"""Models that answer by their first layers: by their own output layer, or one trained on these."""

import pytest
import torch

from clearbench import stress_tests
from clearbench.config.settings import EvaluateSettings, Evaluating, Lora, ModelUse
from clearbench.data.store import EvalSample, Store, write_store
from clearbench.domains.language import evaluate, probe
from clearbench.domains.place import Place
from clearbench.errors import UserError
from clearbench.evaluation.likelihood import check_replies
from clearbench.evaluation.records import read_records, records_at
from clearbench.jobs.state import State
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import save_checkpoint
from clearbench.models.encoding import Encoder
from clearbench.models.precise_linear import narrow
from clearbench.models.probed import first_layers, keep_layers, own_head, put_head, save_head
from clearbench.stress_tests.probe import ProbeSettings
from clearbench.training.probes import train_heads
from models.test_checkpoints import lora_of
from tiny_models import BUILDS, LORA_TARGETS, ODD_BUILDS, domain_of, new_tokenizer, png, sample

CPU = torch.device("cpu")
EVERY = {**BUILDS, **ODD_BUILDS}
IDS = torch.arange(3, 12).unsqueeze(0)


def tiny(architecture, precision="float32"):
    model = build_model(EVERY[architecture], domain_of(architecture), new_tokenizer(), 0).eval()
    if precision == "bfloat16":
        narrow(model, torch.bfloat16)
    return model


@torch.no_grad()
def logits(model):
    return model(input_ids=IDS, use_cache=False).logits


@pytest.mark.parametrize("architecture", ["llama", "llava", "granite", "phi"])
def test_the_first_layers_end_in_the_norm_and_the_models_own_output_layer(architecture):
    model = tiny(architecture)
    whole = logits(model)
    decoder = model.get_decoder()
    with torch.no_grad():
        run = decoder(input_ids=IDS, use_cache=False, output_hidden_states=True)
        norm = decoder.final_layernorm if architecture == "phi" else decoder.norm
        first = model.get_output_embeddings()(norm(run.hidden_states[1]))
    scale = model.config.logits_scaling if architecture == "granite" else 1
    keep_layers(model, 2)
    assert torch.equal(logits(model), whole)
    with first_layers(model, 1):
        torch.testing.assert_close(logits(model), first / scale)
    assert torch.equal(logits(model), whole)
    keep_layers(model, 1)
    torch.testing.assert_close(logits(model), first / scale)
    with pytest.raises(UserError, match=r"layers: 2; the model has 1; allowed: 1 to 1"):
        keep_layers(model, 2)


def test_a_model_of_few_layers_is_evaluated_as_its_own_forward_has_it(store, tokenizer):
    encoder = Encoder(build_processor(BUILDS["llava"], tokenizer), store)
    model = build_model(BUILDS["llava"], "multimodal", tokenizer, 0).eval()
    keep_layers(model, 1)
    check_replies(model, encoder, [sample(0), sample(1, 0)])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", ["llama", "llava"])
def test_an_output_layer_of_a_file_takes_the_place_of_the_own_and_of_no_other(
    architecture, precision, tmp_path
):
    model = tiny(architecture, precision)
    before, inputs = logits(model), model.get_input_embeddings().weight.clone()
    # These share the weights of both, which the head must not.
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    save_head(own_head(model), tmp_path / "own.safetensors")
    other = own_head(model)
    with torch.no_grad():
        other.weight.mul_(-1)
    save_head(other, tmp_path / "other.safetensors")
    put_head(model, tmp_path / "own.safetensors")
    near = {} if precision == "float32" else {"rtol": 0.05, "atol": 0.05}
    torch.testing.assert_close(logits(model), before, **near)
    put_head(model, tmp_path / "other.safetensors")
    torch.testing.assert_close(logits(model), -before, **near)
    assert torch.equal(model.get_input_embeddings().weight, inputs)


def trained(layers, precision="float32"):
    """A model's heads by their layers before and after, and the losses of each step."""
    model, tokenizer = tiny("llava", precision), new_tokenizer()
    weights = {name: weight.clone() for name, weight in model.named_parameters()}
    encoder = Encoder(build_processor(BUILDS["llava"], tokenizer), trained.store)
    _, test = stress_tests.read_test("probe", {"layers": layers, "epochs": 4, "batch_size": 2}, "")
    heads = {count: own_head(model) for count in layers}
    samples = [sample(number, 0 if number % 2 else None) for number in range(6)]
    history = train_heads(model, heads, encoder, samples, test.training, 0, State())
    assert all(torch.equal(weight, weights[n]) for n, weight in model.named_parameters())
    return {count: head.weight for count, head in heads.items()}, own_head(model).weight, history


@pytest.fixture(autouse=True)
def _pictures(store):
    trained.store = store


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_heads_alone_are_trained_and_each_as_it_would_be_alone(precision):
    alone = {count: trained([count], precision) for count in (1, 2)}
    both, own, history = trained([1, 2], precision)
    for count, (heads, _, losses) in alone.items():
        assert torch.equal(heads[count], both[count])
        assert not torch.equal(both[count], own)
        assert losses[-1] < losses[0]
        assert len(losses) == 4 * 3
    assert not torch.equal(both[1], both[2])
    sums = [sum(pair) for pair in zip(alone[1][2], alone[2][2], strict=True)]
    assert torch.allclose(torch.tensor(history), torch.tensor(sums))


def test_a_probe_is_made_of_the_retained_and_evaluated_at_each_layer(tmp_path):
    tokenizer = new_tokenizer()
    save_checkpoint(build_model(BUILDS["llama"], "text", tokenizer, 0), tmp_path / "base")
    tokenizer.save_pretrained(tmp_path / "base")
    cell = lora_of(build_model(BUILDS["llama"], "text", tokenizer, 0))
    save_checkpoint(cell, tmp_path / "cell")
    rows = [sample(number) for number in range(8)]
    parts = [{10: "forget" if number < 2 else "retain"} for number in range(8)]
    asked = [
        EvalSample("1", split, "text_qa", 10, "Who?", "Ada Ash", "Ada Ash", ("x",), None, "Ada Ash")
        for split in ("forget", "retain")
    ]
    (tmp_path / "store").mkdir()
    learned = [
        type(row)(**{**vars(row), "parts": part}) for row, part in zip(rows, parts, strict=True)
    ]
    write_store(tmp_path / "store", [png(1)], [], learned, asked)
    use = ModelUse(domain="text", lora=Lora(targets=LORA_TARGETS))
    given = {"layers": [2, 1], "epochs": 2, "batch_size": 2, "lr": 0.05}
    _, test = stress_tests.read_test("probe", given, "")
    stress = stress_tests.settings_of("probe", test)

    def place(name):
        (tmp_path / name).mkdir()
        return Place(Store(tmp_path / "store"), CPU, State(), tmp_path / name)

    told = ProbeSettings(model=use, stress=stress)
    done = probe.run(told, 10, 0, tmp_path / "base", [tmp_path / "cell"], place("probe"))
    # Six retained samples in batches of two, twice.
    assert len(done.history) == 6
    assert sorted(path.name for path in (tmp_path / "probe").iterdir()) == [
        "layer1.safetensors",
        "layer2.safetensors",
    ]
    settings = EvaluateSettings(model=use, evaluation=Evaluating(batch_size=2), stress=stress)
    stack = [tmp_path / "cell", tmp_path / "probe"]
    evaluate.run(settings, 10, tmp_path / "base", stack, place("records"))
    plain = EvaluateSettings(model=use, evaluation=Evaluating(batch_size=2))
    evaluate.run(plain, 10, tmp_path / "base", stack[:1], place("plain"))
    _, lens = stress_tests.read_test("lens", {"layers": [1, 2]}, "")
    by_layer = stress_tests.settings_of("lens", lens)
    seen = EvaluateSettings(model=use, evaluation=Evaluating(batch_size=2), stress=by_layer)
    evaluate.run(seen, 10, tmp_path / "base", stack[:1], place("lens"))
    found = {
        (name, point): read_records(records_at(tmp_path / name, point))
        for name, point in (
            *(("records", point) for point in test.points),
            *(("lens", point) for point in lens.points),
            ("plain", None),
        )
    }
    assert found["lens", "layer2"] == found["plain", None]
    losses = {key: [record.answer_loss for record in records] for key, records in found.items()}
    assert len(set(map(tuple, losses.values()))) == 4
