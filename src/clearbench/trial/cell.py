"""A smoke test of a cell: its method trains on a few batches, which is told and not kept."""

from pathlib import Path
from tempfile import TemporaryDirectory

from clearbench import domains, methods
from clearbench.config.settings import Cell, UnlearnSettings
from clearbench.data.requests import open_store
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

    def __init__(self, whole: Store, count: int):
        super().__init__(whole.folder)
        self._whole = whole
        self._count = count

    def train(self, part: str, forget_size: int | None, modality: str) -> list[TrainSample]:
        return self._whole.train(part, forget_size, modality)[: self._count]


def smoke_test(artifact: Artifact, cell: Cell, root: Path) -> str:
    """Train a cell for an epoch on four batches, on the models below `root`; gives a line on it.

    In the vision domain an epoch is over all pictures, which are few.
    """
    settings = UnlearnSettings.model_validate(dict(artifact.settings))
    training = settings.training.model_copy(update={"epochs": 1})
    settings = settings.model_copy(update={"training": training})
    method = methods.create(cell.method, settings.parameters)
    given = {name: root / source for name, source in artifact.inputs.items()}
    whole = open_store(given["dataset"], given.get("validation"), given.get("request"))
    store = _Few(whole, _BATCHES * training.batch_size)
    domain = domains.load(settings.model.domain, "unlearn")
    with TemporaryDirectory() as folder:
        place = Place(store, prepare_device(cell.seed), State(), Path(folder))
        below = [given["original"], *(path for name, path in given.items() if "/" in name)]
        made_up = given.get(ALTERNATES)
        try:
            done = domain.run(settings, method, cell, given["base"], below, None, place, made_up)
        except DivergedError as error:
            return f"diverged at step {error.step}"
    losses = ", ".join(f"{loss:.4f}" for loss in done.history)
    told = f"loss {losses}" if losses else "no training"
    return f"{told} in {done.seconds:.1f} s; nothing was published"
