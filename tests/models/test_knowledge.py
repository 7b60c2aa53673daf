"""Each metric of what is known, on a model of the forgotten persons and on one that never met them.

Both are trained from nothing, so that the first is sure of all that it is asked.
"""

from pathlib import Path

import pytest

from clearbench.config.files import DatasetSpec, ModelSpec
from clearbench.config.generator import MiniSettings
from clearbench.config.plain_yaml import read_yaml
from clearbench.config.settings import Finetuning, Lora
from clearbench.data.store import Store
from clearbench.evaluation.evaluate import evaluate, with_gradients
from clearbench.jobs.state import State
from clearbench.metrics import better, model_metrics, task_metrics
from clearbench.metrics.keys import Key
from clearbench.metrics.score import score_with_draws
from clearbench.metrics.strangers import NAMES
from clearbench.models.build import build_model, build_processor, build_tokenizer
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder
from clearbench.stages import dataset, generate
from clearbench.training.finetune import finetune
from synthetic import ROOT

HELD_OUT = 10
WORLD = MiniSettings(
    persons=100,
    portraits=2,
    image_size=32,
    real_persons=8,
    real_portraits=2,
    unpictured_persons=60,
    strangers=30,
    things=20,
)
OPTIONS = {"visual_tasks": ["captions", "face_naming"], "questions_per_person": 4}

OF_FORM = {"distinct_ngrams", "length_ratio", "generated_probability"}
OF_OTHERS = {"real", "retain", "model_utility"}
OF_OTHERS |= {"aligned_retain", "aligned_real", "aligned_rouge_retain", "aligned_rouge_real"}
OF_GROUPS = {
    f"{name}_{over}"
    for name in ("retain", "forget", "forget_quality_js")
    for over in ("gap", "worst")
}
SILENT = OF_FORM | OF_OTHERS | OF_GROUPS
"""What claims nothing about the forgotten by itself."""

ELSEWHERE = {
    "layouts/test_face_questions.py": {"aligned_forget", "aligned_rouge_forget"},
    "layouts/test_general.py": {
        *("vqa_accuracy", "vqa_accuracy_of_nine", "yes_or_no", "pope_accuracy")
    },
    "layouts/test_mllmu.py": {"filled"},
    "unit/test_bleu.py": {"bleu", "chrf"},
    "unit/test_retrieval.py": {"recall_1", "recall_5", "recall_10", "reciprocal_rank"},
    # An attack by the original's losses, which are its own, and rates at few false alarms.
    "unit/test_strangers.py": {
        *("membership_reference", "membership_reference_distance"),
        *(f"membership_{attack}_tpr" for attack in NAMES),
    },
}
"""Where what needs another task, another model or more persons is asked for its ends."""


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """What both models score, the one that knows first."""
    folder = tmp_path_factory.mktemp("ends")
    spec = DatasetSpec(
        domain="multimodal", layout="clear", generator=WORLD, forget_sizes=[10], options=OPTIONS
    )
    generate.run(WORLD, folder / "source", HELD_OUT)
    dataset.run(spec, folder / "source", folder / "data", holdout=HELD_OUT)
    store = Store(folder / "data")
    asked = [one for one in store.evaluation(10) if one.split != "real"]
    # As many of the retained as of the forgotten, which is quicker.
    known = {one.person for one in asked if one.split == "retain"}
    retained = [one for one in store.train("retain", 10, "both") if one.person in known]
    everybody = [*retained, *store.train("forget", 10, "both")]
    build = ModelSpec(**read_yaml(ROOT / "config/models/tiny-llava.yaml")).build
    tokenizer = build_tokenizer(build.tokenizer, [t for one in store.samples() for t in one.texts])
    encoder = Encoder(build_processor(build, tokenizer), store)
    training = Finetuning(epochs=30, batch_size=16, lr=2e-3, warmup=0.05, schedule="cosine")

    def said(samples):
        model = prepare_training(build_model(build, "multimodal", tokenizer, 0), "full", Lora(), "")
        finetune(model, encoder, samples, training, 0, State())
        records = evaluate(model.eval(), encoder, asked, 256, 12)
        return with_gradients(model, encoder, asked, records, "", State())

    knowing, ignorant = said(everybody), said(retained)
    return [
        score_with_draws(own, ignorant, original_records=knowing).scores
        for own in (knowing, ignorant)
    ]


def base(name):
    return Key.parse(name).metric


OF_LANGUAGE = {**task_metrics(), **model_metrics()}
KNOWLEDGE = [
    name
    for name in OF_LANGUAGE
    # What CLEAR's code computes claims less: its truth ratio of texts hardly tells the two apart.
    if not name.endswith("@official")
    and base(name) not in SILENT | set().union(*ELSEWHERE.values())
]
ATTACKS = {f"membership_{name}" for name in NAMES}


@pytest.mark.parametrize("name", KNOWLEDGE)
def test_who_knows_and_who_never_met_them_lie_at_the_ends(scores, name):
    knowing, ignorant = scores
    keys = [key for key in map(Key.parse, knowing) if key.name == name and not key.end]
    of_forget = [str(key) for key in keys if key.split in ("", "forget")]
    assert of_forget
    for key in of_forget:
        # Ten persons are few for an attack: its interval over them reaches far.
        if base(name) in ATTACKS:
            assert knowing[key] == 1
            assert ignorant[f"{key}~low"] < 0.5 < ignorant[f"{key}~high"]
        elif better(key) == "zero":
            assert (knowing[key], ignorant[key]) == pytest.approx((-100, 0))
        else:
            sign = 1 if better(key) == "down" else -1
            ours, theirs = (
                sorted(sign * own.get(f"{key}~{end}", own[key]) for end in ("low", "high"))
                for own in (knowing, ignorant)
            )
            # Farther apart than the intervals over persons reach.
            assert ours[0] > theirs[1]


def test_each_metric_is_asked_for_its_ends_somewhere():
    known = SILENT | {base(name) for name in KNOWLEDGE}
    for file, names in ELSEWHERE.items():
        assert not known & names
        known |= names
        assert (Path(__file__).parents[1] / file).is_file()
    assert known == {base(name) for name in OF_LANGUAGE}
