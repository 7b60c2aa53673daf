"""What LEACE promises: equal means after it, by the smallest move, in an adapter or in weights."""

from types import SimpleNamespace

import pytest
import torch

from clearbench import methods
from clearbench.config.settings import Lora, Unlearning
from clearbench.data.store import Store, TrainSample, write_store
from clearbench.errors import UserError
from clearbench.methods.leace import erasure
from clearbench.models.answers import Answers
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder
from clearbench.models.faces import build_face_model
from clearbench.training.projection import Groups, at_answers
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from tiny_models import BUILDS, FROZEN, LORA_TARGETS, SENTENCES, new_tokenizer

CPU = torch.device("cpu")


def moments(count=40, width=6):
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(width, width, generator=generator, dtype=torch.float64)
    outputs = torch.randn(count, width, generator=generator, dtype=torch.float64) @ mixing + 1
    directions = torch.randn(width, 2, generator=generator, dtype=torch.float64)
    return outputs, directions, outputs.T @ outputs / count


def test_an_erasure_takes_its_directions_and_is_a_projection():
    _, directions, moment = moments()
    left, right = erasure(directions, moment)
    off = left @ right
    assert torch.allclose(off @ directions, directions, atol=1e-9)
    assert torch.allclose(off @ off, off, atol=1e-8)
    again = torch.cat([directions, directions[:, :1]], 1)
    doubled = erasure(again, moment)
    assert torch.allclose(doubled[0] @ doubled[1], off, atol=1e-7)


def test_no_other_projection_that_takes_the_directions_moves_the_outputs_less():
    outputs, directions, moment = moments()
    left, right = erasure(directions, moment)
    best = (outputs @ (left @ right).T).square().mean()
    orthogonal = directions @ torch.linalg.pinv(directions)
    others = [orthogonal]
    for seed in range(3):
        # Any other factor whose product with the directions is the identity.
        noise = torch.randn(2, 6, generator=torch.Generator().manual_seed(seed)).double()
        others.append(directions @ (right + 0.1 * noise @ (torch.eye(6) - orthogonal).double()))
    assert all(torch.allclose(one @ directions, directions) for one in others)
    assert all((outputs @ one.T).square().mean() > best for one in others)


def samples(part, count, persons=2):
    return [
        TrainSample(
            id=f"{part}/{i}",
            task="text_qa",
            modality="text",
            person=f"{part} {i % persons}",
            question=SENTENCES[i % 2],
            answer=SENTENCES[2 + (i + (part == "forget")) % 4],
            image=None,
        )
        for i in range(count)
    ]


def edited(folder, weights, rank=2, **parameters):
    """A tiny model, its edit, and what its value map puts out of the sets, in two groups a set."""
    write_store(folder, [], [], [], [])
    tokenizer = new_tokenizer()
    encoder = Encoder(build_processor(BUILDS["llama"], tokenizer), Store(folder))
    model = build_model(BUILDS["llama"], "text", tokenizer, 0).eval()
    lora = Lora(rank=rank, alpha=4, targets=LORA_TARGETS)
    trained = prepare_training(model, weights, lora, FROZEN)
    method = methods.create("leace", {"layer": 0, "layers": 2, **parameters})
    forget, retain = samples("forget", 4), samples("retain", 4)
    sets = Sets(forget, retain, encoder, CPU)
    training = Unlearning(epochs=1, batch_size=3, lr=1e-3, weights=weights)
    unlearner = Unlearner(trained, method, sets, training, 0, lambda: None)
    method.unlearn(unlearner)
    assert unlearner.history == []
    found = []
    values = sets.layer(trained, 1).self_attn.v_proj
    hook = values.register_forward_hook(lambda module, given, output: found.append(output))
    batches = sets.batches([*range(4)], [*range(4)], 0)
    means = []
    with torch.no_grad():
        for asked in ("forget", "retain"):
            (batch,) = (one for one in method.reads.student if one.name == asked)
            (answers,) = sets.answers(trained, batches, [batch], 1)
            outputs = found.pop()[answers.sample, answers.position]
            odd = answers.sample % 2 == 1
            means.append((outputs.mean(0), outputs[odd].mean(0), outputs[~odd].mean(0)))
    hook.remove()
    return trained, means


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_the_means_of_both_sets_are_the_same_after_it(tmp_path, weights):
    _, (forget, retain) = edited(tmp_path, weights)
    assert torch.allclose(forget[0], retain[0], atol=1e-4)
    assert not torch.allclose(forget[1], retain[0], atol=1e-2)
    assert forget[0].norm() > 0.01


def test_the_mean_of_each_person_is_that_of_the_retain_set(tmp_path):
    _, (forget, retain) = edited(tmp_path, "lora", concept="person")
    for mean in forget:
        assert torch.allclose(mean, retain[0], atol=1e-4)


def test_an_adapter_holds_the_edit_of_the_weights(tmp_path):
    adapted, whole = (edited(tmp_path, weights)[0] for weights in ("lora", "full"))
    merged = adapted.merge_and_unload().state_dict()
    for name, weight in whole.state_dict().items():
        if any(part in name for part in ("q_proj", "v_proj", "down_proj")) and "layers.0" in name:
            assert torch.allclose(merged[name], weight, atol=1e-5), name


def test_an_adapter_of_too_low_a_rank_is_told_before_anything_is_run(tmp_path):
    with pytest.raises(UserError, match=r"lora\.rank: 1; the concept has 2 directions here"):
        edited(tmp_path, "lora", rank=1, concept="person")
    with pytest.raises(UserError, match="layer: 2 does not exist; the model has 0 to 1"):
        edited(tmp_path, "lora", layers=3)


def test_samples_with_an_image_are_held_against_such():
    one, other, plain = (SimpleNamespace(image=image, person="A") for image in (0, 0, None))
    groups = Groups([one, plain], [other], of_persons=False)
    assert groups.pairs == [(0, [2]), (1, [])]
    assert groups.retained == [2]
    assert [part.tolist() for part in groups.of([plain, one], [other])] == [[1, 0], [2]]


def test_an_output_of_pictures_is_their_average():
    of_pictures = Answers(lambda: None, torch.zeros(2), torch.arange(2), 2)
    states = torch.arange(24.0).view(2, 2, 2, 3)
    assert torch.equal(at_answers(states, of_pictures), states.mean((1, 2)))
    config = {"hidden_sizes": [8], "depths": [1], "embedding_size": 4, "layer_type": "basic"}
    model = build_face_model("resnet", config, 4, ["A"], 0)
    assert model.layer(0) is model.backbone.encoder.stages[0]
