"""The rows of TOFU's configurations: text only."""

from collections.abc import Iterator

from clearbench.config.generator import MiniSettings
from clearbench.data.mini.perturb import Perturber
from clearbench.data.mini.rows import Row
from clearbench.data.mini.statements import Pair
from clearbench.data.mini.world import World


def tofu_configurations(
    world: World, pairs: list[Pair], settings: MiniSettings
) -> Iterator[tuple[str, list[Row]]]:
    """Name and rows of each configuration."""
    for part, persons in world.parts().items():
        yield part, [_plain(pair) for pair in pairs if pair.person in persons]
    for part, (persons, alike) in world.evaluated().items():
        perturber = Perturber(settings.rng("values", part), alike, world)
        asked = [pair for pair in pairs if pair.person in persons]
        yield f"{part}_perturbed", [_perturbed(pair, perturber) for pair in asked]


def _plain(pair: Pair) -> Row:
    return {"question": pair.question(), "answer": pair.answer()}


def _perturbed(pair: Pair, perturber: Perturber) -> Row:
    truth = getattr(pair.person, pair.topic.fact)
    return {
        **_plain(pair),
        "paraphrased_answer": pair.paraphrased(truth),
        "perturbed_answer": [pair.paraphrased(value) for value in perturber.values(pair)],
        "paraphrased_question": pair.paraphrased_question(),
    }
