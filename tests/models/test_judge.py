"""The original judges what a model says: its likelihood of each greedy answer."""

from dataclasses import replace

import pytest
import torch

from clearbench.data.store import EvalSample
from clearbench.evaluation import evaluate
from clearbench.evaluation.likelihood import Question, likelihoods_of, reply
from clearbench.evaluation.records import Record
from clearbench.models.build import build_model, build_processor
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answers_of
from tiny_models import BUILDS, SENTENCES, domain_of, new_tokenizer


@pytest.fixture(scope="module", params=["llama", "llava"])
def judged(request, store):
    """An original and its encoder, and questions with images where it has any."""
    build, tokenizer = BUILDS[request.param], new_tokenizer()
    model = build_model(build, domain_of(request.param), tokenizer, 0).eval()
    encoder = Encoder(build_processor(build, tokenizer), store)
    images = [None, 0] if request.param == "llava" else [None]
    return model, encoder, [(text, image) for text in SENTENCES[:2] for image in images]


def test_a_text_is_as_likely_as_a_candidate_of_an_evaluation(judged):
    model, encoder, asked = judged
    prompts = encoder.prompts(asked)
    texts = [SENTENCES[2 + number] for number in range(len(prompts))]
    found = likelihoods_of(model, encoder, prompts, texts)
    for prompt, text, likelihood in zip(prompts, texts, found, strict=True):
        (plain,) = reply(model, encoder, [Question(prompt, [text])], 1)
        assert tuple(likelihood) == pytest.approx(tuple(plain.likelihoods[0]), abs=5e-5)


def test_nothing_said_and_what_cannot_be_asked_are_as_likely_as_an_end_at_once(judged):
    model, encoder, asked = judged
    (prompt,) = encoder.prompts(asked[:1])
    example = encoder.example(prompt, 0, [encoder.end])
    with torch.inference_mode():
        batch = collate([example], encoder.padding, model.device)
        (end,) = answers_of(model, batch).token_log_likelihood.tolist()
    control = encoder.tokenizer.convert_ids_to_tokens(encoder.end)
    found = likelihoods_of(model, encoder, [prompt] * 3, ["", " ", f"Ada {control}"])
    for likelihood in found:
        assert tuple(likelihood) == pytest.approx((0, 0, end), abs=5e-5)


def test_records_gain_it_in_their_own_order_whatever_the_batches(judged):
    model, encoder, asked = judged
    samples = [
        EvalSample(str(n), "forget", "text_qa", None, question, "a", "b", (), image)
        for n, (question, image) in enumerate(asked)
    ]
    records = [
        Record("forget", "text_qa", sample.id, "a", SENTENCES[-n], 1.0, 1.0, ())
        for n, sample in enumerate(samples, start=1)
    ]
    one, other = (evaluate.judge(model, encoder, samples, records, size) for size in (1, 3))
    prompts = encoder.prompts(asked)
    expected = likelihoods_of(model, encoder, prompts, [record.generated for record in records])
    for found in (one, other):
        assert [replace(record, generated_likelihood=None) for record in found] == records
        for record, likelihood in zip(found, expected, strict=True):
            assert tuple(record.generated_likelihood) == pytest.approx(tuple(likelihood), abs=5e-5)
