"""A smoke test of a cell: its method trains on a few batches, which is told and not kept."""

from pathlib import Path
from tempfile import TemporaryDirectory

from clearbench import domains, methods
from clearbench.config.settings import Cell, UnlearnSettings
from clearbench.data.store import Store, TrainSample
from clearbench.domains.place import Place
from clearbench.jobs.state import State
from clearbench.models.device import prepare_device
from clearbench.suite.artifact import Artifact
from clearbench.suite.rows.cells import ALTERNATES
from clearbench.training.loop import DivergedError

_BATCHES = 4


class _Few(Store):
    """A dataset of which a training sees the first samples alone."""

    def __init__(self, folder: Path, count: int):
        super().__init__(folder)
        self._count = count

    def train(self, part: str, forget_size: int | None, modality: str) -> list[TrainSample]:
        return super().train(part, forget_size, modality)[: self._count]


def smoke_test(artifact: Artifact, cell: Cell, root: Path) -> str:
    """Train a cell for an epoch on four batches, on the models below `root`; gives a line on it.

    In the vision domain an epoch is over all pictures, which are few.
    """
    settings = UnlearnSettings.model_validate(dict(artifact.settings))
    training = settings.training.model_copy(update={"epochs": 1})
    settings = settings.model_copy(update={"training": training})
    method = methods.create(cell.method, settings.parameters)
    store = _Few(root / artifact.inputs["dataset"], _BATCHES * training.batch_size)
    domain = domains.load(settings.model.domain, "unlearn")
    with TemporaryDirectory() as folder:
        place = Place(store, prepare_device(cell.seed), State(), Path(folder))
        base, original = (root / artifact.inputs[name] for name in ("base", "original"))
        made_up = artifact.inputs.get(ALTERNATES)
        alternates = None if made_up is None else root / made_up
        try:
            done = domain.run(settings, method, cell, base, original, None, place, alternates)
        except DivergedError as error:
            return f"diverged at step {error.step}"
    losses = ", ".join(f"{loss:.4f}" for loss in done.history)
    told = f"loss {losses}" if losses else "no training"
    return f"{told} in {done.seconds:.1f} s; nothing was published"
