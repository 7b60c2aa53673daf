"""The command line: what people mistype, and a disk that is full, end in one line."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from clearbench import cli, methods
from clearbench.cli.layout import coloured, fit
from clearbench.evaluation.records import RECORDS, fields_of
from clearbench.jobs.artifacts import MANIFEST, read_manifest
from clearbench.metrics.score import DRAWS, SCORES
from synthetic import draw_records, put_artifact

ROOT = Path(__file__).resolve().parents[2]
COMMAND = str(Path(sys.executable).with_name("clearbench"))
METHODS = ", ".join(methods.available())
PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def main(monkeypatch, capsys):
    """Runs the command line in this process; gives its exit status, output and error output."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["clearbench", *map(str, words)])
        status = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code
        return (status, *capsys.readouterr())

    monkeypatch.chdir(ROOT)
    return run


def put_records(folder, run):
    """The artifact of an evaluation, with the records of a run."""
    text = "".join(json.dumps(fields_of(record)) + "\n" for record in draw_records(run, samples=4))
    return put_artifact(folder, {RECORDS: text})


@pytest.fixture
def evaluated(tmp_path):
    return put_records(tmp_path / "records", "1"), put_records(tmp_path / "gold", "2")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["methods", "gaa"], f"gaa: unknown method (did you mean ga?); allowed: {METHODS}"),
        (["plan", "maxi"], f"suite maxi: {ROOT}/config/maxi.yaml does not exist; suites here: "),
        (["base", "--settings", "{"], "--settings: not JSON ("),
        (
            ["invalidate", "--where", "method=ga", "--reason", " "],
            "--reason: empty; say why they are not to be trusted",
        ),
        (["base", "--settings", "[]"], "--settings: must be a JSON object"),
        (["base", "--settings", '{"modle": 1}'], "--settings: modle: unknown key (did you mean"),
        (
            ["generate", "--settings", '{"person": 3}'],
            "--settings: person: unknown key (did you mean persons?); allowed: ",
        ),
    ],
)
def test_mistake_ends_in_one_line_and_status_1(main, tmp_path, words, told):
    if words[0] == "base":
        words = [*words, "--dataset", tmp_path / "dataset"]
    if words[0] in ("base", "generate"):
        words = [*words, "--out", tmp_path / "out"]
    status, out, err = main(*words)
    assert (status, out) == (1, "")
    assert err.startswith(f"clearbench: {told}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["scroe"], "No such command 'scroe'"),
        (["plan", "mini", "tofu"], "Got unexpected extra argument (tofu)"),
        (["show", "--suite", "mini", "tofu"], "Got unexpected extra argument (tofu)"),
        (["show", "ranking", "leak"], "Got unexpected extra argument (leak)"),
        (["score", "--records", "r", "--out", "o"], "give --gold, or of a vision model"),
        (["score", "--record", "r"], "No such option"),
        (["why", "--results", __file__], "is a file"),
        (["unlearn", "--modality", "images"], "'images' is not one of 'text', 'visual', 'both'"),
        (["base", "--seed", "-1"], "-1 is not in the range 0<=x<=4294967295"),
    ],
)
def test_misuse_shows_the_usage_and_ends_in_status_2(main, words, told):
    status, out, err = main(*words)
    assert (status, out) == (2, "")
    assert err.startswith("Usage: ")
    assert told in err


def test_missing_and_damaged_input_are_named(main, evaluated, tmp_path):
    records, gold = evaluated
    words = ["score", "--records", records, "--gold", gold, "--out", tmp_path / "out"]
    lines = (records / RECORDS).read_text()
    for damage, told in [
        (lambda: (records / RECORDS).write_text(lines[:-9]), f"{records / RECORDS}: "),
        (lambda: (gold / MANIFEST).unlink(), f"{gold / MANIFEST}: missing"),
    ]:
        if told.startswith(str(gold)):
            (records / RECORDS).write_text(lines)
        damage()
        status, out, err = main(*words)
        assert (status, out) == (1, "")
        assert err.startswith(f"clearbench: {told}")
        assert err.count("\n") == 1
        assert not (tmp_path / "out" / MANIFEST).exists()


def test_line_that_is_no_record_is_named_with_its_number(main, tmp_path, evaluated):
    records, gold = evaluated
    put_artifact(records, {RECORDS: (gold / RECORDS).read_text() + '{"split": "real"}\n'})
    status, _, err = main("score", "--records", records, "--gold", gold, "--out", tmp_path / "out")
    count = len((gold / RECORDS).read_text().splitlines())
    assert status == 1
    assert err.startswith(f"clearbench: {records / RECORDS}, line {count + 1}: not a record")


