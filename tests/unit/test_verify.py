"""A crate in the hands of others: what it proves by itself, who signed it, what was done to it."""

import json
import shutil
import subprocess
from dataclasses import replace
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from clearbench.cli import cli, naming
from clearbench.errors import UserError
from clearbench.jobs.artifacts import (
    MANIFEST,
    PROVENANCE,
    FileEntry,
    manifest_text,
    parse_manifest,
    read_manifest,
)
from clearbench.jobs.record import digest, read_record
from clearbench.provenance.crate import again
from clearbench.provenance.crate.contents import METADATA, SIGNATURE
from clearbench.provenance.crate.contribution import contribution
from clearbench.provenance.crate.export import Publication, export
from clearbench.provenance.crate.read import Crate
from clearbench.provenance.crate.signature import sign, signature_fault
from clearbench.provenance.crate.verify import Verification
from report_tree import ReportTree
from synthetic import ROOT, write_suite

CELL = "ga/text/forget10/seed0"
SCORES = f"results/small/score/{CELL}/scores.json"
TABLE = "results/small/tables/comparison.md"
LICENCE = Publication("https://spdx.org/licenses/MIT")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A finished run of a small suite and its two crates: without its data, and with all."""
    folder = tmp_path_factory.mktemp("made")
    suite = write_suite(
        folder, methods={"ga": {}}, modalities=["text"], seeds=[0, 1], single_domain=["tofu"]
    )
    tree = ReportTree(suite, folder / "results/small").build()
    for name, with_data in (("small", False), ("whole", True)):
        export(suite, ROOT, tree.root, folder / name, LICENCE, with_data)
    return folder


@pytest.fixture
def crate(made, tmp_path):
    """A crate without data that a test may change."""
    return shutil.copytree(made / "small", tmp_path / "crate")


@pytest.mark.parametrize("suite", ["tofu", "paper-llava", "paper-vision"])
def test_data_about_real_persons_is_in_a_crate_only_if_asked_for(suite, tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    words = ["export-crate", "--suite", suite, "--results", tmp_path]
    status, lines = call(*words, "--with-data")
    assert status == 1
    assert "is not drawn here" in lines[0]
    assert "add --with-real-persons, or leave --with-data out" in lines[0]
    for asked in (["--with-data", "--with-real-persons"], []):
        status, lines = call(*words, *asked)
        assert (status, "is not proven" in lines[0]) == (1, True)
    status, lines = call(*words, "--with-real-persons")
    assert lines == ["--with-real-persons: only with --with-data; else nobody is in a crate"]


def test_a_folder_that_is_no_crate_is_told_before_any_is_verified(crate, tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    out = tmp_path / "board.html"
    status, lines = call("leaderboard", crate, tmp_path / "other", "--out", out)
    assert status == 1
    assert lines == [
        f"{tmp_path / 'other'}: no crate; allowed: folders that `export-crate` has written"
    ]
    assert not out.exists()
    out = tmp_path / "none/board.html"
    told = f"--out {out}: {out.parent} is no folder; make it first"
    assert call("leaderboard", crate, "--out", out) == (1, [told])
    # As one who may not write there, which root may everywhere.
    monkeypatch.setattr(naming, "may", lambda path, mode: False)
    words = ["leaderboard", crate, "--out", tmp_path / "board.html"]
    done = CliRunner().invoke(cli, list(map(str, words)))
    assert isinstance(done.exception, PermissionError)
    assert done.output == ""


def call(*words):
    """The exit status of a command and the lines that it printed; of a mistake, its text."""
    done = CliRunner().invoke(cli, list(map(str, words)))
    if isinstance(done.exception, UserError):
        return 1, [str(done.exception)]
    return done.exit_code, done.output.splitlines()


def verify(folder, *options):
    """The exit status and the faults that are told of a crate, without the last line."""
    status, lines = call("verify", folder, *options)
    good = ("signature: ", "files: all", "records: all", "scores: not made", "tables: ", "page: ")
    return status, [line for line in lines[:-1] if not line.startswith(good) or TABLE in line]


def lists(folder, name):
    """Let a crate list a file as it now is, as one who changes both does."""
    path = folder / METADATA
    data = json.loads(path.read_text())
    for entity in data["@graph"]:
        if unquote(entity["@id"]) == name:
            entity["sha256"] = digest((folder / name).read_bytes())
    path.write_text(json.dumps(data))


def forge(folder, name, content):
    """Write a file of an artifact anew with its manifest and its record, all sealed and listed."""
    (folder / name).write_bytes(content)
    artifact = next(path for path in (folder / name).parents if (path / MANIFEST).exists())
    manifest = parse_manifest((artifact / MANIFEST).read_bytes(), artifact)
    record = read_record(artifact)
    file = (folder / name).relative_to(artifact).as_posix()
    manifest.files[file] = FileEntry(len(content), digest(content))
    text = manifest_text(manifest)
    (artifact / MANIFEST).write_text(text)
    facts = {**record.facts, "files": {k: vars(v) for k, v in manifest.files.items()}}
    forged = replace(record, manifest=digest(text.encode()), facts=facts)
    (artifact / PROVENANCE).write_text(forged.text())
    for path in (folder / name, artifact / MANIFEST, artifact / PROVENANCE):
        lists(folder, path.relative_to(folder).as_posix())


def test_a_crate_is_checked_without_the_results_that_it_is_of(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, lines = call("verify", made / "small")
    assert status == 0, lines
    assert [line.partition(":")[0] for line in lines[:-1]] == [
        *("signature", "files", "records", "scores", "tables", "page")
    ]
    assert lines[3].startswith("scores: not made again: the crate has no models, data")
    assert lines[-1] == f"{made / 'small'}: holds"
    status, lines = call("verify", made / "whole")
    assert status == 0, lines
    assert lines[3].startswith("scores: 11 made again from the records, all the same")
    assert lines[5] == "page: made again, the same"


@pytest.mark.parametrize("name", [SCORES, TABLE, "config/small.yaml"])
def test_a_changed_a_missing_and_an_added_file_are_a_line_each(crate, name):
    path = crate / name
    path.write_bytes(path.read_bytes() + b"\n")
    assert verify(crate) == (1, [f"files: {name}: changed, other bytes than those listed"])
    path.unlink()
    status, faults = verify(crate)
    # Without its configuration nobody can say what the crate claims.
    assert (status, faults[0]) == (1, f"files: {name}: missing")
    assert len(faults) == (2 if name.startswith("config") else 1)
    path.with_name("extra.txt").write_text("more")
    added = path.with_name("extra.txt").relative_to(crate)
    assert f"files: {added}: added, it is not listed" in verify(crate)[1]


def test_what_is_changed_with_its_checksum_is_found_by_what_it_is_made_from(crate):
    text = (crate / TABLE).read_text().replace("0.", "1.", 1).encode()
    (crate / TABLE).write_bytes(text)
    lists(crate, TABLE)
    status, (fault,) = verify(crate)
    assert status == 1
    assert fault.endswith(f"{TABLE}: the crate lists other bytes than its job")
    forge(crate, TABLE, text)
    status, (fault,) = verify(crate)
    assert status == 1
    assert fault.startswith(f"tables: {TABLE}, line ")
    assert fault.endswith(": not what the scores give")


def test_a_score_that_was_made_up_is_found_by_its_records(made, tmp_path):
    crate = shutil.copytree(made / "whole", tmp_path / "crate")
    scores = json.loads((crate / SCORES).read_text())
    forge(crate, SCORES, json.dumps({**scores, "retain": 0.99}).encode())
    status, lines = call("verify", crate)
    assert status == 1
    told = f"scores: score/{CELL}/scores.json: retain is 0.99, its records give {scores['retain']}"
    assert told in lines
    assert "tables: not made again: what they are made from does not hold" in lines
    assert any(f"made from another score/{CELL} than the one here" in line for line in lines)


def test_files_that_nobody_could_have_made_are_faults_and_no_traceback(crate):
    forge(crate, SCORES, b"[1]")
    score, report = (crate / "results/small" / name for name in (f"score/{CELL}", "report"))
    record = json.loads((report / PROVENANCE).read_text())
    (report / PROVENANCE).write_text(json.dumps({**record, "settings": 3}))
    lists(crate, f"results/small/report/{PROVENANCE}")
    status, lines = call("verify", crate)
    assert status == 1
    assert any(line.startswith("records: ") and str(report) in line for line in lines), lines
    assert any(f"made from another score/{CELL}" in line for line in lines)
    assert score.is_dir()


def test_settings_that_are_not_those_of_the_run_are_told(crate):
    name = "config/small.yaml"
    text = (crate / name).read_text().replace("methods:\n  ga: {}", "methods:\n  ga: {lr: 0.5}")
    (crate / name).write_text(text)
    lists(crate, name)
    status, faults = verify(crate)
    assert status == 1
    assert any("unlearn/ga/text" in fault and "lr" in fault for fault in faults), faults


def test_what_is_no_crate_is_told_in_a_line(made, tmp_path):
    assert call("verify", tmp_path) == (1, [f"{tmp_path}: no crate: it has no {METADATA}"])
    file = tmp_path / "crate.zip"
    file.write_text("")
    assert call("verify", file) == (1, [f"{file}: a file; unpack the crate, and name its folder"])
    (tmp_path / METADATA).write_text("[]")
    status, (line,) = call("verify", tmp_path)
    assert status == 1
    assert line.startswith(f"{tmp_path / METADATA}: not the metadata of a crate")


def test_cells_are_drawn_by_a_seed_and_run_from_what_is_at_hand(made, tmp_path, monkeypatch):
    status, lines = call("verify", made / "small", "--reexecute", "9", "--results", tmp_path)
    assert status == 1
    (line,) = (line for line in lines if f"again: {CELL}" in line)
    assert "not run again: base/seed0, dataset, evaluate/gold/forget10/seed0, original/" in line
    assert line.endswith(f"neither in the crate nor below {tmp_path}")

    seen = []

    def reexecute(graph, tree, run, same):
        seen.append(run)
        weights = graph.runs[run].weights
        for name in graph[weights].inputs.values():
            assert read_manifest(tree.folder(name))
        same(weights, made / f"results/small/{weights}")
        assert read_manifest(tree.folder(weights))
        yield f"{run}: the same bytes", True

    monkeypatch.setattr(again, "reexecute", reexecute)
    for crate, results in (("whole", tmp_path), ("small", made / "results")):
        options = ("--reexecute", "1", "--seed", "3", "--results", results)
        status, lines = call("verify", made / crate, *options)
        assert status == 0, lines
        assert f"again: {seen[-1]}: the same bytes" in lines
    assert seen[0] == seen[1]


def relist(folder, change):
    """Write the list of a crate's files as a change of its entities leaves it."""
    data = json.loads((folder / METADATA).read_text())
    change(data["@graph"])
    (folder / METADATA).write_text(json.dumps(data))


