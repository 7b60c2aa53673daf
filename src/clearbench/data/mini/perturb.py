"""The choice of the false facts that compete with a true one.

They must be as plausible as the truth for a model that never met the person. Facts of a pool are
drawn from the pool. Names and titles are unique, and a model can tell whether it has met one: they
come from persons that a model meets if and only if it meets this one, else from nobody.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence

from clearbench.data.mini.pools import FACTS
from clearbench.data.mini.statements import Pair, Picture
from clearbench.data.mini.world import Person, World

PERTURBATIONS = 5


class Perturber:
    """Draws PERTURBATIONS false facts for statements about some of `persons`.

    Every name and every title is dealt about equally often.
    """

    def __init__(self, rng: random.Random, persons: Sequence[Person], world: World):
        self._rng = rng
        self._persons = persons
        self._world = world
        self._dealt: Counter[str] = Counter()

    def names(self, picture: Picture) -> list[str]:
        """Names of the person's gender that are not the person's."""
        truth = picture.person
        others = [p.name for p in self._persons if p.gender == truth.gender and p is not truth]
        return self._deal(others, self._world.unused_names[truth.gender])

    def values(self, pair: Pair) -> list[str]:
        """False values of the fact that the pair is about."""
        fact = pair.topic.fact
        if fact in FACTS:
            truth = getattr(pair.person, fact)
            return self._rng.sample([v for v in FACTS[fact] if v != truth], k=PERTURBATIONS)
        others = [p.book for p in self._persons if p is not pair.person]
        return self._deal(others, self._world.unused_books)

    def _deal(self, values: Iterable[str], reserve: Iterable[str]) -> list[str]:
        drawn = [*self._least_dealt(values), *self._least_dealt(reserve)][:PERTURBATIONS]
        self._dealt.update(drawn)
        return self._rng.sample(drawn, k=PERTURBATIONS)

    def _least_dealt(self, values: Iterable[str]) -> list[str]:
        ranked = sorted(values, key=lambda value: (self._dealt[value], self._rng.random()))
        return ranked[:PERTURBATIONS]
