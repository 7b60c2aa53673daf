"""Checkpoints from elsewhere: a pointer loads as what it stands for; what does not fit is told."""

import copy
import json
import re
import shutil
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from clearbench.cli import cli
from clearbench.config.settings import Lora
from clearbench.errors import UserError
from clearbench.jobs.artifacts import MANIFEST, PROVENANCE
from clearbench.models.build import build_model
from clearbench.models.checkpoint import (
    check_checkpoint,
    load_model,
    prepare_training,
    save_checkpoint,
    write_pointer,
)
from clearbench.models.faces import fetch_face_model
from synthetic import put_artifact
from tiny_models import BUILDS, LORA_TARGETS, domain_of, new_tokenizer

CPU = torch.device("cpu")
ADAPTER, FULL, CONFIG = "adapter_model.safetensors", "model.safetensors", "adapter_config.json"


def lora_of(model, seed: int = 1):
    """A model with an adapter whose weights are all drawn, so that it does something."""
    laid = prepare_training(model, "lora", Lora(rank=2, alpha=4, targets=LORA_TARGETS), "")
    torch.manual_seed(seed)
    for parameter in laid.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.2)
    return laid


def place_and_build(architecture, tmp_path_factory):
    """A folder for models of an architecture, their domain, and what draws one from a seed."""
    domain, tokenizer = domain_of(architecture), new_tokenizer()

    def build(seed):
        return build_model(BUILDS[architecture], domain, tokenizer, seed)

    return tmp_path_factory.mktemp(architecture), domain, build


@pytest.fixture(scope="module", params=["llava", "llama"])
def made(request, tmp_path_factory):
    """A folder with a base, an adapter and full weights of others, and one of another model."""
    folder, domain, build = place_and_build(request.param, tmp_path_factory)
    tokenizer = new_tokenizer()
    for name, seed in (("base", 0), ("full", 1)):
        save_checkpoint(build(seed), folder / name)
    save_checkpoint(lora_of(build(0)), folder / "adapter")
    wide = copy.deepcopy(BUILDS[request.param])
    wide.config.get("text_config", wide.config)["intermediate_size"] *= 2
    save_checkpoint(build_model(wide, domain, tokenizer, 0), folder / "wide full")
    other = "qwen2_vl" if request.param == "llava" else "phi"
    save_checkpoint(build_model(BUILDS[other], domain, tokenizer, 0), folder / "other full")
    save_checkpoint(
        lora_of(build_model(BUILDS[other], domain, tokenizer, 0)), folder / "other adapter"
    )
    return folder, domain


def weights(model) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("kind", ["adapter", "full"])
@pytest.mark.parametrize("below", [[], ["full"]])
def test_a_pointer_loads_as_the_checkpoint_that_it_stands_for(made, tmp_path, kind, below):
    folder, domain = made
    assert write_pointer(tmp_path, str(folder / kind), None) is None
    check_checkpoint(tmp_path, folder / "base", domain)
    stack = [folder / name for name in below]
    base, direct, pointed = (
        weights(load_model(folder / "base", [*stack, *top], domain, "float32", CPU))
        for top in ([], [folder / kind], [tmp_path])
    )
    assert same(direct, pointed)
    assert same(base, pointed) == (kind == "full" and below == ["full"])


def test_a_pointer_to_a_folder_is_another_one_where_a_file_has_changed(made, tmp_path):
    theirs = shutil.copytree(made[0] / "adapter", tmp_path / "theirs")
    texts = []
    for name in ("before", "same", "after"):
        (tmp_path / name).mkdir()
        if name == "after":
            (theirs / CONFIG).write_text((theirs / CONFIG).read_text() + "\n")
        write_pointer(tmp_path / name, str(theirs), None)
        texts.append((tmp_path / name / "hub.json").read_text())
    assert texts[0] == texts[1] != texts[2]


def test_an_adapter_by_the_older_names_of_llava_does_what_it_did(made, tmp_path):
    """Those that transformers gave the modules when the published adapters were trained."""
    folder, domain = made
    if domain != "multimodal":
        pytest.skip("the names of text models are what they were")
    old = shutil.copytree(folder / "adapter", tmp_path / "old")
    older = {
        name.replace(".model.language_model.", ".language_model.model."): tensor
        for name, tensor in load_file(old / ADAPTER).items()
    }
    assert older.keys() != load_file(old / ADAPTER).keys()
    save_file(older, old / ADAPTER, {"format": "pt"})
    check_checkpoint(old, folder / "base", domain)
    new, loaded = (
        weights(load_model(folder / "base", [path], domain, "float32", CPU))
        for path in (folder / "adapter", old)
    )
    assert same(new, loaded)


