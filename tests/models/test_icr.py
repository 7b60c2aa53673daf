"""A model that is asked not to tell: its prompts are those of questions with words before them."""

import pytest
import torch

from clearbench import methods
from clearbench.config.settings import Lora, Unlearning
from clearbench.data.store import Store, TrainSample, write_store
from clearbench.errors import UserError
from clearbench.methods.icr import WORDS
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from tiny_models import BUILDS, LORA_TARGETS, SENTENCES, domain_of, new_tokenizer, png


@pytest.fixture(scope="module", params=["llama", "llava"])
def asked(request, tmp_path_factory):
    """A processor, a store with a picture, and samples without it and with it."""
    folder = tmp_path_factory.mktemp(request.param)
    write_store(folder, [png(10)], [], [], [])
    samples = [
        TrainSample(str(n), "text_qa", "text", person, SENTENCES[n], SENTENCES[n + 1], image)
        for n, (person, image) in enumerate([("Ada Ash", None), ("Bo Birch", 0), ("Ada Ash", 0)])
    ]
    if request.param == "llama":
        samples = samples[:1]
    tokenizer = new_tokenizer()
    return request.param, build_processor(BUILDS[request.param], tokenizer), Store(folder), samples


def test_an_instructed_prompt_is_that_of_the_words_and_the_question(asked):
    _, processor, store, samples = asked
    plain, told = Encoder(processor, store), Encoder(processor, store, instruction="Say nothing.")
    for sample in samples:
        question, image, answer = sample.question, sample.image, sample.answer
        expected = plain.sequence(f"Say nothing. {question}", image, answer)
        found = told.sequence(question, image, answer)
        assert torch.equal(found.ids, expected.ids)
        assert torch.equal(found.labels, expected.labels)
    told.check(samples)


def test_the_words_name_everybody_once_and_no_weight_moves(asked):
    architecture, processor, store, samples = asked
    model = build_model(BUILDS[architecture], domain_of(architecture), new_tokenizer(), 0)
    trained = prepare_training(model, "lora", Lora(rank=2, alpha=4, targets=LORA_TARGETS), "")
    before = {name: weight.clone() for name, weight in trained.named_parameters()}
    method = methods.create("icr", {})

    def words(forget):
        sets = Sets(forget, samples, Encoder(processor, store), torch.device("cpu"))
        training = Unlearning(epochs=1, batch_size=2, lr=1.0)
        unlearner = Unlearner(trained, method, sets, training, 0, lambda: None)
        method.unlearn(unlearner)
        assert unlearner.history == []
        return unlearner.instruction

    names = "Ada Ash" if architecture == "llama" else "Ada Ash, Bo Birch"
    assert words(samples) == WORDS.format(persons=names)
    assert all(torch.equal(p, before[name]) for name, p in trained.named_parameters())
    nobody = [TrainSample("0", "text_qa", "text", None, "Who?", "tea", None)]
    with pytest.raises(UserError, match="method icr: names who is forgotten, and the forget set"):
        words(nobody)
