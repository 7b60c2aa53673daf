"""The vision domain's models and trainings: who is shown, what is learnt, and that it is exact."""

from dataclasses import replace

import pytest
import torch
import transformers

from clearbench import methods
from clearbench.config.files import BaseSettings, ModelSource
from clearbench.config.settings import (
    Evaluating,
    ModelUse,
    Population,
    Training,
    Unlearning,
    UnlearnShadowsSettings,
)
from clearbench.data.faces import (
    FORGET,
    HOLDOUT,
    OTHER,
    RETAIN,
    Face,
    in_question,
    of_split,
    persons_of,
    read_base_faces,
    read_faces,
)
from clearbench.data.questions import FACE_QUESTION
from clearbench.data.store import Store, TrainSample, write_store
from clearbench.domains.place import Place
from clearbench.domains.vision.base import run as run_base
from clearbench.domains.vision.unlearn_shadows import run as run_unlearn_shadows
from clearbench.errors import UserError
from clearbench.evaluation.embeddings import read_seen
from clearbench.evaluation.faces import embed, see
from clearbench.jobs.pace import Pace
from clearbench.jobs.state import State
from clearbench.methods.batches import FLIPPED, IDK, Batch
from clearbench.methods.ga import GradientAscent
from clearbench.models.checkpoint import freeze
from clearbench.models.faces import (
    SCALE,
    Pixels,
    build_face_model,
    load_face_model,
    load_image_processor,
    save_face_model,
)
from clearbench.training.face_views import FaceSets
from clearbench.training.faces import MARGIN, am_softmax, train_faces
from clearbench.training.shadows import known_to, membership, rings, train_shadows
from clearbench.training.unlearn import Unlearner
from models.test_steps import gradients, same_steps
from tiny_models import UNTRAINED, parameters_of

CPU = torch.device("cpu")
RESNET = {
    "embedding_size": 8,
    "hidden_sizes": [8, 16],
    "depths": [1, 1],
    "layer_type": "basic",
}
VIT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 32,
    "patch_size": 8,
}
PERSONS, PICTURES = 20, 3
VISION_METHODS = [key for key in methods.available() if "vision" in methods.describe(key).domains]
TRAINING = Training(epochs=2, batch_size=16, lr=0.05, optimizer="sgd", weight_decay=5e-5)


class Killed(BaseException):
    """The end of a job in the midst of a step."""


class FewPictures:
    """The pictures of a job that is killed after some batches."""

    def __init__(self, pixels, batches):
        self._pixels = pixels
        self._left = batches

    def batch(self, images):
        self._left -= 1
        if self._left < 0:
            raise Killed
        return self._pixels.batch(images)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    from PIL import Image

    from clearbench.data.mini.portraits import jpeg

    generator = torch.Generator().manual_seed(0)
    images, rows = [], []
    for person in range(PERSONS):
        colour = torch.randint(40, 216, (3,), generator=generator)
        for number in range(PICTURES):
            noise = torch.randint(-40, 40, (32, 32, 3), generator=generator)
            pixels = (colour + noise).clamp(0, 255).to(torch.uint8).numpy()
            images.append(jpeg(Image.fromarray(pixels)))
            part = "forget" if person >= PERSONS - 2 else "retain"
            rows.append(
                TrainSample(
                    f"{person}/{number}",
                    "face_naming",
                    "visual",
                    f"Person {person}",
                    FACE_QUESTION,
                    f"Person {person}",
                    len(images) - 1,
                    parts={1: "retain", 5: part, 10: part},
                )
            )
    folder = tmp_path_factory.mktemp("store")
    # The same picture stands in another task as well, and a text row has none.
    captions = [replace(row, id=f"{row.id}/c", task="captions", answer="…") for row in rows]
    text = replace(rows[0], id="text", modality="text", image=None)
    strangers = [replace(rows[0], id="s", answer="Stranger", image=0)]
    write_store(folder, images, [*rows[:6], *strangers], [*rows, *captions, text], [])
    return Store(folder)


@pytest.fixture(scope="module")
def pixels(store):
    processor = transformers.ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=1.0)
    return Pixels(processor, store)


def fresh(persons=("a", "b"), seed=0):
    return build_face_model("resnet", RESNET, 8, persons, seed)


def weights_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(first, second):
    return first.keys() == second.keys() and all(
        torch.equal(tensor, second[name]) for name, tensor in first.items()
    )