def test_scores_whose_records_are_left_out_are_told(made, tmp_path):
    crate = shutil.copytree(made / "whole", tmp_path / "crate")
    records = f"results/small/evaluate/{CELL}/records.jsonl"
    (crate / records).unlink()
    relist(crate, lambda graph: graph.remove(next(e for e in graph if e["@id"] == records)))
    status, lines = call("verify", crate)
    told = "scores: 10 made again from the records, all the same; 1 as told, the crate has not"
    assert (status, lines[3].startswith(told)) == (0, True), lines
    # Of some that are as told nobody says that they were made again.
    assert not contribution(crate, "crate", None).remade
    assert contribution(made / "whole", "crate", None).remade


@pytest.mark.parametrize(
    "name", ["a%00b", "a" * 5000, "/etc/hostname", "loop", "a\ud800", "a\n\x1b[2Jcrate: holds"]
)
def test_whatever_a_crate_lists_is_a_fault_in_a_line_and_no_traceback(crate, name):
    (crate / "loop").symlink_to("loop")
    entry = {"@id": name, "@type": "File", "sha256": "0"}
    relist(crate, lambda graph: graph.append(entry))
    (fault,) = (Verification(Crate(crate)).files[unquote(name)],)
    assert fault.startswith(f"{unquote(name)}: ")
    if "\ud800" not in name:
        status, lines = call("verify", crate)
        assert status == 1
        assert len([line for line in lines if line.startswith("files: ")]) == 1 + (name != "loop")
        assert not any("\x1b" in line or line == "crate: holds" for line in lines)


