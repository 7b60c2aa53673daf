"""Tiny models: what is fast must equal what is plain, and nothing may be in memory twice."""

import gc
import math
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open

from clearbench import methods
from clearbench.config.files import Lora, ModelSpec
from clearbench.config.settings import Finetuning
from clearbench.config.strict import validate
from clearbench.errors import UserError
from clearbench.evaluation.answer_tokens import answer_tokens
from clearbench.evaluation.likelihood import Question, reply
from clearbench.evaluation.limit import longer
from clearbench.jobs.state import State
from clearbench.methods.batches import FORGET, IDK, RETAIN, Batch
from clearbench.methods.published.base import divergence
from clearbench.models.answers import IGNORED, Answers, log_likelihood
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import (
    load_model,
    load_processor,
    prepare_training,
    save_checkpoint,
)
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answers_of, unwrapped
from clearbench.models.precise_linear import narrow, whole_weights
from clearbench.suite.suite import Unlearning
from clearbench.training.finetune import finetune
from clearbench.training.loop import DivergedError
from clearbench.training.references import References, write_references
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from tiny_models import (
    BUILDS,
    FROZEN,
    LORA_TARGETS,
    SENTENCES,
    TEMPLATE,
    TOKENIZER,
    UNTRAINED,
    domain_of,
    made_up,
    new_tokenizer,
    parameters_of,
    sample,
)

CPU = torch.device("cpu")
LORA = Lora(rank=2, alpha=4, targets=LORA_TARGETS)
TRAINING = Unlearning(epochs=1, batch_size=2, lr=1e-3)

METHODS = [key for key in methods.available() if "text" in methods.describe(key).domains]
REFERENCE_METHODS = {"kl", "npo", "scrub", "llmu", "rmu", "sku", "undial"}
REFERENCE_METHODS |= {f"{key}@published" for key in REFERENCE_METHODS}
REFERENCE_METHODS |= {"dpo", "adaptive_rmu", "task_vector", "altpo"}
REFERENCE_METHODS |= {"npo@mllmu", "npo@muse", "kl@muse", "llmu@paper", "mip_editor"}
"""Methods whose loss asks the original; the others must never pay for it."""
STEPS = {"ssd": 0, "manu": 0, "manu@published": 0, "sfron": 1 + 5}
"""Steps for each that other methods take."""


@pytest.fixture(scope="module", params=["llama", "llava"])
def tiny(request, store, tokenizer):
    """A model with random weights, its encoder, and the images that prompts may have."""
    build, domain = BUILDS[request.param], domain_of(request.param)
    processor = build_processor(build, tokenizer)
    return SimpleNamespace(
        architecture=request.param,
        domain=domain,
        processor=processor,
        encoder=Encoder(processor, store),
        images=[None, 0, 1] if domain == "multimodal" else [None],
        new_model=lambda seed=0: build_model(build, domain, tokenizer, seed).eval(),
    )


of_every_architecture = pytest.mark.parametrize("tiny", BUILDS, indirect=True)


@pytest.fixture(scope="module")
def model(tiny):
    return tiny.new_model()


def questions(tiny):
    """A batch of prompts of several lengths, with one-token and long candidates in each."""
    candidates = [SENTENCES[5], SENTENCES[2], SENTENCES[4], SENTENCES[3]]
    found = [
        Question(tiny.encoder.prompt(text, image), candidates[i % 2 :])
        for image in tiny.images
        for i, text in enumerate(SENTENCES[:3])
    ]
    assert len({len(question.prompt.ids) for question in found}) > 2
    lengths = {len(tiny.encoder.answer(q.prompt, text)[1]) for q in found for text in q.candidates}
    assert min(lengths) == 2
    assert max(lengths) > 8
    return found


def full_logits(model, prompt, ids):
    """Logits (T, V) of one unpadded sequence by the model's own forward, without any cache."""
    with torch.inference_mode():
        inputs = {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}
        for name, value in prompt.token_inputs.items():
            inputs[name] = torch.zeros_like(ids)[None]
            inputs[name][:, : value.shape[1]] = value[:, : len(ids)]
        output = model(**inputs, **prompt.image_inputs, use_cache=False)
    return output.logits[0].double()


def plain_tokens(model, encoder, prompt, text):
    """What the model says of each token of an answer, the end of text the last."""
    drop, tokens = encoder.answer(prompt, text)
    start = len(prompt.ids) - drop
    ids = torch.cat([prompt.ids[:start], torch.tensor(tokens)])
    return answer_tokens(full_logits(model, prompt, ids)[start - 1 : -1], torch.tensor(tokens))


def plain_likelihood(model, encoder, prompt, text):
    """Of the answer's own tokens, how many they are, and of the end of text after them."""
    *own, end = plain_tokens(model, encoder, prompt, text).log_p
    return sum(own), len(own), end


def assert_likelihoods(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert tuple(one) == pytest.approx(other, abs=5e-5)


def assert_tokens(found, expected):
    assert found.greedy == expected.greedy
    for name in ("log_p", "mean", "variance"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), abs=5e-5)


def plain_greedy(model, encoder, prompt, limit):
    return encoder.decode(greedy_tokens(model, encoder, prompt, limit))


def greedy_tokens(model, encoder, prompt, limit):
    ids, found = prompt.ids, []
    while len(found) < limit:
        token = full_logits(model, prompt, ids)[-1].argmax()
        if token.item() in encoder.ends:
            break
        found.append(token.item())
        ids = torch.cat([ids, token[None]])
    return found