def test_stage_run_by_hand_makes_its_artifact(main, evaluated, tmp_path):
    records, gold = evaluated
    out = tmp_path / "scores"
    assert main("score", "--records", records, "--gold", gold, "--out", out)[0] == 0
    assert set(read_manifest(out).files) == {SCORES, DRAWS}
    assert json.loads((out / SCORES).read_text())["forget/captions/rouge_l"] >= 0


def test_methods_are_listed_and_described_with_their_parameters(main):
    status, out, _ = main("methods")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == methods.available()
    status, out, _ = main("methods", "npo")
    assert status == 0
    assert "  beta: float = 1.0, > 0" in out
    assert "Source: arXiv 2404.05868" in out


@pytest.mark.parametrize("file", ["suite", "model", "dataset", "site"])
def test_every_key_of_a_configuration_file_is_explained_once_and_in_the_window(main, file):
    status, out, _ = main("options", file)
    assert status == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 100
    heads = [line for line in lines if re.match(r"(  )?\w+: ", line)]
    assert len(heads) > 5
    for line in heads:
        assert lines[lines.index(line) + 1].strip(), f"no description: {line}"
    if file == "dataset":
        names = {line.strip().partition(":")[0] for line in heads}
        assert {"persons", "authors", "visual_tasks"} <= names
    if file == "suite":
        assert "  lr: float > 0, default 1.0e-05" in lines
        assert "base, finetune, unlearn:" in lines
        assert len([line for line in heads if line.startswith("  lr: ")]) == 1
        assert any(line.endswith("default full (finetune), lora (unlearn)") for line in heads)


def test_help_and_a_checked_suite_need_neither_torch_nor_transformers():
    code = """
import sys
from pathlib import Path
from clearbench.cli import cli
from clearbench.suite.load import load_suite
cli(["methods", "npo"], standalone_mode=False)
load_suite("mini", Path.cwd())
print(sorted({"torch", "transformers", "peft"} & set(sys.modules)))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines()[-1] == "[]"


class SmallDisk:
    """Runs commands on a file system of a few pages in memory, mounted for them alone."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, pages, filler, *words):
        """Gives status and error output of a command, and the files it left.

        The file system has `pages` pages, of which a file takes `filler` before the command runs.
        """
        disk = shlex.quote(str(self.folder))
        script = (
            f"mount -t tmpfs -o size={pages * PAGE} tmpfs {disk} || exit 99\n"
            f"cd {disk} && head -c {filler * PAGE} /dev/zero > filler || exit 98\n"
            f"{shlex.join(map(str, words))} >/dev/null; status=$?\n"
            f"find . -mindepth 1 -printf '%P\\n'; exit $status\n"
        )
        answer = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.returncode, answer.stderr, set(answer.stdout.split()) - {"filler"}


@pytest.fixture
def small_disk(tmp_path):
    disk = SmallDisk(tmp_path / "disk")
    disk.folder.mkdir()
    try:
        status, err, _ = disk.run(2, 1, "true")
    except FileNotFoundError:
        pytest.skip("needs unshare, to mount a small file system")
    if status == 99 or "unshare" in err:
        pytest.skip("needs the right to mount a small file system in a namespace")
    return disk


# Of 16 pages so many are free that the write fails: of the scores, of the manifest, of the record.
@pytest.mark.parametrize("free", [0, 1, 2])
def test_full_disk_ends_in_one_line_and_publishes_nothing(small_disk, evaluated, free):
    records, gold = evaluated
    words = [COMMAND, "score", "--records", records, "--gold", gold, "--out", "scores"]
    status, err, left = small_disk.run(16, 16 - free, *words)
    assert status == 1
    assert err == "clearbench: scores: No space left on device; nothing was published\n"
    assert left <= {"scores", "scores/failure.json"}


def test_weights_that_do_not_fit_on_the_disk_are_told_as_such(small_disk):
    code = """
import errno
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
from clearbench.models.checkpoint import save_checkpoint
size = dict(hidden_size=64, intermediate_size=64, num_hidden_layers=1, vocab_size=2000)
try:
    save_checkpoint(LlamaForCausalLM(LlamaConfig(**size)), Path("weights"))
except OSError as error:
    assert error.errno == errno.ENOSPC
else:
    raise SystemExit("weights larger than the disk were taken")
"""
    status, err, _ = small_disk.run(16, 4, sys.executable, "-c", code)
    assert status == 0, err


