"""Membership of a suite that holds persons out: by person, beside gold, and of a trained model."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearbench.config.generator import MiniSettings
from clearbench.config.settings import Finetuning, Lora
from clearbench.data.mini.statements import ask_pairs
from clearbench.data.mini.world import build_world
from clearbench.data.store import EvalSample, Store, TrainSample
from clearbench.data.tasks import TOFU, together
from clearbench.evaluation.evaluate import evaluate
from clearbench.evaluation.records import Gradient, Likelihood, Record
from clearbench.evaluation.tokens import Tokens
from clearbench.jobs.state import State
from clearbench.metrics import model_metrics
from clearbench.metrics.base import Draws, Evaluation, _by_task
from clearbench.metrics.bootstrap import draw_weights
from clearbench.metrics.membership_auc import membership_loss, membership_min_k
from clearbench.metrics.membership_distance import membership_loss_distance
from clearbench.metrics.score import score_with_draws
from clearbench.metrics.strangers import NAMES, SPLITS
from clearbench.models.build import build_model, build_tokenizer
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder
from clearbench.suite.graph import TABLES, Graph
from clearbench.training.finetune import finetune
from synthetic import SyntheticTree, draw_scores, write_suite
from tiny_models import TEXT_BUILDS, TOKENIZER

DRAWN = [f"membership_{name}{end}" for name in NAMES for end in ("", "_tpr", "_distance")]
METRICS = [*DRAWN, "privleak", "privleak@open_unlearning"]


def said(seed: int, forgotten: float = 0.0, persons: int = 12) -> list[Record]:
    """What a model says of persons: losses drawn, those of the forgotten lower by so much."""
    draw = random.Random(seed)
    records = []
    for split in (*SPLITS, "retain"):
        for number in range(2 * persons):
            lower = forgotten if split == "forget" else 0.0
            log_p = tuple(-draw.uniform(4, 6) + lower for _ in range(6))
            parts = [Likelihood(sum(log_p[:-1]), 5, log_p[-1])] * 3
            spread = tuple(draw.uniform(0.1, 1) for _ in log_p)
            asked = {"split": split, "task": "text_qa", "id": str(number), "generated": "a hat"}
            records.append(
                Record.measured(
                    parts,
                    **asked,
                    answer=f"answer {number}",
                    person=f"{split} {number // 2}",
                    tokens=Tokens(log_p, (True,) * 6, (-5.0,) * 6, spread),
                    gradient=Gradient(-sum(log_p), -sum(log_p[:3])),
                )
            )
    return records


def evaluation(own, gold, original=()) -> Evaluation:
    return Evaluation({}, own, gold, together(*TOFU), original)


def told(own, gold, original=()) -> dict[str, float | None]:
    given = evaluation(own, gold, original)
    return {name: model_metrics()[name](given) for name in METRICS}


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 999), st.floats(0, 2), st.integers(0, 999))
def test_attacks_stay_in_their_range_whatever_the_order_of_the_samples(seed, lower, shuffle):
    own, gold, original = said(seed, lower), said(seed + 1), said(seed + 2, 0.9)
    found = told(own, gold, original)
    for name, value in found.items():
        metric = model_metrics()[name]
        assert metric.low <= value <= metric.high, name
    mixed = random.Random(shuffle).sample(own, len(own))
    assert told(mixed, gold, original) == pytest.approx(found)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 999), st.floats(0, 0.5))
def test_a_copy_of_gold_is_at_no_distance_and_leaks_nothing(seed, lower):
    gold = said(seed, lower)
    found = told(gold, gold, said(seed + 1, 0.9))
    assert all(found[f"membership_{name}_distance"] == 0 for name in NAMES)
    assert found["privleak@open_unlearning"] == 0
    # None where gold takes no forgotten person for a member.
    assert found["privleak"] in (0, None)


def test_intervals_hold_the_score_and_are_of_no_width_for_a_copy_of_gold():
    original, gold = said(2, 0.9), said(1)
    scores = score_with_draws(said(0, 0.3), gold, original_records=original).scores
    for name in DRAWN:
        assert scores[f"{name}~low"] <= scores[name] <= scores[f"{name}~high"]
        assert scores[f"{name}~persons"] == 12
    scores = score_with_draws(gold, gold, original_records=original).scores
    for name in NAMES:
        distance = f"membership_{name}_distance"
        assert [scores[f"{distance}{end}"] for end in ("", "~low", "~high")] == [0, 0, 0]


def test_a_model_that_knows_the_forgotten_has_them_all_found_and_a_gold_does_not():
    knows, gold = told(said(0, 3.0), said(1), said(0, 3.0)), told(said(1), said(1), said(0, 3.0))
    assert knows["membership_loss"] == knows["membership_loss_tpr"] == 1
    assert knows["membership_reference"] == 0.5
    assert knows["privleak"] == pytest.approx(-100)
    assert 0.2 < gold["membership_loss"] < 0.8
    assert gold["membership_reference"] == 0
    assert knows["membership_loss_distance"] == 1 - gold["membership_loss"]


def test_privleak_explodes_where_gold_has_hardly_any_auc_of_members():
    gold, own = said(1, 3.0), said(2)
    found = told(own, gold)
    assert found["privleak"] is None
    assert found["privleak@open_unlearning"] > 1e11


def test_persons_count_alike_however_many_samples_they_have():
    gold, own = said(1), said(2, 0.2)
    first = next(record for record in own if record.split == "forget")
    more = [replace(first, id=f"more {number}") for number in range(5)]
    score = membership_loss(evaluation(own, gold))
    averaged = [r for r in own if r.person != first.person or r is first]
    assert membership_loss(evaluation([*averaged, *more], gold)) == membership_loss(
        evaluation(averaged, gold)
    )
    assert 0 <= score <= 1


def test_nothing_is_told_where_nobody_is_held_out_or_gold_was_asked_about_others():
    gold = said(1)
    without = [record for record in said(0) if record.split != "holdout"]
    assert set(told(without, without).values()) == {None}
    fewer = [record for record in gold if record.person != "holdout 0"]
    assert membership_loss_distance(evaluation(said(0), fewer)) is None
    assert told(said(0), gold)["membership_reference"] is None


@pytest.mark.parametrize("name", DRAWN)
def test_a_score_in_a_draw_is_the_score_of_the_persons_drawn(name):
    given = evaluation(said(3, 0.6), said(4, 0.3), said(5, 0.9))
    tasks = _by_task(given.records)
    weights = {task: times[:4] for task, times in draw_weights(tasks).items()}
    metric = model_metrics()[name]
    drawn = metric.drawn(Draws(given, weights, {}))
    for number in range(4):
        again = {
            side: [
                replace(record, person=f"{record.person}/{copy}", id=f"{record.id}/{copy}")
                for task, group in _by_task(getattr(given, side)).items()
                for record, times in zip(group, weights[task][number], strict=True)
                for copy in range(int(times))
            ]
            for side in ("records", "gold_records", "original_records")
        }
        expected = metric(replace(given, **again))
        assert np.isclose(drawn[number], np.nan if expected is None else expected, equal_nan=True)


@pytest.fixture(scope="module")
def tiny():
    """What an original and a gold of a tiny world say of ten forgotten persons and ten held out."""
    world = build_world(MiniSettings(persons=100), 10)
    forgotten, retained = world.forget(10), world.retain(10)[:10]
    pairs = {pair.person.name: pair for pair in ask_pairs(world, MiniSettings())}
    asked = [
        EvalSample(p.name, split, "text_qa", None, q.question(), q.answer(), "x", (), None, p.name)
        for split, persons in (("forget", forgotten), ("holdout", world.held_out))
        for p in persons
        for q in [pairs[p.name]]
    ]

    def learnt(persons):
        return [
            TrainSample(p.name, "text_qa", "text", p.name, q.question(), q.answer(), None)
            for p in persons
            for q in [pairs[p.name]]
        ]

    tokenizer = build_tokenizer(TOKENIZER, [text for s in learnt(retained) for text in s.texts])
    encoder = Encoder(tokenizer, Store(Path()))
    training = Finetuning(epochs=12, batch_size=10, lr=2e-2)

    def said(persons):
        model = build_model(TEXT_BUILDS["llama"], "text", tokenizer, 0)
        trained = prepare_training(model, "full", Lora(), "")
        finetune(trained, encoder, learnt(persons), training, 0, State())
        return evaluate(trained.eval(), encoder, asked, 20, 1)

    return said((*retained, *forgotten)), said(retained)


def test_of_a_tiny_world_gold_takes_the_forgotten_for_strangers_and_the_original_knows_them(tiny):
    original, gold = tiny

    def interval(metric, own):
        given = evaluation(own, gold, original)
        drawn = metric.drawn(Draws(given, draw_weights(_by_task(own)), {}))
        return np.percentile(drawn, [2.5, 97.5])

    for metric in (membership_loss, membership_min_k):
        low, high = interval(metric, gold)
        assert low < 0.5 < high
        assert interval(metric, original)[0] > 0.7
    assert interval(membership_loss_distance, original)[0] > 0
    assert told(original, gold, original)["membership_reference"] == 0.5
    assert told(gold, gold, original)["membership_reference"] < 0.2
    print(
        told(original, gold, original), told(gold, gold, original), interval(membership_loss, gold)
    )


class Attacked(SyntheticTree):
    """A tree of made-up scores, whose membership a reader can tell."""

    def _files(self, artifact):
        if artifact.stage != "score":
            return super()._files(artifact)
        distance = {"gold": 0.0, "ga": 0.25}.get(artifact.run.row, 0.5)
        attacked = dict.fromkeys(METRICS, 0.5 + distance)
        attacked |= {f"membership_{name}_distance": distance for name in NAMES}
        return {"scores.json": json.dumps({**draw_scores(artifact.run.name), **attacked})}


def test_the_table_has_the_distance_to_gold_first_and_a_suite_without_held_out_none(tmp_path):
    few = {"seeds": [0], "modalities": ["text"], "methods": {"ga": {}}}
    suite = write_suite(tmp_path, "held", holdout=10, **few)
    tree = Attacked(suite, tmp_path / "results/held").build()
    frame = pd.read_csv(tree.root / TABLES / "membership.csv").set_index(["method", "metric"])
    assert frame.loc[("gold", "membership_min_k_distance"), "mean"] == 0
    assert frame.loc[("ga", "membership_min_k_distance"), "mean"] == 0.25
    assert frame.loc[("ga", "privleak@open_unlearning"), "mean"] == 0.75
    text = (tree.root / TABLES / "membership.md").read_text()
    assert text.index("distance to gold's AUC") < text.index("true positives at 1 %")
    scored = tree.graph["score/ga/text/forget10/seed0"].inputs
    assert scored["original"] == "evaluate/original/forget10/seed0"
    plain = Graph(write_suite(tmp_path, "plain", **few))
    assert "original" not in plain["score/ga/text/forget10/seed0"].inputs
    assert "original" not in tree.graph["score/floor/forget10/seed0"].inputs