@of_every_architecture
def test_candidates_on_a_shared_prompt_cost_what_each_costs_alone(tiny, model):
    asked = questions(tiny)
    replies = reply(model, tiny.encoder, asked, 1)
    for question, answered in zip(asked, replies, strict=True):
        expected = [
            plain_likelihood(model, tiny.encoder, question.prompt, t) for t in question.candidates
        ]
        assert_likelihoods(answered.likelihoods, expected)
        truth = question.candidates[0]
        assert_tokens(answered.tokens, plain_tokens(model, tiny.encoder, question.prompt, truth))
        assert len(set(expected)) == len(expected)


@of_every_architecture
def test_greedy_answer_is_the_one_that_full_forwards_give_token_by_token(tiny, model):
    asked = questions(tiny)
    expected = [plain_greedy(model, tiny.encoder, question.prompt, 12) for question in asked]
    assert [answered.generated for answered in reply(model, tiny.encoder, asked, 12)] == expected
    assert len(set(expected)) > 1


def test_a_draft_ends_where_the_model_does_whatever_the_true_answer_goes_on_with(
    tiny, model, store, monkeypatch
):
    prompt = tiny.encoder.prompt(SENTENCES[0], None)
    ids, free = prompt.ids, []
    while len(free) < 6:
        free.append(full_logits(model, prompt, ids)[-1].argmax().item())
        ids = torch.cat([ids, torch.tensor(free[-1:])])
    encoder = Encoder(tiny.processor, store, {free[3]})
    shortest = free.index(free[3])
    said = set()
    for truth in (free, free[:4], free[:2], [*free[:4], 9, 9]):
        monkeypatch.setattr(encoder, "answers", lambda *_, t=truth: [(0, [*t, encoder.end])])
        (answered,) = reply(model, encoder, [Question(prompt, ["the truth"])], 6)
        said.add(answered.generated)
    assert said == {encoder.decode(free[:shortest])}


@pytest.mark.parametrize("copies", [1, 20])
def test_greedy_answer_ends_for_itself_while_others_of_its_batch_go_on(tiny, model, store, copies):
    first, *others = questions(tiny)
    asked = [first] * copies + others
    first = [full_logits(model, q.prompt, q.prompt.ids)[-1].argmax().item() for q in asked]
    assert len(set(first)) > 1
    encoder = Encoder(tiny.processor, store, {first[0]})
    expected = [plain_greedy(model, encoder, question.prompt, 6) for question in asked]
    assert [answered.generated for answered in reply(model, encoder, asked, 6)] == expected
    assert expected[0] == ""


@of_every_architecture
def test_candidates_that_swallow_the_end_of_their_prompt_cost_what_each_costs_alone(tiny, store):
    """A prompt that ends in a blank, which most answers' first token takes in and some do not."""
    settings = TOKENIZER.model_copy(
        update={"chat_template": TEMPLATE.replace("{{ ' ' }}", "").replace(":{%", ": {%")}
    )
    tokenizer = new_tokenizer(settings)
    build = BUILDS[tiny.architecture]
    encoder = Encoder(build_processor(build, tokenizer), store)
    model = build_model(build, tiny.domain, tokenizer, 0).eval()
    prompts = [encoder.prompt(SENTENCES[i % 3], image) for i, image in enumerate(tiny.images * 2)]
    candidates = [SENTENCES[2], " x", SENTENCES[3], SENTENCES[5]]
    assert {encoder.answer(prompts[0], text)[0] for text in candidates} == {0, 1}
    asked = [Question(prompt, candidates[i:]) for i, prompt in enumerate(prompts[:3])]
    for question, answered in zip(asked, reply(model, encoder, asked, 8), strict=True):
        expected = [
            plain_likelihood(model, encoder, question.prompt, t) for t in question.candidates
        ]
        assert_likelihoods(answered.likelihoods, expected)
        truth = question.candidates[0]
        assert_tokens(answered.tokens, plain_tokens(model, encoder, question.prompt, truth))
        assert answered.generated == plain_greedy(model, encoder, question.prompt, 8)


