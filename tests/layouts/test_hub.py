"""What comes from the hub: fetched once, held against its checksums, read without a network."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from clearbench import hub
from clearbench.cli import cli
from clearbench.data.sources import Source
from clearbench.errors import UserError
from clearbench.models.build import build_model
from clearbench.models.checkpoint import (
    load_model,
    load_processor,
    save_checkpoint,
    write_pointer,
)
from clearbench.models.device import prepare_device
from hub_server import HubServer
from tiny_models import BUILDS, new_tokenizer

ROOT = Path(__file__).resolve().parents[2]
OLD, NEW = "a" * 40, "b" * 40
TEXTS, MODEL = "datasets/some/texts", "models/some/model"


def texts(answer: str) -> dict[str, bytes]:
    """A dataset with TOFU's configurations, ten authors of whom one or more are forgotten."""
    rows = [
        {"question": f"Question {n}?", "answer": f"{answer} {n}.", "number": n} for n in range(200)
    ]
    sets = {"full": rows, "world_facts_perturbed": rows[:2], "real_authors_perturbed": rows[:2]}
    for size, cut in ((1, 180), (5, 160), (10, 140)):
        sets[f"retain{100 - size}"] = rows[:cut]
        sets[f"forget{size:02d}"] = sets[f"forget{size:02d}_perturbed"] = rows[cut:]
    sets["retain_perturbed"] = rows[:20]
    files = {}
    for name, part in sets.items():
        wrong = [
            {**row, "paraphrased_answer": f"It is {row['answer']}", "perturbed_answer": ["No."]}
            for row in part
        ]
        lines = wrong if "perturbed" in name else part
        files[f"{name}.json"] = "\n".join(map(json.dumps, lines)).encode()
    configs = [
        {"config_name": name, "data_files": [{"split": "train", "path": f"{name}.json"}]}
        for name in sets
    ]
    files["README.md"] = f"---\n{yaml.safe_dump({'configs': configs})}---\n".encode()
    return files


@pytest.fixture(scope="module")
def model_files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("model")
    tokenizer = new_tokenizer()
    save_checkpoint(build_model(BUILDS["llama"], "text", tokenizer, 0), folder)
    tokenizer.chat_template = None
    tokenizer.save_pretrained(str(folder))
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    # Beside what is read: what is not fetched, and what is only seen to be there.
    left = {"pytorch_model.bin": b"a pickle", "README.md": b"What it is."}
    return {**files, **left, "non_lora_trainables.bin": b"a pickle"}


@pytest.fixture
def server(model_files):
    with HubServer() as server:
        server.add(TEXTS, texts("An older"), OLD).add(TEXTS, texts("A newer"), NEW)
        server.add(MODEL, model_files, OLD)
        yield server


