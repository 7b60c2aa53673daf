"""Answers that a method trains on as wrong are wrong."""

import pytest
import torch

from clearbench.data.faces import Face
from clearbench.data.normal_form import normal_form
from clearbench.data.questions import FACE_QUESTION
from clearbench.data.refusals import REFUSALS
from clearbench.data.store import TrainSample
from clearbench.errors import UserError
from clearbench.methods.batches import IDK, RETAIN_IDK, Batch
from clearbench.training.face_views import FaceSets
from clearbench.training.views import Sets

CPU = torch.device("cpu")
MISMATCHED = Batch("mismatched", 5)
ANN, BOB = "Ann Ash", "Bob Birch"


def row(answer, question=FACE_QUESTION, image=None, person=None, name="row"):
    kind = "text" if image is None else "visual"
    return TrainSample(name, "any", kind, person, question, answer, image)


def rows_about(person, first):
    """Four pictures, captioned and named, and a fact that two questions ask for, as in mini."""
    found = [
        row(f"{person} was born in Rome.", f"Where was {person} born?", person=person),
        row(f"{person}'s birthplace is Rome.", f"Which city is {person} from?", person=person),
    ]
    for image in range(first, first + 4):
        found += [
            row(f"{person}, portrait {image}.", "What is it?", image, person),
            row(person, image=image, person=person, name=f"full/{image}/face_naming"),
        ]
    return found


def pairs_of(forget, retain=(), asked=MISMATCHED, seeds=20, **options):
    """Number of the sample and answer, of many steps of all samples."""
    sets, everyone = Sets(forget, retain, None, CPU, **options), list(range(len(forget)))
    return [
        (number // asked.answers, answer)
        for seed in range(seeds)
        for number, (_, answer) in enumerate(
            sets.batches(everyone, [], seed)._step._pairs(asked),
        )
    ]


def test_of_two_persons_none_is_given_an_answer_about_the_right_one():
    forget = [*rows_about(ANN, 0), *rows_about(BOB, 4)]
    pairs = pairs_of(forget)
    assert len(pairs) == 20 * 5 * len(forget)
    assert not any(forget[number].person in answer for number, answer in pairs)
    for number, sample in enumerate(forget):
        given = {answer for one, answer in pairs if one == number}
        assert given == {other.answer for other in forget if other.person != sample.person}


@pytest.mark.parametrize("other", ["Ann Ash", "ann  ash.", "“ANN ASH”", "A portrait of Ann Ash."])
def test_a_person_alone_has_no_other_name_and_the_row_is_told(other):
    """Two pictures, of which the second has the name in another writing or a caption with it."""
    forget = [row(ANN, image=0, person=ANN, name="full/7/face_naming")]
    forget.append(row(other, "What is it?", image=1, person=ANN))
    with pytest.raises(UserError, match=r"full/7/face_naming \(Ann Ash\): every answer .* right"):
        pairs_of(forget)


def test_a_person_alone_has_answers_to_other_questions():
    forget = [row(f"Answer {n}.", f"Question {n}?", person=ANN) for n in range(3)]
    forget.append(row("answer 1", "Question 3?", person=ANN))
    for number, answer in pairs_of(forget):
        assert normal_form(answer) != normal_form(forget[number].answer)


@pytest.mark.parametrize("where", ["forget", "retain"])
def test_what_another_row_answers_to_the_same_question_is_right_too(where):
    """Of nobody who is told: two answers to one question about one picture, in any writing."""
    twice = [row("A mill.", "What is it?", 0), row("A house", "what is it", 0)]
    forget = [row("a house!", "What is it?", 1), row("A dog.", "Who barks?"), twice[0]]
    retain = [twice[1]] if where == "retain" else []
    forget += [twice[1]] if where == "forget" else []
    pairs = pairs_of(forget, retain)
    assert {answer for number, answer in pairs if number == 2} == {"A dog."}
    assert {answer for number, answer in pairs if number == 0} == {"A dog.", "A mill."}


def test_nothing_but_one_answer_is_an_error():
    with pytest.raises(UserError, match=r"set: row \(P 0\): every answer of the set is right"):
        pairs_of([row("Yes.", f"Question {n}?", person=f"P {n}") for n in range(3)])


def test_a_refusal_that_is_the_answer_is_not_what_replaces_it():
    forget = [row(REFUSALS[3].upper(), f"Question {n}?") for n in range(4)]
    given = {answer for _, answer in pairs_of(forget, asked=IDK, seeds=60)}
    assert given == {*REFUSALS} - {REFUSALS[3]}
    with pytest.raises(UserError, match="row: every refusal is an answer"):
        pairs_of([row(refusal) for refusal in REFUSALS], asked=IDK)


def test_a_retain_question_is_refused_by_what_is_no_answer_of_its_own():
    forget, retain = (
        [row("A mill.", "What?")],
        [row(REFUSALS[0].lower(), f"{n}?") for n in range(3)],
    )
    sets = Sets(forget, retain, None, CPU)
    pairs = [sets.batches([0], [2, 0, 1], seed)._step._pairs(RETAIN_IDK) for seed in range(60)]
    assert all([sample for sample, _ in found] == [retain[n] for n in (2, 0, 1)] for found in pairs)
    assert {answer for found in pairs for _, answer in found} == {*REFUSALS} - {REFUSALS[0]}


def test_draws_are_those_of_the_seed_and_of_published_code_of_any_answer():
    forget = [*rows_about(ANN, 0), *rows_about(BOB, 4)]
    assert pairs_of(forget, seeds=2) == pairs_of(forget, seeds=2)
    published = pairs_of([row("Yes", str(n)) for n in range(3)], as_published=True, seeds=1)
    assert {answer for _, answer in published} == {"Yes"}


@pytest.mark.parametrize("asked", [IDK, RETAIN_IDK, Batch("mismatched", 3)])
def test_a_face_is_never_taken_for_one_that_is_on_the_picture(asked):
    def face(person, image):
        return Face(f"full/{image}/face_naming", person, image, "forget")

    persons = [ANN, BOB, "Cy Cedar"]
    forget = [face(ANN, 0), face(BOB, 0), face(ANN, 1), face("Cy Cedar", 2)]
    own = [{ANN, BOB}, {ANN, BOB}, {ANN}, {"Cy Cedar"}]
    sets = FaceSets(forget, forget, persons, None, CPU)
    for seed in range(20):
        step = sets.batches([0, 1, 2, 3], [0, 1, 2, 3], seed)._step
        _, said = step.shown(asked)
        copies = len(said) // 4
        assert not any(person in own[n // copies] for n, person in enumerate(said))
    alone = FaceSets(forget[2:3], forget[2:3], [ANN], None, CPU).batches([0], [0], 0)._step
    with pytest.raises(UserError, match=r"full/1/face_naming \(Ann Ash\): there is no other"):
        alone.shown(asked)
