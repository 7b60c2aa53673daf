"""Answers that the original makes up: drawn by their probability, and fit to be trained on."""

import json

import pytest
import torch

from clearbench.config.settings import AlternatesSettings, Lora, ModelUse
from clearbench.data.refusals import REFUSALS
from clearbench.data.store import Store, TrainSample, write_store
from clearbench.errors import UserError
from clearbench.evaluation import likelihood
from clearbench.evaluation.likelihood import Question, continued, reply
from clearbench.evaluation.made_up import drawn, make_up
from clearbench.jobs.pace import Pace
from clearbench.jobs.state import State
from clearbench.methods.batches import ALTERNATE
from clearbench.models.build import build_model, build_processor
from clearbench.models.encoding import Encoder
from clearbench.suite.graph import Graph
from clearbench.training.alternates import fitting, read_alternates, write_alternates
from clearbench.training.views import Sets
from synthetic import write_suite
from tiny_models import BUILDS, LORA_TARGETS, SENTENCES, domain_of, new_tokenizer, png

CPU = torch.device("cpu")


def sample(number, image=None):
    question, answer = SENTENCES[number % 2], SENTENCES[2 + number % 4]
    return TrainSample(str(number), "text_qa", "text", "Ada Ash", question, answer, image)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A model, its encoder, and samples with a picture and without one."""
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [png(10)], [], [], [])
    tokenizer = new_tokenizer()
    encoder = Encoder(build_processor(BUILDS["llava"], tokenizer), Store(folder))
    model = build_model(BUILDS["llava"], domain_of("llava"), tokenizer, 0).eval()
    return model, encoder, [sample(n, 0 if n == 1 else None) for n in range(3)]


def settings(**changes):
    use = ModelUse(domain="multimodal", lora=Lora(targets=LORA_TARGETS))
    given = {"batch_size": 2, "max_new_tokens": 4, "modality": "both", "answers": 3, **changes}
    return AlternatesSettings(model=use, **given)


@pytest.mark.parametrize("shares", [True, False])
def test_the_likeliest_answer_is_the_greedy_one_of_the_records(tiny, monkeypatch, shares):
    model, encoder, samples = tiny
    prompts = [encoder.prompt(one.question, one.image) for one in samples]
    asked = [Question(p, [one.answer]) for p, one in zip(prompts, samples, strict=True)]
    expected = [said.generated for said in reply(model, encoder, asked, 4)]
    if not shares:
        monkeypatch.setattr(likelihood, "shares_prompts", lambda *_: False)
    choose = lambda logits: logits.argmax(-1, keepdim=True)  # noqa: E731
    assert continued(model, encoder, prompts, 4, choose) == expected
    cold = make_up(model, encoder, samples, settings(temperature=1e-4, answers=1), State())
    assert [texts for (texts,) in cold] == expected


def test_tokens_are_drawn_by_their_probability():
    logits = torch.tensor([[0.0, 2.0, -1.0]]).repeat(4000, 1)
    generator = torch.Generator().manual_seed(0)
    found = drawn(logits, 2.0, generator).squeeze(-1).bincount(minlength=3) / 4000
    assert torch.allclose(found, (logits[0] / 2).softmax(-1), atol=0.03)


def test_what_was_drawn_is_not_drawn_again(tiny, tmp_path):
    model, encoder, samples = tiny
    whole = make_up(model, encoder, samples, settings(), State())
    assert [len(texts) for texts in whole] == [3, 3, 3]
    assert len({text for texts in whole for text in texts}) > 3

    class Killed(BaseException):
        pass

    state = State(tmp_path / "out", "key", pace=Pace(0))
    state.find()
    calls = []

    def killing(*given):
        calls.append(given)
        if len(calls) > 3:
            raise Killed
        return continued(*given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clearbench.evaluation.made_up.continued", killing)
        with pytest.raises(Killed):
            make_up(model, encoder, samples, settings(), state)
    last = State(tmp_path / "out", "key", pace=Pace(0))
    last.find()
    assert last.resumed_at == [1]
    assert make_up(model, encoder, samples, settings(), last) == whole


def test_alternates_are_neither_true_nor_empty_and_none_stands_twice(tiny, tmp_path):
    _, encoder, samples = tiny
    one = samples[0]
    texts = ["Tea", f" {one.answer.upper()}.", "", " ", "tea.", "<image>", "a red hat"]
    assert fitting(texts, one, encoder) == ["Tea", "a red hat"]
    assert fitting([one.answer], one, encoder) == []
    write_alternates(tmp_path, {"0": ["Tea"], "1": []})
    assert read_alternates(tmp_path, samples[:2]) == {"0": ["Tea"], "1": []}
    with pytest.raises(UserError, match=r"alternates\.json: has no alternates of 2; they are of"):
        read_alternates(tmp_path, samples)
    (tmp_path / "alternates.json").write_text("[")
    with pytest.raises(UserError, match="can't be read"):
        read_alternates(tmp_path, samples)


def test_a_step_draws_an_alternate_of_each_sample_and_a_refusal_where_there_is_none(tiny):
    _, encoder, samples = tiny
    forget, retain = samples[:2], samples[2:]
    sets = Sets(forget, retain, encoder, CPU, alternates={"0": ["tea", "a hat"], "1": []})
    seen = set()
    for seed in range(8):
        step = sets.batches([0, 1], [0], seed)._step
        (first, second) = step._pairs(ALTERNATE)
        assert first[0] is forget[0]
        assert second[0] is forget[1]
        assert second[1] in REFUSALS
        assert step._pairs(ALTERNATE) == [first, second]
        seen.add(first[1])
    assert seen == {"tea", "a hat"}
    with pytest.raises(UserError, match="alternates: missing; the method trains on what the"):
        Sets(forget, retain, encoder, CPU).made_up(forget[0])


def test_a_suite_draws_them_once_an_original_and_size_where_a_row_asks_for_them(tmp_path):
    def graph(**changes):
        given = {"modalities": ["text"], "forget_sizes": [1, 10], "seeds": [0, 1], **changes}
        return Graph(write_suite(tmp_path, **given))

    assert not any(artifact.stage == "alternates" for artifact in graph(methods={"npo": {}}))
    found = graph(methods={"altpo": {}, "npo": {}})
    names = [artifact.name for artifact in found if artifact.stage == "alternates"]
    assert names == [f"alternates/forget{n}/seed{s}" for n in ("01", "10") for s in (0, 1)]
    cell = found["unlearn/altpo/text/forget10/seed1"]
    assert cell.inputs["alternates"] == "alternates/forget10/seed1"
    assert "alternates" not in found["unlearn/npo/text/forget10/seed1"].inputs
    command = found.command(names[0], tmp_path)
    assert command[1] == "alternates"
    assert json.loads(command[3])["modality"] == "text"
    swept = graph(
        methods={"altpo": {"sweep": {"lr": [1e-3, 1e-4]}}},
        select={"persons": 2, "retention": 0.9},
        forget_sizes=[10],
        strengths=[0.5],
    )
    point = next(one for one in swept if one.rule == "trial")
    assert point.inputs["alternates"] == "validation_alternates/forget10/seed0"
    chosen = swept["validation_alternates/forget10/seed0"]
    assert chosen.inputs["validation"] == "validation/forget10"
