"""Samples that a model cannot be shown are told by name before it is trained on the others."""

from dataclasses import replace

import pytest
import torch
from tokenizers import AddedToken, normalizers

from clearbench.config.files import BaseSettings, ModelSource
from clearbench.config.settings import Training
from clearbench.data.store import EvalSample, Store, TrainSample, write_store
from clearbench.domains.language import base
from clearbench.domains.place import Place
from clearbench.errors import UserError
from clearbench.jobs.state import State
from clearbench.models.build import build_processor
from clearbench.models.encoding import Encoder
from tiny_models import BUILDS, IMAGE_BUILDS, SENTENCES, new_tokenizer, png

TRAINED = TrainSample("full/3/captions", "captions", "visual", "Ada", SENTENCES[0], SENTENCES[2], 0)
ASKED = EvalSample(
    "real_world/5/real_world",
    "real",
    "real_world",
    None,
    SENTENCES[1],
    SENTENCES[2],
    SENTENCES[2],
    (SENTENCES[4],),
    0,
)
TOKENS = ["<image>", "<s>", "</s>", "<pad>"]


@pytest.fixture
def encoder_of(tmp_path):
    """An encoder of an architecture, and the store that it reads."""

    def make(architecture, train=TRAINED, asked=ASKED, size=(32, 32)):
        write_store(tmp_path, [png(10), png(9, size)], [TRAINED], [TRAINED, train], [ASKED, asked])
        store = Store(tmp_path)
        return Encoder(build_processor(BUILDS[architecture], new_tokenizer()), store), store

    return make


def told(sample, token):
    return f"^{sample.id}: a text holds {token}, which the model takes for a control token"


@pytest.mark.parametrize("architecture", BUILDS)
def test_ordinary_samples_pass(encoder_of, architecture):
    encoder, store = encoder_of(architecture)
    encoder.check(store.samples())


@pytest.mark.parametrize("architecture", IMAGE_BUILDS)
@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("column", ["question", "answer"])
def test_a_control_token_in_a_text_is_told_with_its_sample(encoder_of, architecture, token, column):
    odd = replace(TRAINED, id="full/7/captions", **{column: f"What is {token} in it?"})
    encoder, store = encoder_of(architecture, odd)
    with pytest.raises(UserError, match=told(odd, token)):
        encoder.check(store.samples())
    with pytest.raises(UserError, match=told(odd, token)):
        encoder.sequence(odd.question, odd.image, odd.answer)


@pytest.mark.parametrize(
    "changes",
    [
        {"question": "<image>?"},
        {"answer": "a <image>"},
        {"paraphrase": "<image>"},
        {"perturbed": ("a cat", "the <image>")},
    ],
)
def test_a_control_token_in_an_evaluated_sample_is_told_as_well(encoder_of, changes):
    odd = replace(ASKED, id="real_world/7/real_world", **changes)
    encoder, store = encoder_of("llava", asked=odd)
    (column,) = changes
    with pytest.raises(UserError, match=told(odd, "<image>") + rf" \(column {column}\);"):
        encoder.check(store.samples())


@pytest.mark.parametrize("written", ["<IMAGE>", "<Image>", "＜image＞"])
@pytest.mark.parametrize("column", ["question", "answer", "paraphrase"])
@pytest.mark.parametrize("architecture", ["llama", "llava"])
def test_a_control_token_in_another_writing_is_told_where_a_tokenizer_reads_it_so(
    encoder_of, architecture, written, column
):
    odd = replace(ASKED, id="real_world/7/real_world", **{column: f"An {written} of it"})
    encoder, store = encoder_of(architecture, asked=odd)
    encoder.check(store.samples())
    backend = encoder.tokenizer.backend_tokenizer
    backend.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    token = AddedToken("<image>", special=True, normalized=True)
    encoder.tokenizer.add_tokens([token], special_tokens=True)
    encoder = Encoder(encoder.processor, store)
    with pytest.raises(UserError, match=f"^{odd.id}: a text becomes '<image>', .* {column}"):
        encoder.check(store.samples())


