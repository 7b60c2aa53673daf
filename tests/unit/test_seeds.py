"""Seeds of the whole path: what a cell starts from, what golds are compared, what repeats add."""

import pytest

from clearbench.errors import UserError
from clearbench.results.scoring import score
from clearbench.suite.graph import Graph
from clearbench.suite.runs import LARGEST_SEED
from synthetic import SyntheticTree, write_suite

CELL = "ga/text/forget10"


def graph_of(folder, **changes):
    return Graph(write_suite(folder, methods={"ga": {}}, modalities=["text"], **changes))


def stage(graph, name):
    return [artifact.name for artifact in graph if artifact.stage == name]


def path_of(graph, name):
    """The artifacts of a run's weights with their seeds, the base first."""
    made = graph.ancestors(graph.runs[name].scores)
    return {a.name: a.options["seed"] for a in made if "seed" in a.options}


def test_each_seed_has_its_own_base_original_and_gold_and_its_cells_start_from_them(tmp_path):
    graph = graph_of(tmp_path, seeds=[3, 7])
    for seed in (3, 7):
        assert path_of(graph, f"{CELL}/seed{seed}") == {
            f"base/seed{seed}": seed,
            f"original/seed{seed}": seed,
            f"gold/forget10/seed{seed}": seed,
            f"unlearn/{CELL}/seed{seed}": seed,
        }
        floor = f"floor/forget10/seed{seed}"
        assert graph.runs[floor].gold == f"evaluate/gold/forget10/seed{seed}"
    assert stage(graph, "base") == ["base/seed3", "base/seed7"]
    assert len(stage(graph, "finetune")) == 4


def test_a_base_that_is_given_is_one_for_all_seeds(tmp_path):
    suite = {"model": "llava-1.5-7b", "base": None, "dataset": "clear"}
    graph = graph_of(tmp_path, seeds=[3, 7], **suite)
    assert stage(graph, "base") == ["base/seed3"]
    assert path_of(graph, f"{CELL}/seed7")["original/seed7"] == 7
    assert graph["original/seed7"].inputs["base"] == "base/seed3"


def test_seeds_that_share_an_original_start_from_the_first(tmp_path):
    graph = graph_of(tmp_path, seeds=[3, 7], originals="shared")
    assert path_of(graph, f"{CELL}/seed7") == {
        "base/seed3": 3,
        "original/seed3": 3,
        "gold/forget10/seed3": 3,
        f"unlearn/{CELL}/seed7": 7,
    }
    assert stage(graph, "base") == ["base/seed3"]
    golds = ["gold/forget10/seed3", "gold/forget10/seed7"]
    assert stage(graph, "finetune") == ["original/seed3", *golds]


@pytest.mark.parametrize(
    ("changes", "pairs"),
    {
        "one seed": ({"seeds": [0]}, ["seed1-seed0"]),
        "one other seed": ({"seeds": [1]}, ["seed0-seed1"]),
        "the largest": ({"seeds": [LARGEST_SEED]}, [f"seed0-seed{LARGEST_SEED}"]),
        "three": ({"seeds": [0, 1, 2]}, ["seed1-seed0", "seed2-seed0", "seed2-seed1"]),
        "shared": ({"seeds": [0, 1, 2], "originals": "shared"}, ["seed1-seed0"]),
    }.values(),
)
def test_golds_of_all_seeds_are_compared_in_pairs(tmp_path, changes, pairs):
    graph = graph_of(tmp_path, **changes)
    names = [run.name for run in graph.runs.values() if run.group == "second_gold/forget10"]
    assert names == [f"second_gold/forget10/{pair}" for pair in pairs]
    for name, pair in zip(names, pairs, strict=True):
        records, gold = (f"evaluate/gold/forget10/{part}" for part in pair.split("-"))
        assert graph[f"score/{name}"].inputs == {"records": records, "gold": gold}
    # A gold is trained and evaluated once, however often it is compared.
    golds = {part for pair in pairs for part in pair.split("-")}
    evaluated = [name for name in stage(graph, "evaluate") if "/gold/" in name]
    assert sorted(evaluated) == sorted(f"evaluate/gold/forget10/{gold}" for gold in golds)


