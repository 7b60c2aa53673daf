"""What strangers meet first: package, citation, hooks, forge, the pages for contributors."""

import io
import os
import re
import shutil
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from importlib import metadata
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

import clearbench
from clearbench import methods
from synthetic import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("[!.]*/README.md")])


def read(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def test_the_wheel_has_all_files_of_the_package_and_says_that_it_is_typed(tmp_path):
    tracked = subprocess.run(
        ["git", "ls-files", "pyproject.toml", "README.md", "LICENSE", "src"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in tracked:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--quiet"]
    words = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", "wheels", "."]
    subprocess.run(words, cwd=tmp_path, check=True)
    (wheel,) = (tmp_path / "wheels").iterdir()
    shipped = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert shipped == {name.removeprefix("src/") for name in tracked if name.startswith("src/")}
    assert "clearbench/py.typed" in shipped
    assert wheel.name.startswith(f"clearbench-{PROJECT['version']}-")


def test_there_is_one_version():
    assert clearbench.__version__ == metadata.version("clearbench") == PROJECT["version"]
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        clearbench.other  # noqa: B018
    tracked = subprocess.run(
        ["git", "grep", "-lF", PROJECT["version"], "--", ":!*.lock"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert tracked == ["pyproject.toml"]


def test_the_citation_says_what_the_format_demands_and_what_the_project_does():
    found = read("CITATION.cff")
    assert {"cff-version", "message", "title", "authors"} <= found.keys()
    assert (found["type"], found["license"]) == ("software", PROJECT["license"])
    (paper,) = found["references"]
    assert paper["url"] in PROJECT["urls"].values()
    assert all(author.keys() == {"family-names", "given-names"} for author in paper["authors"])


def recipe(target):
    """What make would run for a target, a line each."""
    words = ["make", "--dry-run", "--directory", str(ROOT), "--old-file", "install", target]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if not line.startswith("make")]


def test_the_hooks_are_the_commands_of_make_lint():
    (local,) = read(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == recipe("lint")
    for hook in local["hooks"]:
        assert {"id", "name", "entry", "language"} <= hook.keys()
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)


def test_the_forge_runs_the_parts_of_continuous_integration():
    # YAML 1.1 reads the key `on` as yes.
    flow = read(".github/workflows/ci.yml")
    assert set(flow[True]) == {"push", "pull_request"}
    (job,) = flow["jobs"].values()
    parts = re.findall(r"^(?:nice .*)?make (\w+)", (ROOT / ".ci/run").read_text(), re.M)
    # Which needs Debian 12 and root.
    assert set(job["strategy"]["matrix"]["target"]) == set(parts) - {"install", "cluster"}
    assert [step["run"] for step in job["steps"] if "run" in step] == [
        "make ${{ matrix.target }} PYTHON=python"
    ]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_a_form_of_the_forge_has_the_keys_that_it_must_have(form):
    found = read(form)
    assert {"name", "description", "body"} <= found.keys()
    ids = [part["id"] for part in found["body"]]
    assert len(ids) == len(set(ids))
    for part in found["body"]:
        assert part["type"] in ("input", "textarea", "dropdown", "checkboxes")
        assert part["attributes"]["label"]
        if part["type"] in ("dropdown", "checkboxes"):
            assert part["attributes"]["options"]


@pytest.mark.parametrize(("form", "asked"), [("bug", "why"), ("number", "audit")])
def test_who_reports_a_fault_is_asked_for_its_provenance(form, asked):
    found = read(f".github/ISSUE_TEMPLATE/{form}.yml")
    required = {
        part["id"]: part["attributes"]
        for part in found["body"]
        if part.get("validations", {}).get("required")
    }
    assert f"clearbench {asked}" in required[asked]["label"]
    assert "provenance.json" in required["record"]["description"]


def test_the_example_in_python_prints_what_the_page_says():
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    examples = re.findall(r"^```python\n(.*?)^```$.*?^```text\n(.*?)^```$", page, re.M | re.S)
    assert len(examples) == page.count("```python") == 2
    for code, printed in examples:
        out = io.StringIO()
        with redirect_stdout(out):
            exec(compile(code, "docs/python.md", "exec"), names)
        assert out.getvalue() == printed


def test_the_pages_are_plain_markdown_that_the_forge_can_show():
    """But for the one that is filled when the site is built."""
    assert len(PAGES) > 12
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        own = re.findall(r'^(?:!!! |\?\?\?|=== "|:::).*|\{[:#][^}]*\}', text, re.M)
        assert bool(own) == (page.name == "interface.md"), (page, own)


def test_every_page_is_in_the_site():
    class Loader(yaml.SafeLoader):
        """Reads mkdocs.yml, which names a function of Python."""

    Loader.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)
    site = yaml.load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"), Loader)

    def leaves(part):
        if isinstance(part, str):
            yield part
        else:
            for below in part.values() if isinstance(part, dict) else part:
                yield from leaves(below)

    assert sorted(leaves(site["nav"])) == sorted(str(page.relative_to(ROOT)) for page in PAGES)


def named_files(page):
    """The paths of the repository that a page names in `…` or links to; * stands for any."""
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    spoken = re.findall(r"`([\w./*-]+/[\w./*-]*)`", text)
    yield from (name.replace("NAME", "*") for name in spoken if name.split("/")[0] in TOP)
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        yield str((page.parent / link).resolve().relative_to(ROOT))


IGNORED = {line.strip("/*!") for line in (ROOT / ".gitignore").read_text().splitlines()}
TOP = {path.name for path in ROOT.iterdir()} - IGNORED
"""What the repository has; what runs leave in a clone is no part of it."""
MADE = {"slurm/site.yaml"}
"""Files that users make."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_a_page_names_are_there(page):
    for name in named_files(page):
        assert name in MADE or any(ROOT.glob(name)), name


def test_the_recipes_that_print_a_file_work_as_printed(tmp_path):
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shutil.copytree(ROOT / "src", tmp_path / "src")
    printed = re.findall(r"^```python\n# (src/\S+)\n(.*?)^```$", page, re.M | re.S)
    for path, code in printed:
        assert not (ROOT / path).exists()
        (tmp_path / path).write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "src"), "COLUMNS": "200"}

    def call(*words):
        words = [sys.executable, *words]
        done = subprocess.run(
            words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "no mistake found" in call("-m", "clearbench", "check", "mini")
    known = call(
        "-c",
        "from clearbench.metrics import task_metrics; from clearbench.tables import builders;"
        "from clearbench.figures import drawers; from clearbench.stress_tests import available;"
        "print(*task_metrics(), *builders('multimodal'), *drawers('multimodal'), *available())",
    ).split()
    assert {Path(path).stem for path, _ in printed} <= set(known)
    assert len(printed) == 4


def test_the_first_page_counts_the_methods():
    files = [key for key in methods.available() if "@" not in key]
    assert len(files) == 34
    assert "Thirty-four are here" in (ROOT / "README.md").read_text(encoding="utf-8")