def test_each_picture_is_one_face_and_the_held_out_are_retained_at_every_size(store):
    faces = {size: read_faces(store, size, 10) for size in (1, 5, 10, None)}
    assert all(len(found) == PERSONS * PICTURES for found in faces.values())
    held = {size: persons_of(of_split(found, HOLDOUT)) for size, found in faces.items()}
    assert len(held[10]) == 2
    assert all(persons == held[10] for persons in held.values())
    assert persons_of(of_split(faces[10], FORGET)) == ["Person 18", "Person 19"]
    assert not of_split(faces[1], FORGET)
    assert not set(held[10]) & {"Person 18", "Person 19"}


def test_holding_out_all_who_are_retained_is_refused(store):
    with pytest.raises(UserError, match=r"faces.holdout: 90 % are 18 persons, 18 are retained"):
        read_faces(store, 10, 90)


def test_a_base_learns_only_of_persons_with_two_pictures(store):
    assert set(persons_of(read_base_faces(store))) == {"Person 0", "Person 1"}


def test_am_softmax_is_cross_entropy_with_the_margin_at_the_true_person():
    cosines = torch.tensor([[0.9, 0.2, -0.1], [0.1, 0.3, 0.2]], dtype=torch.float64)
    labels = torch.tensor([0, 2])
    losses = []
    for row, label in zip(cosines, labels, strict=True):
        scaled = [SCALE * (c - MARGIN * (i == label)) for i, c in enumerate(row)]
        total = torch.logsumexp(torch.stack(scaled), 0)
        losses.append(total - scaled[label])
    expected = torch.stack(losses).mean().item()
    assert am_softmax(SCALE * cosines, labels).item() == pytest.approx(expected)


RINGS = [["a", "b", "c", "d"], [f"p{i}" for i in range(16)], [f"q{i}" for i in range(20)]]


@pytest.mark.parametrize("models", [2, 4, 16])
def test_a_person_is_known_to_half_of_the_models_and_a_model_knows_half_at_every_size(models):
    known = membership(RINGS, models)
    assert list(known) == [person for ring in RINGS for person in ring]
    assert all(len(half) == models // 2 for half in known.values())
    for number in range(models):
        asked = 0
        for size in range(len(RINGS)):
            asked += sum(number in known[person] for person in RINGS[size])
            assert asked == sum(map(len, RINGS[: size + 1])) // 2
    assert len({tuple(half) for half in known.values()}) > 1
    assert membership(RINGS, models) == known


def test_those_in_question_are_the_forgotten_and_as_many_held_out(store):
    ring, *more = rings([read_faces(store, size, 20) for size in (5, 10)])
    held = persons_of(of_split(read_faces(store, 10, 20), HOLDOUT))
    assert len(held) == 4
    assert ring == ["Person 18", "Person 19", *held[:2]]
    assert more == [[]]


def test_a_model_of_an_attack_is_shown_the_retained_and_its_half_of_those_in_question(store):
    faces = read_faces(store, 10, 10)
    known = membership(rings([faces]), 4)
    shown = [set(persons_of(known_to(number, faces, known, None))) for number in range(4)]
    retained = set(persons_of(of_split(faces, RETAIN)))
    assert all(retained <= persons for persons in shown)
    for person in in_question(faces):
        assert sum(person in persons for persons in shown) == 2


def test_a_model_of_fewer_persons_is_trained_on_so_many_and_the_rest_is_of_no_split_of_a_metric(
    store,
):
    faces = read_faces(store, 10, 10, 10)
    trained = persons_of(of_split(faces, FORGET, RETAIN))
    assert len(trained) == 10
    assert len(persons_of(of_split(faces, OTHER))) == PERSONS - 2 - 10
    assert persons_of(of_split(read_faces(store, None, 10, 10), RETAIN)) == trained
    known = membership(rings([faces]), 8)
    shown = [persons_of(known_to(number, faces, known, 10)) for number in range(8)]
    assert [len(persons) for persons in shown] == [10] * 8
    others = [frozenset(set(persons) - known.keys()) for persons in shown]
    assert len(set(others)) > 1
    assert set().union(*others) & set(persons_of(of_split(faces, OTHER)))


@pytest.mark.parametrize("persons", [2, 19])
def test_a_number_of_persons_that_there_are_not_is_one_line(store, persons):
    told = rf"faces.persons: {persons}; 2 persons are forgotten .*; allowed: 3 to 18"
    with pytest.raises(UserError, match=told):
        read_faces(store, 10, 10, persons)


def shadows(numbers, store, pixels, state=None):
    models = [fresh() for _ in numbers]
    faces = read_faces(store, 10, 10)
    known = membership(rings([faces]), 4)
    shown = [known_to(number, faces, known, None) for number in numbers]
    train_shadows(numbers, models, pixels, shown, TRAINING, state or State())
    return models


def test_a_shadow_model_is_the_same_whatever_others_its_job_trains(store, pixels):
    together = shadows([0, 1, 2], store, pixels)
    (alone,) = shadows([1], store, pixels)
    assert equal(weights_of(together[1]), weights_of(alone))
    assert not equal(weights_of(together[0]), weights_of(together[2]))


def test_shadow_models_of_a_killed_job_have_the_weights_of_one_that_was_not(
    store, pixels, tmp_path
):
    expected = [weights_of(model) for model in shadows([0, 1, 2], store, pixels)]
    for batches in (3, 8):
        state = State(tmp_path / "out", "key", pace=Pace(0))
        state.find()
        with pytest.raises(Killed):
            shadows([0, 1, 2], store, FewPictures(pixels, batches), state)
    state = State(tmp_path / "out", "key")
    state.find()
    assert state.resumed_at == [3, 11]
    models = shadows([0, 1, 2], store, pixels, state)
    assert all(equal(weights_of(m), e) for m, e in zip(models, expected, strict=True))


@pytest.fixture(scope="module")
def trained(store, pixels, tmp_path_factory):
    """The folders of a base and of the trained models of an attack."""
    folder = tmp_path_factory.mktemp("shadows")
    processor = transformers.ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=1.0)
    processor.save_pretrained(str(folder / "base"))
    for number, model in enumerate(shadows([0, 1, 2, 3], store, pixels)):
        save_face_model(model, folder / "shadows" / str(number))
    return folder


