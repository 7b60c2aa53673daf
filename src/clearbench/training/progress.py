"""What training changes beside its losses, as one flat dictionary of tensors and back."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from clearbench.models.sharding import in_main_memory, is_sharded, like
from clearbench.training.dual import Dual


class Progress:
    """Weights in training, buffers, the optimiser's moments, torch's random numbers, and λ.

    `beside` are further tensors by name, which are changed, and put back, in place.
    The learning rate and the order of the batches are not here: both follow from the number of
    steps done. Between two steps there are no gradients.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | None = None,
        dual: Dual | None = None,
        beside: Mapping[str, Tensor] | None = None,
    ):
        self.kept: dict[int, dict[str, Tensor]] = {}
        """The weights in training, by name, after some of the steps, in main memory."""
        self.together = is_sharded(model)
        """Whether all processes have to ask for the tensors, of which the first gets those."""
        self._optimizer = optimizer
        self._dual = dual
        self._beside = beside or {}
        self._trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self._buffers = dict(model.named_buffers())

    def keep(self, step: int) -> None:
        """Keep the weights as they are after a step."""
        self.kept[step] = {name: in_main_memory(tensor) for name, tensor in self._trained.items()}

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of it all in main memory; to be called after at least one step."""
        tensors: dict[str, Tensor] = dict(self._moments())
        tensors |= {f"weights/{name}": tensor for name, tensor in self._trained.items()}
        tensors |= {f"buffers/{name}": tensor for name, tensor in self._buffers.items()}
        tensors |= {f"beside/{name}": tensor for name, tensor in self._beside.items()}
        tensors |= {
            f"kept/{step}/{name}": tensor
            for step, weights in self.kept.items()
            for name, tensor in weights.items()
        }
        # Copied, for buffers may share their memory, which the file format does not take.
        copies = {name: in_main_memory(tensor) for name, tensor in tensors.items()}
        if self._dual:
            copies |= self._dual.state_dict()
        copies["random/cpu"] = torch.get_rng_state()
        if torch.cuda.is_available():
            copies["random/cuda"] = torch.cuda.get_rng_state()
        return copies

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Put it all back."""
        for key, tensor in state.items():
            if key.startswith("kept/"):
                _, step, name = key.split("/", 2)
                self.kept.setdefault(int(step), {})[name] = tensor
        for name, buffer in self._buffers.items():
            buffer.copy_(state[f"buffers/{name}"])
        for name, tensor in self._beside.items():
            tensor.copy_(state[f"beside/{name}"])
        for name, parameter in self._trained.items():
            parameter.copy_(like(state[f"weights/{name}"], parameter))
            if self._optimizer is None:
                continue
            moments, numbers = f"moments/{name}/", f"numbers/{name}/"
            self._optimizer.state[parameter] = {
                key.removeprefix(moments): like(tensor, parameter)
                for key, tensor in state.items()
                if key.startswith(moments)
            } | {
                key.removeprefix(numbers): tensor.item()
                for key, tensor in state.items()
                if key.startswith(numbers)
            }
        if self._dual:
            self._dual.load_state_dict(state)
        torch.set_rng_state(state["random/cpu"])
        if "random/cuda" in state:
            torch.cuda.set_rng_state(state["random/cuda"])

    def _moments(self) -> Iterator[tuple[str, Tensor]]:
        if self._optimizer is None:
            return
        for name, parameter in self._trained.items():
            for key, value in self._optimizer.state[parameter].items():
                # Some optimisers count their steps in a number.
                if isinstance(value, Tensor):
                    yield f"moments/{name}/{key}", value
                else:
                    yield f"numbers/{name}/{key}", torch.tensor(value)
