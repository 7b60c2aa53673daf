"""Table 5 from given scores: what is of a method stands once, what is of a cell has its seeds."""

import pytest

from clearbench.results.runs import Document, Outcome, Results, groups_of
from clearbench.suite.rows import runs_of
from clearbench.tables.base import Column, make_entry
from clearbench.tables.table5 import build
from synthetic import write_suite

SUITE = {
    "dataset": "mini-faces",
    "model": "tiny-resnet",
    "modalities": ["visual"],
    "seeds": [0, 1, 2],
    "unlearn": {"weights": "full"},
    "methods": {"scrub_bio": {}},
    "faces": {"shadows": 16, "targets": 8},
}
OF_METHOD = {"u_lira": 0.579, "u_lira_margin": 0.037, "u_lira~low": 0.542, "u_lira~high": 0.616}


@pytest.fixture
def results(tmp_path):
    suite = write_suite(tmp_path, **SUITE)
    groups = groups_of(runs_of(suite))
    names = [run for group in groups for run in group.runs]
    runs = {
        name: Outcome(
            documents={
                "score": Document(
                    "scores.json", {**OF_METHOD, "forget_accuracy": 0.1 * (number % 3)}
                )
            }
        )
        for number, name in enumerate(names)
    }
    return Results(suite, groups, runs, ())


def entry(results, key):
    (group,) = (group for group in results.groups if group.method == "scrub_bio")
    return make_entry(results, group, Column(key, ""))


def test_an_attack_of_all_seeds_together_shows_its_own_interval_and_none_over_seeds(results):
    attack = entry(results, "u_lira")
    assert (attack.text, attack.status, attack.std) == ("0.579", "ok", None)
    assert attack.interval == (0.542, 0.616)
    accuracy = entry(results, "forget_accuracy")
    assert accuracy.text == "0.100 ± 0.100"
    assert accuracy.std is not None


def test_table_5_says_of_which_models_its_attacks_are(results):
    table = build(results)
    ours, beside = table.blocks
    assert {"U-LIRA ↓", "TPR at 1 % ↓", "U-MIA ↓"} <= set(ours.headers)
    # The paper has no such column.
    assert not [header for header in beside.headers if header.startswith("TPR")]
    (note,) = (note for note in table.notes if note.startswith("U-LIRA"))
    assert "16 shadow models that forgot by the same method" in note
    assert "tried on 8 others" in note