def unlearning(numbers, **changes):
    """The settings of a job that unlearns some of the models, one after the other."""
    return UnlearnShadowsSettings(
        model=ModelUse(domain="vision"),
        parameters={},
        training=Unlearning(epochs=3, batch_size=4, lr=0.05, optimizer="sgd", **changes),
        holdout=10,
        population=Population(shadows=2, targets=2, together=numbers),
        evaluation=Evaluating(batch_size=16),
    )


def unlearned(
    trained, store, folder, number=0, models=4, state=None, method=None, strengths=(), **changes
):
    """What a job makes of its models: the training, who diverged, and the records."""
    folder.mkdir(parents=True)
    place = Place(store, CPU, state or State(), folder)
    found = run_unlearn_shadows(
        unlearning(models, **changes),
        method or methods.create("scrub_bio", {}),
        number,
        10,
        trained / "base",
        trained / "shadows",
        place,
        strengths,
    )
    return *found, read_seen(folder) if found[0] else None


def same(first, second):
    return first.pictures == second.pictures and all(
        (first.embeddings[name] == second.embeddings[name]).all() for name in first.embeddings
    )


def test_each_model_of_an_attack_forgets_whom_it_knows_as_a_cell_would(
    trained, store, pixels, tmp_path
):
    done, diverged, seen = unlearned(trained, store, tmp_path / "all")
    assert not diverged
    faces = read_faces(store, 10, 10)
    asked = in_question(faces)
    assert [picture.person for picture in seen.pictures] == [
        face.person for face in faces if face.person in asked
    ]
    known = membership(rings([faces]), 4)
    assert {p.person: list(p.shadows) for p in seen.pictures} == known
    assert list(seen.embeddings) == ["0", "1", "2", "3"]
    model = load_face_model(trained / "shadows/2", CPU)
    model.fixed_statistics = True
    own = [face for face in faces if face.person in set(model.persons)]
    sets = FaceSets(
        [face for face in own if face.person in asked],
        [face for face in own if face.person not in asked],
        model.persons,
        pixels,
        CPU,
    )
    method = methods.create("scrub_bio", {})
    training = unlearning(4).training
    unlearner = Unlearner(
        model,
        method,
        sets,
        training,
        2,
        lambda: load_face_model(trained / "shadows/2", CPU).requires_grad_(False),
    )
    method.unlearn(unlearner)
    shown = [face for face in faces if face.person in asked]
    assert (embed(model, pixels, shown, 16).numpy() == seen.embeddings["2"]).all()
    assert done.samples == sum(len(half) for half in known.values()) * PICTURES * training.epochs


