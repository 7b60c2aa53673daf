"""A step is the loss of all its samples, however it is split; training is that of transformers."""

import math

import pytest
import torch
from transformers import Trainer, TrainingArguments

from clearbench import methods
from clearbench.config.settings import Finetuning, Lora, Unlearning
from clearbench.data.store import TrainSample
from clearbench.jobs.state import State
from clearbench.methods.base import Method
from clearbench.methods.batches import FORGET
from clearbench.models.build import build_model, build_processor
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder, collate
from clearbench.training import loop
from clearbench.training.batches import endless_batches
from clearbench.training.finetune import finetune
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from tiny_models import (
    BUILDS,
    FROZEN,
    LORA_TARGETS,
    UNTRAINED,
    domain_of,
    made_up,
    new_tokenizer,
    parameters_of,
    weights_of,
)

CPU = torch.device("cpu")
LORA = Lora(rank=2, alpha=4, targets=LORA_TARGETS)
WORDS = [2, 6, 30, 2, 25, 3, 2, 21]
"""Lengths of answers as far apart as those that showed how averages of averages differ."""

TEXT_METHODS = [
    key
    for key in methods.available()
    if "text" in methods.describe(key).domains
    and type(methods.create(key, {})).loss is not Method.loss
]
"""Those that train."""
PUBLISHED = [key for key in TEXT_METHODS if methods.create(key, {}).as_published]


def samples(images=(None,), words=WORDS):
    return [
        TrainSample(
            id=str(number),
            task="text_qa",
            modality="text" if images[number % len(images)] is None else "visual",
            person="Ada Ash",
            question=f"Who wrote book {number}?",
            answer="x" + " x" * (count - 1),
            image=images[number % len(images)],
        )
        for number, count in enumerate(words)
    ]


def tiny(architecture, store):
    tokenizer = new_tokenizer()
    processor = build_processor(BUILDS[architecture], tokenizer)
    model = build_model(BUILDS[architecture], domain_of(architecture), tokenizer, 0)
    return model.eval(), Encoder(processor, store)


def gradients(monkeypatch, work):
    """The gradients and the loss of each step of a training."""
    found = []

    def record(parameters, limit):
        found.append([p.grad.clone() for p in parameters if p.grad is not None])

    monkeypatch.setattr(loop.nn.utils, "clip_grad_norm_", record)
    return found, work()


def same_steps(one, other, least=1e-6):
    """Hold losses and gradients to each other, but for rounding; `least` is a gradient to go by."""
    (steps, losses), (other_steps, other_losses) = one, other
    assert losses == pytest.approx(other_losses, rel=1e-4, abs=1e-6)
    for step, other_step in zip(steps, other_steps, strict=True):
        largest = max(gradient.abs().max().item() for gradient in other_step)
        for gradient, expected in zip(step, other_step, strict=True):
            assert torch.allclose(gradient, expected, atol=2e-4 * max(largest, least), rtol=1e-3)


@pytest.mark.parametrize("split", [(4, 2), (3, 3), (1, 8)])
@pytest.mark.parametrize("architecture", ["llama", "qwen2_vl"])
def test_a_step_of_finetuning_has_one_gradient_however_it_is_split(
    store, monkeypatch, architecture, split
):
    """With more samples than steps are full of, so that the last step has a smaller group."""
    images = (None,) if architecture == "llama" else (None, 0, 1)
    size = split[0] * split[1]

    def work(batch_size, accumulation):
        model, encoder = tiny(architecture, store)
        training = Finetuning(epochs=2, batch_size=batch_size, accumulation=accumulation, lr=1e-4)
        trained = prepare_training(model, "lora", LORA, FROZEN)
        torch.manual_seed(0)
        shown = samples(images, [*WORDS, 4, 17, 3])
        return finetune(trained, encoder, shown, training, 0, State())

    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "7")
    found = [gradients(monkeypatch, lambda s=s: work(*s)) for s in ((size, 1), split)]
    same_steps(*found)
    assert len(found[0][0]) == 2 * math.ceil(11 / size)


