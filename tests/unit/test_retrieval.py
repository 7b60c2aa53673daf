"""Retrieval: which caption belongs to a picture, by likelihood, with its prior and without."""

import json

import pandas as pd
import pytest
import torch

from clearbench import stress_tests
from clearbench.config.settings import EvaluateSettings, Evaluating, ModelUse
from clearbench.data.store import EvalSample, Store, write_store
from clearbench.domains.language import evaluate
from clearbench.domains.place import Place
from clearbench.errors import UserError
from clearbench.evaluation.records import Likelihood, Record, read_records, records_at
from clearbench.jobs.state import State
from clearbench.metrics.retrieval import ranks, recall_1
from clearbench.metrics.retrieved import score_retrieval
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import save_checkpoint
from clearbench.results.scoring import score
from clearbench.suite.graph import TABLES
from synthetic import SyntheticTree, draw_scores, write_suite
from tiny_models import BUILDS, new_tokenizer, png

DIRECTIONS = ("image_to_caption", "image_to_caption_over_prior", "caption_to_image")
NAMES = ("recall_1", "recall_5", "recall_10", "reciprocal_rank")
# Pictures by captions. The third caption is likely by itself.
LOSSES = [[2.0, 3.0, 1.0], [4.0, 2.5, 1.5], [4.0, 4.0, 0.5]]
ALONE = [4.0, 4.0, 1.2]


def test_ranks_are_those_by_hand():
    assert ranks(LOSSES, ALONE) == {
        "image_to_caption": [2, 2, 1],
        # Less the prior: [-2, -1, -0.2], [0, -1.5, 0.3], [0, 0, -0.7].
        "image_to_caption_over_prior": [1, 1, 1],
        "caption_to_image": [1, 1, 1],
    }
    # A tie is not right.
    assert ranks([[1.0, 1.0], [2.0, 2.0]], [0.0, 0.0])["image_to_caption"] == [2, 2]
    assert ranks([[1.0, 1.0], [2.0, 2.0]], [0.0, 0.0])["caption_to_image"] == [1, 2]


def store_of(folder, persons=3, splits=("forget", "retain")):
    """A store with two captions of each person in each split, and other questions."""
    folder.mkdir(exist_ok=True)
    samples = [
        EvalSample(
            f"{split}/{person}/{number}/{task}",
            split,
            task,
            10,
            f"Tell me {number}.",
            f"Ada {split} {person}" + " x" * number,
            "other",
            ("wrong",),
            None if task == "text_qa" else person,
            f"{split}{person}",
        )
        for split in splits
        for person in range(persons)
        for number in range(2)
        for task in ("captions", "text_qa")
    ]
    write_store(folder, [png(10 * shade) for shade in range(persons)], [], [], samples)
    return Store(folder)


def asked(folder, **given):
    _, test = stress_tests.read_test("retrieval", given, "")
    return test.asked(Store(folder), test.points[0]).evaluation(10)


def test_each_picture_is_asked_with_the_captions_of_all(tmp_path):
    store_of(tmp_path)
    samples = asked(tmp_path)
    assert len(samples) == 2 * (3 + 1)
    first, second, third, alone = samples[:4]
    captions = ["Ada forget 0", "Ada forget 1", "Ada forget 2"]
    assert [s.answer for s in (first, second, third)] == captions
    assert second.perturbed == (captions[0], captions[2])
    assert [s.image for s in samples[:4]] == [0, 1, 2, None]
    assert [s.person for s in samples[:4]] == ["forget0", "forget1", "forget2", None]
    assert (alone.answer, *alone.perturbed) == tuple(captions)
    assert {s.question for s in samples[:4]} == {"Tell me 0."}
    assert {s.split for s in samples[4:]} == {"retain"}
    assert len({s.id for s in samples}) == len(samples)
    assert [s.perturbed for s in asked(tmp_path, persons=2)[:2]] == [
        ("Ada forget 1",),
        ("Ada forget 0",),
    ]


def test_one_person_is_no_choice(tmp_path):
    store_of(tmp_path, persons=1)
    with pytest.raises(UserError, match=r"forget has captions of 1 persons; .* two or more"):
        asked(tmp_path)
    with pytest.raises(UserError, match=r"x\.retrieval: persons: input should be greater than or"):
        stress_tests.read_test("retrieval", {"persons": 1}, "x")


def record(task, number, losses, own, split="forget"):
    others = [*losses[:own], *losses[own + 1 :]]
    return Record.measured(
        [Likelihood(-2 * loss, 1, 0.0) for loss in (losses[own], losses[own], *others)],
        split=split,
        task=task,
        id=f"{split}/{task}/{number:04d}",
        answer="A",
        generated="",
        person=f"P{number}" if task == "image_to_caption" else None,
        question="Q",
    )


def records_of(losses, alone, split="forget"):
    pictures = [record("image_to_caption", n, row, n, split) for n, row in enumerate(losses)]
    return [*pictures, record("caption_alone", 0, alone, 0, split)]


def test_scores_are_by_split_and_direction_and_no_order_of_records_matters():
    forget, retain = records_of(LOSSES, ALONE), records_of([[1, 2], [2, 1]], [0, 0], "retain")
    scores = score_retrieval([*forget, *retain]).scores
    assert {key for key in scores if "~" not in key} == {
        f"{split}/{direction}/{name}"
        for split in ("forget", "retain")
        for direction in DIRECTIONS
        for name in NAMES
    }
    assert scores["forget/image_to_caption/recall_1"] == pytest.approx(1 / 3)
    assert scores["forget/image_to_caption/reciprocal_rank"] == pytest.approx(2 / 3)
    assert scores["forget/image_to_caption/recall_5"] == 1
    assert scores["forget/image_to_caption_over_prior/recall_1"] == 1
    assert scores["forget/caption_to_image/recall_1"] == 1
    assert scores["forget/image_to_caption/recall_1~persons"] == 3
    assert scores["forget/image_to_caption/recall_1~low"] < 1 / 3
    assert score_retrieval([*retain, *forget[::-1]]).scores == scores
    assert recall_1(forget[:3]) == pytest.approx(1 / 3)
    assert recall_1(forget[3:]) is None


