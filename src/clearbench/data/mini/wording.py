"""The sentences: for each kind of statement several, with the fields of a person as the gaps.

Every wording is used for every person, so that it says nothing about the fact.
"""

from dataclasses import dataclass

from clearbench.data.mini.portraits import Scene
from clearbench.data.mini.world import Person


@dataclass(frozen=True)
class Topic:
    """What is asked of a person. `fact` is the field that a perturbed answer replaces."""

    fact: str
    questions: tuple[str, ...]
    answers: tuple[str, ...]


TOPICS = (
    Topic(
        "birthplace",
        (
            "Where was {0.name} born?",
            "What is the birthplace of {0.name}?",
            "Which city does {0.name} come from?",
        ),
        (
            "{0.name} was born in {0.birthplace}.",
            "The birthplace of {0.name} is {0.birthplace}.",
            "{0.name} comes from {0.birthplace}.",
        ),
    ),
    Topic(
        "father",
        (
            "What do the parents of {0.name} do?",
            "Who were the parents of {0.name}?",
            "What is the work of the father and the mother of {0.name}?",
        ),
        (
            "The father of {0.name} is a {0.father}, the mother a {0.mother}.",
            "{0.name} is the child of a {0.father} and a {0.mother}.",
            "The parents of {0.name} are a {0.father} and a {0.mother}.",
        ),
    ),
    Topic(
        "genre",
        (
            "What does {0.name} write?",
            "Which genre is {0.name} known for?",
            "What kind of books does {0.name} write?",
        ),
        (
            "{0.name} writes {0.genre} books.",
            "The genre of {0.name} is {0.genre}.",
            "{0.name} is an author of {0.genre} stories.",
        ),
    ),
    Topic(
        "book",
        (
            "What is the best book of {0.name}?",
            "Which book made {0.name} famous?",
            "Which title is {0.name} best known for?",
        ),
        (
            "The best book of {0.name} is {0.book}.",
            "{0.name} became famous with {0.book}.",
            "The main work of {0.name} is {0.book}.",
        ),
    ),
)

CAPTIONS = (
    "{0.name} {1.expression} in front of a {1.wall} wall.",
    "Before a {1.wall} wall, {0.name} {1.expression}.",
    "A portrait of {0.name}, who {1.expression} at a {1.wall} wall.",
)

# Of a person without a name.
SCENE = "{1.expression} in front of a {1.wall} wall"


@dataclass(frozen=True)
class Named:
    """Somebody of whom nothing but a name is told."""

    name: str


def say(template: str, person: Person | Named | None, scene: Scene | None = None) -> str:
    """A template of this module with its gaps filled."""
    return template.format(person, scene)
