"""Models of faces whose update is scaled: the two ends bit by bit, and the way between them."""

import pytest
import torch

from clearbench.errors import UserError
from clearbench.models.faces import build_face_model, load_face_model, save_face_model
from clearbench.models.scaled_faces import load_scaled_faces
from models.test_faces import CPU, RESNET, VIT, equal, weights_of

PERSONS = ["Ann", "Bob"]


@pytest.fixture(scope="module", params=["resnet", "vit"])
def made(request, tmp_path_factory):
    """A folder with an original and a model that was trained from it, with the same statistics."""
    folder = tmp_path_factory.mktemp("faces")
    config = {"resnet": RESNET, "vit": VIT}[request.param]
    original, cell = (build_face_model(request.param, config, 8, PERSONS, n) for n in range(2))
    for name, buffer in original.named_buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
        cell.get_buffer(name).copy_(buffer)
    save_face_model(original, folder / "original")
    save_face_model(cell, folder / "cell")
    return folder


def scaled(folder, strength, name="cell"):
    return load_scaled_faces(folder / "original", folder / name, CPU, strength)


def test_the_ends_are_the_original_and_the_cell_bit_by_bit(made):
    ends = [weights_of(load_face_model(made / name, CPU)) for name in ("original", "cell")]
    assert not equal(*ends)
    for strength, end in enumerate(ends):
        assert equal(weights_of(scaled(made, float(strength))), end)


@pytest.mark.parametrize("strength", [0.25, 0.5, 2.0])
def test_weights_go_on_the_straight_line_and_statistics_stay(made, strength):
    start, end = (load_face_model(made / name, CPU) for name in ("original", "cell"))
    model = scaled(made, strength)
    assert not model.training
    for name, weight in model.named_parameters():
        first, last = start.get_parameter(name), end.get_parameter(name)
        torch.testing.assert_close(weight, first + strength * (last - first))
    for name, buffer in model.named_buffers():
        assert buffer.equal(start.get_buffer(name))


def test_a_model_of_other_persons_has_no_strengths(made):
    model = load_face_model(made / "cell", CPU)
    model.set_persons(["Ann", "Cid"])
    save_face_model(model, made / "other")
    with pytest.raises(UserError, match=r"other: knows other persons than .*original"):
        scaled(made, 0.5, "other")