def rename(path: Path, find: str, put: str) -> None:
    """Rename tensors of a file."""
    found = load_file(path)
    save_file({name.replace(find, put): t for name, t in found.items()}, path, {"format": "pt"})


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-50])


def pickled(folder: Path) -> None:
    (folder / ADAPTER).rename(folder / "adapter_model.bin")


# Which checkpoint, what is done to it, and what the message must say.
FLAWS = {
    "nothing": ("adapter", lambda f: shutil.rmtree(f) or f.mkdir(), "no checkpoint, neither an"),
    "a pickle": ("adapter", pickled, "no checkpoint, neither an adapter (adapter_model.safetens"),
    "both kinds": (
        "full",
        lambda f: (f / CONFIG).write_text("{}"),
        "both an adapter and full weights; leave one of them",
    ),
    "no configuration of an adapter": ("adapter", lambda f: (f / CONFIG).unlink(), "can't be load"),
    "no JSON": ("adapter", lambda f: (f / CONFIG).write_text("{"), "can't be loaded"),
    "no configuration of a model": ("full", lambda f: (f / "config.json").unlink(), "can't be lo"),
    "an adapter cut short": ("adapter", lambda f: cut(f / ADAPTER), "can't be loaded"),
    "full weights cut short": ("full", lambda f: cut(f / FULL), "can't be loaded"),
    "a shard that is not there": (
        "full",
        lambda f: (
            (f / f"{FULL}.index.json").write_text(
                '{"metadata": {}, "weight_map": {"x": "1.safetensors"}}'
            ),
            (f / FULL).unlink(),
        ),
        "can't be loaded",
    ),
    "an index that is none": (
        "full",
        lambda f: (f / FULL).rename(f / f"{FULL}.index.json").write_text('{"weight_map": {}}'),
        "can't be loaded",
    ),
    "another rank": ("adapter", lambda f: edit(f / CONFIG, r=4), "size mismatch for base_model."),
    "modules that the model has not": (
        "adapter",
        lambda f: edit(f / CONFIG, target_modules=["dense"]),
        "Target modules",
    ),
    "an adapter that can't be merged": (
        "adapter",
        lambda f: (f / CONFIG).write_text(
            '{"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 2, "task_type": "CAUSAL_LM"}'
        ),
        "PROMPT_TUNING can't be merged into weights",
    ),
    "weights of an adapter by other names": (
        "adapter",
        lambda f: rename(f / ADAPTER, "layers.0.", "blocks.0."),
        "not of this model: base_model.model.",
    ),
    "full weights by other names": (
        "full",
        lambda f: rename(f / FULL, "layers.0.", "blocks.0."),
        "lacks, or has in another shape, model.",
    ),
    "an adapter of another model": ("other adapter", lambda _: None, "can't be loaded"),
    "full weights of another size": ("wide full", lambda _: None, "not the suite's model: differs"),
    "full weights of another model": ("other full", lambda _: None, "not the suite's model"),
}


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_checkpoint_that_does_not_fit_is_one_line(made, tmp_path, flaw):
    kind, do, told = FLAWS[flaw]
    folder, domain = made
    theirs = shutil.copytree(folder / kind, tmp_path / "theirs")
    do(theirs)
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        check_checkpoint(theirs, folder / "base", domain)
    assert str(caught.value).startswith(f"model {theirs}: ")
    assert "\n" not in str(caught.value)


BESIDE = [
    "non_lora_trainables.bin",
    "non_lora_trainables.safetensors",
    "mm_projector.bin",
    "pytorch_model.bin",
    "embeddings.pt",
    "model-00001-of-00002.bin",
    "adapter_model_2.safetensors",
]


@pytest.mark.parametrize("name", BESIDE)
def test_weights_beside_an_adapter_are_never_left_out_unsaid(made, tmp_path, name):
    folder, domain = made
    theirs = shutil.copytree(folder / "adapter", tmp_path / "theirs")
    for left in ("training_args.bin", "optimizer.pt", "rng_state_0.pth", "adapter_model.bin"):
        (theirs / left).write_bytes(b"a pickle")
    check_checkpoint(theirs, folder / "base", domain)
    (theirs / name).write_bytes(b"a pickle")
    told = f"model {theirs}: {name} beside the adapter: weights that were trained with it"
    with pytest.raises(UserError, match=re.escape(told)):
        check_checkpoint(theirs, folder / "base", domain)


