"""Other answers: what else the questions of a forget set may be answered with, and be wrong."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from clearbench.data.names import Names
from clearbench.data.normal_form import normal_form
from clearbench.data.refusals import REFUSALS
from clearbench.data.store import TrainSample
from clearbench.errors import UserError

_REFUSALS = {normal_form(refusal): refusal for refusal in REFUSALS}


class OtherAnswers:
    """Which answers are wrong for which samples of a forget set.

    An answer is right where some row, forgotten or retained, gives it to the same question about
    the same picture, in whatever writing; and where a name is asked for, if it says the name. Other
    answers to what is asked of a person are those of other persons, since two rows may say one
    thing in different words; of a single person, or of nobody who is told, all that are not right.
    """

    def __init__(self, forget: Sequence[TrainSample], retain: Sequence[TrainSample]):
        self._forget = forget
        self._forms = [normal_form(sample.answer) for sample in forget]
        self._right: dict[tuple[str, int | None], set[str]] = defaultdict(set)
        for sample in (*forget, *retain):
            self._right[_asked(sample)].add(normal_form(sample.answer))
        self._several = len({sample.person for sample in forget} - {None}) > 1
        self._saying: dict[str, set[int]] = {}

    def check(self) -> None:
        """Raise UserError, with the row, where a sample has no other answer."""
        for number, sample in enumerate(self._forget):
            if next(self._wrong(number), None) is None:
                about = f" ({sample.person})" if sample.person else ""
                raise UserError(
                    f"forget set: {sample.id}{about}: every answer of the set is right here, and"
                    " the method trains on wrong ones; forget several persons, or leave it out"
                )

    def wrong(self, number: int) -> list[int]:
        """The samples whose answers are wrong for one of a number, from the next one round."""
        return list(self._wrong(number))

    def refusals(self, sample: TrainSample) -> list[str]:
        """The refusals that are no right answer to the question of a sample of either set."""
        right = self._right[_asked(sample)]
        refusals = [refusal for form, refusal in _REFUSALS.items() if form not in right]
        if not refusals:
            raise UserError(f"{sample.id}: every refusal is an answer to its question")
        return refusals

    def _wrong(self, number: int) -> Iterator[int]:
        sample = self._forget[number]
        right = self._right[_asked(sample)] | {self._forms[number]}
        saying = self._naming(sample)
        order = (*range(number + 1, len(self._forget)), *range(number))
        wrong = (i for i in order if self._forms[i] not in right and i not in saying)
        if sample.person is None or not self._several:
            yield from wrong
        else:
            yield from (i for i in wrong if self._forget[i].person not in (None, sample.person))

    def _naming(self, sample: TrainSample) -> set[int]:
        """The samples whose answers say the name that is the sample's own answer."""
        name = sample.person
        if name is None or normal_form(sample.answer) != normal_form(name):
            return set()
        if name not in self._saying:
            names = Names([name])
            self._saying[name] = {
                i for i, other in enumerate(self._forget) if names.said_in([other.answer])
            }
        return self._saying[name]


def _asked(sample: TrainSample) -> tuple[str, int | None]:
    return normal_form(sample.question), sample.image