def test_a_scaled_attack_goes_from_the_models_before_they_forgot_to_those_after(
    trained, store, pixels, tmp_path
):
    _, _, plain = unlearned(trained, store, tmp_path / "plain")
    _, _, seen = unlearned(trained, store, tmp_path / "all", strengths=[0.0, 0.5, 1.0, 2.0])
    at = {point: read_seen(tmp_path / "all" / point) for point in ("0", "0.5", "1", "2")}
    assert same(seen, plain)
    assert same(at["1"], plain)
    faces = read_faces(store, 10, 10)
    asked = [face for face in faces if face.person in in_question(faces)]
    shadows = ((n, load_face_model(trained / "shadows" / str(n), CPU)) for n in range(4))
    assert same(at["0"], see(shadows, pixels, asked, 16))
    for one in ("0.5", "2"):
        assert at[one].pictures == plain.pictures
        assert not any(same(at[one], at[other]) for other in at if other != one)


def test_an_unlearned_model_is_the_same_whatever_others_its_job_has(trained, store, tmp_path):
    _, _, together = unlearned(trained, store, tmp_path / "all")
    _, _, alone = unlearned(trained, store, tmp_path / "one", number=3, models=1)
    assert (alone.embeddings["3"] == together.embeddings["3"]).all()


def test_a_killed_job_leaves_the_records_of_one_that_was_not(trained, store, tmp_path, monkeypatch):
    _, _, expected = unlearned(trained, store, tmp_path / "expected")
    batch = Pixels.batch
    for attempt, batches in enumerate((3, 14)):
        left = iter(range(batches))

        def few(self, images, left=left):
            if next(left, None) is None:
                raise Killed
            return batch(self, images)

        monkeypatch.setattr(Pixels, "batch", few)
        state = State(tmp_path / "out", "key", pace=Pace(0))
        state.find()
        with pytest.raises(Killed):
            unlearned(trained, store, tmp_path / f"killed{attempt}", state=state)
    monkeypatch.setattr(Pixels, "batch", batch)
    state = State(tmp_path / "out", "key")
    state.find()
    assert len(state.resumed_at) == 2
    _, _, found = unlearned(trained, store, tmp_path / "resumed", state=state)
    assert same(found, expected)


class Diverging(GradientAscent):
    """A method that cannot unlearn one of the models."""

    def loss(self, student, reference):
        loss = super().loss(student, reference)
        return loss * float("nan") if student.seed == 1 else loss


def test_a_model_that_diverges_is_left_out_and_changes_nothing_for_the_others(
    trained, store, tmp_path, monkeypatch, capsys
):
    _, _, plain = unlearned(trained, store, tmp_path / "plain", method=GradientAscent())
    _, diverged, seen = unlearned(trained, store, tmp_path / "found", method=Diverging())
    assert diverged == {1: 1}
    assert "model 1: the loss is not finite at step 1; left out" in capsys.readouterr().err
    assert list(seen.embeddings) == ["0", "2", "3"]
    assert all((seen.embeddings[n] == plain.embeddings[n]).all() for n in seen.embeddings)
    assert not any(1 in picture.shadows for picture in seen.pictures)
    # Killed in the training of the last model, and gone on.
    calls = iter(range(10))
    loss = Diverging.loss

    def killing(self, student, reference):
        if student.seed == 3 and next(calls) == 1:
            raise Killed
        return loss(self, student, reference)

    monkeypatch.setattr(Diverging, "loss", killing)
    state = State(tmp_path / "out", "key", pace=Pace(0))
    state.find()
    with pytest.raises(Killed):
        unlearned(trained, store, tmp_path / "killed", state=state, method=Diverging())
    state = State(tmp_path / "out", "key")
    state.find()
    _, diverged, again = unlearned(
        trained, store, tmp_path / "resumed", state=state, method=Diverging()
    )
    assert diverged == {1: 1}
    assert same(again, seen)


def test_a_job_of_which_all_models_diverge_has_no_records(trained, store, tmp_path):
    done, diverged, _ = unlearned(
        trained, store, tmp_path / "one", number=1, models=1, method=Diverging()
    )
    assert done is None
    assert diverged == {1: 1}


def test_mirrored_training_is_exact_and_another(store, pixels):
    faces = of_split(read_faces(store, 10, 10), RETAIN)
    found = []
    for augment in ("flip", "flip", "none"):
        model = fresh(persons_of(faces))
        train_faces(
            model, pixels, faces, TRAINING.model_copy(update={"augment": augment}), 0, State()
        )
        found.append(weights_of(model))
    assert equal(found[0], found[1])
    assert not equal(found[0], found[2])


