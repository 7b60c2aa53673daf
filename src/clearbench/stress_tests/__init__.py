"""Stress tests, one file a kind: what is done to unlearned models, or to what they are asked.

A kind's key is its file's name. A file holds `Test`, a `StressTest` whose fields are the keys that
a suite writes; what it leaves out changes nothing. With `LAYER`, a stage of the kind's name makes
the layer that is laid on each model. Nothing here loads torch before a model is there.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from clearbench.config.points import ANY
from clearbench.config.settings import Domain
from clearbench.config.strict import Strict, validate
from clearbench.errors import UserError, unknown
from clearbench.plugins import load as load_file
from clearbench.plugins import named

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from clearbench.config.files import ModelSpec
    from clearbench.data.store import Store

KIND = "kind"
"""The key of a test's settings that says its kind."""

Reading = Literal["relearned", "kept"]
"""How scores before and after are read: beside those of a gold that was taught the same, or alone.
"""


class StressTest(Strict):
    """A stress test of a kind: its settings, and what they do at each of its points.

    A point is a number of steps, a precision, a variant: what has records and scores of its own.
    `READING` is how scores before and after are compared, None where what is asked has no before
    and a table of its own; `VARIANTS` says whether the points are
    tries of one thing, so that there is a score of what any of them brings back, and tables show
    it with their mean and the highest of them.
    """

    DOMAINS: ClassVar[tuple[Domain, ...]] = ("multimodal", "text")
    READING: ClassVar[Reading | None] = "kept"
    LAYER: ClassVar[bool] = False
    VARIANTS: ClassVar[bool] = False

    @property
    @abstractmethod
    def points(self) -> tuple[str, ...]:
        """The names of its points, in the order of the tables."""

    @property
    def scored(self) -> tuple[str, ...]:
        """What has scores: its points, and all together where they are variants."""
        return (*self.points, ANY) if self.VARIANTS else self.points

    def check(self, model: "ModelSpec") -> None:
        """Raise UserError, which begins with the key, for what can't be with a suite's model."""

    def stack(self, stack: Sequence[Path], point: str) -> Sequence[Path]:
        """The checkpoints that a model is made of."""
        return stack

    def change(self, model: "PreTrainedModel", point: str, stack: Sequence[Path]) -> None:
        """Change a model that has been loaded; `stack` are all checkpoints, a layer's own last."""

    def asked(self, store: "Store", point: str) -> "Store":
        """What the model is asked, and the pictures that it is shown."""
        return store


def available() -> list[str]:
    """The kinds, sorted."""
    return list(named("stress_tests"))


def kind_of(kind: str) -> type[StressTest]:
    """The class of a kind, one of `available`."""
    test: type[StressTest] = load_file("stress_tests", kind).Test
    return test


def read_test(name: str, given: Mapping[str, Any], where: str) -> tuple[str, StressTest]:
    """The kind and the test of an entry of a suite; UserError, which begins with `where`.

    An entry is named as its kind, or names it (`small: { kind: quantise, to: [int8] }`).
    """
    kind = given.get(KIND, name)
    if kind not in available():
        told = unknown(str(kind), available(), f"unknown: {kind}")
        if KIND in given:
            raise UserError(f"{where}.{name}.{KIND}: {told}")
        raise UserError(f"{where}: {told}; a test of another name says its kind, as kind: relearn")
    return kind, validate(kind_of(kind), _without_kind(given), f"{where}.{name}")


def test_of(settings: Mapping[str, Any]) -> StressTest:
    """The test that a job is told of by its settings, which say the kind; UserError."""
    kind = settings.get(KIND)
    if kind not in available():
        raise UserError(f"stress.{KIND}: {unknown(str(kind), available(), f'unknown: {kind}')}")
    return validate(kind_of(kind), _without_kind(settings), "stress")


def check_shared(accumulation: int, gpus: int) -> None:
    """Raise UserError where the GPUs of a model can't share the batches of a test's step."""
    if gpus > 1 and accumulation % gpus:
        raise UserError(
            f"accumulation: {accumulation}; the model asks for {gpus} GPUs, which share the batches"
            f" of a step; allowed: multiples of {gpus}"
        )


def settings_of(kind: str, test: StressTest) -> dict[str, Any]:
    """What a job is told of a test."""
    return {KIND: kind, **test.model_dump()}


def _without_kind(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != KIND}
