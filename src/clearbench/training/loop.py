"""The training loop: it minimises whatever scalar it is given."""

import itertools
import math
from collections.abc import Callable, Iterable
from statistics import fmean

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from tqdm import tqdm

from clearbench import parallel
from clearbench.errors import UserError
from clearbench.provenance.state import State
from clearbench.settings import Training
from clearbench.training.flops import counted_flops
from clearbench.training.progress import Progress


class DivergedError(Exception):
    """The loss became NaN or infinite at an optimiser step (from 1)."""

    def __init__(self, step: int):
        super().__init__(f"the loss is not finite at step {step}")
        self.step = step


def minimise(
    model: nn.Module,
    losses: Iterable[Callable[[], Tensor]],
    batches: int,
    training: Training,
    state: State,
) -> list[float]:
    """Train the model's trainable parameters; gives the mean loss of each optimiser step.

    `losses` gives one closure a batch, `batches` is their number; `training.accumulation` of them
    make an optimiser step, and several processes share them. Goes on from `state` where it holds a
    part of this training; closures of that part are not called. Raises DivergedError before a
    non-finite loss reaches the weights.
    """
    # The rate follows the steps of the job, not those of all its processes.
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(), step_scheduler_with_optimizer=False
    )
    parameters = [p for p in model.parameters() if p.requires_grad]
    inner = _optimizer(parameters, training)
    optimizer = accelerator.prepare(inner)
    steps = math.ceil(batches / training.accumulation)
    with state.loop(Progress(model, inner)) as loop, counted_flops() as counter:
        history: list[float] = loop.results
        done = len(history)
        rates = LambdaLR(inner, lambda step: _rate(step, steps, training), last_epoch=done - 1)
        scheduler = accelerator.prepare(rates)
        skipped = min(done * training.accumulation, batches)
        remaining = itertools.islice(losses, skipped, None)
        pending: list[tuple[int, float, int]] = []
        progress = tqdm(
            remaining,
            initial=skipped,
            total=batches,
            delay=10,
            mininterval=10,
            unit="batch",
            disable=parallel.rank() > 0,
        )
        model.train()
        for number, loss_of_batch in enumerate(progress, start=skipped + 1):
            place = (number - 1) % training.accumulation
            if place % parallel.size() == parallel.rank():
                loss = loss_of_batch()
                pending.append((place, loss.item(), counter.take()))
                accelerator.backward(loss / training.accumulation)
            if place == training.accumulation - 1 or number == batches:
                shared = sorted(parallel.gather(pending))
                values = [value for _, value, _ in shared]
                if not all(map(math.isfinite, values)):
                    raise DivergedError(len(history) + 1)
                parallel.add_gradients(parameters)
                accelerator.clip_grad_norm_(parameters, training.max_grad_norm)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad(set_to_none=True)
                history.append(fmean(values))
                state.count("flops", sum(flops for _, _, flops in shared))
                pending.clear()
                progress.set_postfix(loss=f"{history[-1]:.4f}", refresh=False)
                loop.end_step()
    if not all(torch.isfinite(p).all() for p in parameters):
        raise DivergedError(len(history))
    model.eval()
    return history


def _optimizer(parameters: list[nn.Parameter], training: Training) -> torch.optim.Optimizer:
    # The scheduler goes on from a later step only where it is told the first rate.
    groups = [{"params": parameters, "initial_lr": training.lr}]
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


def _rate(step: int, steps: int, training: Training) -> float:
    """The learning rate at a step, as a share of the peak."""
    warmup = round(steps * training.warmup)
    if step < warmup:
        return (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, steps - warmup)
    if training.schedule == "linear":
        return 1 - done
    if training.schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done))
    return 1.0
