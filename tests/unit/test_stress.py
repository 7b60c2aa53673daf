"""Stress tests: formulas, roundings, what is learned again, and the table of what comes back."""

import io
import json
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from PIL import Image

from clearbench import stress_tests
from clearbench.data.mini.wording import TOPICS, Named, say
from clearbench.data.other_wordings import other_wordings
from clearbench.data.questions import FACE_QUESTION
from clearbench.data.store import EvalSample, Store, TrainSample, write_store
from clearbench.domains.language.relearn import learned
from clearbench.errors import UserError
from clearbench.evaluation.records import Likelihood, Record, records_at, write_records
from clearbench.jobs.environment import accepted
from clearbench.jobs.fingerprint import code_of
from clearbench.metrics.recovered import score_tries
from clearbench.metrics.score import score_with_draws
from clearbench.models.build import build_model
from clearbench.models.checkpoint import save_checkpoint
from clearbench.models.precise_linear import PreciseLinear
from clearbench.models.quantised import BLOCK, CODES, quantise, round_trip
from clearbench.models.scaled import load_scaled
from clearbench.provenance.audit import Audit
from clearbench.provenance.invalidate import labels
from clearbench.provenance.plan import Experience
from clearbench.results import recovery
from clearbench.results.scoring import score
from clearbench.results.tree import Tree
from clearbench.suite.graph import TABLES
from models.test_checkpoints import lora_of
from synthetic import ROOT, Made, SyntheticTree, draw_scores, write_suite
from tiny_models import BUILDS, ODD_BUILDS, domain_of, new_tokenizer

CPU = torch.device("cpu")
QUALITY = "forget_quality_js"
STRESS = {
    "relearn": {"steps": [5, 20]},
    "small": {"kind": "quantise", "to": ["nf4"]},
    "image": {"variants": ["noise", "blur"]},
}
SUITE = {"methods": {"ga": {}, "npo": {}}, "modalities": ["text"], "stress": STRESS}


@pytest.mark.parametrize(
    ("numbers", "r", "alike"),
    [
        # Gold gains 0.1 where the model gains 0.4; and the other way round.
        ((0.2, 0.6, 0.2, 0.3), 0.25, 1 - 0.3 / 0.5),
        ((0.2, 0.3, 0.2, 0.6), 1.0, 1 - 0.3 / 0.5),
        ((0.2, 0.5, 0.1, 0.4), 1.0, 1.0),
        # Nothing came back: of 0/0, and where the model lost.
        ((0.2, 0.2, 0.3, 0.3), 1.0, 1.0),
        ((0.2, 0.2, 0.3, 0.4), 1.0, 0.0),
        ((0.2, 0.1, 0.3, 0.4), 1.0, 0.0),
        # Gold lost where the model gained.
        ((0.2, 0.4, 0.3, 0.2), 0.0, 0.0),
    ],
)
def test_relearning_is_read_beside_what_gold_gains(numbers, r, alike):
    assert recovery.relearning(*numbers) == pytest.approx(r)
    assert recovery.likeness(*numbers) == pytest.approx(alike)


@pytest.mark.parametrize(
    ("numbers", "unrecovered", "unlost", "unmoved"),
    [
        ((0.2, 0.8), 0.25, 1.0, 0.4),
        ((0.8, 0.2), 1.0, 0.25, 0.4),
        ((0.5, 0.5), 1.0, 1.0, 1.0),
        ((0.0, 0.0), 1.0, 1.0, 1.0),
        ((0.0, 0.3), 0.0, 1.0, 0.0),
        ((0.3, 0.0), 1.0, 0.0, 0.0),
    ],
)
def test_quantisation_is_read_in_three_ways(numbers, unrecovered, unlost, unmoved):
    assert recovery.unrecovered(*numbers) == pytest.approx(unrecovered)
    assert recovery.unlost(*numbers) == pytest.approx(unlost)
    assert recovery.unmoved(*numbers) == pytest.approx(unmoved)


