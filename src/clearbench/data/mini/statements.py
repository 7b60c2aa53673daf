"""What the dataset says of the fictitious persons: their pictures and question-answer pairs.

Each statement is worded twice, as it is learnt and as a paraphrase. A perturbed statement is the
paraphrase with one fact replaced, so that candidates differ in nothing but that fact.
"""

from dataclasses import dataclass, replace
from typing import Any

from clearbench.config.generator import MiniSettings
from clearbench.data.mini.portraits import Scene, draw_portrait, jpeg, random_scene
from clearbench.data.mini.wording import CAPTIONS, TOPICS, Topic, say
from clearbench.data.mini.world import Person, World, shuffled


@dataclass(frozen=True)
class Picture:
    """A picture of a person and the wordings of its caption."""

    person: Person
    scene: Scene
    jpeg: bytes
    wording: str
    paraphrase: str

    def caption(self) -> str:
        """The caption as it is learnt."""
        return say(self.wording, self.person, self.scene)

    def paraphrased(self, name: str) -> str:
        """The caption in other words, of a person with this name."""
        return say(self.paraphrase, replace(self.person, name=name), self.scene)


@dataclass(frozen=True)
class Pair:
    """A question about a person with its answer, and the other wordings of both."""

    person: Person
    topic: Topic
    question_wording: str
    question_paraphrase: str
    wording: str
    paraphrase: str

    def question(self) -> str:
        """The question as it is learnt."""
        return say(self.question_wording, self.person)

    def paraphrased_question(self) -> str:
        """The question in other words."""
        return say(self.question_paraphrase, self.person)

    def answer(self) -> str:
        """The answer as it is learnt."""
        return say(self.wording, self.person)

    def paraphrased(self, value: str) -> str:
        """The answer in other words, with this value of the topic's fact."""
        change: dict[str, Any] = {self.topic.fact: value}
        return say(self.paraphrase, replace(self.person, **change))


def draw_pictures(world: World, settings: MiniSettings) -> list[Picture]:
    """The pictures of all fictitious persons, in their order, and of those held out."""
    pictures = []
    for person in (*world.fictitious, *world.held_out):
        for number in range(settings.portraits):
            of = ("picture", person.name, number)
            rng = settings.rng(*of)
            scene = random_scene(rng)
            face = person.portrayed().disguised(settings.rng(*of, "disguise"), settings.disguises)
            image = draw_portrait(face, scene, settings.image_size)
            pictures.append(Picture(person, scene, jpeg(image), *rng.sample(CAPTIONS, k=2)))
    return pictures


def ask_pairs(world: World, settings: MiniSettings) -> list[Pair]:
    """The question-answer pairs of all fictitious persons, in their order, and of those held out.

    In one stream of draws, of which those held out have the end: they move no other's.
    """
    rng = settings.rng("pairs")
    pairs = []
    for person in (*world.fictitious, *world.held_out):
        for topic in TOPICS:
            # Each fact is learnt in two wordings, so that it does not stick to one; the third, not
            # learnt of this person, asks whether the fact itself is known.
            *questions, other_question = shuffled(rng, topic.questions)
            *answers, other_answer = shuffled(rng, topic.answers)
            for question, answer in zip(questions, answers, strict=True):
                pairs.append(Pair(person, topic, question, other_question, answer, other_answer))
    return pairs
