"""Whether a model and its gold were asked the same: forget quality compares like with like."""

from collections import defaultdict
from collections.abc import Mapping

from clearbench.errors import UserError
from clearbench.evaluation.records import Record
from clearbench.metrics.base import Records, order_by_id


def check_comparable(records: Records, gold_records: Records) -> None:
    """Raise UserError for the first forget sample that gold was asked otherwise.

    Compared are question, true answer and number of candidates, of the samples with one id in the
    tasks that both have; a question that either does not tell is not.
    """
    own, gold = (_samples(group) for group in (records, gold_records))
    for (task, id), sample in own.items():
        for one, other in zip(sample, gold.get((task, id), ()), strict=False):
            for what, asked, of_gold in _asked(one, other):
                if asked != of_gold:
                    raise UserError(
                        f"forget/{task}/{id}: the gold model was evaluated with another {what}:"
                        f" {of_gold!r}, the model with {asked!r}; give the gold of the"
                        " same dataset, forget size and prompts"
                    )


def is_itself(records: Records, gold_records: Records) -> bool:
    """Whether the forget samples of two evaluations are the same to the last digit."""
    own, gold = (_samples(group) for group in (records, gold_records))
    return bool(own) and own == gold


def _samples(records: Records) -> Mapping[tuple[str, str], list[Record]]:
    """The forget samples by task and id, those of one id in one order."""
    found: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for i in order_by_id(records):
        if records[i].split == "forget":
            found[records[i].task, records[i].id].append(records[i])
    return found


def _asked(one: Record, other: Record) -> list[tuple[str, object, object]]:
    """What is compared of two samples: what it is, of the model and of gold."""
    found: list[tuple[str, object, object]] = [
        ("true answer", one.answer.strip(), other.answer.strip()),
        ("number of false answers", len(one.perturbed_losses), len(other.perturbed_losses)),
    ]
    if one.question is not None and other.question is not None:
        found.insert(0, ("question", one.question.strip(), other.question.strip()))
    return found