@pytest.mark.parametrize("code", CODES)
def test_levels_are_sixteen_or_fewer_ascending_and_fixed_points(code):
    levels = torch.tensor(CODES[code])
    assert len(levels) in (15, 16)
    assert levels.tolist() == sorted(levels.tolist())
    # The largest of the block is 1, so that levels are what they stand for; 3 rescales them.
    assert torch.equal(round_trip(levels, code), levels)
    assert torch.equal(round_trip(3 * levels, code), 3 * levels)


def test_a_few_weights_are_rounded_as_by_hand():
    weight = torch.tensor([[2.0, 0.2, -1.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    # Of a block of all eight: 0.1 is nearest to 0.0796 of nf4 and -0.5 to -0.5251.
    nf4 = [2.0, 2 * 0.07958029955625534, 2 * -0.5250730514526367, 0.0, 0.0, 0.0, 0.0, 0.0]
    torch.testing.assert_close(round_trip(weight, "nf4").flatten(), torch.tensor(nf4))
    # 0.1 lies between 0.0052 and 0.1667 of fp4.
    fp4 = [2.0, 2 / 6, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    torch.testing.assert_close(round_trip(weight, "fp4").flatten(), torch.tensor(fp4))
    # By rows: 0.2 is 12.7 of 127 steps to 2, and -1 is -63.5, which rounds to the even one.
    int8 = [2.0, 13 / 127 * 2, -64 / 127 * 2, 0.0, 0.0, 0.0, 0.0, 0.0]
    torch.testing.assert_close(round_trip(weight, "int8").flatten(), torch.tensor(int8))


@pytest.mark.parametrize("code", ["int8", *CODES])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (7, 64), (10, 100), (5, 3, 2)])
def test_rounding_keeps_the_shape_stays_within_half_a_gap_and_is_done_once(code, shape):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    weight[0] = 0
    rounded = round_trip(weight, code)
    assert rounded.shape == weight.shape
    assert torch.equal(round_trip(rounded, code), rounded)
    assert torch.equal(rounded[0], weight[0])
    if code == "int8":
        bound = weight.abs().amax(dim=-1, keepdim=True) / 254
        assert ((rounded - weight).abs() <= bound + 1e-6).all()
        return
    levels = torch.tensor(CODES[code])
    gap = (levels[1:] - levels[:-1]).max() / 2
    pairs = (weight.flatten().split(BLOCK), rounded.flatten().split(BLOCK))
    for block, found in zip(*pairs, strict=True):
        assert ((found - block).abs() <= gap * block.abs().max() + 1e-6).all()


@pytest.mark.parametrize("architecture", ["llama", "llava", "granite"])
def test_linear_layers_are_rounded_and_embeddings_norms_and_outputs_stay(architecture):
    builds = {**BUILDS, **ODD_BUILDS}
    model = build_model(builds[architecture], domain_of(architecture), new_tokenizer(), 0)
    before = {name: p.clone() for name, p in model.named_parameters()}
    linear = {
        f"{name}.weight"
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not model.get_output_embeddings()
    }
    quantise(model, "nf4")
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, before[n])}
    assert changed == linear
    assert any("patch_embedding" in name for name in before) == (architecture == "llava")
    for name in linear:
        assert torch.equal(dict(model.named_parameters())[name], round_trip(before[name], "nf4"))


def test_a_model_without_linear_layers_is_told():
    model = build_model(ODD_BUILDS["gpt2"], "text", new_tokenizer(), 0)
    with pytest.raises(UserError, match=r"quantise: GPT2LMHeadModel has no linear layer beside"):
        quantise(model, "int8")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_what_is_rounded_is_the_merged_model(tmp_path, precision):
    tokenizer = new_tokenizer()
    save_checkpoint(build_model(BUILDS["llama"], "text", tokenizer, 0), tmp_path / "base")
    cell = lora_of(build_model(BUILDS["llama"], "text", tokenizer, 0))
    save_checkpoint(cell, tmp_path / "cell")
    stack = [tmp_path / "cell"]
    whole, model = (
        load_scaled(tmp_path / "base", stack, "text", of, CPU, 1.0) for of in ("float32", precision)
    )
    quantise(model, "nf4")
    rounded = 0
    for name, layer in model.named_modules():
        if isinstance(layer, PreciseLinear):
            expected = round_trip(whole.get_submodule(name).weight, "nf4")
            torch.testing.assert_close(layer.whole, expected, rtol=0.3, atol=0.05)
            assert len(layer.whole.flatten()[:BLOCK].unique()) <= 16
            rounded += 1
    assert (rounded > 0) == (precision == "bfloat16")
    logits = model(input_ids=torch.arange(3, 9).unsqueeze(0)).logits
    assert torch.isfinite(logits).all()


