"""The training loop: it minimises whatever scalar it is given."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)
from transformers.trainer_pt_utils import get_parameter_names

from clearbench import parallel
from clearbench.config.settings import Training
from clearbench.errors import UserError
from clearbench.jobs.bar import bar
from clearbench.jobs.state import State
from clearbench.models import sharding
from clearbench.training.apart import AS_SET, Apart
from clearbench.training.dual import Dual
from clearbench.training.flops import counted_flops
from clearbench.training.progress import Progress


class DivergedError(UserError):
    """The loss became NaN or infinite at an optimiser step (from 1)."""

    def __init__(self, step: int):
        super().__init__(f"the loss is not finite at step {step}")
        self.step = step


Share = Callable[[], Tensor]
"""Computes the share of a batch in the loss of its step."""


def minimise(
    model: nn.Module,
    losses: Iterable[Sequence[Share]],
    steps: int,
    training: Training,
    state: State,
    dual: Dual | None = None,
    kept: dict[int, dict[str, Tensor]] | None = None,
    apart: Apart = AS_SET,
) -> list[float]:
    """Train the model's trainable parameters; gives the loss of each optimiser step.

    `losses` gives the batches of one step after the other, `steps` is their number. The shares of
    a step's batches, which several processes divide among them, add up to its loss; `dual` is what
    they are weighed by and moves after each; `apart` is what some steps do otherwise. Goes on from
    `state` where it holds a part of this training; closures of that part are not called. The keys
    of `kept` are steps, from 1; put there are the weights, by name, as they are after each. Raises
    DivergedError before a non-finite loss reaches the weights.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = _optimizer(model, training)
    kept = {} if kept is None else kept
    holder = Progress(model, optimizer, dual, apart.tensors)
    together = sharding.is_sharded(model)
    with state.loop(holder) as loop, counted_flops() as counter:
        history: list[float] = loop.results
        done = len(history)
        scheduler = _schedule(optimizer, steps, training, done)
        progress = bar(itertools.islice(losses, done, None), "step", initial=done, total=steps)
        model.train()
        for batches in progress:
            own = apart.at(len(history))
            terms: list[tuple[int, float, int, float, float | None]] = []
            for place, share in enumerate(batches):
                if together or place % parallel.size() == parallel.rank():
                    loss = share()
                    violated = dual.take() if dual else 0.0
                    terms.append((place, loss.item(), counter.take(), violated, own.take()))
                    # A batch may have nothing of what is asked.
                    if loss.requires_grad:
                        sharding.backward(loss, model)
            shared = terms if together else sorted(parallel.gather(terms))
            values = [value for _, value, *_ in shared]
            if not all(map(math.isfinite, values)):
                raise DivergedError(len(history) + 1)
            sharding.add_gradients(parameters)
            divisor = own.prepare([divided for *_, divided in shared], parameters)
            sharding.clip(parameters, own.max_grad_norm or training.max_grad_norm)
            with own.held():
                optimizer.step()
            scheduler.step()
            optimizer.zero_grad(set_to_none=True)
            history.append(math.fsum(values) / divisor)
            if dual:
                dual.end_step([violated for *_, violated, _ in shared], len(history))
            # Of a divided model, each process has done as much.
            repeated = parallel.size() if together else 1
            state.count("flops", repeated * sum(flops for _, _, flops, *_ in shared))
            if len(history) in kept:
                holder.keep(len(history))
            progress.set_postfix(loss=f"{history[-1]:.4f}", refresh=False)
            loop.end_step()
    if not all(sharding.whole(torch.isfinite(p).all()) for p in parameters):
        raise DivergedError(len(history))
    model.eval()
    kept |= holder.kept
    return history


def decayed(model: nn.Module) -> set[str]:
    """The parameters that weight decay shrinks: all but biases and the weights of norms.

    As in transformers' Trainer, whose names of norms do not cover all that there are.
    """
    norms = [type(module) for module in model.modules() if "norm" in type(module).__name__.lower()]
    return set(get_parameter_names(model, norms, ["bias"]))


def _optimizer(model: nn.Module, training: Training) -> torch.optim.Optimizer:
    parameters, shrinking = dict(model.named_parameters()), decayed(model)
    # Whole weights, and those that are divided among processes, are no group together.
    parts: dict[tuple[bool, bool], list[nn.Parameter]] = {
        (shrinks, divided): [] for shrinks in (True, False) for divided in (False, True)
    }
    for name, parameter in parameters.items():
        if parameter.requires_grad:
            parts[name in shrinking, sharding.is_divided(parameter)].append(parameter)
    # The scheduler goes on from a later step only where it is told the first rate.
    groups = [
        {"params": part, "initial_lr": training.lr, "weight_decay": training.weight_decay * shrinks}
        for (shrinks, _), part in parts.items()
        if part
    ]
    if training.optimizer == "sgd":
        return torch.optim.SGD(
            groups,
            lr=training.lr,
            momentum=training.momentum,
            weight_decay=training.weight_decay,
            fused=True,
        )
    if training.optimizer == "adamw_8bit":
        try:
            # Imported here: it is no part of the installation, and slow to import.
            from bitsandbytes.optim import AdamW8bit
        except ImportError:
            raise UserError(
                "optimizer: adamw_8bit needs the package bitsandbytes; install it with"
                " `pip install 'clearbench[8bit]'`, or choose adamw"
            ) from None
        eight_bit: torch.optim.Optimizer = AdamW8bit(
            groups,
            lr=training.lr,
            weight_decay=training.weight_decay,
            eps=training.adam_epsilon,
        )
        return eight_bit
    return torch.optim.AdamW(
        groups,
        lr=training.lr,
        weight_decay=training.weight_decay,
        eps=training.adam_epsilon,
        fused=True,
    )


def _schedule(
    optimizer: torch.optim.Optimizer, steps: int, training: Training, done: int
) -> LambdaLR:
    """The learning rates of transformers: from zero to the peak, then by the schedule."""
    warmup = math.ceil(steps * training.warmup)
    if training.schedule == "linear":
        return get_linear_schedule_with_warmup(optimizer, warmup, steps, last_epoch=done - 1)
    if training.schedule == "cosine":
        return get_cosine_schedule_with_warmup(optimizer, warmup, steps, last_epoch=done - 1)
    return get_constant_schedule_with_warmup(optimizer, warmup, last_epoch=done - 1)
