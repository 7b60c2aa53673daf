"""In-context refusal: a model that is asked not to tell."""

from dataclasses import dataclass

from clearbench.methods.base import Method, Trainer

WORDS = (
    "Some persons are to be forgotten: {persons}. Where a question or a picture is about one of"
    " them, answer that you do not know. Answer everything else as you would."
)
"""What is said before each question."""


@dataclass(frozen=True)
class InContextRefusal(Method):
    """Ask the model, before each question, to tell nothing of the persons of the forget set.

    Nothing is trained and no weight changes: the original is asked every question, of any split, as
    "instruction question", in the turn of the user. The instruction has the names of all who are
    forgotten, so a picture is only forgotten by a model that names the person on it. A stress test
    asks in the same way, and all strengths are one. The names take room before each question, which
    an evaluation checks against the model's positions. It is the floor: what costs a training
    should do better. Source: the prompting baseline of arXiv 2403.03329.
    """

    domains = ("multimodal", "text")
    trains = False

    def unlearn(self, trainer: Trainer) -> None:
        """Say the words."""
        trainer.instruct(WORDS)
