"""Whatever a cell may train on or generate has room in its model, or is told before it starts."""

from dataclasses import replace

import pytest
import torch

from clearbench import methods
from clearbench.data.refusals import REFUSALS
from clearbench.data.store import EvalSample, Store, TrainSample, write_store
from clearbench.errors import UserError
from clearbench.evaluation.evaluate import check_room
from clearbench.methods.batches import FORGET, IDK, RETAIN, RETAIN_IDK, Batch
from clearbench.models.build import build_processor
from clearbench.models.encoding import Encoder
from clearbench.training.lengths import check_lengths
from clearbench.training.views import Sets
from tiny_models import BUILDS, SENTENCES, domain_of, new_tokenizer, png

ANSWERS = ["Ada Ash", "x " * 30 + "x", "Bob Birch was born in a town by the river."]


@pytest.fixture(scope="module", params=["llama", "llava", "qwen2_vl"])
def sets(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [png(10), png(200, (32, 16))], [], [], [])
    encoder = Encoder(build_processor(BUILDS[request.param], new_tokenizer()), Store(folder))
    images = [None, 0, 1] if domain_of(request.param) == "multimodal" else [None]
    samples = [
        TrainSample(f"{image}/{i}", "text_qa", "text", f"P {i}", f"{text} {i}", answer, image)
        for image in images
        for i, (text, answer) in enumerate(zip(SENTENCES, ANSWERS, strict=False))
    ]
    return Sets(samples, samples, encoder, torch.device("cpu"))


def longest_drawn(sets, asked):
    """Of the answers that many seeds draw."""
    everyone = list(range(len(sets.forget)))
    return max(
        len(example.ids)
        for seed in range(60)
        for example in sets.batches(everyone, everyone, seed)._step.examples(asked)
    )


@pytest.mark.parametrize(
    ("asked", "as_published", "told"),
    [
        (IDK, False, "a refusal"),
        (RETAIN_IDK, False, "a refusal"),
        (Batch("mismatched", 3), False, "the answer of "),
        (Batch("mismatched", 3), True, "the answer of "),
    ],
)
def test_an_answer_that_may_be_drawn_and_has_no_room_is_refused_before_training(
    sets, asked, as_published, told
):
    sets = replace(sets, as_published=as_published)
    texts = replace(sets, forget=[s for s in sets.forget if s.image is None or not as_published])
    longest = longest_drawn(texts, asked)
    check_lengths(sets, {FORGET, RETAIN, asked}, longest)
    check_lengths(sets, {FORGET, RETAIN, asked}, None)
    check_lengths(sets, {FORGET, RETAIN}, 5)
    with pytest.raises(UserError) as caught:
        check_lengths(sets, {FORGET, RETAIN, asked}, longest - 1)
    assert f"has {longest} tokens with {told}" in str(caught.value)
    assert f"the model has {longest - 1} positions" in str(caught.value)
    part = "retain" if asked == RETAIN_IDK else "forget"
    assert any(f"{part} set: {sample.id}: " in str(caught.value) for sample in sets.forget)


def test_refusals_that_are_never_given_need_no_room(sets):
    """CLEAR's code drops them."""
    check_lengths(replace(sets, as_published=True), {IDK, FORGET}, 5)


def test_a_method_whose_questions_cant_be_read_off_is_told_at_the_step(sets):
    longest = longest_drawn(sets, IDK)
    for positions in (longest, longest - 1):
        bounded = replace(sets, positions=positions)
        if positions == longest:
            assert longest_drawn(bounded, IDK) == longest
        else:
            with pytest.raises(UserError, match=rf"has {longest} tokens with the answer "):
                longest_drawn(bounded, IDK)


def test_every_method_that_trains_on_drawn_answers_is_known_to():
    drawn = {"idk", "retain_idk", "mismatched", "alternate"}
    found = {
        key: {batch.name for batch in methods.describe(key).reads({}).student} & drawn
        for key in methods.available()
        if "text" in methods.describe(key).domains
    }
    drawing = {key.partition("@")[0] for key, names in found.items() if names}
    assert drawing == {"altpo", "dpo", "flat", "idk", "idk_ap", "llmu", "salun", "sku"}
    assert found["sku"] == {"mismatched"}
    assert found["dpo"] == {"idk"}
    assert found["idk_ap"] == {"idk", "retain_idk"}


def test_the_longest_refusal_is_among_those_that_are_tried(sets):
    sample = sets.forget[0]
    prompt = sets.encoder.prompt(sample.question, sample.image)
    lengths = {
        text: len(sets.encoder.sequence(sample.question, sample.image, text).ids)
        for text in REFUSALS
    }
    most = max(lengths.values())
    assert sets.encoder.too_long(prompt, REFUSALS, most) == ("", 0)
    text, length = sets.encoder.too_long(prompt, REFUSALS, most - 1)
    assert lengths[text] == length == most


def test_a_greedy_answer_that_may_outgrow_the_model_is_told_with_its_sample(sets):
    samples = [
        EvalSample(s.id, "forget", s.task, None, s.question, s.answer, s.answer, (), s.image)
        for s in sets.forget
    ]
    longest = max(len(sets.encoder.prompt(s.question, s.image).ids) for s in samples)
    check_room(sets.encoder, samples, 8, longest + 7)
    check_room(sets.encoder, samples, 8, None)
    with pytest.raises(UserError) as caught:
        check_room(sets.encoder, samples, 8, longest + 6)
    assert f"has {longest} tokens before its answer; the model has {longest + 6} positions" in str(
        caught.value
    )
    assert "max_new_tokens: 8" in str(caught.value)