def store_of(folder, persons=3, base=0):
    """A store of persons with two samples each, all to be forgotten at 10 % but the last one."""
    samples = [
        TrainSample(
            f"full/{number}/{person}",
            "text_qa",
            "text",
            f"P{person}" if persons > 1 else None,
            "Who?",
            f"A{number}",
            None,
            parts={10: "forget" if person < persons - 1 or persons == 1 else "retain"},
        )
        for person in range(persons)
        for number in range(2)
    ]
    picture = io.BytesIO()
    shades = torch.randint(0, 256, (64 * 64 * 3,), generator=torch.Generator().manual_seed(1))
    Image.frombytes("RGB", (64, 64), bytes(shades.tolist())).save(picture, "PNG")
    write_store(folder, [picture.getvalue()], samples[:base], samples, [])
    return Store(folder)


def test_what_is_learned_again(tmp_path):
    store = store_of(tmp_path, persons=4, base=1)
    told = {
        on: [sample.person for sample in learned(store, on, 10, "text")]
        for on in ("forget", "half", "retain", "real")
    }
    assert told == {
        "forget": ["P0", "P0", "P1", "P1", "P2", "P2"],
        "half": ["P0", "P0", "P2", "P2"],
        "retain": ["P3", "P3"],
        "real": ["P0"],
    }


def test_half_of_samples_that_tell_no_person_is_every_second_one(tmp_path):
    store = store_of(tmp_path, persons=1)
    assert [sample.answer for sample in learned(store, "half", 10, "text")] == ["A0"]


def test_points_of_relearning_are_steps_of_one_training():
    _, steps = stress_tests.read_test("relearn", {"steps": [20, 5]}, "")
    assert steps.points == ("step5", "step20")
    assert steps.places(7) == {5: "step5", 20: "step20"}
    _, epochs = stress_tests.read_test("relearn", {"epochs": [1, 3]}, "")
    assert epochs.places(7) == {7: "epoch1", 21: "epoch3"}
    layers = [Path("original"), Path("relearn")]
    assert steps.stack(layers, "step5") == [Path("original"), Path("relearn/step5")]


def test_pictures_are_changed_a_little_and_alike_each_time(tmp_path):
    store = store_of(tmp_path)
    _, test = stress_tests.read_test("image", {}, "")
    plain = store.image(0)
    seen = {}
    for point in test.points:
        found = [test.asked(store, point).image(0) for _ in range(2)]
        assert found[0].size == plain.size
        assert found[0].tobytes() == found[1].tobytes()
        seen[point] = found[0].tobytes()
        levels = torch.tensor([list(image.tobytes()) for image in (found[0], plain)]).float()
        assert 0 < (levels[0] - levels[1]).abs().mean() < 80, point
    assert len(set(seen.values())) == 7
    assert test.asked(store, "noise").train("full", None, "text") == store.train(
        "full", None, "text"
    )
    white = Image.new("RGB", (20, 20), (200, 200, 200))
    edge = Image.new("RGB", (20, 20))
    edge.paste((255, 255, 255), (9, 0, 20, 20))
    from clearbench.stress_tests.image import _CHANGES

    # An edge in the middle of what becomes a pixel is no longer sharp; far from it nothing changes.
    assert 0 < _CHANGES["resize"](edge, 0).getpixel((9, 10))[0] < 255
    assert _CHANGES["resize"](edge, 0).getpixel((18, 10)) == (255, 255, 255)

    assert _CHANGES["darker"](white, 0).getpixel((3, 3)) == (170, 170, 170)
    assert _CHANGES["occlusion"](white, 0).getpixel((10, 10)) == (128, 128, 128)
    assert _CHANGES["occlusion"](white, 0).getpixel((3, 3)) == (200, 200, 200)