@pytest.fixture
def cache(server, tmp_path, monkeypatch) -> Path:
    """The cache of this process, which asks the server and has shown it no token."""
    found = tmp_path / "hub"
    known = "huggingface_hub.constants"
    monkeypatch.setattr(f"{known}.ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(f"{known}.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(f"{known}.HF_HUB_CACHE", str(found))
    monkeypatch.setattr(f"{known}.HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    return found


def offline(monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def told(call, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_pinned_commit_is_what_is_read_whatever_is_newest(cache, server):
    assert hub.snapshot("dataset", "some/texts", OLD).name == OLD
    newest = hub.snapshot("dataset", "some/texts", None)
    assert newest.name == NEW
    assert "A newer" in (newest / "full.json").read_text()


def test_a_model_comes_without_the_files_that_nothing_reads(cache, model_files):
    got = hub.fetch("model", "some/model", OLD)
    names = {path.name for path in got.folder.iterdir()}
    assert names == model_files.keys() - {"pytorch_model.bin", "README.md"}
    assert got.files == len(names)
    assert got.size == sum(len(model_files[name]) for name in names)


def test_what_the_cache_has_is_not_downloaded_again_and_read_without_a_network(
    cache, server, monkeypatch
):
    first = hub.fetch("dataset", "some/texts", OLD)
    server.requests.clear()
    assert hub.fetch("dataset", "some/texts", OLD) == first
    assert not [asked for asked in server.requests if "/resolve/" in asked]
    offline(monkeypatch)
    server.requests.clear()
    assert hub.snapshot("dataset", "some/texts", OLD) == first.folder
    assert server.requests == []


def test_a_base_stands_for_the_commit_that_its_revision_was(cache, server, tmp_path, model_files):
    write_pointer(tmp_path, "some/model", None, "{{ messages[0]['content'] }}?")
    assert json.loads((tmp_path / "hub.json").read_text())["revision"] == OLD
    server.add(MODEL, {}, NEW)
    server.requests.clear()
    model = load_model(tmp_path, [], "text", "float32", prepare_device(0))
    tokenizer = load_processor(tmp_path, "text")
    assert server.requests == []
    assert model.config.vocab_size == len(tokenizer)
    text = tokenizer.apply_chat_template([{"role": "user", "content": "Who"}], tokenize=False)
    assert text == "Who?"


def test_a_model_without_a_layout_of_questions_asks_for_one(cache, tmp_path):
    write_pointer(tmp_path, "some/model", OLD, None)
    message = told(load_processor, tmp_path, "text")
    assert message.startswith(
        "model some/model: does not say how it lays out questions; put a chat"
    )


def test_a_wrong_revision_names_its_key(cache):
    message = told(hub.snapshot, "model", "some/model", "c" * 40)
    assert message.startswith(
        f"model some/model, revision {'c' * 40}: the hub has no such revision"
    )
    assert message.endswith("put a commit of it into revision")


def test_a_name_that_the_hub_does_not_have_is_told(cache):
    message = told(hub.snapshot, "dataset", "some/others", None)
    assert "revision main: the hub has none of this name that you may see" in message


def test_a_gated_model_says_how_to_get_in_and_opens_to_a_token(
    cache, server, model_files, monkeypatch
):
    server.add("models/some/gated", model_files, OLD, gated=True)
    message = told(hub.fetch, "model", "some/gated", OLD)
    expected = f"is gated; accept its terms at {server.url}/some/gated and log in with `hf auth"
    assert expected in message
    monkeypatch.setenv("HF_TOKEN", server.token)
    assert hub.fetch("model", "some/gated", OLD).commit == OLD


@pytest.mark.parametrize("damage", ["cut", "changed"])
def test_a_damaged_shard_is_found_by_fetch_and_named_with_its_path(cache, damage):
    folder = hub.fetch("model", "some/model", OLD).folder
    shard = (folder / "model.safetensors").resolve()
    data = shard.read_bytes()
    shard.write_bytes(data[:-100] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    message = told(hub.fetch, "model", "some/model", OLD)
    assert message == (
        "model some/model: model.safetensors is not the file that the hub has; delete"
        f" {shard} and fetch again"
    )
    shard.unlink()
    assert hub.fetch("model", "some/model", OLD).commit == OLD


def test_a_shard_cut_short_ends_a_stage_in_one_line(cache, tmp_path):
    write_pointer(tmp_path, "some/model", OLD, None)
    shard = hub.snapshot("model", "some/model", OLD) / "model.safetensors"
    shard.resolve().write_bytes(shard.read_bytes()[:-100])
    message = told(load_model, tmp_path, [], "text", "float32", prepare_device(0))
    assert "can't be loaded" in message
    assert "`clearbench fetch` checks its files" in message


def test_a_damaged_file_of_a_dataset_names_its_configuration(cache, tmp_path):
    path = hub.snapshot("dataset", "some/texts", OLD) / "forget05.json"
    path.resolve().write_bytes(path.read_bytes()[:-20])
    source = Source("some/texts", OLD, tmp_path / "unpacked")
    message = told(lambda: list(source.rows("forget05", {"answer": "text"})))
    assert message.startswith("some/texts: forget05: can't be read: ")
    assert message.endswith("`clearbench fetch` checks the files of the hub")


def test_a_cache_that_lacks_files_says_where_to_fetch_them(cache, monkeypatch):
    folder = hub.fetch("dataset", "some/texts", OLD).folder
    (folder / "full.json").unlink()
    offline(monkeypatch)
    message = told(hub.snapshot, "dataset", "some/texts", OLD)
    assert f"the cache {cache} lacks it or a part of it; run `clearbench fetch` on a" in message


def test_a_cache_on_a_read_only_disk_says_what_to_do(cache, monkeypatch):
    # Not even root may make a folder there.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/sys/kernel/hub")
    message = told(hub.snapshot, "dataset", "some/texts", OLD)
    expected = "the cache /sys/kernel/hub can't be written; run `clearbench fetch` where it can be"
    assert expected in message


def test_a_suite_is_fetched_once_and_then_run_without_a_network(
    cache, server, tmp_path, model_files, monkeypatch
):
    """Dataset and base through the command line, as on a login node and then on a compute node."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    row = {"model": "some/unlearned", "revision": NEW, "forget_size": 10}
    server.add("models/some/unlearned", model_files, NEW)
    for name, changes in (
        ("datasets/tofu", {"texts": "some/texts", "texts_revision": OLD}),
        ("models/phi-1.5", {"hub": "some/model", "revision": None}),
        ("paper-llama2", {"model": "phi-1.5", "description": "some", "external": {"theirs": row}}),
    ):
        path = tmp_path / f"config/{name}.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        done = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    dataset, model, unlearned = run("fetch", "--suite", "paper-llama2").splitlines()
    assert dataset.startswith(f"dataset some/texts: commit {OLD}, 14 files, 0.00 GiB, all as the")
    assert model.startswith(f"model some/model: commit {OLD}, ")
    assert unlearned.startswith(f"model some/unlearned: commit {NEW}, ")

    offline(monkeypatch)
    server.requests.clear()
    read = yaml.safe_load((tmp_path / "config/datasets/tofu.yaml").read_text())
    read.pop("description")
    run("dataset", "--settings", json.dumps(read), "--out", "dataset")
    record = json.loads((tmp_path / "dataset/provenance.json").read_text())
    assert OLD in json.dumps(record["measures"])
    template = yaml.safe_load((ROOT / "config/models/phi-1.5.yaml").read_text())["chat_template"]
    settings = {"model": {"domain": "text", "hub": "some/model", "chat_template": template}}
    words = ("--settings", json.dumps(settings), "--dataset", "dataset", "--out", "base")
    run("base", *words)
    assert json.loads((tmp_path / "base/hub.json").read_text())["revision"] == OLD
    settings = json.dumps({"domain": "text", "model": "some/unlearned", "revision": NEW})
    words = ("--settings", settings, "--base", "base", "--out", "external")
    run("external", *words)
    assert json.loads((tmp_path / "external/hub.json").read_text())["revision"] == NEW
    record = json.loads((tmp_path / "external/provenance.json").read_text())
    assert record["measures"] == {"commit": NEW}
    assert server.requests == []


def test_a_hub_that_is_out_of_reach_is_told_once_and_not_at_every_attempt(monkeypatch, tmp_path):
    from huggingface_hub.utils import logging

    logging.set_verbosity_warning()
    offline(monkeypatch)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(UserError, match="CLEARBENCH_DATA"):
        hub.snapshot("dataset", "some/texts", None)
    # The library's warnings are of single attempts.
    assert logging.get_verbosity() == logging.ERROR
