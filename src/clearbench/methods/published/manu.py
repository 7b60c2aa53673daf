"""MANU, as published."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from clearbench.methods.manu import ModalityAwareNeuronUnlearning
from clearbench.models.neurons import Activations, Layer


@dataclass(frozen=True)
class ModalityAwareNeuronUnlearningAsPublished(ModalityAwareNeuronUnlearning):
    """The pruning of manu with the activations of all blocks taken for those of each.

    Score: as of manu, but over what the layers of a kind (as up_proj) put out in all blocks of a
    tower together, since all of them are stored under the names of the last three; so the same
    neurons go in each of these. All that score as high as the last of the share go.
    Source: github.com/franciscoliu/MANU.
    """

    as_published = True

    def scores(self, seen: Mapping[Layer, tuple[Activations, Activations]]) -> dict[Layer, Tensor]:
        """The score of each neuron of the layers that may be pruned, by those of all blocks."""
        pooled: dict[tuple[str, str], tuple[Activations, Activations]] = {}
        for layer, (forget, retain) in seen.items():
            kind = layer.tower, layer.kind
            if kind in pooled:
                ours, theirs = pooled[kind]
                forget, retain = ours + forget, theirs + retain
            pooled[kind] = forget, retain
        return super().scores({layer: pooled[layer.tower, layer.kind] for layer in seen})

    def taken(self, scores: Tensor) -> Tensor:
        """Whether each neuron of a tower scores as high as the last of its share."""
        count = int(self.share * len(scores))
        if not count:
            return super().taken(scores)
        return scores >= scores.sort(descending=True).values[count - 1]
