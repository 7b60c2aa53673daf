"""Prompts and answers are what a model's own processor makes of them, whatever the template."""

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from clearbench.data.store import EvalSample, Store, write_store
from clearbench.errors import UserError
from clearbench.evaluation.likelihood import Question, reply
from clearbench.models.answers import IGNORED
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import save_checkpoint
from clearbench.models.encoding import Encoder, load_encoder
from tiny_models import BUILDS, IMAGE_BUILDS, SENTENCES, TOKENIZER, domain_of, new_tokenizer, png

_PARTS = (
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}"
    "{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
)


def template(user: str, prompt: str, answer: str, begin: str = "") -> str:
    """A chat template: around what a user says, where an answer is awaited, around one."""
    asked, answered = (turn.replace("TEXT", _PARTS) for turn in (user, answer))
    return (
        f"{begin}{{% for message in messages %}}{{% if message['role'] == 'user' %}}{asked}"
        f"{{% else %}}{answered}{{% endif %}}{{% endfor %}}"
        f"{{% if add_generation_prompt %}}{prompt}{{% endif %}}"
    )


BEGIN, END = "{{ bos_token }}", "{{ eos_token }}"
LAYOUTS = {
    # A space before the end of text, as Llama-2; none and no end either, as LLaVA-1.5.
    "Llama-2": template("[INST] TEXT [/INST]", "", " TEXT " + END, BEGIN),
    "LLaVA-1.5": template("USER: TEXT ", "ASSISTANT:", "ASSISTANT: TEXT "),
    # A newline after the end, as Qwen2.
    "Qwen2": template(
        f"user{{{{ '\\n' }}}}TEXT{END}{{{{ '\\n' }}}}",
        "assistant{{ '\\n' }}",
        f"assistant{{{{ '\\n' }}}}TEXT{END}{{{{ '\\n' }}}}",
    ),
    "phi-1.5": template("Question: TEXT{{ '\\n' }}", "Answer:", "Answer: TEXT" + END),
    "no space": template("TEXT ", "", "TEXT" + END),
}
BEGINS = {"template": (True, False), "tokenizer": (False, True), "both": (True, True)}
BEGINS["neither"] = (False, False)


def begun(layout: str, by: str):
    """A tokenizer with a layout, the beginning of text written by so many."""
    written, added = BEGINS[by]
    chat = LAYOUTS[layout].replace(BEGIN, "")
    chat = BEGIN + chat if written else chat
    tokenizer = new_tokenizer(TOKENIZER.model_copy(update={"chat_template": chat}))
    if added:
        tokenizer._tokenizer.post_processor = TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.bos_token_id)]
        )
    return tokenizer


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [png(10), png(200, (32, 16))], [], [], [])
    return Store(folder)


def conversation(processor, store, question, image, answer=None):
    """As a user of plain transformers writes it."""
    if not hasattr(processor, "tokenizer"):
        asked, said = question, answer
    else:
        asked = [{"type": "text", "text": question}]
        if image is not None:
            asked.insert(0, {"type": "image", "image": store.image(image)})
        said = [{"type": "text", "text": answer}]
    turns = [{"role": "user", "content": asked}]
    return turns if answer is None else [*turns, {"role": "assistant", "content": said}]


def plain(processor, turns):
    """The tokens by plain transformers."""
    given = processor.apply_chat_template(
        turns,
        add_generation_prompt=turns[-1]["role"] == "user",
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    )
    return given["input_ids"][0].tolist()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("by", BEGINS)
@pytest.mark.parametrize("architecture", ["llama", "llava", "qwen2_vl"])
def test_prompts_and_answers_have_the_tokens_of_the_models_own_processor(
    store, architecture, by, layout
):
    processor = build_processor(BUILDS[architecture], begun(layout, by))
    encoder = Encoder(processor, store)
    begin, end = encoder.tokenizer.bos_token_id, encoder.tokenizer.eos_token_id
    for image in [None] if architecture == "llama" else [None, 0, 1]:
        for question, answer in zip(SENTENCES[:2], SENTENCES[2:4], strict=True):
            prompt = plain(processor, conversation(processor, store, question, image))
            assert encoder.prompt(question, image).ids.tolist() == prompt
            # A tokenizer of texts leaves the beginning to the template.
            written, added = BEGINS[by]
            once = written or (added and architecture != "llama")
            assert prompt.count(begin) == once
            whole = plain(processor, conversation(processor, store, question, image, answer))
            example = encoder.sequence(question, image, answer)
            ids = example.ids.tolist()
            if layout == "LLaVA-1.5":
                assert ids == [*whole, end]
            else:
                # What follows the end of text, Qwen2's newline, is left out.
                assert ids == whole[: len(ids)]
                assert ids[-1] == end
                assert end not in whole[len(ids) :]
            labelled = (example.labels != IGNORED).nonzero().flatten().tolist()
            assert labelled == list(range(labelled[0], len(ids)))
            assert encoder.decode(ids[labelled[0] :]).removeprefix("ASSISTANT:") == answer


@pytest.mark.parametrize("architecture", IMAGE_BUILDS)
def test_every_image_of_a_size_is_shown_as_the_processor_shows_it(tmp_path, architecture):
    """The first of a size tells how the others are spelt; one that is turned is of another size."""
    wide = (64, 32)
    pictures = [png(10, wide), png(90, wide), png(200, wide, turn=6), png(7, (56, 56))]
    write_store(tmp_path, pictures, [], [], [])
    store = Store(tmp_path)
    processor = build_processor(BUILDS[architecture], new_tokenizer())
    asked = [(question, image) for image in range(4) for question in SENTENCES[:2]]
    prompts = Encoder(processor, store).prompts([*asked, (SENTENCES[0], None)])
    for (question, image), prompt in zip(asked, prompts, strict=False):
        given = processor.apply_chat_template(
            [conversation(processor, store, question, image)],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        )
        own = {"input_ids": prompt.ids[None], **prompt.token_inputs, **prompt.image_inputs}
        assert own.keys() == given.keys() - {"attention_mask"}
        assert all(torch.equal(value, given[name]) for name, value in own.items())


