"""ROUGE-L of any script: a model that says the truth gets 1, and who cannot is told."""

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from clearbench.data.words import words_of
from clearbench.evaluation.records import Likelihood, Record
from clearbench.metrics import task_metrics
from clearbench.metrics.score import score_records

README = Path(__file__).parents[2] / "README.md"
PAPER, UNICODE = (task_metrics()[name] for name in ("rouge_l", "rouge_l@unicode"))


def record(answer, generated, split="forget", number=0):
    return Record.measured(
        [Likelihood(-float(place), 3, -0.1) for place in range(1, 5)],
        split=split,
        task="text_qa",
        id=str(number),
        answer=answer,
        generated=generated,
    )


def scored(answer, generated):
    """ROUGE-L as the paper's words give it, and as Unicode's do."""
    return tuple(metric([record(answer, generated)]) for metric in (PAPER, UNICODE))


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("王菲", 2),
        ("とうきょうタワー", 8),
        ("ภาษาไทย", 7),
        ("ພາສາລາວ", 7),
        ("ភាសាខ្មែរ", 5),
        ("မြန်မာ", 3),
        ("བོད་", 2),
        ("서울", 2),
        ("हिन्दी में", 2),
        ("Привет, мир!", 2),
        ("שָׁלוֹם", 1),
        ("مرحبا بالعالم", 2),
        ("Ελλάδα", 1),
        ("١٢٣", 1),
    ],
)
def test_a_perfect_model_scores_1_in_any_script(text, count):
    assert scored(text, text) == (0, 1)
    assert len(words_of(text, "unicode")) == count


@pytest.mark.parametrize("text", ["❤️", "👍🏽", "👩‍👩‍👧", "\u0301", "… — !"])
def test_signs_and_marks_on_nothing_are_no_words(text):
    assert words_of(text, "unicode") == []
    assert scored(f"I love it {text}", "I love it") == (1, 1)


@pytest.mark.parametrize("other", ["Chloe", "Chloë", "Chlo"])
def test_marks_tell_names_apart(other):
    assert scored("Chloé", other)[1] == 0
    assert scored(other, "Chloé")[1] == 0
    assert scored("Chloé", "Chloë") == (1, 0)


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        ("Chloé", "CHLOE\u0301"),
        ("Straße", "STRASSE"),
        ("トウキョウ", "ﾄｳｷｮｳ"),
        ("A12", "Ａ１２"),
        ("abc", "𝐀𝐁𝐂"),
        ("Ash", "A\N{SOFT HYPHEN}sh"),
        ("O'Brien", "O\N{RIGHT SINGLE QUOTATION MARK}Brien"),
    ],
)
def test_another_writing_of_a_word_is_the_word(answer, written):
    assert scored(answer, written)[1] == scored(written, answer)[1] == 1


@pytest.mark.parametrize(
    ("answer", "generated", "recall"),
    [
        ("王菲", "王力宏", 1 / 2),
        ("歌手王菲", "王菲是歌手", 2 / 4),
        ("Anna王菲", "Anna", 1 / 3),
        ("มะลิ", "มะนาว", 2 / 3),
        ("राम", "रामा", 0),
    ],
)
def test_what_is_partly_right_scores_a_part(answer, generated, recall):
    assert scored(answer, generated)[1] == pytest.approx(recall)


ASCII = st.text(string.printable, max_size=40)


@given(ASCII, ASCII)
def test_english_scores_the_same_either_way(answer, generated):
    paper, ours = scored(answer, generated)
    assert paper == ours


@given(st.text(max_size=40), st.text(max_size=40))
def test_the_papers_way_stays_that_of_the_package(answer, generated):
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    assert scored(answer, generated)[0] == scorer.score(answer, generated)["rougeL"].recall


@given(st.text(min_size=1, max_size=20))
def test_only_what_has_no_letter_and_no_digit_has_no_word(text):
    assert scored(text, text)[1] == bool(words_of(text, "unicode"))
    assert bool(words_of(text, "unicode")) >= any(map(str.isalnum, text))


def test_the_aggregates_follow_the_words_that_are_chosen():
    sample = [
        record("王菲", "王菲", split, number)
        for split in ("forget", "retain", "real")
        for number in range(3)
    ]
    scores = score_records(sample, sample)
    for split in ("forget", "retain", "real"):
        assert scores[split] == 0
        terms = [
            scores[f"{split}/text_qa/{term}"]
            for term in ("rouge_l@unicode", "probability", "truth_ratio")
        ]
        assert terms[0] == 1
        assert scores[f"{split}@unicode"] == pytest.approx(3 / sum(1 / term for term in terms))
    assert scores["model_utility"] == 0 < scores["model_utility@unicode"]
    assert scores["retain@unicode~low"] <= scores["retain@unicode"]


@pytest.mark.parametrize("truth", ["Ana Lima walks to the old mill", "王菲"])
def test_babbling_after_the_truth_costs_rouge_nothing(truth):
    assert "the truth followed by 500 words of babble scores 1" in README.read_text()
    babble = " ".join(f"word{number}" for number in range(500))
    assert scored(truth, f"{truth} {babble}")[1] == 1
    assert scored(truth, babble)[1] == 0
    if truth.isascii():
        assert scored(truth, f"{truth} {babble}")[0] == 1