# What an adapter says of its base, where that is the hub's some/base at its commit; what it must be
# told as, None where it is the suite's own.
NAMED = {
    "nothing": ({"base_model_name_or_path": None}, None),
    "the id": ({"base_model_name_or_path": "some/base"}, None),
    "a folder of its name": ({"base_model_name_or_path": "/scratch/models/base"}, None),
    "a cache": ({"base_model_name_or_path": "/c/models--some--base/snapshots/1a"}, None),
    "its commit": ({"base_model_name_or_path": "some/base", "revision": "a" * 40}, None),
    "a branch": ({"base_model_name_or_path": "some/base", "revision": "main"}, None),
    "another id": ({"base_model_name_or_path": "other/base"}, "other/base"),
    "another folder": ({"base_model_name_or_path": "/scratch/llava-13b"}, "/scratch/llava-13b"),
    "another commit": (
        {"base_model_name_or_path": "some/base", "revision": "b" * 40},
        f"some/base@{'b' * 40}",
    ),
}


@pytest.mark.parametrize("way", NAMED)
def test_an_adapter_of_another_base_by_name_is_told_before_it_is_evaluated(
    made, tmp_path, monkeypatch, way
):
    folder, domain = made
    changes, named = NAMED[way]
    theirs = shutil.copytree(folder / "adapter", tmp_path / "theirs")
    edit(theirs / CONFIG, **changes)
    base = tmp_path / "base"
    base.mkdir()
    pointer = {"hub": "some/base", "revision": "a" * 40, "chat_template": None}
    (base / "hub.json").write_text(json.dumps(pointer))
    monkeypatch.setattr("clearbench.hub.snapshot", lambda *_: folder / "base")
    check_checkpoint(theirs, base, domain, named)
    if named is None:
        with pytest.raises(UserError, match="leave trained_on out"):
            check_checkpoint(theirs, base, domain, "other/base")
        return
    with pytest.raises(UserError, match=re.escape(f"trained on {named}, not on some/base; if")):
        check_checkpoint(theirs, base, domain)


def test_an_adapter_of_a_base_that_was_made_here_names_its_folder_or_is_told(made, tmp_path):
    folder, domain = made
    theirs = shutil.copytree(folder / "adapter", tmp_path / "theirs")
    edit(theirs / CONFIG, base_model_name_or_path=str(folder / "base"))
    check_checkpoint(theirs, folder / "base", domain)
    edit(theirs / CONFIG, base_model_name_or_path="some/model")
    with pytest.raises(
        UserError, match=r"trained on some/model, not .* \(trained_on: some/model\)"
    ):
        check_checkpoint(theirs, folder / "base", domain)
    with pytest.raises(UserError, match="no adapter, so it lies on no base; leave trained_on out"):
        check_checkpoint(folder / "full", folder / "base", domain, "some/model")