def test_a_model_learns_who_it_is_shown(store, pixels):
    faces = of_split(read_faces(store, 10, 10), RETAIN)
    model = fresh(persons_of(faces))
    history = train_faces(
        model, pixels, faces, TRAINING.model_copy(update={"epochs": 8}), 0, State()
    )
    assert history[-1] < 0.7 * history[0]


@pytest.mark.parametrize(("architecture", "config"), [("resnet", RESNET), ("vit", VIT)])
def test_a_stored_model_gives_the_embeddings_of_the_trained_one(
    architecture, config, store, pixels, tmp_path
):
    faces = read_faces(store, 10, 10)
    model = build_face_model(architecture, config, 8, ["a", "b", "c"], 0).eval()
    with torch.no_grad():
        for buffer in model.buffers():
            buffer.copy_(buffer + 0.01 * buffer.is_floating_point())
    save_face_model(model, tmp_path / "model")
    before = torch.get_rng_state()
    again = load_face_model(tmp_path / "model", CPU)
    assert torch.equal(torch.get_rng_state(), before)
    assert again.persons == ("a", "b", "c")
    vectors = embed(model, pixels, faces, 16)
    assert torch.equal(embed(again, pixels, faces, 16), vectors)
    assert vectors.norm(dim=-1) == pytest.approx(1, abs=1e-5)


def test_a_base_of_the_hub_is_its_backbone_with_a_projection_that_the_seed_draws(
    store, pixels, tmp_path
):
    hub = tmp_path / "hub"
    config = transformers.ResNetConfig(**RESNET)
    transformers.ResNetModel(config).save_pretrained(str(hub))
    size = {"shortest_edge": 32}
    transformers.ConvNextImageProcessorPil(size=size, crop_pct=1.0).save_pretrained(str(hub))
    settings = BaseSettings(model=ModelSource(domain="vision", hub=str(hub), embedding=12))
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        run_base(settings, 0, Place(store, CPU, State(), tmp_path / name))
    models = [load_face_model(tmp_path / name, CPU) for name in ("one", "other")]
    assert equal(weights_of(models[0]), weights_of(models[1]))
    stored = transformers.ResNetModel.from_pretrained(str(hub)).state_dict()
    assert equal(weights_of(models[0].backbone), stored)
    images = [face.image for face in read_faces(store, 10, 10)][:3]
    again = Pixels(load_image_processor(tmp_path / "one"), store)
    assert torch.equal(again.batch(images), pixels.batch(images))
    assert models[0](again.batch(images)).shape == (3, 12)


def test_a_base_that_the_hub_does_not_have_is_one_line(store, tmp_path):
    (tmp_path / "nothing").mkdir()
    source = ModelSource(domain="vision", hub=str(tmp_path / "nothing"), embedding=8)
    with pytest.raises(UserError, match=r"model .*nothing: can't be loaded \("):
        run_base(BaseSettings(model=source), 0, Place(store, CPU, State(), tmp_path))


@pytest.mark.parametrize(("architecture", "config"), [("resnet", RESNET), ("vit", VIT)])
def test_hidden_states_of_each_layer_are_one_vector_a_picture(architecture, config, store, pixels):
    sets = face_sets(store, pixels)
    model = build_face_model(architecture, config, 8, sets.persons, 0).eval()
    batches = sets.batches([0, 1], [0, 1, 2], 0)
    for layer in (0, 1):
        (answers,) = sets.answers(model, batches, [Batch("retain")], layer)
        hidden = answers.hidden
        assert hidden.shape[0] == 3
        assert hidden.dim() == 2
    (answers,) = sets.answers(model, batches, [Batch("retain")], None)
    assert answers.hidden is None
    with pytest.raises(UserError, match="layer: 2 does not exist; the model has 0 to 1"):
        sets.answers(model, batches, [Batch("retain")], 2)


def face_sets(store, pixels):
    faces = read_faces(store, 10, 10)
    shown = of_split(faces, FORGET, RETAIN)
    return FaceSets(
        of_split(faces, FORGET), of_split(faces, RETAIN), persons_of(shown), pixels, CPU
    )


