"""What architectures do to their states and logits is done in training and in scores."""

from types import SimpleNamespace

import pytest
import torch
from transformers import LlamaForCausalLM

from clearbench.config.settings import Lora
from clearbench.data.store import TrainSample
from clearbench.errors import UserError
from clearbench.evaluation.answer_tokens import answer_tokens
from clearbench.evaluation.likelihood import Question, check_replies, reply
from clearbench.methods.batches import FORGET, IDK
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answers_of, check_answers
from clearbench.training.references import References, write_references
from clearbench.training.views import Sets
from tiny_models import (
    BUILDS,
    ODD_BUILDS,
    SENTENCES,
    domain_of,
)

CPU = torch.device("cpu")
ANSWERS = [SENTENCES[2], SENTENCES[4], SENTENCES[3]]
of_every_head = pytest.mark.parametrize("tiny", [*ODD_BUILDS, "phi", "qwen2_vl"], indirect=True)


@pytest.fixture(scope="module")
def tiny(request, store, tokenizer):
    name = request.param
    build = {**BUILDS, **ODD_BUILDS}[name]
    domain = domain_of(name)
    encoder = Encoder(build_processor(build, tokenizer), store)
    image = 0 if domain == "multimodal" else None
    samples = [
        TrainSample(str(i), "text_qa", "text", "Ada Ash", SENTENCES[i % 2], answer, image)
        for i, answer in enumerate(ANSWERS)
    ]
    model = build_model(build, domain, tokenizer, 0).eval()
    return SimpleNamespace(name=name, encoder=encoder, samples=samples, model=model)


def examples_of(tiny):
    return [tiny.encoder.sequence(s.question, s.image, s.answer) for s in tiny.samples]


def plain(model, example):
    """The logits (N, V) that predict an answer's tokens, by the model's own forward alone."""
    batch = collate([example], 0, CPU)
    labels = batch.pop("labels")[0, 1:]
    with torch.no_grad():
        logits = model(**batch, use_cache=False).logits[0, :-1]
    return logits[labels >= 0]


def log_likelihood(logits, example):
    labels = example.labels[example.labels >= 0]
    return logits.log_softmax(-1).gather(-1, labels[:, None]).squeeze(-1)


@of_every_head
def test_answers_have_the_logits_of_the_models_own_forward(tiny):
    examples = examples_of(tiny)
    expected = [plain(tiny.model, example) for example in examples]
    with torch.no_grad():
        answers = answers_of(tiny.model, collate(examples, tiny.encoder.padding, CPU))
        found, whole = answers.project(), answers.whole()
    assert torch.allclose(found, torch.cat(expected), atol=1e-4)
    for row, (example, own) in enumerate(zip(examples, expected, strict=True)):
        assert torch.allclose(whole[row, : len(example.ids) - 1][-len(own) :], own, atol=1e-4)


@of_every_head
def test_scores_are_those_of_the_models_own_forward(tiny):
    prompts = [tiny.encoder.prompt(s.question, s.image) for s in tiny.samples]
    questions = [Question(prompt, ANSWERS) for prompt in prompts]
    for sample, answered in zip(
        tiny.samples, reply(tiny.model, tiny.encoder, questions, 4), strict=True
    ):
        for text, likelihood in zip(ANSWERS, answered.likelihoods, strict=True):
            example = tiny.encoder.sequence(sample.question, sample.image, text)
            *own, end = log_likelihood(plain(tiny.model, example), example).tolist()
            assert tuple(likelihood) == pytest.approx((sum(own), len(own), end), abs=1e-4)
        example = tiny.encoder.sequence(sample.question, sample.image, ANSWERS[0])
        labels = example.labels[example.labels >= 0]
        expected = answer_tokens(plain(tiny.model, example), labels)
        assert answered.tokens.greedy == expected.greedy
        for name in ("log_p", "mean", "variance"):
            assert getattr(answered.tokens, name) == pytest.approx(
                getattr(expected, name), abs=1e-4
            )