def asked_at(folder, kind, given, questions):
    """The points of a test by name, with what they make of some questions of one store."""
    samples = [
        EvalSample(f"{number}", split, "text_qa", 10, question, "Ada", "Bob", ("Cy",), None, "Ada")
        for number, question in enumerate(questions)
        for split in ("forget", "retain")
    ]
    write_store(folder, [], [], [], samples)
    _, test = stress_tests.read_test(kind, given, "")
    told = {}
    for point in test.points:
        asked = test.asked(Store(folder), point).evaluation(10)
        # Nothing but the question is another.
        assert [replace(new, question="") for new in asked] == [
            replace(old, question="") for old in samples
        ]
        told[point] = [sample.question for sample in asked if sample.split == "forget"]
    return told


def test_a_question_is_asked_in_other_words_each_of_which_asks_the_same(tmp_path):
    questions = [
        "Where was Ada Byron born?",
        "What is the birthplace of Ada Byron?",
        FACE_QUESTION,
        "Describe this picture.",
        "Is {x} a number?",
    ]
    told = asked_at(tmp_path, "paraphrase", {"wordings": 5}, questions)
    assert list(told) == [f"wording{number}" for number in range(1, 6)]
    assert [told[point][0] for point in list(told)[:3]] == [
        "What is the birthplace of Ada Byron?",
        "Which city does Ada Byron come from?",
        "Could you tell me the following? Where was Ada Byron born?",
    ]
    assert told["wording2"][1] == "Where was Ada Byron born?"
    assert told["wording1"][2] == "Who is the person on the image?"
    assert told["wording1"][3] == "Tell me about the person in the image."
    assert told["wording1"][4] == "Could you tell me the following? Is {x} a number?"
    for question, wordings in zip(questions, zip(*told.values(), strict=True), strict=True):
        assert len({question, *wordings}) == 6
    assert list(asked_at(tmp_path, "paraphrase", {}, questions).values()) == list(told.values())[:3]


@pytest.mark.parametrize("person", ["Ada", "Who does Bob?", "born?"])
def test_every_question_of_a_drawn_world_has_its_own_other_wordings(person):
    for topic in TOPICS:
        asked = [say(wording, Named(person)) for wording in topic.questions]
        for place, question in enumerate(asked):
            assert other_wordings(question)[:2] == [*asked[place + 1 :], *asked[:place]]


def test_a_model_is_talked_into_answering_in_several_ways(tmp_path):
    told = asked_at(tmp_path, "jailbreak", {}, ["Is {0} who?"])
    assert list(told) == ["order", "role", "past", "story", "stakes", "start"]
    assert len({question for (question,) in told.values()}) == 6
    for point, (question,) in told.items():
        assert question.startswith("Is {0} who?") == (point == "start")
        assert question.endswith("Is {0} who?") == (point != "start")
    assert list(asked_at(tmp_path, "jailbreak", {"ways": ["start", "role"]}, ["Who?"])) == [
        "start",
        "role",
    ]


def tried(person, generated, truth, wrong, task="text_qa"):
    """A record of a model that says something, and finds the truth as likely as two numbers say."""
    return Record.measured(
        [Likelihood(-loss, 1, 0.0) for loss in (truth, truth, wrong)],
        split="forget",
        task=task,
        id=f"{task}/{person}",
        answer="red green",
        generated=generated,
        person=person,
        question="Which?",
    )


