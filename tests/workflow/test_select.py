"""Values that are chosen on other persons before the test, by the real Snakemake."""

import json

from clearbench.results.choice import CHOSEN

from .test_reruns import rerun

GRID = {"lr": [1.0e-3, 4.0e-3], "beta": [0.05, 0.1, 1.0]}
DRAWN = {"draws": 6, "lr": {"from": 1.0e-4, "to": 1.0e-2}}
METHODS = {"npo": {"sweep": GRID}, "gd": {"sweep": DRAWN}}
CHOICE = {"modalities": ["text"], "strengths": [0.5], "select": {}}


def test_values_are_chosen_on_other_persons_and_a_further_point_makes_itself_alone(bench):
    bench.write(**CHOICE, methods=METHODS)
    done = bench.snakemake()
    assert done.status == 0, done.output
    print((bench.results() / "tables/selection.md").read_text())
    persons = json.loads((bench.results() / "validation/forget10/persons.json").read_text())
    print(persons)
    assert 0