@of_every_head
def test_greedy_answers_are_those_of_the_models_own_forward(tiny):
    for sample in tiny.samples:
        prompt = tiny.encoder.prompt(sample.question, sample.image)
        (answered,) = reply(tiny.model, tiny.encoder, [Question(prompt, ANSWERS)], 4)
        tokens = []
        while len(tokens) < 4:
            said = tiny.encoder.example(prompt, 0, [*tokens, tiny.encoder.end])
            token = int(plain(tiny.model, said)[-1].argmax())
            if token in tiny.encoder.ends:
                break
            tokens.append(token)
        assert answered.generated == tiny.encoder.decode(tokens)


@of_every_head
def test_a_stored_reference_has_the_logits_of_the_models_own_forward(tiny, tmp_path):
    examples = examples_of(tiny)
    expected = torch.cat([plain(tiny.model, example) for example in examples])
    write_references(tmp_path, tiny.model, tiny.encoder, tiny.samples, 2)
    with torch.no_grad():
        stored = References(tmp_path, tiny.samples, tiny.model).answers(tiny.samples)
        assert torch.allclose(stored.project(), expected, atol=1e-4)


@of_every_head
def test_answers_to_a_question_are_the_same_together_and_alone(tiny):
    sets = Sets(tiny.samples, tiny.samples, tiny.encoder, CPU)
    batches = sets.batches([0, 2], [1], 0)
    with torch.no_grad():
        together = sets.answers(tiny.model, batches, (FORGET, IDK), None)
    for asked, answers in zip((FORGET, IDK), together, strict=True):
        examples = batches._step.examples(asked)
        expected = torch.cat([plain(tiny.model, example) for example in examples])
        assert torch.allclose(answers.project(), expected, atol=1e-4)


@pytest.mark.parametrize("tiny", ["granite"], indirect=True)
def test_a_stored_reference_stays_the_original_while_an_adapter_moves_the_output_layer(
    tiny, tmp_path
):
    write_references(tmp_path, tiny.model, tiny.encoder, tiny.samples, 2)
    said = [plain(tiny.model, example) for example in examples_of(tiny)]
    moved = prepare_training(tiny.model, "lora", Lora(targets="lm_head"), "")
    for name, weight in moved.named_parameters():
        if "lora_B" in name:
            weight.data.fill_(1.0)
    moved.eval()
    with torch.no_grad():
        stored = References(tmp_path, tiny.samples, moved).answers(tiny.samples).project()
    assert torch.allclose(stored, torch.cat(said), atol=1e-4)
    assert not torch.allclose(plain(moved, examples_of(tiny)[0]), said[0], atol=1e-2)


class Doubling(LlamaForCausalLM):
    """Has a forward of its own, that its body knows nothing of."""

    def forward(self, input_ids=None, inputs_embeds=None, **inputs):
        if input_ids is not None:
            inputs_embeds = 2 * self.get_input_embeddings()(input_ids)
        return super().forward(inputs_embeds=inputs_embeds, **inputs)


@pytest.mark.parametrize("tiny", ["llama", "qwen2_vl", "gemma2_window"], indirect=True)
def test_models_that_say_what_their_own_forward_says_are_taken(tiny):
    check_answers(tiny.model, tiny.encoder, tiny.samples)
    check_replies(tiny.model, tiny.encoder, tiny.samples)


@pytest.mark.parametrize("tiny", ["llama"], indirect=True)
def test_a_model_that_is_not_what_its_own_forward_says_is_refused_by_its_type(tiny):
    model = Doubling(tiny.model.config).eval()
    model.load_state_dict(tiny.model.state_dict())
    for check, where in ((check_answers, "training"), (check_replies, "evaluation")):
        with pytest.raises(UserError, match=rf"model of type llama: its answer to 0 .* in {where}"):
            check(model, tiny.encoder, tiny.samples)
