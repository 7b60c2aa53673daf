"""Fairness: groups of persons by their texts, their scores, the largest gap and the worst group."""

import json
import random
from dataclasses import replace

import pandas as pd
import pytest

from clearbench.config.files import DatasetSpec, read_spec
from clearbench.config.generator import MiniSettings
from clearbench.data.mini.statements import ask_pairs
from clearbench.data.mini.world import build_world
from clearbench.data.tasks import TOFU, together
from clearbench.errors import UserError
from clearbench.evaluation.records import Likelihood, Record
from clearbench.metrics import metric_of, model_metrics
from clearbench.metrics.base import Evaluation
from clearbench.metrics.groups import SPLIT_OF, groups_of, score_of_group
from clearbench.metrics.headline import QUALITY
from clearbench.metrics.score import score_with_draws
from clearbench.suite.graph import TABLES, Graph
from synthetic import ROOT, SyntheticTree, draw_scores, write_suite

PATTERNS = {"female": r"\bshe\b", "male": r"\bhe\b"}
GAPS = [f"{name}_{over}" for name in SPLIT_OF for over in ("gap", "worst")]


def said(seed: int, harder: float = 0.0, persons: int = 20) -> list[Record]:
    """What a model says of persons, every second a woman, of whom it is less sure by so much."""
    draw = random.Random(seed)
    records = []
    for split in ("retain", "forget"):
        for number in range(persons):
            woman = number % 2
            truth, *false = (-draw.uniform(1, 3) for _ in range(4))
            parts = [Likelihood(log_p, 3, 0.0) for log_p in (truth, truth, *false)]
            parts[:2] = [Likelihood(truth - harder * woman, 3, 0.0)] * 2
            words = "she did" if woman else "he did"
            records.append(
                Record.measured(
                    parts,
                    split=split,
                    task="text_qa",
                    id=str(number),
                    question=f"What {words}?",
                    answer="it did well",
                    generated="it did" if draw.random() < 0.5 else "it did well",
                    person=f"{split} {number}",
                )
            )
    return records


def evaluation(own, gold) -> Evaluation:
    return Evaluation({}, own, gold, together(*TOFU), groups=groups_of(own, PATTERNS))


@pytest.fixture(scope="module")
def scored():
    own, gold = said(1, 3.0), said(2)
    return score_with_draws(own, gold, groups=PATTERNS).scores


def test_a_person_is_of_the_group_that_its_texts_name_most():
    one = said(0)[0]
    texts = {
        "she": ("Did he?", "she said that she did"),
        "he": ("Did he?", ""),
        "both": ("Did he?", "she did"),
        "neither": ("Did they?", "they did"),
    }
    records = [
        replace(one, person=person, question=question, answer=answer)
        for person, (question, answer) in texts.items()
    ]
    assert groups_of(records, PATTERNS) == {"she": "female", "he": "male"}
    assert groups_of(records, {}) == groups_of([replace(one, person=None)], PATTERNS) == {}


def test_the_genders_of_mini_are_those_that_its_world_draws():
    world = build_world(MiniSettings())
    spec = read_spec(DatasetSpec, ROOT / "config/datasets", "mini", "dataset")
    records = [
        Record("forget", "text_qa", str(number), pair.answer(), "", 1, 1, (), pair.person.name)
        for number, pair in enumerate(ask_pairs(world, MiniSettings()))
    ]
    expected = {person.name: person.gender for person in world.fictitious}
    assert groups_of(records, spec.groups["gender"]) == expected


def test_a_group_has_the_scores_of_its_persons_alone(scored):
    own, gold = said(1, 3.0), said(2)
    women = [record for record in own if "she" in record.question]
    of_women = [record for record in gold if "she" in record.question]
    alone = score_with_draws(women, of_women).scores
    for name in SPLIT_OF:
        assert scored[f"{name}#female"] == pytest.approx(alone[name])
        assert scored[f"{name}#female~persons"] == 10
        assert metric_of(f"{name}#female~low") is model_metrics()[name]
        low, high = (scored[f"{name}#female~{end}"] for end in ("low", "high"))
        assert low <= scored[f"{name}#female"] <= high


def test_the_gap_and_the_worst_are_those_of_the_groups_whatever_the_order(scored):
    of_group = {name: [scored[f"{name}#{g}"] for g in PATTERNS] for name in SPLIT_OF}
    for name, (women, men) in of_group.items():
        assert scored[f"{name}_gap"] == pytest.approx(abs(women - men))
        worst = max if name == "forget" else min
        assert scored[f"{name}_worst"] == worst(women, men)
        assert scored[f"{name}_gap~persons"] == 10
        assert 0 <= scored[f"{name}_gap~low"] <= scored[f"{name}_gap"]
    assert scored["retain#female"] < scored["retain#male"]
    assert scored["retain_gap~low"] > 0
    mixed = evaluation(random.Random(0).sample(said(1, 3.0), 40), said(2))
    assert [model_metrics()[name](mixed) for name in GAPS] == pytest.approx(
        [scored[name] for name in GAPS]
    )


def test_a_copy_of_gold_has_gold_s_gap_and_is_forgotten_alike():
    gold = evaluation(said(2), said(2))
    assert model_metrics()[f"{QUALITY}_gap"](gold) == 0
    assert model_metrics()[f"{QUALITY}_worst"](gold) == 1
    assert score_of_group(gold, "male", QUALITY) == 1


def test_a_group_of_few_persons_has_no_score_and_is_told_as_too_small():
    own, gold = (said(seed, persons=18) for seed in (1, 2))
    scores = score_with_draws(own, gold, groups=PATTERNS).scores
    assert not {"retain#male", "retain_gap", "retain_gap~persons"} & scores.keys()
    assert scores["retain#male~persons"] == 9


def test_without_groups_no_score_is_of_any():
    scores = score_with_draws(said(1), said(2)).scores
    assert not [key for key in scores if "#" in key or key in GAPS]


class Grouped(SyntheticTree):
    """A tree of made-up scores of two groups, one of them small."""

    def _files(self, artifact):
        if artifact.stage != "score":
            return super()._files(artifact)
        grouped = {"retain#female": 0.5, "retain#female~persons": 10, "retain#male~persons": 4}
        return {"scores.json": json.dumps({**draw_scores(artifact.run.name), **grouped})}


FEW = {"seeds": [0], "modalities": ["text"], "methods": {"ga": {}}}


def test_the_table_has_each_group_and_says_which_is_too_small(tmp_path):
    suite = write_suite(tmp_path, "fair", fairness="gender", **FEW)
    tree = Grouped(suite, tmp_path / "results/fair").build()
    frame = pd.read_csv(tree.root / TABLES / "fairness.csv").set_index(["method", "metric"])
    assert frame.loc[("ga", "retain#female"), "mean"] == 0.5
    assert "too small (4)" in (tree.root / TABLES / "fairness.md").read_text()
    groups = tree.graph["score/ga/text/forget10/seed0"].settings["groups"]
    assert set(groups) == {"female", "male"}
    plain = Graph(write_suite(tmp_path, "plain", **FEW))
    assert plain["score/ga/text/forget10/seed0"].settings == {}
    # The dataset is read and stored as it is for others.
    assert plain["dataset"].resolved == tree.graph["dataset"].resolved


def test_a_grouping_that_the_dataset_does_not_have_is_told(tmp_path):
    with pytest.raises(UserError, match=r"fairness: unknown: age; mini has .* allowed: gender"):
        write_suite(tmp_path, "unfair", fairness="age", **FEW)
