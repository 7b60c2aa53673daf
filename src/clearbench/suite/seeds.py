"""Seeds of the whole path: which base, original and gold a cell starts from, and all further ones.

A seed of a suite has its own base, where that is trained here, its own original and golds, and its
cells start from them. With `originals: shared` all seeds are of unlearning alone, as in CLEAR.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from clearbench.suite.runs import LARGEST_SEED
from clearbench.suite.suite import Suite

_APART = 10_000
"""How far the seed of a repeat lies from the one before it."""


@dataclass(frozen=True)
class Tuning:
    """A fine-tuning: the seed of its base and its own, which the original and the golds share.

    `name` is the last part of what they are called: `seed0`, and `seed0.1` for its first repeat.
    """

    base_seed: int
    seed: int
    name: str

    @property
    def base(self) -> str:
        """The base that it starts from."""
        return f"base/seed{self.base_seed}"

    @property
    def original(self) -> str:
        """The model of everybody."""
        return f"original/{self.name}"

    def gold(self, forget_size: int) -> str:
        """The model that never met those of a forget size."""
        return f"gold/forget{forget_size:02d}/{self.name}"


@dataclass(frozen=True)
class Path:
    """A seed of a suite, or a repeat: what its cells start from, and the seed of their unlearning.

    `name` is the last part of what cells are called: `seed0`, and of repeats `seed2.1.0`, the first
    fine-tuning after the seed's own, and its first unlearning.
    """

    tuning: Tuning
    seed: int
    name: str


def paths(suite: Suite) -> list[Path]:
    """The paths of the suite's seeds, which rows average."""
    seeds = suite.file.seeds
    if suite.file.originals == "shared":
        shared = _tuning(suite, seeds[0])
        return [Path(shared, seed, f"seed{seed}") for seed in seeds]
    return [Path(_tuning(suite, seed), seed, f"seed{seed}") for seed in seeds]


def repeats(suite: Suite) -> list[Path]:
    """Further paths, which only tell the parts of the noise: each in part one of the seeds' own."""
    times = suite.file.repeats
    return [
        Path(
            tuning,
            _repeated(path.seed, number * times.unlearn + run),
            f"{path.name}.{number}.{run}",
        )
        for path in paths(suite)
        for number, tuning in enumerate(_tunings_of(path.tuning, times.finetune))
        for run in range(times.unlearn)
        if number or run
    ]


def own_tunings(suite: Suite) -> list[Tuning]:
    """The fine-tunings of the seeds: one each, or one that all share."""
    return list(dict.fromkeys(path.tuning for path in paths(suite)))


def tunings(suite: Suite) -> list[Tuning]:
    """All fine-tunings that cells start from."""
    return list(dict.fromkeys(path.tuning for path in (*paths(suite), *repeats(suite))))


def of_recipe(suite: Suite, recipe: str) -> list[tuple[Tuning, Tuning]]:
    """The fine-tunings of a recipe, each after that of the seed whose base it starts from.

    Of a seed of its own, so that it meets the samples in another order.
    """
    return [
        (own, Tuning(own.base_seed, _repeated(own.seed, 1), f"{own.name}.{recipe}"))
        for own in own_tunings(suite)
    ]


def golds(suite: Suite) -> list[Tuning]:
    """The fine-tunings whose golds are compared with each other, two or more.

    Those of the seeds; of one alone, and where seeds share one, that of another seed as well.
    """
    own = own_tunings(suite)
    if len(own) > 1:
        return own
    first = suite.file.seeds[0]
    other = next(seed for seed in (*suite.file.seeds[1:], 0, 1) if seed != first)
    if suite.file.originals == "shared":
        return [*own, Tuning(own[0].base_seed, other, f"seed{other}")]
    return [*own, _tuning(suite, other)]


def _tuning(suite: Suite, seed: int) -> Tuning:
    """The fine-tuning of a seed of its own; a base that is given is the same for all."""
    return Tuning(seed if suite.draws_base else suite.file.seeds[0], seed, f"seed{seed}")


def _tunings_of(tuning: Tuning, times: int) -> Iterator[Tuning]:
    """A fine-tuning, and its repeats on the same base."""
    yield tuning
    for number in range(1, times):
        seed = _repeated(tuning.seed, number)
        yield Tuning(tuning.base_seed, seed, f"{tuning.name}.{number}")


def _repeated(seed: int, number: int) -> int:
    return (seed + number * _APART) % (LARGEST_SEED + 1)
