"""Values that are chosen on other persons before the test, by the real Snakemake."""

import json

from clearbench.config.chosen import CHOSEN
from clearbench.data.store import Store

from .test_reruns import rerun
from .test_trouble import UNTRIED

DRAWN = {"draws": 6, "lr": {"from": 1.0e-4, "to": 1.0e-2}}
METHODS = {
    "npo": {"sweep": {"lr": [1.0e-3, 4.0e-3], "beta": [0.05, 0.1, 1.0]}},
    "gd": {"sweep": DRAWN},
}
CHOICE = {"modalities": ["text"], "strengths": [0.5], "select": {}}
SIZE = "text/forget10"
FURTHER = "lr0.000318"
"""The seventh draw."""


def marked(bench, kind="tables"):
    """The values that the table `selection` says were chosen, by the method."""
    text = (bench.results() / kind / "selection.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    return {row[1]: row[3] for row in rows if len(row) > 4 and row[4] == "chosen"}


def test_values_are_chosen_on_other_persons_and_a_further_point_makes_itself_alone(bench):
    bench.write(**CHOICE, methods=METHODS)
    done = bench.snakemake()
    assert done.status == 0, done.output
    assert done.jobs.count("trial") == 2 * 7

    # Nobody of the forget set is a person of the choice.
    persons = json.loads((bench.results() / "validation/forget10/persons.json").read_text())
    store = Store(bench.results() / "dataset")
    forgotten = {sample.person for sample in store.train("forget", 10, "both")}
    assert len(persons) == len(forgotten)
    assert not forgotten & {*persons}

    # What the job chose is what the table marks, and what the cells were trained by.
    table = bench.table("selection").query("metric == 'forget_quality_js/at 95%'")
    for method, values in marked(bench).items():
        chosen = json.loads((bench.results() / f"select/{method}/{SIZE}" / CHOSEN).read_text())
        told = {f"{key} {value:g}" for key, value in chosen.items()} or {"plain"}
        assert told == {*values.split(", ")}
        of_method = table[table.method.str.startswith(method)]
        name = values.replace(", ", "-").replace(" ", "")
        best = of_method.loc[of_method["mean"].idxmax()]
        assert of_method.set_index("method")["mean"][f"{method}/{name}"] == best["mean"]
        record = json.loads(
            (bench.results() / f"unlearn/{method}/{SIZE}/seed0/provenance.json").read_text()
        )
        assert "selection" in record["inputs"]
    assert {*marked(bench)} == {"npo", "gd"}
    done = bench.clearbench("audit")
    assert done.status == 0, done.output
    bench.write(**CHOICE, methods={"gd": {"sweep": {**DRAWN, "draws": 7}}})
    before = (bench.results() / f"select/gd/{SIZE}" / CHOSEN).read_bytes()
    rerun(
        bench,
        {
            *(
                f"{stage}/gd/{SIZE}/{FURTHER}"
                for stage in ("trial", "evaluate/validation", "score/validation")
            ),
            f"evaluate/strengths/validation/gd/{SIZE}/{FURTHER}",
            f"score/strengths/validation/gd/{SIZE}/{FURTHER}/*",
            f"select/gd/{SIZE}",
            "tables",
        },
    )
    assert (bench.results() / f"select/gd/{SIZE}" / CHOSEN).read_bytes() == before


def test_a_point_that_fails_stops_its_choice_and_one_that_diverges_does_not(bench):
    bench = bench.with_own_code()
    swept = {"npo": {"sweep": {"lr": [1.0e-3, 1.0e30]}}, "gd": {"sweep": {"lr": [1.0e-3, 4.0e-3]}}}
    bench.write(**CHOICE, methods=swept)
    right = "retain = self.retain_weight"
    wrong = f'{UNTRIED}            raise ValueError("no room")\n        {right}'
    bench.edit("methods/gd.py", right, wrong)
    done = bench.snakemake("--keep-going")
    assert done.status != 0
    assert "no room" in done.output
    # The one that diverged is not chosen, and of the other method nothing is.
    assert marked(bench, "partial-tables").keys() == {"npo"}
    assert marked(bench, "partial-tables")["npo"] in ("plain", "lr 0.001")
    text = (bench.results() / "partial-tables/selection.md").read_text()
    assert "diverged (step" in text
    assert "failed (trial)" in text
    assert not (bench.results() / f"unlearn/gd/{SIZE}/seed0/manifest.json").exists()
    kept = (bench.results() / f"select/npo/{SIZE}/provenance.json").read_bytes()

    bench.edit("methods/gd.py", wrong, right)
    done = bench.snakemake()
    assert done.status == 0, done.output
    assert {*marked(bench)} == {"npo", "gd"}
    assert (bench.results() / f"select/npo/{SIZE}/provenance.json").read_bytes() == kept
    done = bench.clearbench("audit")
    assert done.status == 0, done.output