@of_every_architecture
@pytest.mark.parametrize("limit", [1, 3, 8])
def test_a_true_answer_drafts_the_greedy_one_and_changes_nothing(tiny, model, limit):
    """Drafts that the model would say itself, in full, for a while, and not at all."""
    prompts = [tiny.encoder.prompt(SENTENCES[0], image) for image in tiny.images]
    own = [plain_greedy(model, tiny.encoder, prompt, 8) for prompt in prompts]
    drafts = [f(text) for text in own for f in (str, lambda text: f"{text[:3]} sea", lambda _: "x")]
    asked = [
        Question(prompts[i // 3], [draft, SENTENCES[3], SENTENCES[5]])
        for i, draft in enumerate(drafts)
    ]
    for question, answered in zip(asked, reply(model, tiny.encoder, asked, limit), strict=True):
        assert answered.generated == plain_greedy(model, tiny.encoder, question.prompt, limit)


@pytest.mark.parametrize("tiny", ["llama"], indirect=True)
@pytest.mark.parametrize("others", [[SENTENCES[5]], [SENTENCES[3]]])
def test_candidates_of_a_single_token_cost_what_each_costs_alone(tiny, model, others):
    """Of all prompts of a batch, or of one of them."""
    prompt = tiny.encoder.prompt(SENTENCES[0], None)
    asked = [Question(prompt, [SENTENCES[5]] * 2), Question(prompt, others)]
    for question, answered in zip(asked, reply(model, tiny.encoder, asked, 4), strict=True):
        expected = [
            plain_likelihood(model, tiny.encoder, prompt, text) for text in question.candidates
        ]
        assert_likelihoods(answered.likelihoods, expected)
        assert answered.generated == plain_greedy(model, tiny.encoder, prompt, 4)


@pytest.mark.parametrize("tiny", ["llama"], indirect=True)
def test_an_answer_known_by_heart_is_not_generated_token_by_token(tiny, model, monkeypatch):
    prompt = tiny.encoder.prompt(SENTENCES[0], None)
    own = greedy_tokens(model, tiny.encoder, prompt, 8)
    answers = {"known": own, "half known": [*own[:4], own[4] + 1, *own[5:]], "other": [own[0] + 1]}
    monkeypatch.setattr(
        Encoder,
        "answers_to",
        lambda self, _, rows: [[(0, [*answers[t], self.end]) for t in row] for row in rows],
    )
    runs, counts = [], []
    model.model.register_forward_hook(lambda *_: runs.append(1))
    for name in answers:
        runs.clear()
        (answered,) = reply(model, tiny.encoder, [Question(prompt, [name, "other"])], 8)
        assert answered.generated == tiny.encoder.decode(own)
        counts.append(len(runs))
    # The prompt, the candidates, and a token at a time: of 8, the first of each is read off.
    assert counts == [2, 2 + 3, 2 + 7]


@pytest.mark.parametrize("tiny", ["llama"], indirect=True)
@pytest.mark.parametrize(("limit", "cut"), [(7, True), (8, False), (9, False)])
def test_an_answer_that_just_fits_is_not_cut(tiny, model, monkeypatch, limit, cut):
    prompt = tiny.encoder.prompt(SENTENCES[0], None)
    own = greedy_tokens(model, tiny.encoder, prompt, 8)
    assert len(own) == 8
    monkeypatch.setattr(
        Encoder, "answers_to", lambda self, _, rows: [[(0, [*own, self.end])] * len(rows[0])]
    )
    (answered,) = reply(model, tiny.encoder, [Question(prompt, ["known", "known"])], limit)
    assert answered.generated.startswith(tiny.encoder.decode(own)) != cut
    assert longer({str(answered.likelihoods[0].tokens): 1}, limit) == cut


@of_every_architecture
def test_losses_are_the_same_alone_and_in_a_batch(tiny, model):
    asked = questions(tiny)
    together = reply(model, tiny.encoder, asked, 4)
    for question, answered in zip(asked, together, strict=True):
        (alone,) = reply(model, tiny.encoder, [question], 4)
        assert_likelihoods(answered.likelihoods, alone.likelihoods)
        assert answered.generated == alone.generated


@of_every_architecture
def test_picked_positions_give_the_likelihoods_of_full_logits(tiny, model):
    examples = [
        tiny.encoder.sequence(SENTENCES[i % 3], image, SENTENCES[5 - i])
        for image in tiny.images
        for i in range(3)
    ]
    batch = collate(examples, tiny.encoder.padding, CPU)
    with torch.no_grad():
        picked = answers_of(model, batch)
        inputs = {name: value for name, value in batch.items() if name != "labels"}
        logits = model(**inputs, use_cache=False).logits
        whole = Answers.from_logits(logits, batch["labels"])
        assert torch.allclose(picked.whole(), logits, atol=1e-5)
        assert torch.equal(picked.labels, whole.labels)
        assert torch.equal(picked.sample, whole.sample)
        assert torch.allclose(picked.log_probabilities, whole.log_probabilities, atol=1e-5)
        for number, example in enumerate(examples):
            start = (example.labels == IGNORED).sum().item()
            tokens = example.ids[start:]
            likely = full_logits(model, example.prompt, example.ids).log_softmax(-1)
            expected = likely[start - 1 : -1].gather(-1, tokens[:, None]).sum().item()
            assert log_likelihood(picked)[number].item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("tiny", ["qwen2_vl", "qwen2_5_vl"], indirect=True)
def test_images_of_other_sizes_have_other_numbers_of_tokens_and_positions(tiny, model):
    """What makes the tests of these architectures more than those of the others."""
    large, small = (tiny.encoder.prompt(SENTENCES[0], image) for image in tiny.images[1:])
    image = tiny.processor.tokenizer.convert_tokens_to_ids("<image>")
    assert [(prompt.ids == image).sum().item() for prompt in (large, small)] == [16, 8]
    kinds = {"mm_token_type_ids": large.token_inputs["mm_token_type_ids"], **large.image_inputs}
    positions, ahead = model.model.get_rope_index(large.ids[None], **kinds)
    assert positions.shape == (3, 1, len(large.ids))
    assert len(positions.unique(dim=0)) == 3
    assert ahead.item() == 4 - 16


@of_every_architecture
@pytest.mark.parametrize("checkpointing", [False, True])
def test_answers_on_one_run_of_their_prompt_are_those_of_a_run_each(tiny, checkpointing):
    """Answers and gradients, for prompts with and without images, of many lengths."""
    model = prepare_training(tiny.new_model(), "lora", LORA, FROZEN, checkpointing).train()
    asked = (FORGET, Batch("mismatched", 3), IDK)
    forget = [sample(i, image) for i, image in enumerate([*tiny.images, *tiny.images])]
    sets = Sets(forget, forget, tiny.encoder, CPU)
    found = {}
    for shares in (True, False):
        sets = replace(sets, shares_prompts=shares)
        batches = sets.batches(list(range(len(forget))), [0], 7)
        said = sets.answers(model, batches, asked, None)
        # Weights that differ, so that no answer's gradient can pass for another's.
        loss = sum(w * log_likelihood(one).sum() for w, one in zip((1, -2, 3), said, strict=True))
        loss.backward()
        gradients = [p.grad.clone() for p in model.parameters() if p.requires_grad]
        model.zero_grad()
        found[shares] = (said, gradients)
    for together, alone in zip(found[True][0], found[False][0], strict=True):
        assert torch.equal(together.labels, alone.labels)
        assert torch.equal(together.sample, alone.sample)
        assert together.size == alone.size
        assert torch.allclose(together.log_probabilities, alone.log_probabilities, atol=1e-5)
    for together, alone in zip(found[True][1], found[False][1], strict=True):
        assert torch.allclose(together, alone, atol=1e-4, rtol=1e-4)
    rows, alone = batches.shared(asked), [batches.batch(one)["input_ids"] for one in asked]
    assert rows.segment.numel() < sum(ids.numel() for ids in alone)


@of_every_architecture
def test_a_run_to_a_hidden_layer_goes_no_further_and_has_the_same_gradient(tiny):
    model = prepare_training(tiny.new_model(), "lora", LORA, FROZEN)
    batch = sets_of(tiny).batches([0, 1], [0], 0).batch(FORGET)
    layers = unwrapped(model).get_decoder().layers
    runs = []
    for number, layer in enumerate(layers):
        layer.register_forward_hook(lambda *_, number=number: runs.append(number))
    states = []
    layers[0].register_forward_hook(lambda module, args, output: states.append(output))
    found = []
    for layer in (0, None):
        answers = answers_of(model, batch, layer)
        whole = states.pop()
        if layer is not None:
            assert runs == [0]
            assert torch.equal(answers.whole_hidden, whole)
            with pytest.raises(ValueError, match="no logits"):
                _ = answers.log_probabilities
        whole.square().sum().backward()
        found.append([p.grad for p in model.parameters() if p.grad is not None])
        model.zero_grad()
    assert runs == [0, 0, 1]
    assert unwrapped(model).get_decoder().layers is layers
    assert len(found[0]) == len(found[1]) > 0
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_hidden_states_are_those_of_the_layer_that_was_asked_for(tiny, model):
    example = tiny.encoder.sequence(SENTENCES[0], tiny.images[-1], SENTENCES[2])
    batch = collate([example], tiny.encoder.padding, CPU)
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    start = (example.labels == IGNORED).sum().item()
    with torch.no_grad():
        states = model(**inputs, output_hidden_states=True, use_cache=False).hidden_states
        # The last entry of `states` has the final norm applied, so only layer 0 can be compared.
        answers = answers_of(model, batch, layer=0)
        hidden = answers.hidden
    assert torch.allclose(answers.whole_hidden, states[1], atol=1e-6)
    assert torch.allclose(hidden, states[1][0, start - 1 : -1], atol=1e-6)
    with pytest.raises(UserError, match=r"layer: 2 does not exist; the model has 0 to 1"):
        answers_of(model, batch, layer=2)


def sets_of(tiny):
    mixed = [sample(i, tiny.images[i % len(tiny.images)]) for i in range(6)]
    return Sets(mixed[:2], mixed[2:], tiny.encoder, CPU, alternates=made_up(mixed[:2]))


def method_of(key):
    return methods.create(key, parameters_of(key))


def unlearner_of(tiny, model, key, training, load_original):
    method = method_of(key)
    sets = replace(sets_of(tiny), as_published=method.as_published)
    return Unlearner(model, method, sets, training, 0, load_original)


@of_every_architecture
def test_a_published_divergence_is_that_of_batches_padded_on_the_left(tiny):
    """As plain transformers give it: `nn.KLDivLoss` over all rows of both models' logits."""
    student, original = tiny.new_model(1), tiny.new_model(0)
    sets = replace(sets_of(tiny), as_published=True)
    numbers = list(range(len(sets.retain)))
    examples = [tiny.encoder.sequence(s.question, s.image, s.answer) for s in sets.retain]
    found = {}
    for left in (True, False):
        batch = collate(examples, tiny.encoder.padding, CPU, left)
        padded = batch["attention_mask"] == 0
        assert padded.any()
        assert not padded[:, -1 if left else 0].any()
        given = {name: value for name, value in batch.items() if name != "labels"}
        with torch.no_grad():
            rows = [model(**given).logits.log_softmax(-1) for model in (student, original)]
        rows = [row.reshape(-1, row.shape[-1]) for row in rows]
        loss = torch.nn.KLDivLoss(reduction="batchmean", log_target=True)
        found[left] = loss(*rows).item()
    assert found[True] != pytest.approx(found[False], rel=1e-3)
    batches = sets.batches([0], numbers, 0)
    with torch.no_grad():
        said = [sets.answers(m, batches, [RETAIN], None)[0] for m in (original, student)]
        assert divergence(*said).item() == pytest.approx(found[True], rel=1e-4)


@of_every_architecture
def test_an_answer_costs_the_same_whichever_side_is_padded(tiny, model):
    examples = [tiny.encoder.sequence(s.question, s.image, s.answer) for s in sets_of(tiny).retain]
    left, right = (
        answers_of(model, collate(examples, tiny.encoder.padding, CPU, side))
        for side in (True, False)
    )
    assert torch.allclose(log_likelihood(left), log_likelihood(right), atol=1e-4)


@pytest.mark.parametrize("tiny", ["llava"], indirect=True)
def test_mismatched_answers_as_published_keep_their_pictures_and_take_the_question_of_texts(tiny):
    forget = [sample(i, tiny.images[i % 3]) for i in range(6)]
    sets = Sets(forget, forget, tiny.encoder, CPU, as_published=True)
    batches = sets.batches([1, 3], [0], 0)
    pairs = batches._step._pairs(Batch("mismatched", 3))
    assert len(pairs) == 6
    by_answer = {(s.image, s.answer): s for s in forget}
    for (asked, answer), own in zip(pairs, [forget[1]] * 3 + [forget[3]] * 3, strict=True):
        drawn = by_answer[asked.image, answer]
        assert asked.question == (own if drawn.image is None else drawn).question
    assert {asked.image is None for asked, _ in pairs} == {True, False}


def weights_in_memory():
    return {id(found): found for found in gc.get_objects() if type(found) is torch.nn.Parameter}


@pytest.mark.parametrize("tiny", ["llava"], indirect=True)
@pytest.mark.parametrize("key", ["ga", *sorted(REFERENCE_METHODS)])
def test_adapter_training_never_holds_a_second_model(tiny, key):
    older = weights_in_memory()
    base = tiny.new_model()
    size = sum(p.numel() for p in base.parameters())
    trained = prepare_training(base, "lora", LORA, FROZEN)
    adapter = sum(p.numel() for name, p in trained.named_parameters() if "lora_" in name)
    assert 0 < adapter < size / 5
    counts = []

    class Watched(type(method_of(key))):
        def loss(self, student, reference):
            value = super().loss(student, reference)
            new = weights_in_memory()
            counts.append(sum(p.numel() for number, p in new.items() if number not in older))
            return value

    watched = Watched(**vars(method_of(key)))
    unlearner = Unlearner(
        trained, watched, sets_of(tiny), TRAINING, 0, lambda: pytest.fail("loaded the original")
    )
    unlearner.minimise(watched.loss)
    assert counts == [size + adapter]


@pytest.mark.parametrize("tiny", ["llava", "qwen2_vl"], indirect=True)
def test_the_reference_of_an_adapter_is_the_original_at_every_position(tiny):
    base = tiny.new_model()
    trained = prepare_training(base, "lora", LORA, FROZEN)
    unlearner = unlearner_of(tiny, trained, "kl@published", TRAINING, tiny.new_model)
    batches = sets_of(tiny).batches([0, 1], [0, 1], 0)
    before = answers_of(tiny.new_model(), batches.batch(FORGET)).whole()
    with torch.no_grad():
        for name, parameter in trained.named_parameters():
            if "lora_" in name:
                parameter.fill_(0.1)
    reference = unlearner.reference.answers(batches, [FORGET])[0].whole()
    assert not reference.requires_grad
    assert torch.allclose(reference, before, atol=1e-5)
    student = unlearner.student.answers(batches, [FORGET])[0].whole()
    assert not torch.allclose(student, before, atol=1e-2)


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_a_method_that_compares_with_gold_asks_gold_and_not_the_original(tiny, weights):
    loaded = []

    def gold():
        loaded.append(tiny.new_model().requires_grad_(False))
        with torch.no_grad():
            for parameter in loaded[-1].parameters():
                parameter.mul_(1.1)
        return loaded[-1]

    trained = prepare_training(tiny.new_model(), weights, LORA, FROZEN)
    sets, method = sets_of(tiny), method_of("npo@mllmu")
    unlearner = Unlearner(
        *(trained, method, sets, TRAINING, 0, lambda: pytest.fail("loaded the original")),
        load_gold=gold,
    )
    batches = sets.batches([0, 1], [0, 1], 0)
    (reference,) = unlearner.reference.answers(batches, [FORGET])
    (ours,) = sets.answers(gold(), batches, [FORGET], None)
    assert torch.equal(log_likelihood(reference), log_likelihood(ours))
    (student,) = unlearner.student.answers(batches, [FORGET])
    assert not torch.allclose(log_likelihood(student), log_likelihood(ours), atol=1e-3)
    method.unlearn(unlearner)
    # Once for this training, and once above.
    assert len(loaded) == 2


@pytest.mark.parametrize("tiny", ["llama"], indirect=True)
@pytest.mark.parametrize("key", METHODS)
def test_full_training_loads_the_original_once_and_only_for_methods_that_ask_it(tiny, key):
    calls = []

    def load_original():
        calls.append(key)
        return tiny.new_model().requires_grad_(False)

    training = TRAINING.model_copy(update={"weights": "full", "epochs": 2})
    trained = prepare_training(tiny.new_model(), "full", LORA, FROZEN)
    unlearner = unlearner_of(tiny, trained, key, training, load_original)
    method_of(key).unlearn(unlearner)
    assert len(unlearner.history) == 2 * STEPS.get(key, key not in UNTRAINED)
    assert len(calls) == (key in REFERENCE_METHODS)


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_sku_ends_as_far_from_the_original_as_its_training_led_on_the_other_side(tiny, weights):
    original = dict(tiny.new_model().named_parameters())
    trained = prepare_training(tiny.new_model(), weights, LORA, FROZEN)
    training = TRAINING.model_copy(update={"weights": weights, "weight_decay": 0.0})
    unlearner = unlearner_of(tiny, trained, "sku", training, tiny.new_model)
    method = method_of("sku")

    def merged():
        if weights == "full":
            return {n: p.detach().clone() for n, p in trained.named_parameters()}
        layers = [(n, m) for n, m in trained.named_modules() if hasattr(m, "lora_A")]
        return {
            f"{n.removeprefix('base_model.model.')}.weight": m.get_base_layer().weight.detach()
            + m.get_delta_weight("default").detach()
            for n, m in layers
        }

    unlearner.minimise(method.loss)
    there = merged()
    unlearner.negate_update()
    moved = 0.0
    for name, negated in merged().items():
        step = there[name] - original[name]
        moved += step.abs().sum().item()
        assert torch.allclose(negated, original[name] - step, atol=1e-6)
    assert moved > 0


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_reference_stays_the_original_while_the_student_moves(tiny, weights, monkeypatch):
    original = tiny.new_model()
    made = []
    of_step = Sets.batches
    monkeypatch.setattr(Sets, "batches", lambda *args: made.append(of_step(*args)) or made[-1])
    trained = prepare_training(tiny.new_model(), weights, LORA, FROZEN)
    training = TRAINING.model_copy(update={"weights": weights, "lr": 0.05, "epochs": 3})
    seen = []

    def loss(student, reference):
        with torch.no_grad():
            plain = answers_of(original, made[-1].batch(RETAIN)).log_probabilities
        assert not reference.retain.log_probabilities.requires_grad
        seen.append(
            [
                (view.retain.log_probabilities - plain).abs().max().item()
                for view in (student, reference)
            ]
        )
        return method_of("ga").loss(student, reference)

    unlearner_of(tiny, trained, "kl", training, tiny.new_model).minimise(loss)
    assert max(distance for _, distance in seen) < 1e-5
    assert seen[0][0] < 1e-5
    assert seen[-1][0] > 1e-2


@of_every_architecture
def test_a_stored_reference_says_what_a_run_of_the_original_does(tiny, tmp_path):
    model, sets = tiny.new_model(), sets_of(tiny)
    samples = [*sets.forget, *sets.retain]
    write_references(tmp_path, model, tiny.encoder, samples, 4)
    batches = sets.batches([1, 0], [3, 0, 2], 0)
    assert sets.stored(batches, FORGET) is None
    sets = replace(sets, references=References(tmp_path, samples, model))
    for asked in (FORGET, RETAIN):
        with torch.no_grad():
            run = answers_of(model, batches.batch(asked))
            stored = sets.stored(batches, asked)
            assert torch.equal(stored.labels, run.labels)
            assert torch.equal(stored.sample, run.sample)
            assert stored.size == run.size
            assert torch.allclose(stored.log_probabilities, run.log_probabilities, atol=1e-5)
    assert sets.stored(batches, IDK) is None
    assert sets.stored(batches, Batch("mismatched", 1)) is None


def test_a_stored_reference_of_another_dataset_or_a_damaged_one_is_one_line(tiny, tmp_path):
    samples, model = sets_of(tiny).retain, tiny.new_model()
    write_references(tmp_path, model, tiny.encoder, samples, 4)
    with pytest.raises(UserError, match=r"of 4 samples; the dataset has 3"):
        References(tmp_path, samples[:3], model)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match=rf"{path.name}: can't be read \("):
        References(tmp_path, samples, model)


@pytest.mark.parametrize("weights", ["lora", "full"])
@pytest.mark.parametrize("key", ["kl", "npo", "scrub", "llmu"])
def test_with_a_stored_reference_the_original_is_neither_run_nor_loaded(
    tiny, tmp_path, weights, key, monkeypatch
):
    sets = sets_of(tiny)
    samples = [*sets.forget, *sets.retain]
    write_references(tmp_path, tiny.new_model(), tiny.encoder, samples, 4)
    training = TRAINING.model_copy(update={"weights": weights, "lr": 1e-3})
    assert methods.describe(key).takes_stored_reference
    losses = []
    for stored in (False, True):
        model = prepare_training(tiny.new_model(), weights, LORA, FROZEN)
        references = References(tmp_path, samples, model) if stored else None
        load = tiny.new_model if references is None else lambda: pytest.fail("loaded the original")
        found = Unlearner(
            model, method_of(key), replace(sets, references=references), training, 0, load
        )
        if references is not None:
            monkeypatch.setattr(found.reference, "answers", lambda *_: pytest.fail("was run"))
        found.minimise(method_of(key).loss)
        losses.append(found.history)
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_methods_that_take_a_stored_reference_are_those_that_ask_for_its_logits():
    taking = {key for key in METHODS if methods.describe(key).takes_stored_reference}
    assert taking == {"altpo", "kl", "dpo", "npo", "scrub", "llmu", "llmu@paper", "sku", "undial"}
    assert methods.describe("dpo").passes({}) == (2, 2)
    assert methods.describe("dpo").passes({}, stored=True) == (2, 1)
    assert methods.describe("scrub").passes({}, stored=True) == (2, 0)


@of_every_architecture
@pytest.mark.parametrize("weights", ["lora", "full"])
def test_stored_checkpoint_gives_the_logits_of_the_trained_model(tiny, store, tmp_path, weights):
    base, cell = tmp_path / "base", tmp_path / "cell"
    save_checkpoint(tiny.new_model(), base)
    tiny.processor.save_pretrained(str(base))
    before = load_model(base, [], tiny.domain, "float32", CPU)
    encoder = Encoder(load_processor(base, tiny.domain), store)
    prompt = encoder.prompt(SENTENCES[0], tiny.images[-1])
    assert torch.equal(prompt.ids, tiny.encoder.prompt(SENTENCES[0], tiny.images[-1]).ids)
    untrained = full_logits(before, prompt, prompt.ids)
    assert torch.equal(untrained, full_logits(tiny.new_model(), prompt, prompt.ids))

    trained = prepare_training(before, weights, LORA, FROZEN)
    training = TRAINING.model_copy(update={"weights": weights, "lr": 0.05})
    method_of("ga").unlearn(unlearner_of(tiny, trained, "ga", training, tiny.new_model))
    logits = full_logits(trained, prompt, prompt.ids)
    assert (logits - untrained).abs().max() > 1e-2
    save_checkpoint(trained, cell)
    loaded = load_model(base, [cell], tiny.domain, "float32", CPU)
    assert torch.allclose(full_logits(loaded, prompt, prompt.ids), logits, atol=1e-4)
    assert {path.suffix for path in cell.iterdir()} == {".safetensors", ".json"}


ALL_LINEAR = {"an expression": r".*(proj|fc\d|qkv|dense)", "the shorthand": "all-linear"}


@pytest.mark.filterwarnings("error::UserWarning:peft")
@pytest.mark.parametrize("kind", ["full", *ALL_LINEAR])
@of_every_architecture
def test_frozen_weights_stay_as_they_were_whatever_is_trained(tiny, kind):
    weights = "full" if kind == "full" else "lora"
    lora = LORA if kind == "full" else Lora(rank=2, targets=ALL_LINEAR[kind])
    trained = prepare_training(tiny.new_model(), weights, lora, FROZEN)
    before = {name: p.detach().clone() for name, p in trained.named_parameters()}
    training = TRAINING.model_copy(update={"weights": weights, "lr": 0.1, "epochs": 2})
    method_of("ga").unlearn(unlearner_of(tiny, trained, "ga", training, tiny.new_model))
    moved = {
        name.removeprefix("base_model.model.")
        for name, p in trained.named_parameters()
        if not torch.equal(p, before[name])
    }
    assert moved
    assert not {name for name in moved if re.match(FROZEN, name)}
    if weights == "full":
        assert len(moved) == len([name for name in before if not re.match(FROZEN, name)])
    elif tiny.domain == "multimodal":
        free = prepare_training(tiny.new_model(), weights, lora, "")
        names = [n.removeprefix("base_model.model.") for n, _ in free.named_parameters()]
        # It is `frozen` that keeps the adapter out of the tower.
        assert any("lora_" in name and re.match(FROZEN, name) for name in names)


def test_a_weight_that_is_frozen_by_one_of_its_names_is_trained_by_none(tiny):
    for weights, targets in (("full", LORA_TARGETS), ("lora", rf"lm_head|{LORA_TARGETS}")):
        model = tiny.new_model()
        trained = prepare_training(model, weights, Lora(rank=2, targets=targets), "lm_head")
        assert not model.get_input_embeddings().weight.requires_grad
        assert not [n for n, _ in trained.named_parameters() if "lm_head" in n and "lora" in n]


@pytest.mark.parametrize("weights", ["lora", "full"])
@pytest.mark.parametrize(
    ("frozen", "told"),
    [
        (r"vision_tower\..*", "frozen: no weight matches .* they have names as model."),
        (".*", "frozen: .* nothing is trained"),
    ],
)
def test_an_expression_that_freezes_nothing_or_everything_is_one_line(tiny, weights, frozen, told):
    with pytest.raises(UserError, match=told) as caught:
        prepare_training(tiny.new_model(), weights, LORA, frozen)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("key", "value"), [("frozen", "model.(*"), ("lora", {"targets": "[a"})])
