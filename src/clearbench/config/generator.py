"""The settings of the generator, with what its pools of names and clothes can serve."""

import operator
import random
from typing import Annotated, Self

from pydantic import Field, model_validator

from clearbench.config.strict import Positive, Strict

PERSONS = 400
REAL_PERSONS = 24
DISGUISES = 6

Count = Annotated[int, Field(ge=0)]


class MiniSettings(Strict):
    """The size of the world. Everything in it derives from `seed`.

    The fictitious persons have portraits; the real world is what the base model learns.
    """

    seed: int = Field(0, ge=0, description="of all draws")
    persons: int = Field(
        200, ge=100, multiple_of=100, description="fictitious ones, a multiple of 100"
    )
    portraits: Positive = Field(4, description="pictures of each, square JPEGs")
    image_size: Positive = Field(64, description="pixels of a side of a picture")
    real_persons: int = Field(
        24, ge=8, le=REAL_PERSONS, description="persons of the real world with a face"
    )
    real_portraits: Count = Field(45, description="pictures of each")
    unpictured_persons: Count = Field(
        160, description="persons of the real world known from text only"
    )
    strangers: Count = Field(2250, description="faces that are seen once")
    things: Count = Field(800, description="pictures of things")
    face_questions: Count = Field(
        0,
        exclude_if=operator.not_,
        description="pictures of each person of the real world that the base is asked a fact about",
    )
    general: Count = Field(
        0,
        exclude_if=operator.not_,
        description="questions about things in the layouts of POPE and VQAv2, so many of each",
    )
    disguises: int = Field(
        0,
        ge=0,
        le=DISGUISES,
        description="attributes of a face that change from picture to picture, so that strangers"
        " are hard to recognise",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.persons + self.real_persons + self.unpictured_persons > PERSONS:
            raise ValueError(
                "persons, real_persons and unpictured_persons: names and book titles suffice for"
                f" {PERSONS} in all"
            )
        return self

    @property
    def evaluated_persons(self) -> int:
        """How many retained persons are evaluated: as many as the largest forget set has."""
        return self.persons // 10

    def rng(self, *purpose: object) -> random.Random:
        """A random stream for one purpose, so that no purpose shifts the draws of another."""
        return random.Random("/".join(map(str, (self.seed, *purpose))))
