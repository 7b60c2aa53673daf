"""Gradients of samples: their norms are those of autograd, over what training may move."""

import math
from dataclasses import replace

import pytest
import torch

from clearbench.data.store import EvalSample
from clearbench.evaluation.evaluate import with_gradients
from clearbench.evaluation.gradients import Gradients
from clearbench.evaluation.records import Record, fields_of, parse_record
from clearbench.models.build import build_model, build_processor
from clearbench.models.encoding import Encoder
from tiny_models import BUILDS, SENTENCES, domain_of, new_tokenizer


@pytest.fixture(scope="module", params=["llama", "llava"])
def asked(request, store):
    """A model, its encoder, and a sample of each split, with a picture where it sees any."""
    build, tokenizer = BUILDS[request.param], new_tokenizer()
    model = build_model(build, domain_of(request.param), tokenizer, 0).eval()
    encoder = Encoder(build_processor(build, tokenizer), store)
    image = 0 if request.param == "llava" else None
    samples = [
        EvalSample(split, split, "text_qa", None, SENTENCES[0], answer, answer, (), image)
        for split, answer in zip(("forget", "retain", "holdout"), SENTENCES[2:5], strict=True)
    ]
    return model, encoder, samples


def by_hand(model, encoder, sample, frozen):
    """Of each tensor that is trained the norm, by the model's own forward and backward."""
    example = encoder.sequence(sample.question, sample.image, sample.answer)
    model.zero_grad()
    for weight in model.parameters():
        weight.requires_grad_(True)
    given = {**example.prompt.image_inputs}
    for name, value in example.prompt.token_inputs.items():
        given[name] = torch.zeros_like(example.ids)[None]
        given[name][:, : value.shape[1]] = value
    ids, labels = example.ids[None], example.labels[None]
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids), **given).logits
    torch.nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:]).backward()
    return [
        0.0 if weight.grad is None else float(weight.grad.norm())
        for name, weight in model.named_parameters()
        if not frozen(name)
    ]


def test_norms_are_those_of_the_gradient_of_the_mean_loss(asked):
    model, encoder, samples = asked
    for sample in samples:
        norms = by_hand(model, encoder, sample, lambda name: False)
        found = Gradients(model, encoder, "").of(sample)
        assert found.norm == pytest.approx(math.hypot(*norms), rel=1e-4)
        assert found.mean_of_tensors == pytest.approx(sum(norms) / len(norms), rel=1e-4)
        assert found.norm > found.mean_of_tensors > 0


def test_what_is_frozen_does_not_count(asked):
    model, encoder, samples = asked
    every, some = (
        Gradients(model, encoder, text).of(samples[0]) for text in ("", r".*layers\.0.*")
    )
    assert 0 < some.norm < every.norm
    fixed = by_hand(model, encoder, samples[0], lambda name: "layers.0" in name)
    assert some.norm == pytest.approx(math.hypot(*fixed), rel=1e-4)


def test_records_of_the_forgotten_and_of_strangers_have_them_and_stay_what_they_were(asked):
    model, encoder, samples = asked
    records = [
        Record(sample.split, "text_qa", sample.id, sample.answer, "a", 1.0, 1.0, ())
        for sample in samples
    ]
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    found = with_gradients(model, encoder, samples, records, "")
    assert [record.gradient is not None for record in found] == [True, False, True]
    assert [replace(record, gradient=None) for record in found] == records
    assert all(parse_record(fields_of(record)) == record for record in found)
    assert "gradient" not in fields_of(records[0])
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
