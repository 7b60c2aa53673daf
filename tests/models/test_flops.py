"""Counted operations against those that torch's own counter sees dispatched."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from clearbench import methods
from clearbench.config.files import Lora
from clearbench.config.settings import Unlearning
from clearbench.data.store import Store, TrainSample, write_store
from clearbench.jobs.state import State
from clearbench.models.build import build_model, build_processor, build_tokenizer
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder
from clearbench.training.flops import counted_flops
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from tiny_models import BUILDS, FROZEN, LORA_TARGETS, SENTENCES, domain_of, png

PRODUCTS = ("mm", "addmm", "convolution", "convolution_backward")
DEVICE = torch.device("cpu")


@pytest.fixture(params=["llama", "llava", "qwen2_vl"])
def sets(request, tmp_path):
    build = BUILDS[request.param]
    images = [png(10), png(200, (32, 16))] if domain_of(request.param) == "multimodal" else []
    write_store(tmp_path, images, [], [], [])
    processor = build_processor(build, build_tokenizer(build.tokenizer, SENTENCES))
    samples = [
        TrainSample(str(i), "x", "text", "x", SENTENCES[i], SENTENCES[5 - i], i if images else None)
        for i in range(2)
    ]
    return Sets(samples, samples, Encoder(processor, Store(tmp_path)), DEVICE), request.param


def unlearner(sets, weights, checkpointing, state):
    found, architecture = sets
    build, domain = BUILDS[architecture], domain_of(architecture)

    def new():
        return build_model(build, domain, found.encoder.tokenizer, 0)

    lora = Lora(rank=2, targets=LORA_TARGETS)
    model = prepare_training(new(), weights, lora, FROZEN, checkpointing)
    training = Unlearning(epochs=2, batch_size=2, weights=weights)
    method = methods.create("kl", {})
    return Unlearner(model, method, found, training, 0, new, state), method


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_counted_operations_are_the_products_that_torch_dispatches(sets, weights):
    state = State()
    trainer, method = unlearner(sets, weights, False, state)
    with FlopCounterMode(display=False) as mode:
        trainer.minimise(method.loss)
    seen = {str(op): count for op, count in mode.get_flop_counts()["Global"].items()}
    products = sum(seen.get(f"aten.{name}", 0) for name in PRODUCTS)
    # Of a layer whose input is a view, it is a batched product; those of attention are, too.
    assert 0 < products <= state.counts["flops"] <= products + seen.get("aten.bmm", 0)


def test_counted_operations_of_surveys_are_the_products_that_torch_dispatches(sets):
    """Passes without a gradient, and with one of what neurons put out but of no weight."""
    state = State()
    trainer, _ = unlearner(sets, "full", False, state)
    with FlopCounterMode(display=False) as mode:
        trainer.neurons_by_activity(lambda seen: {}, 0.1)
        trainer.neurons_by_influence(2, 2)
    seen = {str(op): count for op, count in mode.get_flop_counts()["Global"].items()}
    products = sum(seen.get(f"aten.{name}", 0) for name in PRODUCTS)
    assert 0 < products <= state.counts["flops"] <= products + seen.get("aten.bmm", 0)


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_what_checkpointing_computes_twice_counts_once(sets, weights):
    counts = []
    for checkpointing in (False, True):
        state = State()
        trainer, method = unlearner(sets, weights, checkpointing, state)
        trainer.minimise(method.loss)
        counts.append(state.counts["flops"])
    assert counts[0] == counts[1] > 0


def test_a_count_that_was_taken_begins_anew():
    layer = torch.nn.Linear(3, 5)
    with counted_flops() as counter:
        layer(torch.ones(2, 7, 3))
        # Forward, and the gradient of the weights; the input needs none.
        assert counter.take() == 2 * 15 * 14 * 2
        with torch.no_grad():
            layer(torch.ones(4, 3))
        assert counter.take() == 2 * 15 * 4
    layer(torch.ones(4, 3))
    assert counter.take() == 0
