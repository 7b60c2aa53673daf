"""A method may inherit from another: what it has of its parents is read without running a file."""

import re
import subprocess
import sys
from dataclasses import fields

import pytest

from clearbench import methods
from clearbench.errors import UserError
from clearbench.jobs.fingerprint import code_of
from clearbench.training.trial import try_out
from installed import forgotten, install  # noqa: F401

HEAD = """
from dataclasses import dataclass
from typing import Annotated, ClassVar
from pydantic import Field
from clearbench.methods.base import Method
from clearbench.methods.npo import NegativePreferenceOptimisation
from clearbench.models.answers import cross_entropy, log_likelihood
"""
SIMNPO = (
    HEAD
    + '''

@dataclass(frozen=True)
class SimNPO(NegativePreferenceOptimisation):
    """Without a reference.

    Loss: … Source: arXiv 2410.07163.
    """

    reference_reads = ()

    beta: Annotated[float, Field(gt=0)] = 2.5
    gamma: Annotated[float, Field(ge=0)] = 0.0

    def loss(self, student, reference):
        return log_likelihood(student.forget).mean() * self.beta - self.gamma
'''
)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a package `kin` with some files; its method `own` is that of `own.py`."""

    def write(own, value="kin.own", **more):
        files = {"kin/__init__.py": "", "kin/own.py": own}
        files |= {f"kin/{name}.py": text for name, text in more.items()}
        install(monkeypatch, tmp_path, files, {"methods": {"own": value}})
        return tmp_path / "kin/own.py"

    return write


def is_as_read(key="own"):
    """The description read from sources is that of the class; gives both."""
    description, method = methods.describe(key), methods.create(key, {})
    of_class = {field.name: field.default for field in fields(method)}
    assert {name: default for name, (_, default) in description.parameters.items()} == of_class
    assert list(description.parameters) == list(of_class)
    for name in (
        *("domains", "unaugmented", "as_published", "student_reads", "reference_reads"),
        *("weights", "few_rows", "surveys"),
    ):
        assert getattr(description, name) == getattr(method, name)
    assert description.reads({}) == method.reads
    assert description.name == type(method).__name__
    assert description.hidden == (method.hidden_layer() is not None)
    return description, method


def test_parameters_are_the_parents_and_its_own_and_it_unlearns(installed):
    installed(SIMNPO)
    description, _ = is_as_read()
    assert dict(description.parameters) == {"beta": ("float", 2.5), "gamma": ("float", 0.0)}
    assert str(description.ranges["gamma"]) == ">= 0"
    assert methods.create("own", {"beta": 0.5}).beta == 0.5
    with pytest.raises(UserError, match=r"beta: 0 is out of range; allowed: > 0"):
        methods.create("own", {"beta": 0})
    try_out("own", {}, "text")
    assert description.passes({}) == (1, 0)
    assert not description.takes_stored_reference


def test_the_file_of_the_parent_is_code_of_its_cells(installed):
    installed(SIMNPO)
    code = code_of("unlearn", {"model": {"domain": "text"}, "method": "own"})
    assert {"kin.own", "kin", "clearbench.methods.npo"} <= code.keys()
    assert "clearbench.methods.ga" not in code


def test_sources_of_parents_are_read_without_torch(installed, tmp_path):
    installed(SIMNPO)
    code = (
        "import sys; from clearbench import methods; print(*methods.describe('own').parameters);"
        "assert not {'torch', 'kin', 'clearbench.methods.npo'} & sys.modules.keys()"
    )
    paths = [str(tmp_path), *sys.path]
    program = f"import sys; sys.path[:] = {paths!r}; {code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "beta gamma\n", done.stderr


CHILD = "\n\n@dataclass(frozen=True)\nclass Own({parents}):\n    {body}\n"


@pytest.mark.parametrize(
    ("imports", "parents", "parameters"),
    [
        ("from clearbench.methods import npo", "npo.NegativePreferenceOptimisation", ["beta"]),
        ("import clearbench.methods.gd", "clearbench.methods.gd.GradientDifference", None),
        ("import clearbench.methods.gd as gd", "gd.GradientDifference", ["retain_weight"]),
        ("from clearbench.methods.rmu import *", "RepresentationMisdirection", None),
        (
            "from clearbench.methods.published.sku import"
            " SelectiveKnowledgeNegationAsPublished as SKU",
            "SKU",
            None,
        ),
        ("from .parent import Parent", "Parent", ["retain_weight", "extra"]),
        ("from . import parent", "parent.Parent", ["retain_weight", "extra"]),
        ("from kin.names import Renamed", "Renamed", ["retain_weight", "extra"]),
        ("from .mixin import Clipped", "Clipped, NegativePreferenceOptimisation", None),
        ("from .mixin import Clipped", "NegativePreferenceOptimisation, Clipped", None),
        ("from abc import ABC", "NegativePreferenceOptimisation, ABC", ["beta"]),
        ("from .parent import Abstract", "Abstract", ["weight"]),
    ],
)
def test_a_parent_is_found_wherever_it_lies(installed, imports, parents, parameters):
    parent = (
        HEAD
        + "from abc import ABC, abstractmethod\n"
        + "from clearbench.methods.gd import GradientDifference\n"
        + "@dataclass(frozen=True)\nclass Parent(GradientDifference):\n    extra: int = 2\n"
        + "@dataclass(frozen=True)\nclass Abstract(Method, ABC):\n    weight: float = 1.0\n"
        + "    @abstractmethod\n    def loss(self, student, reference): ...\n"
    )
    mixin = (
        HEAD + "@dataclass(frozen=True)\nclass Clipped:\n"
        "    limit: Annotated[float, Field(gt=0)] = 3.0\n    beta: float = 7.0\n"
    )
    names = "from kin.parent import Parent as Renamed\n"
    body = "def loss(self, student, reference):\n        return 0"
    text = HEAD + imports + CHILD.format(parents=parents, body=body)
    installed(text, parent=parent, mixin=mixin, names=names)
    description, _ = is_as_read()
    if parameters is not None:
        assert list(description.parameters) == parameters


def test_a_child_that_adds_no_parameter_needs_no_decorator(installed):
    installed(HEAD + "class Own(NegativePreferenceOptimisation):\n    '''Mine.'''\n")
    assert is_as_read()[0].doc == "Mine."
    try_out("own", {}, "vision")


def test_a_parent_of_the_same_file_is_no_second_method(installed):
    both = HEAD + CHILD.replace("Own", "_Weighted").format(
        parents="Method", body="weight: float = 2.0"
    )
    installed(both + CHILD.format(parents="_Weighted", body="bias: float = 0.0"))
    assert list(is_as_read()[0].parameters) == ["weight", "bias"]


MISTAKES = {
    "two methods": (
        CHILD.format(parents="Method", body="pass").replace("Own", "One")
        + CHILD.format(parents="NegativePreferenceOptimisation", body="pass"),
        r"line 16: method own: holds 2 subclasses of Method: One, Own; it must hold one",
    ),
    "no method": ("\nclass Own:\n    pass\n", "line 1: method own: holds 0 subclasses of Method"),
    "a parent that nothing names": (
        CHILD.format(parents="NegativePreferenceOptimization", body="pass"),
        r"method own: Own has the parent NegativePreferenceOptimization, which is not found",
    ),
    "a parent that its module does not have": (
        "from clearbench.methods.gd import Gradient\n"
        + CHILD.format(parents="Gradient", body="pass"),
        "method own: Own has the parent Gradient, which is not found",
    ),
    "a parent of a module that is not there": (
        "from clearbench.methods.simnpo import SimNPO\n"
        + CHILD.format(parents="SimNPO", body="pass"),
        "method own: Own has the parent SimNPO, which is not found",
    ),
    "parents in no order": (
        CHILD.format(parents="Method, NegativePreferenceOptimisation", body="pass"),
        "method own: raises TypeError: Cannot create a consistent method resolution",
    ),
    "a default without its type": (
        CHILD.format(parents="NegativePreferenceOptimisation", body="beta = 0.5"),
        "line 12: method own: parameter beta: write its type again to give it another default",
    ),
    "a default out of the range that it gives itself": (
        CHILD.format(
            parents="NegativePreferenceOptimisation",
            body="beta: Annotated[float, Field(gt=1)] = 0.5",
        ),
        "line 12: method own: parameter beta: 0.5 is out of range; allowed: > 1",
    ),
    "a parameter of a class that is no dataclass": (
        "class Own(NegativePreferenceOptimisation):\n    gamma: float = 1.0\n",
        r"method own: gamma is no parameter: decorate the class, @dataclass\(frozen=True\)",
    ),
    "an abstract method": (
        "from abc import ABC, abstractmethod\n"
        + CHILD.format(
            parents="Method, ABC", body="@abstractmethod\n    def loss(self, s, r): ..."
        ),
        "method own: raises TypeError: Can't instantiate abstract class Own",
    ),
    "a declaration that is computed": (
        CHILD.format(parents="Method", body="student_reads = tuple(['forget'])"),
        "line 12: method own: student_reads must be written out: it is read without running",
    ),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistake_in_a_family_is_told_with_its_file_and_line(installed, kind):
    text, told = MISTAKES[kind]
    file = installed(HEAD + text)
    with pytest.raises(UserError, match=told) as caught:
        methods.create("own", {})
    assert str(caught.value).startswith(f"{file}, line ")
    assert "\n" not in str(caught.value)


def test_a_mistake_in_a_parents_loss_is_told_where_it_is(installed, tmp_path):
    parent = HEAD + CHILD.replace("Own", "Parent").format(
        parents="Method", body="def loss(self, student, reference):\n        return 1 / 0"
    )
    text = "from kin.parent import Parent\n\n\nclass Own(Parent):\n    pass\n"
    installed(text, parent=parent)
    told = re.escape(f"{tmp_path / 'kin/parent.py'}, line 13: method own: raises ZeroDivisionError")
    with pytest.raises(UserError, match=told):
        try_out("own", {}, "text")
