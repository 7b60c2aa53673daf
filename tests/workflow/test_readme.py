"""What the pages print works: commands in a fresh checkout, and the example of a method."""

import re
import shlex
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from importlib.util import module_from_spec, spec_from_file_location

import click
import pytest
import yaml

from clearbench.cli import cli

from .bench import ROOT, Bench


def block(text, language, path):
    """The fenced block that begins with a comment of its path: the path, and the block's text."""
    pattern = rf"^```{language}\n# ({path})\n(.*?)^```$"
    found = re.search(pattern, text, re.M | re.S)
    assert found, f"README.md has no block of {language} that begins with `# {path}`"
    return found.groups()


@pytest.fixture
def checkout(tmp_path):
    """A copy of the checkout, to which a user adds files."""
    shutil.copytree(ROOT / "src/clearbench", tmp_path / "src/clearbench")
    return Bench(tmp_path, tmp_path / "src").fill()


def test_the_example_runs_to_a_row_of_its_own(checkout):
    text = (ROOT / "README.md").read_text()
    path, code = block(text, "python", r"src/clearbench/methods/\w+\.py")
    (checkout.folder / path).write_text(code)
    method = (checkout.folder / path).stem

    path, data = block(text, "yaml", r"config/\w+\.yaml")
    suite = yaml.safe_load(data)
    assert method in suite["methods"]
    # All that the example's time depends on, and nothing else.
    suite.update(dataset="small", model="small-llava")
    for training in ("base", "finetune", "unlearn"):
        suite[training] = {**suite.get(training, {}), "epochs": 1}
    (checkout.folder / path).write_text(yaml.safe_dump(suite, sort_keys=False))

    name = (checkout.folder / path).stem
    done = checkout.snakemake(suite=name)
    assert done.status == 0, done.output
    assert re.search(r"^about \d+ (s|min) left$", done.output, re.M), done.output
    frame = checkout.table(suite=name)
    assert set(frame[frame.method == method].status) == {"ok"}
    # Each seed has a gold of its own base, and each pair of these is compared.
    seeds = suite["seeds"]
    assert {"base/seed0", "base/seed1", "base/seed2"} <= checkout.records(name).keys()
    second = frame[frame.method == "second gold"]
    assert set(second.n) == {len(seeds)} == {3}
    assert checkout.clearbench("audit", suite=name).status == 0
    noise = checkout.table("noise", suite=name)
    assert {"all methods", "original", method} <= set(noise.method)


PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "containers/README.md")),
    *sorted(ROOT.glob("docs/*.md")),
]
TOOLS = ("clearbench", "snakemake", "make")
OTHERS = {
    "apptainer",
    "git",
    "cd",
    "source",
    "cp",
    "export",
    "pytest",
    "tmux",
    "squeue",
    "tail",
    "python",
    "pip",
    "tar",
}
"""What a block may call besides, which other tests run or nobody can run here."""


def commands():
    """All commands that the pages print, in blocks of shell and within sentences, once each."""
    found = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
        lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
        plain = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
        spoken = [" ".join(words.split()) for words in re.findall(r"`([^`]+)`", plain)]
        lines += [words for words in spoken if re.match(rf"({'|'.join(TOOLS)}) [\w-]", words)]
        for line in lines:
            for part in re.split(r";|&&", line.partition(" #")[0]):
                words = [word for word in shlex.split(part) if "=" not in word.split("/")[0][:20]]
                if part.strip() and words:
                    found.setdefault(part.strip(), page.name)
    return found


COMMANDS = commands()


def of(tool):
    return [part for part in COMMANDS if re.match(rf"([A-Z_]+=\S+ )*{tool}\b", part)]


def test_pages_print_no_command_that_nobody_looks_at():
    looked_at = {part for tool in TOOLS for part in of(tool)}
    others = {part.split()[0]: page for part, page in COMMANDS.items() if part not in looked_at}
    assert set(others) <= OTHERS, others
    assert len(of("clearbench")) > 20
    assert len(of("snakemake")) > 8
    assert len(of("make")) > 8


@pytest.mark.parametrize("line", of("clearbench"))
def test_a_printed_call_of_clearbench_is_one(line):
    _, name, *words = shlex.split(re.sub(r" [<|>].*", "", line))
    # A name in capitals stands for one that a reader chooses.
    if name.startswith("-") or name.isupper():
        return
    command = cli.commands[name]
    try:
        command.make_context(name, words)
    except click.MissingParameter:
        # In a sentence a command may stand for itself.
        assert not words, line