@pytest.mark.parametrize("seed", range(10))
def test_answers_that_are_to_be_wrong_never_name_the_person(store, pixels, seed):
    batches = face_sets(store, pixels).batches([0, 1, 3, 4], [0, 1, 2, 3], seed)
    own = batches.batch(Batch("forget"))["labels"]
    assert (batches.batch(IDK)["labels"] != own).all()
    assert (batches.batch(Batch("mismatched", 3))["labels"] != own.repeat_interleave(3)).all()
    flipped = batches.batch(FLIPPED)
    assert torch.equal(flipped["pixels"].flip(-1), batches.batch(Batch("forget"))["pixels"])
    assert torch.equal(flipped["labels"], own)


def test_fixed_statistics_let_a_picture_be_seen_alike_in_every_batch(store, pixels):
    faces: list[Face] = read_faces(store, 10, 10)
    model = fresh()
    model.fixed_statistics = True
    before = weights_of(model)
    model.train()
    alone = model(pixels.batch([faces[0].image]))
    among = model(pixels.batch([face.image for face in faces[:9]]))[:1]
    assert torch.allclose(alone, among, atol=1e-6)
    assert equal(weights_of(model), before)


def test_what_is_frozen_keeps_its_weights_statistics_and_head(store, pixels):
    faces = read_faces(store, 10, 10)
    model = fresh()
    freeze(model, r"backbone\.embedder\.|head")
    model.set_persons([f"Person {number}" for number in range(PERSONS)])
    before = weights_of(model)
    train_faces(model, pixels, faces, TRAINING, 0, State())
    moved = {name for name, tensor in weights_of(model).items() if not tensor.equal(before[name])}
    assert not {n for n in moved if n.startswith(("backbone.embedder.", "head"))}
    assert any("running_mean" in name for name in moved)
    assert any("embedder" in name and "running_mean" in name for name in before)
    with pytest.raises(UserError, match="frozen: no weight matches embedder"):
        freeze(fresh(), "embedder")
    with pytest.raises(UserError, match=r"frozen: .\* matches all weights"):
        freeze(fresh(), ".*")


@pytest.mark.parametrize("key", sorted({*VISION_METHODS} - UNTRAINED))
def test_a_step_on_faces_has_one_gradient_however_it_is_split(store, pixels, monkeypatch, key):
    """Of six forget pictures a pass, so that the last step of some has fewer."""

    def work(batch_size, accumulation):
        sets = face_sets(store, pixels)
        model = fresh(sets.persons)
        model.fixed_statistics = True
        parameters = {"steering": 2.0} if key == "rmu" else {}
        method = methods.create(key, {**parameters_of(key), **parameters})
        training = Unlearning(
            epochs=2, batch_size=batch_size, accumulation=accumulation, lr=1e-6, weights="full"
        )
        unlearner = Unlearner(
            model,
            method,
            sets,
            training,
            0,
            lambda: fresh(sets.persons, 1).eval().requires_grad_(False),
        )
        method.unlearn(unlearner)
        return unlearner.history

    # Of persons that a model takes for others, the gradient of ceu is next to none, and rounded.
    least = 1e-1 if key == "ceu" else 1e-6
    for split in ((2, 2), (3, 2), (1, 4)):
        whole = (split[0] * split[1], 1)
        found = (gradients(monkeypatch, lambda s=s: work(*s)) for s in (split, whole))
        same_steps(*found, least)


def test_an_erased_stage_gives_the_pictures_of_both_sets_one_mean(store, pixels):
    sets = face_sets(store, pixels)
    # As many of both, so that a pass has all of them.
    sets = replace(sets, retain=sets.retain[: len(sets.forget)])
    model = fresh(sets.persons)
    model.fixed_statistics = True
    before = weights_of(model)
    training = Unlearning(epochs=1, batch_size=4, lr=1e-6, weights="full")
    method = methods.create("leace", {"layer": 0})
    method.unlearn(Unlearner(model, method, sets, training, 0, lambda: None))
    moved = {name for name, tensor in weights_of(model).items() if not tensor.equal(before[name])}
    assert moved
    assert all("stages.0" in name and "convolution" in name for name in moved)
    means = []
    first = next(m for m in model.layer(0).modules() if isinstance(m, torch.nn.Conv2d))
    first.register_forward_hook(lambda module, given, output: means.append(output.mean((0, 2, 3))))
    for faces in (sets.forget, sets.retain):
        model(pixels.batch([face.image for face in faces]))
    assert torch.allclose(*means, atol=1e-5)