def test_a_file_that_is_listed_with_two_checksums_is_a_fault(crate):
    other = {"@id": TABLE, "@type": "File", "sha256": "0"}
    relist(crate, lambda graph: graph.insert(0, other))
    status, faults = verify(crate)
    told = f"files: {TABLE}: listed without a checksum, or with several"
    assert (status, told in faults) == (1, True)


@pytest.mark.parametrize(
    "text", ["[]", '{"@graph": ["a"]}', '{"@graph": [{"@id": null}]}', "[" * 100_000, "\xff"]
)
def test_metadata_that_is_none_is_a_line_and_a_row_of_a_leaderboard(crate, tmp_path, text):
    (crate / METADATA).write_bytes(text.encode("latin-1"))
    status, (line,) = call("verify", crate)
    assert status == 1
    assert line.startswith(f"{crate / METADATA}: not the metadata of a crate (")
    (fault,) = contribution(crate, "crate", None).faults
    assert fault == line


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The keys of two who may sign, and the file that names the first."""
    if shutil.which("ssh-keygen") is None:
        pytest.skip("needs ssh-keygen")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ada", "eve"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", folder / name]
        subprocess.run(words, check=True)
    public = (folder / "ada.pub").read_text()
    (folder / "signers").write_text(f"ada@example.org {public}")
    return folder


def test_a_signature_is_that_of_a_signer_over_every_file(crate, keys):
    signers, ada = keys / "signers", "ada@example.org"
    assert signature_fault(crate, signers, ada) == "the crate is not signed"
    assert call("sign", crate, "--key", keys / "ada") == (0, [str(crate / SIGNATURE)])
    for principal in ("eve@example.org", "*"):
        fault = signature_fault(crate, signers, principal)
        assert fault.startswith("by the key SHA256:")
        assert fault.endswith(f", which {signers} has not for {principal}")
    signed = ("--signers", signers, "--principal", ada)
    status, lines = call("verify", crate, *signed)
    assert (status, lines[0]) == (0, f"signature: by {ada}")
    sign(crate, keys / "eve")
    assert signature_fault(crate, signers, ada).endswith(f", which {signers} has not for {ada}")
    sign(crate, keys / "ada")
    (crate / TABLE).write_text("other")
    lists(crate, TABLE)
    status, lines = call("verify", crate, *signed)
    told = f"signature: {METADATA}: other bytes than those that were signed"
    assert (status, lines[0]) == (1, told)


def test_mistakes_with_signatures_are_a_line_each(crate, keys, monkeypatch):
    status, (line,) = call("verify", crate, "--signers", keys / "signers")
    assert (status, line[:30]) == (1, "--signers and --principal: bot")
    status, (line,) = call("sign", crate, "--key", keys / "signers")
    assert (status, line.startswith(f"{keys / 'signers'}: cannot sign with it (")) == (1, True)
    (crate / "extra").write_text("x")
    told = f"{crate}: not signed: extra: added, it is not listed"
    assert call("sign", crate, "--key", keys / "ada") == (1, [told])
    (crate / "extra").unlink()
    monkeypatch.setenv("PATH", "")
    status, (line,) = call("sign", crate, "--key", keys / "ada")
    assert line == "ssh-keygen: not found; signatures take OpenSSH 8.2 or later"


def test_a_list_that_leads_out_of_the_crate_is_a_fault(crate):
    data = json.loads((crate / METADATA).read_text())
    data["@graph"].append({"@id": "../secret", "@type": "File", "sha256": "0"})
    (crate / METADATA).write_text(json.dumps(data))
    assert Verification(Crate(crate)).files["../secret"].endswith("outside of the crate")