@pytest.mark.parametrize("text", ["\u200b", "\u0007", "\ufeff", "\u00ad"])
@pytest.mark.parametrize("column", ["answer", "paraphrase", "perturbed"])
@pytest.mark.parametrize("architecture", ["llama", "llava"])
def test_an_answer_that_a_tokenizer_empties_is_told(encoder_of, architecture, column, text):
    odd = replace(ASKED, **{column: (SENTENCES[4], text) if column == "perturbed" else text})
    encoder, store = encoder_of(architecture, asked=odd)
    backend = encoder.tokenizer.backend_tokenizer
    backend.normalizer = normalizers.BertNormalizer(clean_text=True, lowercase=False)
    with pytest.raises(UserError, match=f"^{odd.id}: has an empty answer$"):
        encoder.check(store.samples())


@pytest.mark.parametrize("column", ["question", "answer", "paraphrase", "perturbed"])
@pytest.mark.parametrize("architecture", ["llama", "llava"])
def test_a_text_that_a_chat_template_changes_is_told(encoder_of, architecture, column):
    """As templates of models that think do: they drop what stands before the end of a thought."""
    text = f"{SENTENCES[2]} </think> x"
    odd = replace(ASKED, **{column: (text,) if column == "perturbed" else text})
    encoder, store = encoder_of(architecture, asked=odd)
    encoder.check(store.samples())
    processor = encoder.processor
    for part in ("message['content']", "part['text']"):
        processor.chat_template = processor.chat_template.replace(
            f"{{{{ {part} }}}}", f"{{{{ {part}.split('</think>')[-1] }}}}"
        )
    encoder = Encoder(processor, store)
    encoder.check([ASKED])
    with pytest.raises(UserError, match=rf"changes a text \(column {column}\): .*</think>"):
        encoder.check(store.samples())


@pytest.mark.parametrize("column", ["question", "answer", "paraphrase", "perturbed"])
def test_an_answer_that_a_plain_end_token_would_cut_short_is_told(encoder_of, column):
    text = f"{SENTENCES[2]} x?"
    odd = replace(ASKED, **{column: (text,) if column == "perturbed" else text})
    encoder, store = encoder_of("llama", asked=odd)
    (end,) = encoder.tokenizer("?", add_special_tokens=False)["input_ids"]
    encoder = Encoder(encoder.processor, store, {end})
    if column == "question":
        encoder.check([odd])
        return
    with pytest.raises(UserError, match=rf"takes for an answer's end \(column {column}\)"):
        encoder.check([odd])


def test_a_token_that_the_processor_alone_knows_is_one_too(encoder_of):
    odd = replace(TRAINED, id="full/7/captions", question="What is <|clip|>?")
    encoder, store = encoder_of("llava", odd)
    encoder.processor.video_token = "<|clip|>"
    with pytest.raises(UserError, match=r"full/7/captions: a text holds <\|clip\|>, which"):
        encoder.check(store.samples())


def test_a_text_that_only_looks_like_one_is_shown(encoder_of):
    odd = replace(TRAINED, question="Is x < y or y > x, <images> or <Image>?")
    encoder, store = encoder_of("llava", odd)
    encoder.check(store.samples())
    assert odd.question in encoder.prompt(odd.question, 0).text


@pytest.mark.parametrize("size", [(2010, 10), (10, 2010)])
def test_an_image_that_the_model_refuses_is_told_with_its_sample(encoder_of, size):
    thin = replace(TRAINED, id="full/7/captions", image=1)
    encoder, store = encoder_of("qwen2_vl", thin, size=size)
    line = (
        f"^full/7/captions: the model can't take its image of {size[0]} x {size[1]} pixels"
        r" \(absolute aspect ratio must be smaller than 200"
    )
    with pytest.raises(UserError, match=line):
        encoder.check(store.samples())
    with pytest.raises(UserError, match=line):
        encoder.prompt(thin.question, thin.image)


def test_the_same_image_is_shown_to_a_model_that_takes_it(encoder_of):
    thin = replace(TRAINED, id="full/7/captions", image=1)
    encoder, store = encoder_of("llava", thin, size=(2010, 10))
    encoder.check(store.samples())


def test_a_base_is_not_built_for_samples_that_it_cannot_be_shown(encoder_of, tmp_path):
    _, store = encoder_of("llava", replace(TRAINED, id="full/7/captions", answer="</s>"))
    source = ModelSource(domain="multimodal", build=BUILDS["llava"])
    place = Place(store, torch.device("cpu"), State(), tmp_path)
    with pytest.raises(UserError, match="full/7/captions: a text holds </s>"):
        base.run(BaseSettings(model=source, training=Training()), 0, place)
    assert not list(tmp_path.glob("*.safetensors"))