@pytest.mark.parametrize("line", of("make"))
def test_a_printed_call_of_make_is_one(line):
    words = shlex.split(line.rstrip("."))
    words = [word for word in words if word != "make"]
    done = subprocess.run(
        ["make", "--dry-run", "--directory", str(ROOT), *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_printed_calls_of_snakemake_plan_a_run_in_a_fresh_checkout(checkout):
    """As printed, but for what would start the run."""
    for name in ("slurm", "lsf", "kubernetes"):
        shutil.copytree(ROOT / name, checkout.folder / name)
    (checkout.folder / "clearbench-cuda.sif").write_bytes(b"an image")
    path, text = block((ROOT / "README.md").read_text(), "yaml", r"config/\w+\.yaml")
    method, code = block((ROOT / "README.md").read_text(), "python", r"src/\S+\.py")
    (checkout.folder / path).write_text(text)
    (checkout.folder / method).write_text(code)
    tables = [f"snakemake table{number}" for number in (3, 6)]
    lines = [*of("snakemake"), *tables, "snakemake table4 --config suite=tofu"]
    for line in of(r"clearbench (new-dataset|draw-portraits) \S+"):
        assert checkout.call(shlex.split(line)).status == 0
    for line in dict.fromkeys(lines):
        done = checkout.call([*shlex.split(line), "--dry-run"])
        if re.search("--profile (slurm|lsf)", line) and not shutil.which("apptainer"):
            # Snakemake plans no run in an image where nothing could show it.
            assert "apptainer or singularity command has to be available" in done.output, line
            continue
        assert done.status == 0, f"{line}: {done.output}"
        assert "This was a dry-run" in done.output, line


ELSEWHERE = r"clearbench (carry-over|claims|doctor|fetch|write-docs|-)|[A-Z]{4,}|…"
"""What needs a cluster, the hub, other suites or the repository, or stands for many calls."""


def test_printed_commands_that_are_cheap_work_after_a_run(checkout):
    """As printed, on a suite of mini's name that takes seconds."""
    for name in ("slurm", "lsf", "kubernetes"):
        shutil.copytree(ROOT / name, checkout.folder / name, dirs_exist_ok=True)
    checkout.write("mini", methods={"npo": {}, "scrub": {}}, modalities=["both", "text"])
    done = checkout.snakemake(suite="mini")
    assert done.status == 0, done.output
    lines = [line for line in of("clearbench") if not re.search(ELSEWHERE, line)]
    assert len(lines) > 20
    # What declares a row wrong comes last, for no proof is given after it.
    lines.sort(key=lambda line: "invalidate" in line)
    for line in ["snakemake table1", *lines]:
        shutil.rmtree(checkout.results("mini-crate"), ignore_errors=True)
        done = checkout.call(shlex.split(line))
        assert done.status == 0 or "Usage:" in done.output, f"{line}: {done.output}"
        assert "Traceback" not in done.output, f"{line}: {done.output}"
    done = checkout.call(["clearbench", "show"])
    assert "invalidated" in done.output, done.output


def script(name):
    """A script of docs/ as a module."""
    spec = spec_from_file_location(name, ROOT / f"docs/{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_make_mini_says_whether_its_table_is_the_printed_one():
    compare = script("compare").compare
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = "## Comparison\n\n" + "\n".join(script("compare").rows(readme)) + "\n\n[1] a remark\n"
    assert compare(readme, table) == "This is the README's table, byte for byte."
    other = re.sub(r"^(\| npo .* visual .*)\d \|$", r"\1x |", table, flags=re.M)
    assert compare(readme, other).startswith("This is not the README's table: 1 of ")
    assert "docs/compare.py results/mini/tables/" in (ROOT / "Makefile").read_text()


def test_the_picture_is_that_of_the_printed_table():
    module = script("draw")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert (ROOT / "docs/table.svg").read_text(encoding="utf-8") == module.draw(text), (
        "make picture"
    )
    circles = ElementTree.fromstring(module.draw(text)).iter("{http://www.w3.org/2000/svg}title")
    rows = re.findall(r"^\| (\w+)[ \[(].*\|$", text.partition("## Images")[0], re.M)
    assert len(list(circles)) == len([row for row in rows if row != "method"])