def test_golds_of_two_bases_are_compared_and_models_of_two_bases_are_not(tmp_path):
    suite = write_suite(tmp_path, methods={"ga": {}}, modalities=["text"], seeds=[0, 1])
    tree = SyntheticTree(suite, tmp_path / "results/small", records=True).build()
    cell, *golds = (
        tree.root / f"evaluate/{run}"
        for run in (f"{CELL}/seed1", "gold/forget10/seed0", "gold/forget10/seed1")
    )
    with pytest.raises(UserError, match="evaluated with another base"):
        score({"records": cell, "gold": golds[0]})
    (pair,) = (a for a in tree.graph if a.name.startswith("score/second_gold/"))
    assert pair.options == {"bases": "other"}
    assert score({"records": golds[1], "gold": golds[0]}, **pair.options).scores
    shared = graph_of(tmp_path, seeds=[0, 1], originals="shared")
    assert shared["score/second_gold/forget10/seed1-seed0"].options == {}


def test_repeats_add_what_the_parts_of_the_noise_need_and_no_row(tmp_path):
    plain = graph_of(tmp_path, seeds=[0, 1])
    graph = graph_of(tmp_path, seeds=[0, 1], repeats={"finetune": 2, "unlearn": 3})
    rows = [run for run in graph.runs.values() if not run.repeat]
    assert [run.name for run in rows] == list(plain.runs)
    cells = [run for run in graph.runs.values() if run.cell is not None]
    assert len(cells) == 2 * 2 * 3
    # Two originals a base, three cells an original, each with a gold of its fine-tuning.
    started = {(run.base, run.stack[0], run.gold) for run in cells}
    assert started == {
        (f"base/seed{s}", f"original/{name}", f"evaluate/gold/forget10/{name}")
        for s in (0, 1)
        for name in (f"seed{s}", f"seed{s}.1")
    }
    # No two runs of a kind have a seed in common, so that nothing they share hides their noise.
    for kind in ("unlearn", "finetune"):
        options = [
            a.options for a in graph if a.stage == kind and a.options.get("part") != "retain"
        ]
        seeds = [option["seed"] for option in options]
        assert len(set(seeds)) == len(seeds)


def test_a_stored_reference_is_of_each_original(tmp_path):
    graph = graph_of(tmp_path, seeds=[0, 1], reference="stored", repeats={"finetune": 2})
    assert "reference" not in graph[f"unlearn/{CELL}/seed0"].inputs
    graph = Graph(write_suite(tmp_path, methods={"npo": {}}, seeds=[0, 1], reference="stored"))
    assert stage(graph, "reference") == ["reference/seed0", "reference/seed1"]
    cell = graph["unlearn/npo/text/forget10/seed1"]
    assert cell.inputs["reference"] == "reference/seed1"
    assert graph["reference/seed1"].inputs["original"] == cell.inputs["original"]


def test_faces_of_several_seeds_have_golds_and_no_pairs(tmp_path):
    vision = {
        "dataset": "mini-faces",
        "model": "tiny-resnet",
        "modalities": ["visual"],
        "methods": {"ga": {}},
        "unlearn": {"weights": "full"},
        "faces": {"shadows": 2, "targets": 2},
    }
    several = Graph(write_suite(tmp_path, seeds=[0, 1], **vision))
    assert "score/gold/forget10/seed1" in several
    assert not [name for name in several.runs if name.startswith("second_gold")]
    assert [several[f"shadows/{n}"].inputs["base"] for n in range(1)] == ["base/seed0"]
    one = Graph(write_suite(tmp_path, seeds=[0], **vision))
    assert one["score/second_gold/forget10/seed1-seed0"].inputs["records"] == (
        "evaluate/gold/forget10/seed1"
    )
    # Where a model is attacked that was made as the attack's are.
    targets = {name for name in one.runs if "targets" in one[f"score/{name}"].options}
    assert targets == {"original/forget10/seed0", "ga/visual/forget10/seed0"}
