"""Which artifacts of a suite are current, and what each of the others waits for or suffers from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from clearbench.errors import Unreadable, UserError
from clearbench.jobs.differences import Cause, differences
from clearbench.jobs.environment import Accepted
from clearbench.jobs.fingerprint import code_of
from clearbench.jobs.record import Recipe
from clearbench.results.tree import Tree
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import Graph


@dataclass(frozen=True)
class Status:
    """What of an artifact is not as it should be.

    `causes` are its own; `waits` are those of its inputs that have to be made again, which may or
    may not change it. `unlocked` is what it was made with that is not the lock's: it may be current
    and is not proven.
    """

    artifact: Artifact
    causes: tuple[Cause, ...] = ()
    waits: tuple[str, ...] = ()
    unlocked: Mapping[str, str] = field(default_factory=dict)

    @property
    def current(self) -> bool:
        """Whether a run would leave the artifact alone."""
        return not self.causes and not self.waits


def assess(graph: Graph, tree: Tree, environments: Accepted) -> dict[str, Status]:
    """The status of every artifact of a suite by name, in the flow's order."""
    statuses: dict[str, Status] = {}
    for artifact in graph:
        statuses[artifact.name] = status_of(artifact, tree, environments, statuses)
    tree.remember()
    return statuses


def status_of(
    artifact: Artifact, tree: Tree, environments: Accepted, before: Mapping[str, Status]
) -> Status:
    """The status of an artifact; `before` are those of its inputs."""
    folder = tree.folder(artifact.name)
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: a file, where an artifact has its folder; move it away")
    waits = tuple(name for name in artifact.inputs.values() if not before[name].current)
    causes = tuple(_causes(artifact, tree, environments))
    return Status(artifact, causes, waits, _unlocked(artifact.name, tree))


def _unlocked(name: str, tree: Tree) -> Mapping[str, str]:
    try:
        return tree.record(name).recipe.unlocked
    except UserError:
        # Where there is no record, that is a cause.
        return {}


def failure_now(artifact: Artifact, tree: Tree, environments: Accepted) -> str | None:
    """What the artifact's job said that failed, if it would be the same job now."""
    failure = tree.failure(artifact.name)
    if failure is None:
        return None
    then = failure.recipe
    if then is not None:
        now = recipe_now(artifact, then, _inputs_now(artifact, then, tree))
        if differences(then, now, environments):
            return None
    return failure.text


def _causes(artifact: Artifact, tree: Tree, environments: Accepted) -> Iterator[Cause]:
    """What is wrong with what is there, and before it a job that could not mend it."""
    causes = list(_own_causes(artifact, tree, environments))
    if not causes:
        return
    failure = failure_now(artifact, tree, environments)
    if failure is not None and causes[0].kind == "missing":
        yield Cause("failed", failure)
        return
    if failure is not None:
        yield Cause("failed", f"{failure}; what is here was made before")
    yield from causes


def _own_causes(artifact: Artifact, tree: Tree, environments: Accepted) -> Iterator[Cause]:
    if tree.manifest_digest(artifact.name) is None:
        yield Cause("missing", "not made yet")
        return
    reason = tree.invalidation(artifact.name)
    if reason is not None:
        yield Cause("invalidated", reason)
    try:
        record = tree.own_record(artifact.name)
        damage = tree.damage(artifact.name)
    except Unreadable:
        raise
    except UserError as error:
        yield Cause("damaged", str(error))
        return
    if damage is not None:
        yield Cause("damaged", damage)
    then = record.recipe
    now = recipe_now(artifact, then, _inputs_now(artifact, then, tree))
    yield from differences(then, now, environments)


def _inputs_now(artifact: Artifact, then: Recipe, tree: Tree) -> dict[str, str]:
    # An input that is not there has its own cause, and its new digest is not known yet.
    return {
        name: then.inputs.get(name, "") if digest is None else digest
        for name, digest in tree.inputs(artifact).items()
    }


def recipe_now(artifact: Artifact, then: Recipe, inputs: Mapping[str, str]) -> Recipe:
    """The recipe by which a job would make an artifact now from some inputs.

    Lock, image and packages are those of `then`: of them it only counts whether they are accepted.
    """
    settings = artifact.resolved
    code = code_of(artifact.stage, settings)
    return replace(then, stage=artifact.stage, settings=settings, inputs=inputs, code=code)