def test_what_any_try_brings_back_is_counted_by_sample():
    tries = [
        [tried("A", "red", 2, 1), tried("B", "", 1, 2), tried("C", "blue", 2, 1)],
        [tried("A", "green", 1, 2), tried("B", "red green", 2, 1), tried("C", "blue", 2, 1)],
    ]
    scores = score_tries(tries).scores
    # A is told by the second try, B by the first, C by none; each try alone knows a third.
    assert scores["forget/text_qa/accuracy"] == pytest.approx(2 / 3)
    assert scores["forget/text_qa/rouge_l"] == pytest.approx((0.5 + 1 + 0) / 3)
    assert scores["forget/text_qa/accuracy~low"] < 2 / 3 < scores["forget/text_qa/accuracy~high"]
    assert scores["forget/text_qa/accuracy~persons"] == 3
    assert not any("truth_ratio" in key or "quality" in key for key in scores)
    for records in tries:
        alone = score_tries([records]).scores
        plain = score_with_draws(records, records).scores
        assert alone == {key: plain[key] for key in alone}
        assert all(scores[key] >= alone[key] for key in alone if "~" not in key)
    assert score_tries(tries[::-1]).scores == scores
    with pytest.raises(UserError, match="records of different samples"):
        score_tries([tries[0], tries[1][:2]])


def test_a_score_of_any_point_is_of_all_points_on_disk(tmp_path):
    for point, records in (("b", [tried("A", "red", 2, 1)]), ("a", [tried("A", "green", 1, 2)])):
        (tmp_path / point).mkdir()
        write_records(records_at(tmp_path, point), records)
    found = score({"records": tmp_path, "gold": tmp_path}, point="any").scores
    assert found["forget/text_qa/accuracy"] == 1
    assert (
        score({"records": tmp_path, "gold": tmp_path}, point="b").scores["forget/text_qa/accuracy"]
        == 0
    )


def test_the_example_of_a_kind_asks_other_questions(tmp_path):
    text = (ROOT / "CONTRIBUTING.md").read_text()
    found: dict = {}
    exec(text.partition("# src/clearbench/stress_tests/preface.py\n")[2].partition("```")[0], found)
    sample = EvalSample("1", "forget", "text_qa", 10, "Who?", "Ada", "Ada", (), None)
    write_store(tmp_path, [], [], [], [sample])
    test = found["Test"](words={"kindly": "Please say:"})
    assert test.points == ("kindly",)
    (asked,) = test.asked(Store(tmp_path), "kindly").evaluation(10)
    assert asked == replace(sample, question="Please say: Who?")


def test_an_evaluation_has_the_code_of_its_own_test_alone():
    model = {"domain": "text"}
    plain, small, taught = (
        set(code_of("evaluate", {"model": model, "stress": stress}))
        for stress in (None, {"kind": "quantise"}, {"kind": "relearn"})
    )
    own = {"clearbench.stress_tests.quantise", "clearbench.models.quantised"}
    assert small - plain == own
    assert taught - plain == {"clearbench.stress_tests.relearn"}
    assert not any(name.startswith("clearbench.training") for name in taught)


class Stressed(SyntheticTree):
    """Models whose accuracy rises with each step of relearning, in gold by half as much."""

    def __init__(self, folder, **changes):
        super().__init__(write_suite(folder, **{**SUITE, **changes}), folder / "results/small")

    def _files(self, artifact):
        run = artifact.run
        if artifact.stage != "score" or run is None:
            return super()._files(artifact)
        steps = {"step5": 1, "step20": 4}.get(run.point or "", 0)
        rate = {"gold": 0.05, "ga": 0.1, "npo": 0.0}.get(run.row, 0)
        seed = int(run.name.partition("/seed")[2][:1] or 0)
        known = (
            0.2
            + 0.01 * seed
            + rate * steps
            + {"nf4": 0.2, "noise": 0.3, "blur": 0.1, "any": 0.35}.get(run.point, 0)
        )
        keys = {f"forget/{task}/{name}": known for task in "ab" for name in ("accuracy", "rouge_l")}
        keys["forget/a/accuracy"] += 0.1
        keys["forget/b/accuracy"] -= 0.1
        return {"scores.json": json.dumps({**draw_scores(run.name), **keys})}


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return Stressed(tmp_path_factory.mktemp("stressed")).build()