@pytest.mark.parametrize("split", [(3, 3), (1, 8)])
@pytest.mark.parametrize("key", sorted({*TEXT_METHODS} - {*PUBLISHED} - UNTRAINED))
def test_a_step_of_every_method_has_one_gradient_however_it_is_split(
    store, monkeypatch, key, split
):
    """Ten forget samples and five retained ones: now the one, now the other has more in a step."""
    size = split[0] * split[1]

    def work(batch_size, accumulation):
        model, encoder = tiny("llama", store)
        torch.manual_seed(0)
        trained = prepare_training(model, weights_of(key), LORA, FROZEN)
        for name, parameter in trained.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.05)
        own = {"rmu": {"steering": 2.0}, "mip_editor": {"integration_steps": 1}}
        parameters = own.get(key, {})
        method = methods.create(key, {**parameters_of(key), **parameters})
        forget, retain = samples(words=[*WORDS, 4, 17]), samples(words=WORDS[:5])
        sets = Sets(forget, retain, encoder, CPU, alternates=made_up(forget))
        training = Unlearning(epochs=2, batch_size=batch_size, accumulation=accumulation, lr=1e-5)
        original = lambda: tiny("llama", store)[0].requires_grad_(False)  # noqa: E731
        unlearner = Unlearner(trained, method, sets, training, 0, original)
        method.unlearn(unlearner)
        return unlearner.history

    found = [gradients(monkeypatch, lambda s=s: work(*s)) for s in ((size, 1), split)]
    same_steps(*found)


@pytest.mark.parametrize("key", PUBLISHED)
def test_a_step_of_published_code_is_the_mean_over_its_batches(store, monkeypatch, key):
    method = methods.create(key, parameters_of(key))
    seen = []

    class Watched(type(method)):
        def loss(self, student, reference):
            value = super().loss(student, reference)
            seen.append(value.item())
            return value

    watched: Method = Watched(**vars(method))
    model, encoder = tiny("llama", store)
    trained = prepare_training(model, "lora", LORA, FROZEN)
    sets = Sets(samples(), samples(words=WORDS[:5]), encoder, CPU, as_published=True)
    training = Unlearning(epochs=1, batch_size=2, accumulation=2, lr=1e-5)
    unlearner = Unlearner(trained, watched, sets, training, 0, lambda: None)
    unlearner.minimise(watched.loss)
    assert len(seen) == 4
    expected = [sum(seen[:2]) / 2, sum(seen[2:]) / 2]
    assert unlearner.history == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("weights", ["lora", "full"])
def test_the_reference_of_a_base_with_dropout_is_the_original_in_evaluation(store, weights):
    model, encoder = tiny("phi", store)

    def with_dropout():
        fresh, _ = tiny("phi", store)
        for module in fresh.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.3
        return fresh

    trained = prepare_training(with_dropout(), weights, LORA, FROZEN)
    sets = Sets(samples(), samples(), encoder, CPU)
    batches = sets.batches([0, 1, 2], [0], 0)
    with torch.no_grad():
        (exact,) = sets.answers(model, batches, [FORGET], None)
        expected = exact.log_probabilities
    training = Unlearning(epochs=1, batch_size=2, lr=1e-5, weights=weights)
    method = methods.create("npo", {})
    unlearner = Unlearner(trained, method, sets, training, 0, with_dropout)
    seen = []

    def loss(student, reference):
        if not seen:
            assert trained.training
            found = unlearner.reference.answers(batches, [FORGET])[0]
            seen.append((found.log_probabilities - expected).abs().max().item())
            assert trained.training
        return method.loss(student, reference)

    unlearner.minimise(loss)
    assert 0 <= seen[0] < 1e-5


class InOrder(Trainer):
    """Trainer on batches that come as they are."""

    def get_train_dataloader(self):
        return self.train_dataset


