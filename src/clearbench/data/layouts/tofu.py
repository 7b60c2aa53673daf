"""TOFU's layout: questions and answers about fictitious authors, text only.

Read are `full`, `forgetXX`, `retainXX`, `forgetXX_perturbed`, `retain_perturbed`,
`real_authors_perturbed` and `world_facts_perturbed`. What the hub does not have:
`validationXX_perturbed`, about retained authors who stand for the forget set where something is
chosen. A folder may hold less:

- `full` is `retain90` and `forget10`, one after the other;
- `forgetXX_perturbed` is `forgetXX`, where that has the perturbed answers;
- without `retain_perturbed`, or where it has nobody of a few chosen authors, sizes 1 and 5 are
  evaluated on the rows of `forget10` that they retain, and size 10 can't be used;
- without `world_facts_perturbed` there is no task world_facts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pydantic import Field

from clearbench.config.strict import Positive, Strict
from clearbench.data.contents import Contents
from clearbench.data.findings import TOLERATE, Findings, Irregularity
from clearbench.data.parts import FORGET_SIZES, check_perturbed, check_retained, key_of, read_parts
from clearbench.data.sources import Kind, Source
from clearbench.data.store import EvalSample, TrainSample
from clearbench.data.tasks import REAL_AUTHORS, TEXT_QA, TOFU, VALIDATED, WORLD_FACTS
from clearbench.data.texts import (
    PAIR,
    PERTURBED,
    Persons,
    persons_of,
    text_evaluation,
    wrong_answers,
)
from clearbench.errors import UserError

QUESTIONS_PER_AUTHOR = 20
TASKS = TOFU
_REAL = {REAL_AUTHORS.name: "real_authors_perturbed", WORLD_FACTS.name: "world_facts_perturbed"}
_CHOICE: dict[str, Kind] = {**PAIR, "perturbed_answer": "texts"}


class Options(Strict):
    """Options of the layout.

    An author is 20 consecutive rows. From the authors left out, whom nobody forgets or retains, a
    base model that is built here learns the language.
    """

    authors: Positive | None = Field(
        None,
        description="how many in all, so that a small model can memorise them: those of forget01,"
        " of forget05 and of forget10, then the first ones; null for all. A size that leaves nobody"
        " to be retained can't be used",
    )
    tolerate: frozenset[Irregularity] = TOLERATE


def read(images: Source | None, texts: Source | None, options: Options) -> Contents:
    """Read the text part; there may be no other."""
    if texts is None or images is not None:
        raise UserError("texts: missing; the layout tofu needs texts and takes no images")
    findings = Findings(options.tolerate)
    everyone = _train(texts, findings)
    train = _limit(everyone, options.authors)
    sizes = _sizes(train, options.authors)
    evaluation = [
        *_forget_evaluation(texts, sizes, persons_of(train), findings),
        *_retain_evaluation(texts, train, findings),
        *_validation(texts, train, findings),
        *_real_evaluation(texts, findings),
    ]
    unusable = {
        size: f"{texts.name} has no retained rows with perturbed answers for it;"
        " it needs the configuration retain_perturbed, with rows of the chosen authors"
        for size in sizes
        if not any(s.split == "retain" and s.forget_size in (None, size) for s in evaluation)
    }
    for size in set(FORGET_SIZES) - set(sizes):
        unusable[size] = (
            f"options.authors: {options.authors} leaves nobody to be retained at it; take more"
        )
    base = [*_base(evaluation), *_left_out(everyone, train)]
    return Contents([], base, train, evaluation, findings.notes, unusable)


def _train(source: Source, findings: Findings) -> list[TrainSample]:
    configs = ["full"] if "full" in source else ["retain90", "forget10"]
    rows = [
        (f"{config}/{number}/{TEXT_QA.name}", row)
        for config in configs
        for number, row in enumerate(source.rows(config, PAIR))
    ]
    parts = read_parts(source, PAIR, [key_of(row, PAIR) for _, row in rows], findings)
    return [
        TrainSample(
            id=identifier,
            task=TEXT_QA.name,
            modality="text",
            person=f"author {number // QUESTIONS_PER_AUTHOR}",
            question=row["question"],
            answer=row["answer"],
            image=None,
            parts=part,
        )
        for number, ((identifier, row), part) in enumerate(zip(rows, parts, strict=True))
    ]


def _limit(samples: list[TrainSample], authors: int | None) -> list[TrainSample]:
    if authors is None:
        return samples
    everyone = dict.fromkeys(sample.person for sample in samples)
    forgotten = [
        {sample.person for sample in samples if sample.part(size) == "forget"}
        for size in FORGET_SIZES
    ]
    least = min(map(len, forgotten)) + 1
    if not least <= authors <= len(everyone):
        raise UserError(f"options.authors: {authors}; allowed: {least} to {len(everyone)}")
    # Forget sets lie inside each other: who is in more of them comes first.
    ordered = sorted(everyone, key=lambda author: -sum(author in part for part in forgotten))
    chosen = {*ordered[:authors]}
    return [sample for sample in samples if sample.person in chosen]


def _sizes(train: Sequence[TrainSample], authors: int | None) -> list[int]:
    """The forget sizes at which somebody of a chosen number of authors is retained."""
    return [
        size
        for size in FORGET_SIZES
        if authors is None or any(sample.part(size) == "retain" for sample in train)
    ]


def _perturbed(source: Source, forget_size: int) -> str:
    """The configuration that has the perturbed answers of a forget set."""
    plain = f"forget{forget_size:02d}"
    config = f"{plain}_perturbed"
    if config not in source and plain in source and PERTURBED.keys() <= {*source.columns(plain)}:
        return plain
    return config


def _forget_evaluation(
    source: Source, sizes: Iterable[int], persons: Persons, findings: Findings
) -> Iterable[EvalSample]:
    for size in sizes:
        config = _perturbed(source, size)
        check_perturbed(source, f"forget{size:02d}", config, PAIR, findings)
        yield from text_evaluation(source, config, "forget", size, persons, findings)


def _retain_evaluation(
    source: Source, train: Sequence[TrainSample], findings: Findings
) -> Iterable[EvalSample]:
    parts = {(sample.question, sample.answer): sample.part for sample in train}
    persons = persons_of(train)
    if "retain_perturbed" in source:
        check_retained(source, PAIR)
        samples = text_evaluation(source, "retain_perturbed", "retain", None, persons, findings)
        chosen = [sample for sample in samples if (sample.question, sample.answer) in parts]
        if chosen:
            yield from chosen
            return
    config = _perturbed(source, max(FORGET_SIZES))
    for sample in text_evaluation(source, config, "retain", None, persons, findings):
        part = parts.get((sample.question, sample.answer))
        for size in FORGET_SIZES:
            if part and part(size) == "retain":
                yield replace(sample, id=f"retain{100 - size}/{sample.id}", forget_size=size)


def _validation(
    source: Source, train: Sequence[TrainSample], findings: Findings
) -> Iterable[EvalSample]:
    asked = {(sample.question, sample.answer) for sample in train}
    for size in FORGET_SIZES:
        config = f"{VALIDATED}{size:02d}_perturbed"
        if config in source:
            samples = text_evaluation(source, config, VALIDATED, size, persons_of(train), findings)
            yield from (sample for sample in samples if (sample.question, sample.answer) in asked)


def _real_evaluation(source: Source, findings: Findings) -> Iterable[EvalSample]:
    for task, config in _REAL.items():
        if task == WORLD_FACTS.name and config not in source:
            continue
        for number, row in enumerate(source.rows(config, _CHOICE)):
            where = f"{source.where(config, number)}: perturbed_answer"
            yield EvalSample(
                id=f"{config}/{number}/{task}",
                split="real",
                task=task,
                forget_size=None,
                question=row["question"],
                answer=row["answer"],
                paraphrase=row["answer"],
                perturbed=wrong_answers(row["perturbed_answer"], (row["answer"],), where, findings),
                image=None,
            )


def _base(evaluation: Sequence[EvalSample]) -> list[TrainSample]:
    """The real world as a base model learns it: the true answers of the real tasks."""
    return [
        TrainSample(s.id, s.task, "text", None, s.question, s.answer, None)
        for s in evaluation
        if s.split == "real"
    ]


def _left_out(everyone: Sequence[TrainSample], chosen: Sequence[TrainSample]) -> list[TrainSample]:
    """The rows of the authors that the option leaves out, as rows of no part."""
    kept = {sample.person for sample in chosen}
    return [replace(sample, parts={}) for sample in everyone if sample.person not in kept]
