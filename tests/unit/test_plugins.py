"""Methods, metrics, layouts and tables of another installed package are as those that lie here."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import clearbench
from clearbench import methods, metrics, plugins
from clearbench.data import layouts
from clearbench.documentation.pages import pages
from clearbench.errors import UserError
from clearbench.tables import builders
from clearbench.training.trial import try_out
from installed import forget, forgotten, install  # noqa: F401
from synthetic import ROOT

PACKAGE = {
    "pyproject.toml": """
        [build-system]
        requires = ["setuptools"]
        build-backend = "setuptools.build_meta"

        [project]
        name = "unlearning-extras"
        version = "1.2"

        [project.entry-points."clearbench.methods"]
        mildnpo = "extras.mildnpo"
        climb = "extras.several:Climb"

        [project.entry-points."clearbench.metrics"]
        exactness = "extras.exactness"

        [project.entry-points."clearbench.layouts"]
        pairs = "extras.pairs"

        [project.entry-points."clearbench.tables"]
        counts = "extras.counts"
    """,
    "src/extras/__init__.py": "",
    "src/extras/mildnpo.py": '''
        """MildNPO."""

        from dataclasses import dataclass

        from clearbench.methods.npo import NegativePreferenceOptimisation

        from .likelihood import per_token


        @dataclass(frozen=True)
        class MildNPO(NegativePreferenceOptimisation):
            """NPO without a reference, by the likelihood of a token.

            Loss: … Source: arXiv 2410.07163.
            """

            reference_reads = ()

            beta: float = 2.5

            def loss(self, student, reference):
                return self.beta * per_token(student)
    ''',
    "src/extras/likelihood.py": """
        def per_token(view):
            return view.forget.token_log_likelihood.mean()
    """,
    "src/extras/several.py": '''
        from clearbench.methods.ga import GradientAscent


        class Climb(GradientAscent):
            """Climbs."""


        class Other(GradientAscent):
            """Climbs too."""
    ''',
    "src/extras/exactness.py": '''
        from clearbench.metrics.base import task_metric


        @task_metric(low=0, high=1, better="up", better_on_forget="down")
        def exactness(records):
            """The share of greedy answers that are the true one."""
            return [float(record.generated == record.answer) for record in records]
    ''',
    "src/extras/pairs.py": """
        from clearbench.config.strict import Strict
        from clearbench.data.tasks import TEXT_QA, Task

        PAIRED = Task(name="paired", splits=("forget", "retain"), kind="text")
        TASKS = (TEXT_QA, PAIRED)


        class Options(Strict):
            order: str = "rows"


        def read(images, texts, options):
            raise NotImplementedError
    """,
    "src/extras/counts.py": "def build(results):\n    return None\n",
    "src/extras/unrelated.py": "word = 1\n",
}
KEYS = {
    "mildnpo": ("unlearn", {"model": {"domain": "text"}, "method": "mildnpo"}),
    "climb": ("unlearn", {"model": {"domain": "text"}, "method": "climb"}),
    "npo": ("unlearn", {"model": {"domain": "text"}, "method": "npo"}),
    "pairs": ("dataset", {"layout": "pairs"}),
    "tofu": ("dataset", {"layout": "tofu"}),
    "evaluate": ("evaluate", {"model": {"domain": "text"}}),
    "score": ("score", {}),
    "tabulate": ("tabulate", {}),
}
METHOD = (
    "from clearbench.methods.ga import GradientAscent\n\n\n"
    "class Own(GradientAscent):\n    word = {}\n"
)


class Extras:
    """A package that pip has installed into a folder, and the command line that sees it."""

    def __init__(self, folder):
        self.folder = folder
        path = os.pathsep.join((str(Path(clearbench.__file__).parents[1]), str(folder)))
        self.environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "200"}

    def run(self, *command):
        found = subprocess.run(
            command, env=self.environment, cwd=ROOT, capture_output=True, text=True
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    def clearbench(self, *words):
        return self.run(sys.executable, "-m", "clearbench", *words)

    def fingerprints(self):
        code = (
            "import json, sys; from clearbench.jobs.fingerprint import code_of, fingerprint;"
            "jobs = json.loads(sys.argv[1]);"
            "print(json.dumps({key: fingerprint(code_of(*job)) for key, job in jobs.items()}))"
        )
        return json.loads(self.run(sys.executable, "-c", code, json.dumps(KEYS)))

    def edit(self, name):
        with (self.folder / name).open("a") as file:
            file.write("\nword = 2\n")


@pytest.fixture(scope="module")
def extras(tmp_path_factory):
    source, target = tmp_path_factory.mktemp("extras"), tmp_path_factory.mktemp("installed")
    for path, text in PACKAGE.items():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        indent = re.match(r"\n( *)", text)
        lines = re.sub(rf"^{indent[1]}", "", text, flags=re.M) if indent else text
        (source / path).write_text(lines)
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--no-deps", "--quiet"]
    where = ["--no-build-isolation", "--target", str(target), str(source)]
    subprocess.run([*pip, *where], check=True, capture_output=True)
    return Extras(target)


@pytest.fixture
def seen(extras, monkeypatch):
    """The package, seen by this process as well."""
    monkeypatch.syspath_prepend(str(extras.folder))
    forget("extras")
    return extras


def test_what_a_package_brings_is_there_under_its_names(seen):
    assert methods.available()[-2:] == ["climb", "mildnpo"]
    assert dict(methods.describe("mildnpo").parameters) == {"beta": ("float", 2.5)}
    try_out("mildnpo", {"beta": 1.0}, "multimodal")
    try_out("climb", {}, "vision")
    assert metrics.task_metrics()["exactness"].better == "up"
    assert layouts.load("pairs").Options().order == "rows"
    assert "counts" in builders("text")


def test_pages_of_the_documentation_are_of_this_package_alone(seen):
    texts = [text for name, text in pages(ROOT).items() if name.endswith(".md")]
    assert not re.search("mildnpo|climb|exactness|`order`", "".join(texts))
    assert "mildnpo" in pages(ROOT)["schemas/suite.json"]


def test_the_command_line_serves_a_method_of_a_package_as_its_own(extras, tmp_path):
    shown = extras.clearbench("methods", "mildnpo")
    assert "of the package unlearning-extras 1.2" in shown
    assert "beta: float = 2.5" in shown
    suite = (ROOT / "config/mini.yaml").read_text()
    rows = "methods: { mildnpo: {}, mildnpo-weak: { method: mildnpo, beta: 0.1 }, npo: {} }"
    file = tmp_path / "own.yaml"
    file.write_text(re.sub(r"^methods:\n(  .*\n)+", f"{rows}\n", suite, flags=re.M))
    assert "3 methods and " in extras.clearbench("check", str(file))
    planned = extras.clearbench("plan", "--suite", str(file), "--results", str(tmp_path))
    assert re.search(r"unlearn +27 ", planned), planned


def test_an_edit_of_a_package_reruns_what_reaches_it_and_no_more(extras):
    before = extras.fingerprints()
    edits = {
        "extras/mildnpo.py": {"mildnpo"},
        "extras/likelihood.py": {"mildnpo"},
        "extras/several.py": {"climb"},
        "extras/pairs.py": {"pairs"},
        "extras/exactness.py": {"score", "tabulate"},
        "extras/counts.py": {"tabulate"},
        "extras/unrelated.py": set(),
        "extras/__init__.py": {"mildnpo", "climb", "pairs", "score", "tabulate"},
    }
    for path, expected in edits.items():
        extras.edit(path)
        after = extras.fingerprints()
        assert {key for key in after if after[key] != before[key]} == expected, path
        before = after


def test_records_tell_the_packages_that_bring_something(extras):
    code = "from clearbench.jobs.environment import describe; print(describe()['packages'])"
    assert "'unlearning-extras': '1.2'" in extras.run(sys.executable, "-c", code)


def test_a_packages_edit_of_the_same_size_and_time_runs_as_it_is_fingerprinted(
    monkeypatch, tmp_path
):
    """Python would take the compiled older module for it."""
    for value in (2, 3):
        files = {"same.py": METHOD.format(value)}
        install(monkeypatch, tmp_path, files, {"methods": {"same": "same"}})
        os.utime(tmp_path / "same.py", (0, 0))
        assert methods.create("same", {}).word == value


WRONG = {
    "a method of this package's name": (
        ("methods", {"npo": "one"}),
        {"one.py": METHOD},
        "own 1.0: its entry point npo of clearbench.methods names one, but clearbench has a file",
    ),
    "a metric of this package's name": (
        ("metrics", {"accuracy": "one"}),
        {"one.py": ""},
        "own 1.0: its entry point accuracy of clearbench.metrics names one, but clearbench has",
    ),
    "a module that is not there": (
        ("methods", {"own": "one.two"}),
        {"one/__init__.py": ""},
        "its entry point own of clearbench.methods names one.two, which is no module",
    ),
    "a class that is not there": (
        ("methods", {"own": "one:Other"}),
        {"one.py": METHOD},
        "names one:Other, which is no method: no subclass of clearbench.methods.base.Method",
    ),
    "something that is no method": (
        ("methods", {"own": "one:function"}),
        {"one.py": "def function():\n    pass\n"},
        "names one:function, which is no method",
    ),
    "a file of no method": (
        ("methods", {"own": "one"}),
        {"one.py": "word = 1\n"},
        "one.py, line 1: method own: holds 0 subclasses of Method; it must hold one",
    ),
    "a method that does not load": (
        ("methods", {"own": "one"}),
        {"one.py": "import no_such_package\n" + METHOD},
        "one.py, line 1: method own: raises ModuleNotFoundError: No module named 'no_such_package'",
    ),
    "a package that does not load": (
        ("methods", {"own": "one.two"}),
        {"one/__init__.py": "1 / 0\n", "one/two.py": METHOD},
        "two.py, line 1: method own: raises ZeroDivisionError: division by zero",
    ),
    "a file that is not Python": (
        ("methods", {"own": "one"}),
        {"one.py": "class Own(:\n"},
        "one.py, line 1: method own: is not Python: ",
    ),
    "a file of no metric": (
        ("metrics", {"own": "one"}),
        {"one.py": "from clearbench.metrics.accuracy import accuracy\n"},
        "names one, which defines no metric",
    ),
    "a metric of another's name": (
        ("metrics", {"own": "one"}),
        {
            "one.py": "from clearbench.metrics.base import model_metric\n\n\n"
            "@model_metric(low=0, high=1, better='up')\ndef u_mia(evaluation):\n    return 1\n"
        },
        "metric own: metric u_mia is defined in another file",
    ),
    "no layout": (
        ("layouts", {"own": "one"}),
        {"one.py": "word = 1\n"},
        "names one, which is no layout: it has no Options, or no function read",
    ),
    "no table": (
        ("tables", {"own": "one"}),
        {"one.py": "word = 1\n"},
        "names one, which is no table: it has no function build",
    ),
    "a key that is none": (
        ("methods", {"a/b": "one"}),
        {"one.py": METHOD},
        "its entry point a/b of clearbench.methods names one, and that is no key",
    ),
}


def use(kind):
    """What a suite does first with what is installed."""
    if kind == "methods":
        return methods.create(methods.available()[-1], {})
    if kind == "metrics":
        return metrics.task_metrics()
    return layouts.load("own") if kind == "layouts" else builders("text")


@pytest.mark.parametrize("wrong", WRONG)
def test_a_package_that_brings_what_it_should_not_is_one_line(monkeypatch, tmp_path, wrong):
    (kind, points), files, told = WRONG[wrong]
    install(monkeypatch, tmp_path, files, {kind: points})
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        use(kind)
    assert "\n" not in str(caught.value)


def test_two_packages_of_one_key_are_told_with_both(monkeypatch, tmp_path):
    points = {"methods": {"own": "one"}}
    install(monkeypatch, tmp_path / "a", {"one.py": METHOD}, points, name="first")
    install(monkeypatch, tmp_path / "b", {"two.py": METHOD}, points, name="second", version="3")
    told = "second 3: its entry point own of clearbench.methods names one, but first 1.0 has a file"
    with pytest.raises(UserError, match=told):
        methods.available()


def test_a_package_that_is_installed_twice_counts_once(monkeypatch, tmp_path):
    """As one of the environment, and a newer one on PYTHONPATH."""
    points = {"methods": {"own": "one"}}
    for version, folder in (("1.0", tmp_path / "a"), ("2.0", tmp_path / "b")):
        install(monkeypatch, folder, {"one.py": METHOD}, points, version=version)
    assert plugins.versions() == {"own": "2.0"}
    assert plugins.path_of("one") == tmp_path / "b/one.py"
