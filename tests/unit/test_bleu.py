"""BLEU and chrF of captions: what sacrebleu makes of them, and what is told where it is missing."""

import math
import sys
from collections import Counter
from importlib.metadata import PackageNotFoundError

import pytest

from clearbench.config import packages
from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.metrics import task_metrics
from clearbench.metrics.bleu import bleu, chrf
from clearbench.metrics.score import score_with_draws
from clearbench.suite.graph import Graph
from synthetic import write_suite

TRUE = ["Ada Ash walks by the old mill", "Ben Low reads by the red door"]
SAID = ["Ada Ash reads by the old mill", "somebody"]


def records(said, task="captions"):
    return [
        Record("forget", task, str(number), true, text, 1.0, 1.0, ())
        for number, (text, true) in enumerate(zip(said, TRUE, strict=True))
    ]


@pytest.fixture
def sacrebleu():
    return pytest.importorskip("sacrebleu")


def bleu_by_hand(said, true):
    """Of a text without zero counts: the geometric mean of the shares of n-grams, n to 4."""
    said, true = said.split(), true.split()
    shares = []
    for n in range(1, 5):
        h, r = (
            Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
            for words in (said, true)
        )
        shares.append((h & r).total() / h.total())
    return math.prod(shares) ** 0.25 * min(1, math.exp(1 - len(true) / len(said)))


def chrf_by_hand(said, true):
    """The mean over n of F2 of the runs of n characters without blanks."""
    precisions, recalls = [], []
    for n in range(1, 7):
        h, r = (
            Counter(text[i : i + n] for i in range(len(text) - n + 1))
            for text in (said.replace(" ", ""), true.replace(" ", ""))
        )
        precisions.append((h & r).total() / h.total())
        recalls.append((h & r).total() / r.total())
    p, r = sum(precisions) / 6, sum(recalls) / 6
    return 5 * p * r / (4 * p + r) if p + r else 0.0


def test_both_are_their_formulas(sacrebleu):
    said = "Ada Ash walks by the old red mill"
    (found, _), (runs, _) = (metric.values(records([said, "x"])) for metric in (bleu, chrf))
    assert found == pytest.approx(bleu_by_hand(said, TRUE[0]))
    assert runs == pytest.approx(chrf_by_hand(said, TRUE[0]))
    assert chrf.values(records(SAID))[1] == pytest.approx(chrf_by_hand(SAID[1], TRUE[1]))


def test_a_copy_has_1_nothing_has_0_and_another_order_of_captions_the_same(sacrebleu):
    for metric in (bleu, chrf):
        assert metric.values(records(TRUE)) == [1, 1]
        assert metric.values(records(["", ""])) == [0, 0]
        assert metric.values(records(SAID)[::-1]) == metric.values(records(SAID))[::-1]
        assert metric.values(records(SAID, "text_qa")) is None


def test_they_are_scores_where_they_are_asked_for_and_change_no_other(sacrebleu):
    own, gold = records(SAID), records(TRUE)
    plain, more = (score_with_draws(own, gold, packages=asked) for asked in ((), ("sacrebleu",)))
    keys = {key for key in more.scores if key.partition("~")[0] not in plain.scores}
    assert {key.partition("~")[0] for key in keys} == {
        "forget/captions/bleu",
        "forget/captions/chrf",
    }
    assert {key: more.scores[key] for key in plain.scores} == plain.scores


def test_scores_of_other_suites_need_no_package_and_import_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    scores = score_with_draws(records(SAID), records(TRUE)).scores
    assert "forget/captions/cider_d" in scores
    assert not any("bleu" in key or "chrf" in key for key in scores)
    assert {m.name for m in task_metrics().values() if m.package} == {"bleu", "chrf"}


def test_a_suite_tells_the_scores_the_version_and_leaves_others_as_they_were(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "version", lambda name: "2.6.0")
    plain = Graph(write_suite(tmp_path))
    asked = Graph(write_suite(tmp_path, packages=["sacrebleu"]))
    for artifact in plain:
        if artifact.stage == "score":
            assert artifact.settings == {}
            assert asked[artifact.name].settings == {"packages": {"sacrebleu": "2.6.0"}}
    packages.check_version("sacrebleu", "2.6.0")
    with pytest.raises(UserError, match=r"version 2\.6\.0 is installed, the job asks for 2\.5\.1"):
        packages.check_version("sacrebleu", "2.5.1")


def test_a_suite_that_asks_for_what_is_not_installed_is_told_in_one_line(tmp_path, monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "version", missing)
    with pytest.raises(UserError) as error:
        write_suite(tmp_path, packages=["sacrebleu"])
    assert str(error.value).endswith(
        "packages: sacrebleu: is not installed; install it with `pip install"
        " 'clearbench[captions]'`, or leave it out"
    )
    assert str(error.value).count("\n") == 0
    with pytest.raises(UserError, match="packages"):
        write_suite(tmp_path, packages=["nltk"])