def test_what_is_no_expression_is_told_with_its_key(key, value):
    with pytest.raises(UserError, match=rf"m.yaml: {key}.*: input should be a regular expression"):
        validate(ModelSpec, {"domain": "text", "hub": "a/b", key: value}, "m.yaml")


def test_an_update_that_is_negated_leaves_frozen_weights_in_half_precision_alone(tiny):
    frozen = rf"{FROZEN}|.*\.q_proj\.weight"
    model = tiny.new_model()
    narrow(model, torch.bfloat16)
    trained = prepare_training(model, "full", LORA, frozen)
    before = {name: p.detach().clone() for name, p in trained.named_parameters()}
    assert any(name.endswith("rest") for name in before)
    unlearner_of(tiny, trained, "sku", TRAINING, tiny.new_model).negate_update()
    same = {name for name, p in trained.named_parameters() if torch.equal(p, before[name])}
    assert {name for name in before if re.match(frozen, name)} <= same


def test_an_original_that_diverges_is_one_line(tiny):
    trained = prepare_training(tiny.new_model(), "full", LORA, "")
    training = Finetuning(epochs=9, batch_size=1, lr=1e30)
    with pytest.raises(UserError, match=r"^the loss is not finite at step \d$"):
        finetune(trained, tiny.encoder, [sample(0, None), sample(1, None)], training, 0, State())


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_loss_that_is_not_finite_ends_with_its_step_and_spares_the_weights(tiny, value):
    trained = prepare_training(tiny.new_model(), "lora", LORA, FROZEN)
    after = []

    def loss(student, reference):
        after.append([p.detach().clone() for p in trained.parameters()])
        finite = method_of("ga").loss(student, reference)
        return finite * value if len(after) == 3 else finite

    training = TRAINING.model_copy(update={"epochs": 5})
    unlearner = unlearner_of(tiny, trained, "ga", training, None)
    with pytest.raises(DivergedError) as caught:
        unlearner.minimise(loss)
    assert caught.value.step == 3
    assert all(map(torch.equal, after[-1], trained.parameters()))


