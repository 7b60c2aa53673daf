"""An embedding model of faces with its identity head, and the pictures as it takes them.

A checkpoint folder holds `model.safetensors`, all weights and buffers, and `faces.json`, the
configuration of the backbone and the persons of the head; a base also its image processor.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import linear, normalize
from transformers import AutoConfig, AutoImageProcessor, AutoModel, PreTrainedModel

from clearbench import hub
from clearbench.data.store import Store
from clearbench.errors import UserError, disk_errors
from clearbench.models.checkpoint import check_unquantised, unreadable

SCALE = 30.0
"""s of AM-Softmax, arXiv 1801.05599: the logit of a person is s times a cosine."""

_WEIGHTS = "model.safetensors"
_SETTINGS = "faces.json"


class FaceModel(nn.Module):
    """An image backbone of transformers, a linear projection, and one vector a known person.

    `persons` are those whom the model was trained on, in the order of the head's rows.
    """

    def __init__(self, backbone: PreTrainedModel, width: int, persons: Sequence[str]):
        super().__init__()
        self.backbone = backbone
        # The last is the width of what the pooler gives; a ViT has a single one.
        sizes = getattr(backbone.config, "hidden_sizes", None) or [backbone.config.hidden_size]
        self.projection = nn.Linear(sizes[-1], width, bias=False)
        self.set_persons(persons)
        self.fixed_statistics = False
        """Whether batch normalisation keeps its statistics in training."""

    def set_persons(self, persons: Sequence[str]) -> None:
        """Replace the head by a random one for these persons; a frozen head stays frozen."""
        trained = getattr(self, "head", self.projection.weight).requires_grad
        self.persons = tuple(persons)
        width = self.projection.out_features
        self.head = nn.Parameter(torch.randn(len(persons), width) / width**0.5, trained)

    def forward(self, pixels: Tensor) -> Tensor:
        """The embeddings (B, E) of pictures (B, 3, H, W), unit vectors."""
        pooled = self.backbone(pixels).pooler_output.flatten(1)
        return normalize(self.projection(pooled), dim=-1)

    def identity_logits(self, embeddings: Tensor) -> Tensor:
        """s·cos of each embedding with each person's vector, (B, P)."""
        return SCALE * linear(embeddings, normalize(self.head, dim=-1))

    def train(self, mode: bool = True) -> "FaceModel":
        """The model in training mode, or not; statistics that are fixed stay so."""
        super().train(mode)
        if mode and self.fixed_statistics:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
        return self

    @contextmanager
    def watched(self, layer: int | None) -> Iterator[list[Tensor]]:
        """A list that a forward pass appends a layer's output to, averaged over pictures: (B, C).

        A layer is a stage of a convolutional backbone, a block of a transformer, from 0. UserError
        names the layers there are.
        """
        captured: list[Tensor] = []
        if layer is None:
            yield captured
            return

        def capture(module: nn.Module, args: Any, output: Any) -> None:
            states: Tensor = output if isinstance(output, Tensor) else output[0]
            captured.append(states.flatten(2).mean(-1) if states.dim() == 4 else states.mean(1))

        hook = self.layer(layer).register_forward_hook(capture)
        try:
            yield captured
        finally:
            hook.remove()

    def layer(self, layer: int) -> nn.Module:
        """A layer, as `watched` counts them; UserError names those that there are."""
        inner: Any = self.backbone
        inner = getattr(inner, "encoder", inner)
        layers = inner.stages if hasattr(inner, "stages") else getattr(inner, "layer", None)
        layers = inner.layers if layers is None else layers
        if not 0 <= layer < len(layers):
            raise UserError(f"layer: {layer} does not exist; the model has 0 to {len(layers) - 1}")
        chosen: nn.Module = layers[layer]
        return chosen


class Pixels:
    """The pictures of a store as a model takes them; each is processed once and kept."""

    def __init__(self, processor: Any, store: Store):
        self._processor = processor
        self._store = store
        self._kept: dict[int, Tensor] = {}

    def batch(self, images: Sequence[int]) -> Tensor:
        """Some pictures by their row numbers, (B, 3, H, W)."""
        return torch.stack([self._pixels(image) for image in images])

    def _pixels(self, image: int) -> Tensor:
        if image not in self._kept:
            processed = self._processor(images=self._store.image(image), return_tensors="pt")
            self._kept[image] = processed["pixel_values"][0]
        return self._kept[image]


def build_face_model(
    architecture: str, config: dict[str, Any], width: int, persons: Sequence[str], seed: int
) -> FaceModel:
    """A model of an architecture of transformers with random weights."""
    torch.manual_seed(seed)
    return FaceModel(_backbone({"model_type": architecture, **config}), width, persons)


def fetch_face_model(
    name: str, revision: str | None, width: int, seed: int
) -> tuple[FaceModel, Any]:
    """A backbone of the hub or a folder, its projection random, with no person; its processor."""
    torch.manual_seed(seed)
    folder = hub.folder("model", name, revision)
    check_unquantised(folder)
    try:
        backbone = AutoModel.from_pretrained(str(folder), use_safetensors=True)
        processor = AutoImageProcessor.from_pretrained(str(folder))
    except (OSError, ValueError, ImportError) as error:
        raise unreadable(folder, error) from None
    return FaceModel(backbone.float(), width, []), processor


def load_face_model(folder: Path, device: torch.device) -> FaceModel:
    """A model in evaluation mode from its checkpoint folder."""
    settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    # Every weight is replaced, so what is drawn here must not move a job's random numbers.
    with torch.random.fork_rng():
        model = FaceModel(_backbone(settings["backbone"]), settings["width"], settings["persons"])
    model.load_state_dict(load_file(folder / _WEIGHTS))
    return model.to(device).eval()


def load_image_processor(base: Path) -> Any:
    """The image processor of a base."""
    return AutoImageProcessor.from_pretrained(str(base))


def save_face_model(model: FaceModel, folder: Path) -> None:
    """Write a checkpoint; OSError where the disk does not take it."""
    folder.mkdir(parents=True, exist_ok=True)
    config: Any = model.backbone.config
    settings = {
        "backbone": config.to_diff_dict() | {"model_type": config.model_type},
        "width": model.projection.out_features,
        "persons": model.persons,
    }
    text = json.dumps(settings, indent=1, sort_keys=True) + "\n"
    (folder / _SETTINGS).write_text(text, encoding="utf-8")
    tensors = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    with disk_errors(folder):
        save_file(tensors, folder / _WEIGHTS, {"format": "pt"})


def _backbone(config: dict[str, Any]) -> PreTrainedModel:
    settings = {key: value for key, value in config.items() if key != "model_type"}
    built = AutoConfig.for_model(config["model_type"], **settings)
    backbone: PreTrainedModel = AutoModel.from_config(built, dtype=torch.float32)
    return backbone
