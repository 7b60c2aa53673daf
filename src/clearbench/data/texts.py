"""Texts: TOFU's question-answer rows as samples, for all layouts that use them."""

from collections.abc import Mapping, Sequence

from clearbench.data.findings import Findings
from clearbench.data.normal_form import normal_form
from clearbench.data.sources import Kind, Source
from clearbench.data.store import EvalSample, TrainSample
from clearbench.data.tasks import TEXT_QA
from clearbench.errors import UserError

PAIR: dict[str, Kind] = {"question": "text", "answer": "text"}
PERTURBED: dict[str, Kind] = {**PAIR, "paraphrased_answer": "text", "perturbed_answer": "texts"}


Persons = Mapping[tuple[str, str], str | None]
"""Whom a pair of question and answer is about; None where nobody is told."""


def persons_of(samples: Sequence[TrainSample]) -> Persons:
    """Whom the texts among training samples are about."""
    return {(sample.question, sample.answer): sample.person for sample in samples}


def text_evaluation(
    source: Source,
    config: str,
    split: str,
    forget_size: int | None,
    persons: Persons,
    findings: Findings,
) -> list[EvalSample]:
    """The samples of `text_qa` in a configuration with perturbed answers."""
    return [
        EvalSample(
            id=f"{config}/{number}/{TEXT_QA.name}",
            split=split,
            task=TEXT_QA.name,
            forget_size=forget_size,
            question=row["question"],
            answer=row["answer"],
            paraphrase=row["paraphrased_answer"],
            perturbed=wrong_answers(
                row["perturbed_answer"],
                (row["answer"], row["paraphrased_answer"]),
                f"{source.where(config, number)}: perturbed_answer",
                findings,
            ),
            image=None,
            person=persons.get((row["question"], row["answer"])),
        )
        for number, row in enumerate(source.rows(config, PERTURBED))
    ]


def wrong_answers(
    candidates: Sequence[str], truths: Sequence[str], where: str, findings: Findings
) -> tuple[str, ...]:
    """The candidates of a sample, none of which may be true or there twice; one at least is left.

    Candidates are the same where their normal forms are.
    """
    true = {normal_form(truth): truth for truth in truths}
    wrong: dict[str, str] = {}
    for candidate in candidates:
        form = normal_form(candidate)
        if form in true:
            findings.report(
                "true_candidates",
                f"{where}: {candidate!r} is the true answer{_unlike(true[form], candidate)}",
            )
        elif form in wrong:
            findings.report(
                "repeated_candidates",
                f"{where}: {candidate!r} is there twice{_unlike(wrong[form], candidate)}",
            )
        else:
            wrong[form] = candidate
    if not wrong:
        raise UserError(f"{where}: no wrong one; it needs one at least")
    return tuple(wrong.values())


def _unlike(text: str, other: str) -> str:
    """A text, where it is written in another way than the other."""
    return "" if text == other else f", {text!r} in another form"