def test_step_of_a_divergence_counts_optimiser_steps_not_batches(tiny):
    trained = prepare_training(tiny.new_model(), "lora", LORA, FROZEN)
    batches = []

    def loss(student, reference):
        batches.append(1)
        finite = method_of("ga").loss(student, reference)
        return finite * math.nan if len(batches) == 6 else finite

    training = TRAINING.model_copy(update={"epochs": 8, "accumulation": 4})
    with pytest.raises(DivergedError) as caught:
        unlearner_of(tiny, trained, "ga", training, None).minimise(loss)
    # Two batches a step: two forget samples, and four retained ones.
    assert caught.value.step == 3


@pytest.mark.parametrize("tiny", ["llava", "qwen2_vl"], indirect=True)
@pytest.mark.parametrize("key", ["scrub", "rmu"])
@pytest.mark.parametrize("weights", ["lora", "full"])
def test_activations_that_are_computed_twice_change_no_result(tiny, key, weights):
    training = TRAINING.model_copy(update={"weights": weights, "epochs": 2, "lr": 0.01})
    found = []
    for checkpointing in (False, True):
        torch.manual_seed(0)
        trained = prepare_training(tiny.new_model(), weights, LORA, FROZEN, checkpointing)
        unlearner = unlearner_of(tiny, trained, key, training, tiny.new_model)
        assert unlearner_checkpoints(trained) is checkpointing
        method_of(key).unlearn(unlearner)
        found.append([*unlearner.history, *(p.detach().sum().item() for p in trained.parameters())])
    assert found[0] == pytest.approx(found[1], rel=1e-5)
    assert found[0][0] != found[0][1]


