"""Which artifacts of a suite are current, and what each of the others waits for or suffers from."""

from collections.abc import Iterator
from dataclasses import dataclass

from clearbench.errors import UserError
from clearbench.graph import Artifact, Graph
from clearbench.provenance.artifacts import MANIFEST
from clearbench.provenance.differences import Cause, differences
from clearbench.provenance.environment import Accepted
from clearbench.provenance.fingerprint import code_of
from clearbench.provenance.record import Recipe
from clearbench.provenance.tree import Tree


@dataclass(frozen=True)
class Status:
    """What of an artifact is not as it should be.

    `causes` are its own; `waits` are those of its inputs that have to be made again, which may or
    may not change it.
    """

    artifact: Artifact
    causes: tuple[Cause, ...] = ()
    waits: tuple[str, ...] = ()

    @property
    def current(self) -> bool:
        """Whether a run would leave the artifact alone."""
        return not self.causes and not self.waits


def assess(graph: Graph, tree: Tree, environments: Accepted) -> dict[str, Status]:
    """The status of every artifact of a suite by name, in the flow's order."""
    found: dict[str, Status] = {}
    for artifact in graph:
        waits = tuple(name for name in artifact.inputs.values() if not found[name].current)
        causes = tuple(_causes(artifact, tree, environments))
        found[artifact.name] = Status(artifact, causes, waits)
    tree.remember()
    return found


def _causes(artifact: Artifact, tree: Tree, environments: Accepted) -> Iterator[Cause]:
    failure = tree.failure(artifact.name)
    if failure is not None:
        yield Cause("failed", failure)
        return
    if tree.manifest_digest(artifact.name) is None:
        yield Cause("missing", "not made yet")
        return
    reason = tree.invalidation(artifact.name)
    if reason is not None:
        yield Cause("invalidated", reason)
    try:
        record = tree.record(artifact.name)
        if tree.manifest_digest(artifact.name) != record.manifest:
            raise UserError(f"{MANIFEST}: not the one that the job wrote")
        damage = tree.damage(artifact.name)
    except UserError as error:
        yield Cause("damaged", str(error))
        return
    if damage is not None:
        yield Cause("damaged", damage)
    then = record.recipe
    # An input that is not there has its own cause, and its new digest is not known yet.
    inputs = {
        name: then.inputs.get(name, "") if digest is None else digest
        for name, digest in tree.inputs(artifact).items()
    }
    settings = artifact.resolved
    now = Recipe(
        artifact.stage, settings, inputs, code_of(artifact.stage, settings), then.lock, then.image
    )
    yield from differences(then, now, environments)
