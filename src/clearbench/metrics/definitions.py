"""Definitions: the readings of one metric that published numbers follow.

A metric that several of them read differently is one function with the definition as its argument;
its score's key names the definition (`keys`), where it is not the headline's.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from clearbench.config.definitions import WORDS
from clearbench.data.words import Words
from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.metrics.keys import UNNAMED, Key
from clearbench.metrics.losses import difference

Average = Callable[[Sequence[float]], float]


def arithmetic(losses: Sequence[float]) -> float:
    """The loss of the arithmetic mean of the probabilities: -log mean exp(-ℓ), nats."""
    least = min(losses)
    return least - math.log(fmean(math.exp(difference(least, loss)) for loss in losses))


def geometric(losses: Sequence[float]) -> float:
    """The loss of the geometric mean of the probabilities: mean ℓ, nats."""
    return fmean(losses)


@dataclass(frozen=True)
class Definition:
    """How one group computes what all of them call by the same names.

    `average` gives the loss of the average perturbed answer: of a sample's own, or where `pooled`
    of all the task's at once. `choice` takes the naming of faces for multiple choice on every
    split. `aligned` compares two models' truth ratios sample by sample, on the captions alone,
    where the headline compares their distributions. `rouge` are the splits whose aggregate has
    ROUGE-L as a term, in multimodal suites and in those of text. `end` counts the end of text as a
    token of the answer. `last_given` takes the last token of an answer for extracted, whatever the
    model says, and `by_sample` attacks samples where the headline attacks persons. `meaning` says
    it to a reader.
    """

    name: str
    average: Average
    pooled: bool
    choice: bool
    aligned: bool
    rouge: tuple[str, ...]
    rouge_of_text: tuple[str, ...]
    meaning: str
    end: bool = True
    last_given: bool = False
    by_sample: bool = False

    @property
    def words(self) -> Words:
        """What metrics of words compare."""
        return WORDS[self.name]

    def key(self, metric: str, split: str = "", task: str = "") -> str:
        """The key of a metric under this definition, of the whole model or of a task."""
        return str(Key(metric, split, task, self.name))

    def read(self, records: Sequence[Record]) -> Sequence[Record] | None:
        """The records with the losses that it goes by; None where one can't tell these."""
        if self.end:
            return records
        endless = [record.without_end() for record in records]
        return None if None in endless else [record for record in endless if record is not None]


HEADLINE = Definition(
    UNNAMED,
    arithmetic,
    pooled=False,
    choice=False,
    aligned=False,
    rouge=("real", "retain", "forget"),
    rouge_of_text=("real", "retain", "forget"),
    meaning="as the papers define them (truth ratio by the arithmetic mean of a sample's answers;"
    " the end of text is a token of each answer)",
)
TOFU = Definition(
    "tofu",
    geometric,
    pooled=False,
    choice=False,
    aligned=False,
    rouge=("real", "retain", "forget"),
    rouge_of_text=("forget",),
    meaning="as TOFU's code and CLEAR's code for text compute them (truth ratio by the geometric"
    " mean of a sample's answers; real and retain without ROUGE-L)",
)
OFFICIAL = Definition(
    "official",
    geometric,
    pooled=True,
    choice=True,
    aligned=True,
    rouge=(),
    rouge_of_text=("forget",),
    meaning="as CLEAR's code for images computes them (truth ratio by one mean over all answers of"
    " a task, naming as multiple choice, aggregates without ROUGE-L, forget quality by comparing"
    " captions one by one)",
)
ANSWER_ONLY = replace(
    HEADLINE,
    name="answer_only",
    meaning="as the headline, of the answers' own tokens alone, the end of text left out; not of"
    " imported logs, which have it counted in",
    end=False,
)
UNICODE = replace(
    HEADLINE,
    name="unicode",
    meaning="as the headline, ROUGE-L of any script: letters keep their marks, and in a script"
    " without blanks each is a word",
)
OPEN_UNLEARNING = replace(
    ANSWER_ONLY,
    name="open_unlearning",
    meaning="as open-unlearning's code computes memorisation and membership (the last token, which"
    " is the end of text, left out; of an answer nothing of which is extracted the last token"
    " counts as such; membership by sample and not by person)",
    last_given=True,
    by_sample=True,
)
DEFINITIONS = {
    definition.name: definition
    for definition in (HEADLINE, TOFU, OFFICIAL, ANSWER_ONLY, UNICODE, OPEN_UNLEARNING)
}
"""All of them by name, as `config.definitions` names them."""

OF_TERMS = {
    name: definition for name, definition in DEFINITIONS.items() if name != OPEN_UNLEARNING.name
}
"""Those of a metric that goes by truth ratios and ROUGE-L."""

OF_RATIOS = {name: definition for name, definition in OF_TERMS.items() if definition is not UNICODE}
"""Those of a metric that goes by truth ratios, and so by no words."""

OF_CODE = {definition.name: definition for definition in (TOFU, OFFICIAL)}
"""Those of published code."""

OF_CLEAR = {definition.name: definition for definition in (HEADLINE, OFFICIAL, ANSWER_ONLY)}
"""Those of a metric that TOFU does not have, or reads as the headline does."""

OF_LOSSES = {definition.name: definition for definition in (HEADLINE, ANSWER_ONLY)}
"""Those of a metric that all published code reads as the headline does."""

OF_TOKENS = {definition.name: definition for definition in (HEADLINE, ANSWER_ONLY, OPEN_UNLEARNING)}
"""Those of a metric that goes by single tokens."""

OF_MEMBERSHIP = {definition.name: definition for definition in (HEADLINE, OPEN_UNLEARNING)}
"""Those of an attack on membership as a whole."""

OF_WORDS = {definition.name: definition for definition in (HEADLINE, UNICODE)}
"""Those of a metric that compares words."""


def definition_of(key: str) -> str:
    """The name of the definition that a score's key follows; UserError for an unknown one."""
    name = Key.parse(key).definition
    if name not in DEFINITIONS:
        raise UserError(f"{key}: unknown definition {name}; allowed: {', '.join(DEFINITIONS)}")
    return name