def test_a_model_of_texts_is_asked_the_whole_question_about_an_image(store):
    encoder = Encoder(new_tokenizer(), store)
    question, answer = SENTENCES[0], SENTENCES[2]
    about, alone = (encoder.sequence(question, image, answer) for image in (0, None))
    assert about.ids.tolist() == alone.ids.tolist()
    assert question in encoder.decode(about.ids.tolist())


def eval_sample(question=SENTENCES[0], answer=SENTENCES[2], image=None, **changes):
    fields = {"id": "one", "split": "forget", "task": "text_qa", "forget_size": None}
    fields |= {"paraphrase": answer, "perturbed": (SENTENCES[5],), **changes}
    return EvalSample(question=question, answer=answer, image=image, **fields)


def test_a_template_that_writes_another_prompt_before_an_answer_is_one_line(store):
    chat = template("Q: TEXT ", "{{ 'Answer:' }}", "Reply: TEXT" + END)
    processor = new_tokenizer(TOKENIZER.model_copy(update={"chat_template": chat}))
    with pytest.raises(UserError) as caught:
        Encoder(processor, store).check([eval_sample()])
    assert str(caught.value) == (
        "one: the chat template asks by 'Answer:' where it puts 'Reply: Ada Ash</s>' before an"
        " answer that is there"
    )


@pytest.mark.parametrize("image", [None, 0])
def test_a_processor_that_makes_other_tokens_of_a_conversation_is_one_line(
    store, image, monkeypatch
):
    processor = build_processor(BUILDS["llava"], begun("phi-1.5", "neither"))
    kind = type(processor)
    plainly = kind.__call__

    def shouting(self, *args, text=None, **kwargs):
        return plainly(self, *args, text=[t.replace("Ada", "ADA") for t in text], **kwargs)

    monkeypatch.setattr(kind, "__call__", shouting)
    with pytest.raises(UserError, match=r"^one: the model's processor makes other tokens of its"):
        Encoder(processor, store).check([eval_sample(image=image)])


@pytest.mark.parametrize("where", ["answer", "paraphrase", "perturbed"])
@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_candidate_is_refused_by_its_sample(store, where, text):
    sample = eval_sample(**{where: (text,) if where == "perturbed" else text})
    encoder = Encoder(begun("phi-1.5", "neither"), store)
    encoder.check([eval_sample()])
    with pytest.raises(UserError, match=r"^one: has an empty answer$"):
        encoder.check([eval_sample(), sample])


@pytest.mark.parametrize("architecture", ["llama", "llava", "qwen2_vl"])
def test_a_sample_longer_than_the_models_positions_is_refused_with_both_lengths(
    store, architecture
):
    encoder = Encoder(build_processor(BUILDS[architecture], begun("phi-1.5", "tokenizer")), store)
    image = None if architecture == "llama" else 0
    short = eval_sample(image=image)
    for where in ("question", "answer", "perturbed"):
        text = "x " * 30
        changes = {where: (text,) if where == "perturbed" else text, "id": "long"}
        sample = eval_sample(image=image, **changes)
        candidates = [sample.answer, *sample.perturbed]
        length = max(len(encoder.sequence(sample.question, image, c).ids) for c in candidates)
        encoder.check([short, sample], length)
        with pytest.raises(UserError) as caught:
            encoder.check([short, sample], length - 1)
        assert str(caught.value) == (
            f"long: has {length} tokens with its longest answer; the model has {length - 1}"
            " positions"
        )


@pytest.mark.parametrize("architecture", ["llama", "phi", "llava", "qwen2_vl"])
def test_greedy_answers_are_those_of_generate_and_end_at_any_of_its_tokens(
    store, tmp_path, architecture
):
    """With further end tokens in the model's generation configuration, and another in none."""
    domain = domain_of(architecture)
    tokenizer = begun("phi-1.5", "tokenizer")
    processor = build_processor(BUILDS[architecture], tokenizer)
    model = build_model(BUILDS[architecture], domain, tokenizer, 0).eval()
    image = 0 if domain == "multimodal" else None
    turns = conversation(processor, store, SENTENCES[0], image)
    given = processor.apply_chat_template(
        turns, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )

    def generated():
        found = model.generate(**given, do_sample=False, max_new_tokens=16)
        return found[0, given["input_ids"].shape[1] :].tolist()

    free = generated()
    later = next(i for i, token in enumerate(free) if i > 1 and token not in free[:i])
    for ends in (tokenizer.eos_token_id, [tokenizer.eos_token_id, free[later]]):
        model.generation_config.eos_token_id = ends
        folder = tmp_path / str(isinstance(ends, list))
        save_checkpoint(model, folder)
        processor.save_pretrained(str(folder))
        encoder = load_encoder(folder, domain, store)
        prompt = encoder.prompt(SENTENCES[0], image)
        (said,) = reply(model, encoder, [Question(prompt, [SENTENCES[2], SENTENCES[5]])], 16)
        expected = [token for token in generated() if token not in encoder.ends]
        assert said.generated == encoder.decode(expected)
        assert len(expected) == (later if isinstance(ends, list) else 16)
