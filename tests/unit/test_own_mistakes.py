"""A mistake in somebody's own method or metric is a line with its file, before work is lost."""

import json
import math
import re

import numpy as np
import pytest
import torch

from clearbench import methods
from clearbench.cli import cli
from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.methods.npo import NegativePreferenceOptimisation
from clearbench.metrics.score import score_records
from clearbench.training.trial import checked_loss, try_out
from installed import forgotten, install  # noqa: F401
from synthetic import ROOT

METHOD = '''
from dataclasses import dataclass

import torch

from clearbench.methods.base import Method
from clearbench.models.answers import cross_entropy, log_likelihood


@dataclass(frozen=True)
class Own(Method):
    """Mine."""

    student_reads = ("forget", "retain", "flipped")
    reference_reads = ("forget",)

    weight: float = 1.0

    def loss(self, student, reference):
        {body}
'''
LOSSES = {
    "a vector": (
        "return log_likelihood(student.forget)",
        "the loss has the shape (4,); it",
    ),
    "a float": ("return cross_entropy(student.forget).item()", "it must be a tensor of one number"),
    "nothing": ("cross_entropy(student.forget)", "the loss is None; it must be a tensor of one n"),
    "of the reference alone": (
        "return cross_entropy(reference.forget)",
        "the loss has no gradient: nothing in it is of the model in training",
    ),
    "detached": ("return cross_entropy(student.forget).detach()", "the loss has no gradient"),
    "a constant": ("return torch.tensor(1.0, requires_grad=True)", "does not depend on the model"),
    "times nothing": ("return 0 * cross_entropy(student.forget)", "does not depend on the model"),
    "not a number": ("return cross_entropy(student.forget) * float('nan')", "the loss is nan on"),
    "infinite": ("return cross_entropy(student.forget) / 0.0", "the loss is inf on numbers drawn"),
    "a gradient that is none": (
        "return (cross_entropy(student.forget) * 0).sqrt() + cross_entropy(student.retain)",
        "the gradient of the loss is not finite",
    ),
    "a guess at an attribute": (
        "return student.forget.logits.mean()",
        "raises AttributeError: 'Answers' object has no attribute 'logits'",
    ),
    "a guess at a batch": ("return student.forgotten", "raises AttributeError: 'ModelView' object"),
    "a word that is not there": (
        "return crossentropy(student.forget)",
        "raises NameError: ",
    ),
    "hidden states of no layer": (
        "return student.forget.hidden.mean()",
        "raises AttributeError: '",
    ),
    "shapes that do not fit": (
        "return (log_likelihood(student.forget) - log_likelihood(student.retain)).mean()",
        "raises RuntimeError: The size of tensor a (4) must match",
    ),
    "pictures of a model of words": (
        "return cross_entropy(student.flipped)",
        "raises ValueError: flipped: not of texts",
    ),
}


@pytest.fixture
def own_method(tmp_path, monkeypatch):
    """Install a package with a method whose loss has a body; gives its file."""

    def write(body, template=METHOD):
        files = {"own_method.py": template.format(body=body)}
        install(monkeypatch, tmp_path, files, {"methods": {"own": "own_method"}})
        return tmp_path / "own_method.py"

    return write


@pytest.mark.parametrize("key", methods.available())
def test_every_method_passes_its_trial_in_every_domain_that_it_serves(key):
    for domain in methods.describe(key).domains:
        try_out(key, {}, domain)


def declaring(student=(), reference=()):
    """A method that declares some batches."""
    both = f"    student_reads = {student!r}\n    reference_reads = {reference!r}"
    return re.sub(r"    student_reads.*\n.*", lambda _: both, METHOD)


def test_a_method_of_ones_own_passes(own_method):
    own_method(
        "return self.weight * (student.forget.token_log_likelihood * 2).mean()",
        declaring(("forget",)),
    )
    for domain in ("multimodal", "text", "vision"):
        try_out("own", {}, domain)


@pytest.mark.parametrize("asked", ["activity(lambda seen: {{}}, 0.1)", "influence(1, 1)"])
def test_a_method_of_neurons_is_told_that_face_models_have_none(own_method, asked):
    file = own_method(
        "...",
        METHOD + f"\n    def unlearn(self, trainer):\n        trainer.neurons_by_{asked}\n",
    )
    told = re.escape(f"{file}, line 10: method own: asks for neurons, which face models have none")
    with pytest.raises(UserError, match=told):
        try_out("own", {}, "vision")


@pytest.mark.parametrize("surveys", ["(('forgot', 1),)", "('forget',)", "(('retain', 0),)", "3"])
def test_surveys_that_are_none_are_told(own_method, surveys):
    own_method("return 0", METHOD + f"\n    surveys = {surveys}\n")
    with pytest.raises(
        UserError, match=r"line 22: method own: surveys must be sets with their pas"
    ):
        try_out("own", {}, "text")


@pytest.mark.parametrize("kind", LOSSES)
def test_a_mistake_in_a_loss_is_told_with_its_file_and_line(own_method, kind):
    body, told = LOSSES[kind]
    file = own_method(body)
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        try_out("own", {}, "multimodal")
    raised = "raises" in told
    assert str(caught.value).startswith(f"{file}, line {20 if raised else 10}: method own: ")
    assert "\n" not in str(caught.value)


def test_parameters_that_leave_nothing_of_a_loss_are_told():
    weights = dict.fromkeys(("forget_weight", "idk_weight", "retain_weight"), 0.0)
    with pytest.raises(UserError, match="method llmu: the loss does not depend on the model"):
        try_out("llmu", weights, "text")