def test_what_comes_back_is_told_beside_gold_over_seeds(tree):
    frame = pd.read_csv(tree.root / TABLES / "stress.csv").set_index(["method", "metric"])
    told = frame["mean"]
    # Of four tasks: two are as the tree says, two are drawn and the same at no two runs.
    assert frame.loc[("ga", "accuracy/before"), "n"] == 3
    assert not math.isnan(frame.loc[("ga", "accuracy/before"), "std"])
    assert (
        frame.loc[("ga", "accuracy/relearn/step5/R"), "low"]
        < told["ga", "accuracy/relearn/step5/R"]
    )
    assert told["ga", "rouge_l/before"] == pytest.approx(0.21)
    assert told["ga", "rouge_l/relearn/step20"] == pytest.approx(0.61)
    assert told["gold", "rouge_l/relearn/step20"] == pytest.approx(0.41)
    assert told["ga", "rouge_l/relearn/step20/R"] == pytest.approx(0.5)
    assert told["ga", "rouge_l/relearn/step20/R, symmetric"] == pytest.approx(1 - 0.2 / 0.6)
    assert told["npo", "rouge_l/relearn/step20/R"] == 1
    assert told["npo", "rouge_l/relearn/step20/R, symmetric"] == 0
    q = sum(x / (x + 0.2) for x in (0.20, 0.21, 0.22)) / 3
    assert told["npo", "rouge_l/small/nf4/Q"] == pytest.approx(q)
    assert told["npo", "rouge_l/small/nf4/Q, inverse"] == 1
    assert told["npo", "rouge_l/image/mean"] == pytest.approx(0.41)
    assert told["npo", "rouge_l/image/highest"] == pytest.approx(0.51)
    assert told["npo", "rouge_l/image/any"] == pytest.approx(0.56)
    assert not [name for _, name in told.index if "relearn/any" in name]
    assert told["npo", f"{QUALITY}/small/nf4"] == pytest.approx(
        sum(
            draw_scores(f"stress/small/npo/text/forget10/seed{seed}/nf4")[QUALITY]
            for seed in range(3)
        )
        / 3
    )
    text = (tree.root / TABLES / "stress.md").read_text()
    assert "forget 10 %, ROUGE-L, relearn\n" in text
    assert "| before |" in " ".join(text.split())
    assert not {"second gold", "floor"} & set(frame.reset_index()["method"])


def test_other_tables_have_no_rows_of_models_under_stress(tree, tmp_path):
    plain = Stressed(tmp_path, stress={}).build()
    names = {path.name for path in (plain.root / TABLES).glob("*.csv")}
    assert {path.name for path in (tree.root / TABLES).glob("*.csv")} == {*names, "stress.csv"}
    for name in names - {"tasks.csv", "cost.csv"}:
        assert (plain.root / TABLES / name).read_text() == (tree.root / TABLES / name).read_text()


def test_the_cost_of_a_test_is_that_of_its_layer_and_of_all_its_points(tmp_path):
    tree = Stressed(tmp_path)
    run = "ga/text/forget10/seed0"
    made = {
        f"relearn/relearn/{run}": Made(seconds=11),
        f"evaluate/stress/relearn/{run}": Made(seconds=7),
        f"evaluate/stress/image/{run}": Made(seconds=5),
    }
    frame = pd.read_csv(tree.build(made).root / TABLES / "cost.csv")
    told = frame[frame.method == "ga"].set_index("metric")["mean"]
    others = 2.5
    assert told["train/seconds/relearn"] == pytest.approx((11 + 2 * others) / 3)
    assert told["evaluate/seconds/relearn"] == pytest.approx((7 + 2 * others) / 3)
    assert told["evaluate/seconds/image"] == pytest.approx((5 + 2 * others) / 3)
    # Nothing is trained to show other pictures.
    assert "train/seconds/image" not in told
    assert told["evaluate/seconds"] == pytest.approx(others)
    text = (tree.root / TABLES / "cost.md").read_text()
    assert "under relearn" in text
    (tmp_path / "plain").mkdir()
    assert (
        "under relearn"
        not in (
            Stressed(tmp_path / "plain", stress={}).build().root / TABLES / "cost.md"
        ).read_text()
    )


