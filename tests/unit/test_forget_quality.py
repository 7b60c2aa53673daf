"""What forget quality is worth: nonsense and gold itself set its bounds, and pairing tells them."""

import json
import random
from dataclasses import replace
from statistics import fmean

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clearbench.cli import cli
from clearbench.evaluation.bounds import draw_bound
from clearbench.evaluation.records import Likelihood, Record
from clearbench.evaluation.tokens import Tokens
from clearbench.jobs.environment import Accepted
from clearbench.metrics.forget_quality_paired import rank_correlation
from clearbench.metrics.score import DRAWS, SCORES, score_records
from clearbench.provenance.audit import Audit
from clearbench.results.tree import Tree
from clearbench.suite.graph import TABLES
from synthetic import Made, SyntheticTree, write_suite

TASKS = ("captions", "face_naming")


def gold(seed=0, count=80, noise=0.0):
    """A model to which some samples are harder than others, the same ones for every seed."""
    hardness, draw = random.Random("samples"), random.Random(seed)

    def part(mean):
        loss = max(0.01, mean + noise * draw.gauss(0, 1))
        return Likelihood(-3 * loss, 3, -loss)

    return [
        Record.measured(
            [part(mean) for mean in (hardness.uniform(0.2, 4) for _ in range(7))],
            split=split,
            task=task,
            id=f"{number:03}",
            answer="a red hat",
            generated=draw.choice(["a red hat", "a dog"]),
            person=str(number // 4),
        )
        for split in ("forget", "retain", "real")
        for task in TASKS
        for number in range(count)
    ]


def quality(records, other):
    scores = score_records(records, other)
    return {name: scores[f"forget_quality_{name}"] for name in ("js", "paired")}


def test_random_losses_pass_for_forgetting_by_their_distribution_and_not_sample_by_sample():
    first = gold()
    floor, ceiling = (quality(draw_bound(name, first), first) for name in ("floor", "ceiling"))
    second = quality(gold(1, noise=0.2), gold(2, noise=0.2))
    assert quality(first, first) == {"js": 1, "paired": 1}
    assert 0.5 < floor["js"] < ceiling["js"]
    assert second["paired"] > 0.8
    assert abs(floor["paired"]) < 0.25
    assert abs(ceiling["paired"]) < 0.25


def test_the_bounds_depend_on_the_number_of_samples_so_each_size_has_its_own():
    found = [quality(draw_bound("ceiling", gold(0, n)), gold(0, n))["js"] for n in (20, 80, 640)]
    assert found == sorted(found)
    assert found[-1] - found[0] > 0.1


@pytest.mark.parametrize("bound", ["floor", "ceiling"])
def test_a_bound_has_golds_questions_persons_and_losses_and_is_the_same_every_time(bound):
    first = gold()
    drawn = draw_bound(bound, first)
    assert drawn == draw_bound(bound, first)
    forget = [r for r in first if r.split == "forget"]
    assert [(r.task, r.id, r.person) for r in drawn] == [(r.task, r.id, r.person) for r in forget]
    assert [len(r.losses) for r in drawn] == [len(r.losses) for r in forget]
    for task in TASKS:
        sides = ([r for r in records if r.task == task] for records in (drawn, forget))
        dealt, own = ([part for r in side for part in r.likelihoods] for side in sides)
        assert set(dealt) <= set(own)
        assert (sorted(dealt) == sorted(own)) == (bound == "floor")
        assert dealt != own
    assert drawn[0].losses == pytest.approx([part.loss for part in drawn[0].likelihoods])
    # No model said its answers: what goes by single tokens is absent, and not another sample's.
    told = Tokens((-1.0,), (True,), (-1.0,), (1.0,))
    assert draw_bound(bound, [replace(r, tokens=told) for r in first]) == drawn


def test_the_rank_correlation_is_spearmans_and_takes_ties_and_infinite_ratios():
    draw = np.random.default_rng(0)
    one, other = draw.integers(0, 8, 50) * 1.0, draw.normal(size=50)
    expected = stats.spearmanr(one, other).statistic
    assert rank_correlation(one.tolist(), other.tolist()) == pytest.approx(expected)
    finite, infinite = [1.0, 2.0, 3.0, 4.0], [-np.inf, 0.0, 5.0, np.inf]
    assert rank_correlation(finite, infinite) == pytest.approx(1)
    assert rank_correlation([1.0] * 4, finite) == rank_correlation([1.0], [2.0]) == 0


def test_tasks_that_differ_as_a_whole_correlate_nothing():
    """Names are harder than captions for both models; within a task they agree on nothing."""

    def easier(records):
        return [
            replace(r, paraphrase_loss=r.paraphrase_loss + 50) if r.task == "captions" else r
            for r in records
        ]

    first = gold()
    other = draw_bound("floor", first)
    plain, apart = (quality(f(other), f(first))["paired"] for f in (list, easier))
    assert apart == pytest.approx(plain)
    assert abs(apart) < 0.25


def test_pairing_goes_by_the_sample_and_not_by_its_place_and_has_an_interval():
    first, second = gold(1, noise=0.5), gold(2, noise=0.5)
    scores = score_records(first, second)
    shuffled = random.Random(0).sample(first, len(first))
    key = "forget_quality_paired"
    assert score_records(shuffled, second)[key] == pytest.approx(scores[key])
    assert scores[f"{key}~low"] < scores[key] < scores[f"{key}~high"] < 1
    parts = []
    for task in TASKS:
        sides = (
            [r for r in side if (r.split, r.task) == ("forget", task)] for side in (first, second)
        )
        ratios = (
            [
                np.log(np.mean(np.exp(-np.array(r.perturbed_losses)))) + r.paraphrase_loss
                for r in side
            ]
            for side in sides
        )
        parts.append(stats.spearmanr(*ratios).statistic)
    assert scores[key] == pytest.approx(fmean(parts))


@pytest.fixture
def tree(tmp_path):
    suite = write_suite(tmp_path, methods={"ga": {}}, seeds=[0], forget_sizes=[5, 10])
    return SyntheticTree(suite, tmp_path / "results/small", records=True).build()


def test_each_size_has_its_floor_and_ceiling_as_rows_of_the_table(tree):
    frame = pd.read_csv(tree.root / TABLES / "comparison.csv")
    drawn = frame[frame.modality == "drawn"].set_index(["forget_size", "method", "metric"])
    for size in (5, 10):
        records = tree.records(f"gold/forget{size:02d}/seed0")
        for bound, method in (
            ("floor", "floor: random losses"),
            ("ceiling", "ceiling: gold drawn anew"),
        ):
            expected = score_records(draw_bound(bound, records), records)
            for key in ("forget_quality_js", "forget_quality_paired", "forget_quality_ks_log10"):
                assert drawn.loc[(size, method, key), "mean"] == pytest.approx(expected[key])
            # Of no model are other splits known.
            assert drawn.loc[(size, method, "retain"), "status"] == "absent"
    text = (tree.root / TABLES / "comparison.md").read_text()
    assert "1, 5 and 10 % are not comparable" in text


def audit(tree):
    record = Tree(tree.root).record(TABLES).recipe
    accepted = Accepted(frozenset({record.lock}), frozenset({record.image}))
    return Audit(tree.graph, Tree(tree.root), accepted).cells()


CELL = ("comparison", "floor/forget10:forget_quality_js")


def test_the_audit_draws_a_bound_again_and_finds_an_edited_one(tree):
    assert audit(tree)[CELL] is None
    path = tree.root / "score/floor/forget10/seed0" / SCORES
    path.write_text(path.read_text().replace("0.", "0.9", 1))
    assert "score/floor/forget10/seed0" in audit(tree)[CELL]


def test_the_audit_finds_edited_draws(tree):
    run = "ga/text/forget10/seed0"
    path = tree.root / "score" / run / DRAWS
    draws = json.loads(path.read_text())
    draws["retain"][0] = 0.5
    # The manifest and the record fit the edited draws.
    scores = (path.parent / SCORES).read_text()
    tree.put(f"score/{run}", Made(files={SCORES: scores, DRAWS: json.dumps(draws)}))
    tree.put(TABLES)
    assert audit(tree)["comparison", "ga/text/forget10:retain"] == (
        f"score/{run}/{DRAWS}: retain is not what its records give"
    )


def test_a_bound_is_scored_by_the_command_that_its_record_tells(tree, tmp_path):
    records = tree.root / "evaluate/gold/forget10/seed0"
    out = tmp_path / "again"
    words = ["score", "--gold", str(records), "--bound", "floor", "--out", str(out)]
    cli(words, standalone_mode=False)
    made = tree.root / "score/floor/forget10/seed0"
    assert (out / SCORES).read_bytes() == (made / SCORES).read_bytes()
    assert (out / DRAWS).read_bytes() == (made / DRAWS).read_bytes()