OTHERS = {
    "neither loss nor unlearn": (
        METHOD.replace("    def loss(self, student, reference):\n        {body}", "    {body}"),
        "pass",
        "raises NotImplementedError: Own has neither a loss nor its own unlearn",
    ),
    "unlearn that does nothing": (
        METHOD.replace("loss(self, student, reference)", "unlearn(self, trainer)"),
        "pass",
        "leaves the model as it is",
    ),
    "a wrong layer": (
        METHOD + "\n    def hidden_layer(self):\n        return 'last'\n",
        "return student.forget.hidden.mean()",
        "hidden_layer gives 'last'; allowed: None, and numbers from 0",
    ),
    "an import that fails": ("import no_such_package\n" + METHOD, "return 1", "no_such_package"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_mistake_beside_a_loss_is_told_too(own_method, kind):
    template, body, told = OTHERS[kind]
    file = own_method(body, template)
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        try_out("own", {}, "text")
    assert str(caught.value).startswith(f"{file}, line ")
    assert "method own: " in str(caught.value)


METRIC = """
from clearbench.metrics.base import {kind}_metric

@{kind}_metric(low=0, high=1, better="up"{more})
def own(given):
    return {body}
"""
VALUES = {
    "an error": ("1 / 0", "raises ZeroDivisionError: "),
    "not a number": ("float('nan')", "gives nan; it must give a finite number"),
    "infinite": ("float('inf')", "gives inf; it must give a finite number"),
    "beyond its range": ("7.0", "gives 7; its range is 0 to 1"),
    "below its range": ("-0.01", "gives -0.01; its range is 0 to 1"),
    "a word": ("'high'", "gives 'high'; it must give a number"),
}
RECORDS = [
    Record(split, task, str(i), "a hat", "a hat", 0.5 + i, 0.6, (1.0, 2.0 + i))
    for split, task in (("forget", "text_qa"), ("retain", "text_qa"), ("real", "real_authors"))
    for i in range(4)
]


@pytest.fixture
def own_metric(tmp_path, monkeypatch):
    """Install a package with a metric; gives its file."""

    def write(kind, body):
        more = ', better_on_forget="down"' if kind == "task" else ""
        files = {"own_metric.py": METRIC.format(kind=kind, more=more, body=body)}
        install(monkeypatch, tmp_path, files, {"metrics": {"own": "own_metric"}})
        return tmp_path / "own_metric.py"

    return write


@pytest.mark.parametrize("mistake", VALUES)
@pytest.mark.parametrize("kind", ["task", "model"])
def test_a_mistake_in_a_metric_is_told_with_its_file_and_line(own_metric, kind, mistake):
    value, told = VALUES[mistake]
    file = own_metric(kind, f"[{value} for _ in given]" if kind == "task" else value)
    with pytest.raises(UserError, match=re.escape(told)) as caught:
        score_records(RECORDS, RECORDS)
    line = 6 if "raises" in told else 4
    assert str(caught.value).startswith(f"{file}, line {line}: metric own")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["np.float32(0.5)", "1", "1 + 1e-12", "True"])
@pytest.mark.parametrize("kind", ["task", "model"])
def test_a_number_of_any_type_within_the_range_is_a_score(own_metric, kind, value):
    value = value.replace("np.", "__import__('numpy').")
    own_metric(kind, f"[{value} for _ in given]" if kind == "task" else value)
    scores = score_records(RECORDS, RECORDS)
    found = scores["own" if kind == "model" else "forget/text_qa/own"]
    assert type(found) is float
    assert found == pytest.approx(float(eval(value, {"np": np})))
    assert all(map(math.isfinite, json.loads(json.dumps(scores)).values()))


@pytest.fixture
def check(monkeypatch, capsys):
    """Check a suite as a user does; gives what is printed."""
    monkeypatch.chdir(ROOT)

    def run(suite):
        cli(["check", suite], standalone_mode=False)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("suite", ["mini-methods", "mini-vision", "mini-published", "tofu"])
def test_the_shipped_suites_pass_the_check(check, suite):
    assert re.fullmatch(
        rf"suite {suite}: \d+ methods and \d+ scores tried, no mistake found\n", check(suite)
    )


@pytest.mark.parametrize("kind", ["task", "model"])
def test_a_check_finds_a_mistake_in_a_metric_before_there_is_anything_to_score(
    check, own_metric, kind
):
    file = own_metric(kind, "[7.0 for _ in given]" if kind == "task" else "7.0")
    with pytest.raises(UserError, match=re.escape(f"{file}, line 4: metric own")):
        check("mini")


def test_a_check_finds_a_mistake_in_a_method_of_the_suite(check, monkeypatch):
    monkeypatch.setattr(NegativePreferenceOptimisation, "loss", lambda *views: 0.5)
    with pytest.raises(UserError, match=r"method npo: the loss is 0\.5; it must be a tensor"):
        check("mini")


def test_training_tells_a_mistake_that_only_real_batches_show():
    """Of a loss that passes its trial and does something else at a later step."""
    method = methods.create("npo", {})
    assert checked_loss(method, lambda *_: torch.ones((), requires_grad=True))(None, None) == 1
    with pytest.raises(UserError, match="method npo: the loss is None"):
        checked_loss(method, lambda *_: None)(None, None)
    with pytest.raises(UserError, match="method npo: raises AttributeError"):
        checked_loss(method, lambda student, _: student.forget)(None, None)
    with pytest.raises(MemoryError):
        checked_loss(method, lambda *_: (_ for _ in ()).throw(MemoryError()))(None, None)