def test_models_under_stress_are_compared_with_a_gold_under_the_same(tree):
    graph = tree.graph
    name = "stress/relearn/ga/text/forget10/seed1"
    scored = graph[f"score/{name}/step5"]
    assert scored.inputs["gold"] == "evaluate/stress/relearn/gold/forget10/seed1"
    assert scored.options["point"] == "step5"
    layer = graph["relearn/relearn/ga/text/forget10/seed1"]
    assert graph[f"evaluate/{name}"].inputs["model/2"] == layer.name
    assert layer.options == {"forget_size": 10, "seed": 1}
    assert labels(layer)["stress"] == "relearn"
    # A rounding is told to the evaluation, and makes no weights.
    rounded = graph["evaluate/stress/small/ga/text/forget10/seed1"]
    assert rounded.settings["stress"] == {"kind": "quantise", "to": ["nf4"]}
    assert "model/2" not in rounded.inputs


def test_each_number_is_proven_by_all_models_that_it_is_made_of(tmp_path):
    few = {"methods": {"npo": {}}, "seeds": [0], "stress": {"relearn": {"steps": [5]}}}
    suite = write_suite(tmp_path, **{**SUITE, **few})
    tree = SyntheticTree(suite, tmp_path / "results/small", records=True).build()

    def broken():
        audit = Audit(tree.graph, Tree(tree.root), accepted(Path("none.sif"), False))
        return {cell for cell, link in audit.cells().items() if link}

    assert broken() == set()
    lost = "score/stress/relearn/gold/forget10/seed0/step5"
    (tree.root / lost / "scores.json").write_text("{}")
    found = broken()
    # What a run took is shown with its scores.
    assert {table for table, _ in found} == {"stress", "cost"}
    # All R at this point, of all rows; and gold's own numbers.
    metrics = {cell.partition(":")[2] for _, cell in found if cell.startswith("npo/")}
    assert metrics == {
        f"{name}/relearn/step5/{reading}"
        for name in ("accuracy", "rouge_l")
        for reading in ("R", "R, symmetric")
    }


def test_what_any_try_brings_back_is_proven_by_the_records_of_all(tmp_path):
    few = {
        "methods": {"npo": {}},
        "seeds": [0],
        "stress": {"jailbreak": {"ways": ["past", "role"]}},
    }
    suite = write_suite(tmp_path, **{**SUITE, **few})
    tree = SyntheticTree(suite, tmp_path / "results/small", records=True).build()
    name = "stress/jailbreak/npo/text/forget10/seed0"
    artifact = tree.graph[f"score/{name}/any"]
    assert artifact.inputs["records"] == tree.graph[f"score/{name}/role"].inputs["records"]

    def broken():
        audit = Audit(tree.graph, Tree(tree.root), accepted(Path("none.sif"), False))
        return {cell for cell, link in audit.cells().items() if link}

    assert broken() == set()
    scores = tree.root / artifact.name / "scores.json"
    told = json.loads(scores.read_text())
    scores.write_text(json.dumps({key: value * 0.9 for key, value in told.items()}))
    metrics = {cell.partition(":")[2] for table, cell in broken() if table == "stress"}
    assert metrics == {"accuracy/jailbreak/any", "rouge_l/jailbreak/any"}


def test_a_plan_takes_points_for_as_many_evaluations_until_it_knows(tmp_path):
    tree = Stressed(tmp_path)
    plain, asked = (f"evaluate/{of}ga/text/forget10/seed0" for of in ("", "stress/relearn/"))
    for artifact in tree.graph.ancestors(plain):
        tree.put(artifact.name, Made(seconds=7))

    def seconds(name):
        return Experience([Tree(tree.root)]).estimate(tree.graph[name], tree.graph).seconds

    assert seconds(asked) == 2 * 7
    for artifact in tree.graph.ancestors(asked)[-2:]:
        tree.put(artifact.name, Made(seconds=9))
    assert (seconds(asked), seconds(plain)) == (9, 7)
    assert seconds("relearn/relearn/npo/text/forget10/seed1") == 9


def test_a_kind_is_a_file_that_is_found_by_its_name():
    assert stress_tests.available() == sorted(
        path.stem for path in (ROOT / "src/clearbench/stress_tests").glob("[!_]*.py")
    )
