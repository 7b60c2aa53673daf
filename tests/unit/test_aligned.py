"""What is known, or forgotten, by picture and by name alike, with values by hand."""

import pytest

from clearbench.evaluation.records import Record
from clearbench.metrics.score import score_records


def answered(split, task, key, loss, said="Rome"):
    """A record of a question whose true answer has a loss, and a wrong one the loss 1."""
    return Record(
        split, task, f"Full_Set/0/{task}.{key}", "Rome", said, loss, loss, (1.0,), person="001"
    )


def blank(split, how, key, said):
    return Record(
        split, f"blanks_by_{how}", f"Full_Set/0/blanks_by_{how}.{key}", "Rome", said, 1, 1, ()
    )


def opened(split, how, key, said):
    task = f"generation_by_{how}"
    return Record(split, task, f"Full_Set/0/{task}.{key}", "a b", said, 1, 1, ())


def records(split):
    """Of four pairs one is right twice, one wrong twice, two once; and two halves have no other."""
    return [
        *(
            answered(split, f"options_by_{how}", key, loss)
            for key, losses in {"1": (0.5, 0.5), "2": (0.5, 2.0)}.items()
            for how, loss in zip(("picture", "name"), losses, strict=True)
        ),
        answered(split, "options_by_name", "7", 0.5),
        blank(split, "picture", "1", "Oslo"),
        blank(split, "name", "1", "Lima"),
        blank(split, "picture", "2", "Oslo"),
        blank(split, "name", "2", "In Rome."),
        # F-measures of 1 and 0.5; of 0 and 0; of 1 alone.
        opened(split, "picture", "1", "a b"),
        opened(split, "name", "1", "a c"),
        opened(split, "picture", "2", "c"),
        opened(split, "name", "2", "d"),
        opened(split, "picture", "3", "a b"),
    ]


def test_pairs_count_where_both_halves_agree():
    sample = [record for split in ("forget", "retain", "real") for record in records(split)]
    scores = score_records(sample, sample)
    assert scores["aligned_forget"] == scores["aligned_retain"] == scores["aligned_real"] == 0.25
    assert scores["aligned_rouge_forget"] == pytest.approx((1.25 / 1.5 + 0) / 2)
    harmonic = (2 * 0.5 / 1.5 + 0) / 2
    assert scores["aligned_rouge_retain"] == pytest.approx(harmonic)
    assert scores["aligned_rouge_real"] == pytest.approx(harmonic)
    assert not any(key.startswith("aligned") and "~" in key for key in scores)


def test_what_is_not_asked_in_pairs_has_no_such_score():
    sample = [record for record in records("forget") if "picture" in record.task]
    sample += [answered("retain", "options_by_name", "1", 0.5)]
    assert not any(key.startswith("aligned") for key in score_records(sample, sample))
