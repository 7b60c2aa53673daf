"""Processors: from texts and images to a model's inputs, without what they do for videos."""

from pathlib import Path
from typing import Any

from transformers import AutoConfig, AutoTokenizer, ProcessorMixin
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING

from clearbench.config.settings import Domain


def load(folder: Path, domain: Domain) -> Any:
    """The processor of a multimodal model, the tokenizer of a text model.

    Raises OSError or ValueError where the folder does not hold it.
    """
    if domain == "text":
        return AutoTokenizer.from_pretrained(str(folder))
    kind = PROCESSOR_MAPPING[type(AutoConfig.from_pretrained(str(folder)))]
    return without_videos(kind).from_pretrained(str(folder))


def without_videos(kind: Any) -> Any:
    """A processor class that neither needs nor has a processor of videos.

    Those of transformers demand torchvision, which nothing that is shown here needs.
    """
    if "video_processor" not in kind.get_attributes():
        return kind
    attributes = [name for name in kind.get_attributes() if name != "video_processor"]

    class WithoutVideos(kind, _Given):
        @classmethod
        def get_attributes(cls) -> list[str]:
            return attributes

    # What is saved names the class of the library.
    WithoutVideos.__name__ = kind.__name__
    return WithoutVideos


class _Given(ProcessorMixin):
    """Comes after a processor's own class and before the library's base: it hands on what is there.

    The classes pass all their parts on by position, absent ones as None.
    """

    def __init__(self, *parts: Any, **named: Any):
        super().__init__(*(part for part in parts if part is not None), **named)