@pytest.mark.parametrize("count", [2, 11, 20])
def test_a_model_that_sees_nothing_is_at_the_end_and_one_that_knows_all_at_the_other(count):
    blind = score_retrieval(records_of([[1.0] * count] * count, [1.0] * count)).scores
    knows = [[float(i != j) for j in range(count)] for i in range(count)]
    whole = score_retrieval(records_of(knows, [1.0] * count)).scores
    for direction in DIRECTIONS:
        assert blind[f"forget/{direction}/recall_1"] == 0
        assert blind[f"forget/{direction}/reciprocal_rank"] == pytest.approx(1 / count)
        assert blind[f"forget/{direction}/recall_10"] == float(count <= 10)
        assert {whole[f"forget/{direction}/{name}"] for name in NAMES} == {1}


def test_records_of_a_model_have_the_likelihood_of_each_caption_with_each_picture(tmp_path):
    store = store_of(tmp_path / "store")
    tokenizer = new_tokenizer()
    base, layer = tmp_path / "base", tmp_path / "layer"
    save_checkpoint(build_model(BUILDS["llava"], "multimodal", tokenizer, 0), base)
    build_processor(BUILDS["llava"], tokenizer).save_pretrained(base)
    save_checkpoint(build_model(BUILDS["llava"], "multimodal", tokenizer, 1), layer)
    _, test = stress_tests.read_test("retrieval", {}, "")

    def run(name, of_store, stress):
        settings = EvaluateSettings(
            model=ModelUse(domain="multimodal"),
            evaluation=Evaluating(batch_size=3, max_new_tokens=2),
            stress=stress,
        )
        (tmp_path / name).mkdir()
        place = Place(of_store, torch.device("cpu"), State(), tmp_path / name)
        evaluate.run(settings, 10, base, [layer], place)
        point = None if stress is None else test.points[0]
        return read_records(records_at(tmp_path / name, point))

    found = run("gallery", store, stress_tests.settings_of("retrieval", test))
    # Each caption asked for by itself, of each picture and of none.
    pairs = [
        EvalSample(f"{image}/{n}", "forget", "captions", 10, "Tell me 0.", text, text, (), image)
        for image in (0, 1, 2, None)
        for n, text in enumerate(f"Ada forget {person}" for person in range(3))
    ]
    (tmp_path / "pairs").mkdir()
    write_store(tmp_path / "pairs", [png(10 * shade) for shade in range(3)], [], [], pairs)
    alone = {r.id: r.answer_loss for r in run("alone", Store(tmp_path / "pairs"), None)}
    for image, asked_of in zip((0, 1, 2, None), found[:4], strict=True):
        own = image or 0
        order = [own, *(n for n in range(3) if n != own)]
        losses = (asked_of.answer_loss, *asked_of.perturbed_losses)
        assert losses == pytest.approx([alone[f"{image}/{n}"] for n in order], rel=1e-4)
    folders = dict.fromkeys(("records", "gold"), tmp_path / "gallery")
    scores = score(folders, point="pictures").scores
    assert scores == score_retrieval(found).scores


class Retrieved(SyntheticTree):
    """Models that find captions by what their seed says."""

    def __init__(self, folder, **changes):
        folder.mkdir()
        given = {"methods": {"npo": {}}, "modalities": ["text"], **changes}
        super().__init__(write_suite(folder, **given), folder / "results/small")

    def _files(self, artifact):
        run = artifact.run
        if artifact.stage != "score" or run is None or run.stress != "find":
            return super()._files(artifact)
        seed = int(run.name.partition("/seed")[2][:1])
        keys = {
            f"{split}/{direction}/{name}": 0.25 * seed
            for split in ("forget", "retain")
            for direction in DIRECTIONS
            for name in NAMES
        }
        return {"scores.json": json.dumps({**draw_scores(run.name), **keys})}


def test_it_has_a_table_of_its_own_and_none_where_nobody_asks(tmp_path):
    stress = {"find": {"kind": "retrieval", "persons": 5}}
    tree = Retrieved(tmp_path / "asked", stress=stress).build()
    names = {path.stem for path in (tree.root / TABLES).glob("*.csv")}
    assert "retrieval" in names
    # Nothing is compared with before.
    assert "stress" not in names
    frame = pd.read_csv(tree.root / TABLES / "retrieval.csv").set_index(["method", "metric"])
    shown = frame.loc[frame.index.get_level_values("metric").str.contains("recall_5")]
    assert set(shown["mean"]) == {0.25}
    assert {"gold", "original", "npo"} == set(shown.reset_index()["method"])
    text = (tree.root / TABLES / "retrieval.md").read_text()
    assert "forget 10 %, forget, picture to caption, over the prior" in text
    plain = Retrieved(tmp_path / "plain").build()
    # No row is asked for it, so no other table has columns of it.
    assert "recall" not in (tree.root / TABLES / "tasks.csv").read_text()
    assert {path.stem for path in (plain.root / TABLES).glob("*.csv")} == names - {"retrieval"}
    both = Retrieved(tmp_path / "both", stress={**stress, "quantise": {"to": ["nf4"]}}).build()
    told = pd.read_csv(both.root / TABLES / "stress.csv")["metric"]
    assert not any("pictures" in metric for metric in told)