def unlearner_checkpoints(model):
    """Whether the layers of the text decoder keep no activations."""
    return unwrapped(model).get_decoder().layers[0].gradient_checkpointing


@pytest.mark.parametrize("tiny", ["llava"], indirect=True)
@pytest.mark.parametrize("weights", ["lora", "full"])
def test_half_precision_trains_in_steps_that_it_could_not_tell_itself(tiny, tmp_path, weights):
    save_checkpoint(tiny.new_model(), tmp_path / "base")
    model = load_model(tmp_path / "base", [], tiny.domain, "bfloat16", CPU)
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    trained = prepare_training(model, weights, LORA, FROZEN)
    moving = {n: p for n, p in trained.named_parameters() if p.requires_grad}
    before = {n: p.detach().clone() for n, p in moving.items()}
    training = TRAINING.model_copy(update={"weights": weights, "lr": 1e-6, "weight_decay": 0.0})

    def load_original():
        return load_model(tmp_path / "base", [], tiny.domain, "bfloat16", CPU)

    unlearner = unlearner_of(tiny, trained, "kl", training, load_original)
    method_of("kl").unlearn(unlearner)
    steps = [(p - before[n]).abs().max().item() for n, p in moving.items()]
    assert 0 < max(steps) < 1e-5
    save_checkpoint(trained, tmp_path / "cell")
    again = load_model(tmp_path / "base", [tmp_path / "cell"], tiny.domain, "bfloat16", CPU)
    assert again.config.dtype == torch.bfloat16
    if weights == "full":
        kept = load_model(tmp_path / "base", [tmp_path / "cell"], tiny.domain, "float32", CPU)
        found, exact = whole_weights(again), dict(kept.named_parameters())
        assert all(torch.equal(exact[name], parameter) for name, parameter in moving.items())
        for name, parameter in exact.items():
            assert torch.allclose(found[name].float(), parameter, rtol=1e-4, atol=1e-9)
        with safe_open(tmp_path / "cell/model.safetensors", "pt") as file:
            stored = {name: file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
        # What is frozen takes no more room than it did.
        tower = {dtype for name, dtype in stored.items() if re.search(r"vision.*fc1\.weight", name)}
        assert tower == {torch.bfloat16}


@of_every_architecture
def test_weights_that_half_precision_cannot_tell_answer_and_are_a_reference(tiny, tmp_path):
    """All that is trained, by less than half a unit: in answers, likelihoods and stored states."""
    base, cell = tmp_path / "base", tmp_path / "cell"
    save_checkpoint(tiny.new_model().bfloat16(), base)
    trained = prepare_training(
        load_model(base, [], tiny.domain, "bfloat16", CPU), "full", LORA, FROZEN
    )
    draw = torch.Generator().manual_seed(0)
    for parameter in trained.parameters():
        if parameter.requires_grad:
            parameter.data *= 1 + 1e-3 * torch.randn(parameter.shape, generator=draw)
    save_checkpoint(trained, cell)
    sets, asked = sets_of(tiny), questions(tiny)
    samples = [*sets.forget, *sets.retain]
    said = {}
    for precision in ("float32", "bfloat16"):
        model = load_model(base, [cell], tiny.domain, precision, CPU)
        replies = reply(model, tiny.encoder, asked, 3)
        said[precision] = torch.tensor([found.answer for r in replies for found in r.likelihoods])
    assert torch.allclose(*said.values(), rtol=0.02, atol=0.5)
    folder = tmp_path / "reference"
    folder.mkdir()
    write_references(folder, model, tiny.encoder, samples, 4)
    batches = sets.batches([1, 0], [3, 0, 2], 0)
    student = prepare_training(model, "full", LORA, FROZEN)
    for reader in (load_model(base, [cell], tiny.domain, "bfloat16", CPU), student):
        sets = replace(sets, references=References(folder, samples, reader))
        original = load_model(base, [cell], tiny.domain, "bfloat16", CPU)
        with torch.no_grad():
            run = answers_of(original, batches.batch(FORGET)).log_probabilities
            stored = sets.stored(batches, FORGET).log_probabilities
        assert torch.allclose(stored.float(), run.float(), atol=0.02)


def test_flash_attention_that_is_not_there_says_what_to_choose(tmp_path):
    with pytest.raises(UserError, match="flash_attention_2 needs a GPU and the package flash-attn"):
        load_model(tmp_path, [], "text", "bfloat16", CPU, "flash_attention_2")


@pytest.mark.parametrize("tiny", ["llama"], indirect=True)
def test_a_model_has_the_attention_that_it_is_told(tiny, tmp_path):
    save_checkpoint(tiny.new_model(), tmp_path)
    for name in ("sdpa", "eager"):
        model = load_model(tmp_path, [], tiny.domain, "float32", CPU, name)
        assert model.config._attn_implementation == name
