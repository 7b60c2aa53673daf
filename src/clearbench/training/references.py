"""What the original says of every training sample, stored once for all cells.

A method that holds a model to the original asks the original the same at every step of every cell.
Stored are the states (N, H) that the output layer takes, at the N positions that predict an answer
token, with that layer itself: any likelihood or distribution is one product away (with what the
architecture does to states and logits beside it), and needs neither a forward pass nor a second
model in memory. The states take 2·H bytes an answer token in half
precision: 8 kB of LLaVA-1.5-7B, some 3 GB of all samples of CLEAR.
"""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from tqdm import tqdm
from transformers import PreTrainedModel

from clearbench.data.store import TrainSample
from clearbench.errors import UserError, disk_errors
from clearbench.models.answers import Answers
from clearbench.models.checkpoint import Model
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answer_states, unwrapped
from clearbench.models.logits import body, logits_of
from clearbench.models.precise_linear import PreciseLinear
from clearbench.models.weightless import weightless

_FILE = "references.safetensors"


@torch.inference_mode()
def write_references(
    folder: Path, model: Model, encoder: Encoder, samples: Sequence[TrainSample], batch_size: int
) -> None:
    """Run a model on samples and store its states; samples of like length share a batch.

    Raises UserError for a model with further weights between its states and its logits.
    """
    inner = unwrapped(model)
    head = inner.get_output_embeddings()
    _check_alone(inner, head)
    examples = encoder.sequences([(s.asked, s.answer) for s in samples])
    order = sorted(range(len(samples)), key=lambda i: (len(examples[i].ids), i))
    states: dict[int, Tensor] = {}
    labels: dict[int, Tensor] = {}
    for start in tqdm(range(0, len(order), batch_size), delay=10, mininterval=10, unit="batch"):
        numbers = order[start : start + batch_size]
        batch = collate([examples[i] for i in numbers], encoder.padding, model.device)
        batch_states, part = answer_states(model, batch)
        for place, number in enumerate(numbers):
            own = part.sample == place
            states[number], labels[number] = batch_states[own].cpu(), part.labels[own].cpu()
    ordered = range(len(samples))
    lengths = torch.tensor([len(labels[i]) for i in ordered])
    tensors = {
        "states": torch.cat([states[i] for i in ordered]),
        "labels": torch.cat([labels[i] for i in ordered]),
        "ends": lengths.cumsum(0),
    }
    weights: dict[str, Tensor] = dict(head.named_parameters())
    if isinstance(head, PreciseLinear):
        weights["weight"], weights["rest"] = head.parts()
    tensors |= {f"head.{name}": weight.cpu().clone() for name, weight in weights.items()}
    with disk_errors(folder):
        save_file(tensors, folder / _FILE)


def _check_alone(model: PreTrainedModel, head: nn.Module) -> None:
    """Raise UserError where logits are made by other weights than those of the output layer."""
    known = {*body(model).parameters(), *head.parameters()}
    between = next((name for name, weight in model.named_parameters() if weight not in known), None)
    if between is not None:
        raise UserError(
            f"reference: a model of type {model.config.model_type} has {between} between its states"
            " and its logits, which is not stored; let the suite compute (reference: computed)"
        )


def stored_answers(
    model: PreTrainedModel, head: nn.Module, states: Tensor, labels: Sequence[Tensor]
) -> Answers:
    """The answers in stored states (N, H), by an output layer and the labels of each sample."""
    lengths = torch.tensor([len(one) for one in labels])
    return Answers(
        project=lambda: logits_of(model, states, head),
        labels=torch.cat(list(labels)).to(states.device),
        sample=torch.arange(len(labels)).repeat_interleave(lengths).to(states.device),
        size=len(labels),
    )


class References:
    """Reads what `write_references` stored of samples, a batch at a time.

    `samples` are those that were stored, in their order; `model` is any of the original's
    architecture, whose way from states to logits is taken with the stored output layer. Raises
    UserError where the file is not of as many.
    """

    def __init__(self, folder: Path, samples: Sequence[TrainSample], model: Model):
        path = folder / _FILE
        try:
            self._file = safe_open(path, "pt")
        except (SafetensorError, OSError) as error:
            raise UserError(f"{path}: can't be read ({error})") from None
        self._states, self._model = self._file.get_slice("states"), unwrapped(model)
        self._device = self._model.device
        self._labels, ends = self._file.get_tensor("labels"), self._file.get_tensor("ends")
        if len(ends) != len(samples):
            raise UserError(f"{path}: of {len(ends)} samples; the dataset has {len(samples)}")
        bounds = zip([0, *ends.tolist()], ends.tolist(), strict=False)
        self._bounds = dict(zip(samples, bounds, strict=True))
        self._head = self._stored_head()

    def answers(self, samples: Sequence[TrainSample]) -> Answers:
        """The original's answers on a batch of samples, with nothing but logits and labels."""
        bounds = [self._bounds[sample] for sample in samples]
        states = torch.cat([self._states[start:end] for start, end in bounds]).to(self._device)
        labels = [self._labels[start:end] for start, end in bounds]
        return stored_answers(self._model, self._head, states, labels)

    def weightless(self, model: Model, held: Callable[[nn.Module], object]) -> "References":
        """The same for a model without weights; `held` is told the output layer."""
        other = copy.copy(self)
        other._model, other._device = unwrapped(model), torch.device("cpu")
        other._head = weightless(self._head)
        held(other._head)
        return other

    def _stored_head(self) -> nn.Linear:
        """The original's output layer."""
        names = {name.removeprefix("head.") for name in self._file.keys() if "head." in name}  # noqa: SIM118
        stored = {name: self._file.get_tensor(f"head.{name}") for name in names}
        vocabulary, width = stored["weight"].shape
        head = nn.Linear(width, vocabulary, "bias" in stored, device="meta")
        head.load_state_dict({n: stored[n] for n in names - {"rest"}}, assign=True)
        if "rest" in stored:
            head.weight.data = head.weight.data.float() + stored["rest"]
            head = PreciseLinear(head, stored["rest"].dtype)
            head.split()
        return head.requires_grad_(False).to(self._device)