@pytest.mark.parametrize(
    ("architecture", "schedule"),
    [("llama", "constant"), ("phi", "linear"), ("llava", "cosine"), ("qwen2_vl", "linear")],
)
def test_finetuning_is_that_of_transformers_own_trainer(
    store, tmp_path, architecture, schedule, monkeypatch
):
    """Loss over accumulated batches, weight decay, warm-up, schedule, clipping and AdamW."""
    shown = samples((None,) if architecture in ("llama", "phi") else (None, 0))
    ours, encoder = tiny(architecture, store)
    training = Finetuning(
        epochs=3,
        batch_size=2,
        accumulation=2,
        lr=1e-2,
        warmup=0.4,
        schedule=schedule,
        weight_decay=0.5,
        adam_epsilon=1e-4,
    )
    finetune(ours, encoder, shown, training, 0, State())

    theirs, _ = tiny(architecture, store)
    examples = [encoder.sequence(s.question, s.image, s.answer) for s in shown]
    order = endless_batches([len(e.ids) for e in examples], 4, torch.Generator().manual_seed(0))
    steps = [next(order) for _ in range(6)]
    batches = [
        collate([examples[i] for i in step[start : start + 2]], encoder.padding, CPU)
        for step in steps
        for start in (0, 2)
    ]
    names = {"constant": "constant_with_warmup"}
    arguments = TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        num_train_epochs=1,
        max_steps=6,
        learning_rate=training.lr,
        warmup_steps=0.4,
        lr_scheduler_type=names.get(schedule, schedule),
        weight_decay=training.weight_decay,
        adam_epsilon=training.adam_epsilon,
        max_grad_norm=training.max_grad_norm,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        logging_steps=1000,
    )
    trainer = InOrder(model=theirs, args=arguments, train_dataset=batches)
    assert loop.decayed(theirs) == set(trainer.get_decay_parameter_names(theirs))
    trainer.train()
    before = dict(tiny(architecture, store)[0].named_parameters())
    moved = 0.0
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, atol=2e-5), name
        moved = max(moved, (mine - before[name]).abs().max().item())
    assert moved > 1e-2


def test_no_setting_of_the_environment_changes_a_step(store, monkeypatch):
    def work():
        model, encoder = tiny("llama", store)
        torch.manual_seed(0)
        trained = prepare_training(model, "lora", LORA, FROZEN)
        training = Finetuning(epochs=1, batch_size=2, accumulation=2, lr=1e-2)
        history = finetune(trained, encoder, samples(), training, 0, State())
        return history, [p.detach().clone() for p in trained.parameters()]

    plain = work()
    for name, value in {
        "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "5",
        "ACCELERATE_MIXED_PRECISION": "bf16",
        "ACCELERATE_USE_CPU": "true",
    }.items():
        monkeypatch.setenv(name, value)
    history, weights = work()
    assert history == plain[0]
    assert all(map(torch.equal, weights, plain[1]))


def test_scrub_is_told_the_epoch_of_each_step(store):
    model, encoder = tiny("llama", store)
    trained = prepare_training(model, "lora", LORA, FROZEN)
    forget, retain = samples(words=WORDS[:6]), samples(words=WORDS[:5])
    training = Unlearning(epochs=5, batch_size=2, accumulation=2, lr=1e-3)
    method = methods.create("scrub", {"max_epochs": 2})
    unlearner = Unlearner(
        trained, method, Sets(forget, retain, encoder, CPU), training, 0, lambda: None
    )
    seen = []

    def loss(student, reference):
        value = method.loss(student, reference)
        seen.append((student.epoch, *(str(one) for one in student.asked)))
        return value

    unlearner.minimise(loss)
    # Six samples are two steps an epoch, of which the first has two batches.
    parts = ["forget", "retain", "forget", "retain", "retain"]
    assert {*seen} == {*enumerate(parts)}
    assert [epoch for epoch, _ in seen] == sorted(epoch for epoch, _ in seen)