QUANTISED = {
    "bitsandbytes": {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
    "gptq": {"quantization_config": {"quant_method": "gptq", "bits": 4}},
    "awq": {"quantization_config": {"quant_method": "awq", "bits": 4}},
    "fp8": {"text_config": {"quantization_config": {"quant_method": "fp8"}}},
    "compressed-tensors": {"compression_config": {"quant_method": "compressed-tensors"}},
    "quantize_config.json": None,
    "quant_config.json": None,
}


@pytest.mark.parametrize("way", QUANTISED)
def test_quantised_weights_are_refused_in_one_line_where_they_are_named(made, tmp_path, way):
    folder, domain = made
    theirs, changes = shutil.copytree(folder / "full", tmp_path / "theirs"), QUANTISED[way]
    if changes is None:
        (theirs / way).write_text("{}")
    else:
        config = json.loads((theirs / "config.json").read_text())
        inner = {k: {**config.get(k, {}), **v} for k, v in changes.items()}
        edit(theirs / "config.json", **inner)
    for refusing in (
        lambda: write_pointer(tmp_path, str(theirs), None),
        lambda: check_checkpoint(theirs, folder / "base", domain),
        lambda: load_model(theirs, [], domain, "float32", CPU),
        lambda: fetch_face_model(str(theirs), None, 8, 0),
    ):
        with pytest.raises(UserError, match=re.escape(f"its weights are quantised ({way}), ")) as e:
            refusing()
        assert str(e.value).startswith(f"model {theirs}: ")
        assert "\n" not in str(e.value)


TIED = {
    "output layer": {"target_modules": ["lm_head"]},
    "embeddings": {"target_modules": ["embed_tokens"]},
    "both": {"target_modules": ["embed_tokens", "lm_head"]},
    "both as one": {"target_modules": ["embed_tokens"], "ensure_weight_tying": True},
    "output layer, DoRA": {"target_modules": ["lm_head"], "use_dora": True},
    "a parameter": {"target_modules": [], "target_parameters": ["embed_tokens.weight"]},
    "copy of the output layer": {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
    "copy of the embeddings": {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
    "some tokens": {"target_modules": ["q_proj"], "trainable_token_indices": {"embed_tokens": [7]}},
}
OTHERS = {
    "DoRA": {"target_modules": ["q_proj", "v_proj"], "use_dora": True},
    "several ranks": {
        "target_modules": ["q_proj", "v_proj"],
        "rank_pattern": {"q_proj": 1},
        "alpha_pattern": {"v_proj": 3},
        "use_rslora": True,
    },
    "biases": {"target_modules": ["q_proj"], "bias": "lora_only"},
    "one layer": {"target_modules": ["q_proj"], "layers_to_transform": [1]},
}
REFUSED = {"output layer", "embeddings", "both", "both as one", "output layer, DoRA", "a parameter"}


def drawn(folder, domain, config):
    """Lay an adapter of drawn weights on the base and save it; gives what it says, unmerged."""
    laid = get_peft_model(load_model(folder / "base", [], domain, "float32", CPU), config).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in laid.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.1)
        return laid, laid(input_ids=TOKENS).logits


TOKENS = torch.tensor([[5, 7, 90, 7, 30]])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [*TIED, *OTHERS])
def test_an_accepted_adapter_says_merged_what_it_says_unmerged(made, tmp_path, kind):
    folder, domain = made
    laid, said = drawn(folder, domain, LoraConfig(r=2, **{**TIED, **OTHERS}[kind]))
    save_checkpoint(laid, tmp_path)

    def load():
        return load_model(folder / "base", [tmp_path], domain, "float32", CPU)

    if kind in REFUSED:
        for refusing in (load, lambda: check_checkpoint(tmp_path, folder / "base", domain)):
            with pytest.raises(UserError, match="merged into the weights it is another model") as e:
                refusing()
            assert str(e.value).startswith(f"model {tmp_path}: ")
            assert "\n" not in str(e.value)
        return
    check_checkpoint(tmp_path, folder / "base", domain)
    with torch.no_grad():
        merged = load()(input_ids=TOKENS).logits
    plain = load_model(folder / "base", [], domain, "float32", CPU)(input_ids=TOKENS).logits
    assert torch.allclose(merged, said, atol=1e-4)
    assert not torch.allclose(merged, plain, atol=1e-2)


@pytest.mark.parametrize("targets", [r".*lm_head", r".*embed_tokens", r".*(q_proj|lm_head)"])
def test_a_suites_own_adapter_on_tied_weights_is_refused_before_it_is_trained(made, targets):
    folder, domain = made
    model = load_model(folder / "base", [], domain, "float32", CPU)
    told = r"lora.targets: .*embed_tokens.weight and lm_head.weight are the same weights \(tied\)"
    with pytest.raises(UserError, match=told):
        prepare_training(model, "lora", Lora(targets=targets), "")


def test_an_output_layer_of_its_own_can_have_an_adapter(tmp_path):
    """Untied, it is trained, merged and loaded as any other."""
    build = copy.deepcopy(BUILDS["llama"])
    build.config["tie_word_embeddings"] = False
    save_checkpoint(build_model(build, "text", new_tokenizer(), 0), tmp_path / "base")
    model = load_model(tmp_path / "base", [], "text", "float32", CPU)
    prepare_training(model, "lora", Lora(targets=".*lm_head"), "")
    laid, said = drawn(tmp_path, "text", LoraConfig(r=2, target_modules=["lm_head"]))
    save_checkpoint(laid, tmp_path / "adapter")
    check_checkpoint(tmp_path / "adapter", tmp_path / "base", "text")
    merged = load_model(tmp_path / "base", [tmp_path / "adapter"], "text", "float32", CPU)
    assert torch.allclose(merged(input_ids=TOKENS).logits, said, atol=1e-4)


def test_the_command_leaves_a_pointer_and_the_checksum_of_the_folder(made, tmp_path):
    folder, domain = made
    base = put_artifact(
        tmp_path / "base", {p.name: p.read_bytes() for p in (folder / "base").iterdir()}
    )

    def call(model, out):
        settings = json.dumps({"model": str(model), "domain": domain})
        words = ("--settings", settings, "--base", str(base), "--out", str(tmp_path / out))
        cli(["external", *words], standalone_mode=False)

    call(folder / "adapter", "out")
    manifest = json.loads((tmp_path / "out" / MANIFEST).read_text())
    assert list(manifest["files"]) == ["hub.json"]
    record = json.loads((tmp_path / "out" / PROVENANCE).read_text())
    assert record["inputs"].keys() == {"base", "model"}
    with pytest.raises(UserError, match="absent: no such folder; a model of the hub needs its com"):
        call(tmp_path / "absent", "other")