def test_disk_with_room_enough_takes_the_scores(small_disk, evaluated):
    records, gold = evaluated
    words = [COMMAND, "score", "--records", records, "--gold", gold, "--out", "scores"]
    status, err, left = small_disk.run(64, 4, *words)
    assert (status, err) == (0, "")
    files = (SCORES, DRAWS, MANIFEST, "provenance.json")
    assert left == {"scores", *(f"scores/{name}" for name in files)}


OF_A_SUITE = [
    name
    for name, command in cli.cli.commands.items()
    if any(option.name == "suite" for option in command.params)
]


def test_every_command_on_a_suite_takes_it_in_both_ways(main, tmp_path):
    """None of them knows this suite, which is what they say, wherever it stands."""
    assert {"show", "plan", "why", "audit", "fetch", "doctor", "export-crate"} <= set(OF_A_SUITE)
    needed = {"invalidate": ["--where", "method=ga", "--reason", "x"]}
    for name in OF_A_SUITE:
        options = needed.get(name, [])
        unknown = tmp_path / "unknown.yaml"
        for words in ([unknown], ["--suite", unknown]):
            status, out, err = main(name, *words, *options)
            assert (status, out) == (1, ""), name
            assert f"{unknown} does not exist" in err, name
            assert err.count("\n") == 1


@pytest.mark.parametrize("name", OF_A_SUITE)
def test_outside_of_the_repository_a_command_says_where_to_go(main, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    needed = {"invalidate": ["--where", "method=ga", "--reason", "x"]}
    status, out, err = main(name, *needed.get(name, []))
    assert (status, out) == (1, "")
    assert err == (
        f"clearbench: {tmp_path}: no suites here, in no folder `config`; change to the root of the"
        " repository\n"
    )


def test_the_help_has_each_command_once_in_a_section(main):
    _, out, _ = main("--help")
    sections = [line.rstrip(":") for line in out.splitlines() if re.match(r"[A-Z].*:$", line)]
    assert sections == ["Options", *cli.SECTIONS]
    listed = re.findall(r"^  ([a-z][a-z-]+) ", out, re.M)
    shown = [name for name, command in cli.cli.commands.items() if not command.hidden]
    assert sorted(listed) == sorted(shown)
    assert "..." not in out.partition("Options")[2]


TABLE = """## A table

| method | modality |   a long heading ↑ |   another one ↓ |   third |
|:-------|:---------|-------------------:|----------------:|--------:|
| gold   | -        |              1.000 |           0.500 |       3 |
| npo    | text     |              0.250 |           0.125 |      12 |

- A note that says more than the window is wide, in words that are not broken anywhere.
"""


@pytest.mark.parametrize("width", [40, 60, 200])
def test_a_wide_table_is_shown_in_parts_that_fit_and_lose_nothing(width):
    text = fit(TABLE, width)
    assert max(map(len, text.splitlines())) <= width
    words = set(re.findall(r"[\w.↑↓]+", TABLE))
    assert words <= set(re.findall(r"[\w.↑↓]+", text))
    rows = [line for line in text.splitlines() if re.match(r"\W*npo", line)]
    assert len(rows) == {40: 2, 60: 1, 200: 1}[width]
    assert all(re.match(r"\W*npo\W+text", row) for row in rows)
    assert fit(TABLE, None) == TABLE


def test_on_a_terminal_heads_failures_and_doubts_have_colours(monkeypatch):
    table = TABLE.replace("0.125", "diverged (step 7)").replace("0.250", "0.250 ≈")
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for text in (table, fit(table, 50)):
        shown = coloured(text)
        assert "\x1b[31mdiverged (step 7)\x1b[0m" in shown
        assert "0.250 \x1b[33m≈\x1b[0m" in shown
        assert re.search(r"\x1b\[1m\|? ?method", shown)
        assert "\x1b" not in shown[shown.index("- A note") :]
        assert click.unstyle(shown) == text.rstrip("\n")
    monkeypatch.setenv("NO_COLOR", "1")
    assert coloured(table) == table
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setattr("sys.stdout", io.StringIO())
    assert coloured(table) == table


class Terminal(io.StringIO):
    """A terminal that keeps what it is shown."""

    def isatty(self):
        return True
