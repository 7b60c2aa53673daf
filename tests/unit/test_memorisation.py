"""Single tokens of true answers: their records, and how much of an answer a model has by heart."""

import json
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from clearbench.data.store import EvalSample, Store, write_store
from clearbench.errors import UserError
from clearbench.evaluation.answer_tokens import answer_tokens
from clearbench.evaluation.evaluate import evaluate
from clearbench.evaluation.records import Likelihood, Record, read_records, write_records
from clearbench.evaluation.tokens import Tokens
from clearbench.metrics.definitions import OF_TOKENS
from clearbench.metrics.memorisation import (
    exact_memorisation,
    exact_share,
    extracted_share,
    extraction_strength,
)
from clearbench.metrics.score import score_records
from clearbench.models.answers import cross_entropy
from clearbench.models.build import build_model, build_processor
from clearbench.models.encoding import Encoder, collate
from clearbench.models.forward import answers_of
from published import DATA
from synthetic import draw_records
from tiny_models import BUILDS, SENTENCES, new_tokenizer

CASES = json.loads((DATA / "memorisation.json").read_text())["samples"]
NAMES = ("exact_memorisation", "extraction_strength")
KEYS = {
    f"forget/text_qa/{definition.key(name)}" for name in NAMES for definition in OF_TOKENS.values()
}
hits = st.lists(st.booleans(), min_size=1, max_size=30)


def tokens(greedy, log_p=-0.5):
    many = len(greedy)
    return Tokens((log_p,) * many, tuple(greedy), (-1.0,) * many, (0.25,) * many)


def record(greedy, number=0, **changes):
    """A record of an answer of so many tokens, the end of text among them."""
    part = Likelihood(-0.5 * (len(greedy) - 1), len(greedy) - 1, -0.5)
    texts = {"answer": "a red hat", "generated": "a hat"}
    asked = {"split": "forget", "task": "text_qa", "id": str(number), **texts, **changes}
    return Record.measured([part] * 3, tokens=tokens(greedy), **asked)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{len(case['tokens'])} tokens")
def test_memorisation_is_that_of_others(case):
    logits = torch.tensor(case["logits"], dtype=torch.float64)
    greedy = answer_tokens(logits, torch.tensor(case["tokens"])).greedy
    found = {
        "exact_memorization": exact_share(greedy),
        "extraction_strength": extracted_share(greedy),
        "extraction_strength_as_open_unlearning": extracted_share(greedy, last_given=True),
    }
    assert found == pytest.approx({name: case["values"][name] for name in found}, abs=1e-9)


def test_the_end_of_text_is_a_token_but_where_a_definition_leaves_it_out():
    # The whole answer is said, and not where it ends.
    endless = record([True, True, True, False])
    # Nothing is, but the end.
    other = record([False, False, True], number=1)
    sample = [endless, other]
    scores = score_records(sample, sample)
    exact, strength = (f"forget/text_qa/{name}" for name in NAMES)
    assert {key: scores[key] for key in KEYS} == pytest.approx(
        {
            exact: (3 / 4 + 1 / 3) / 2,
            f"{exact}@answer_only": (1 + 0) / 2,
            f"{exact}@open_unlearning": (1 + 0) / 2,
            strength: (0 + 1 / 3) / 2,
            f"{strength}@answer_only": (1 + 0) / 2,
            # Of two tokens of which none is said the last counts.
            f"{strength}@open_unlearning": (1 + 1 / 2) / 2,
        }
    )


def test_no_token_has_no_share():
    assert exact_share([]) is None
    assert extracted_share([]) is None
    assert extracted_share([], last_given=True) == 0
    assert extracted_share([False], last_given=True) == 1


@given(hits)
def test_what_is_extracted_is_said_and_both_are_1_of_a_whole_answer_alone(greedy):
    exact, strength = exact_share(greedy), extracted_share(greedy)
    assert 0 <= strength <= exact <= 1
    assert (strength == 1) == (exact == 1) == all(greedy)
    assert (strength == 0) == (not greedy[-1])
    assert strength <= extracted_share(greedy, last_given=True)
    # One token more that is not the greedy one raises neither.
    worse = [False, *greedy[1:]]
    assert exact_share(worse) <= exact
    assert extracted_share(worse) <= strength


@given(st.lists(st.lists(st.floats(-50, 50), min_size=5, max_size=5), min_size=1, max_size=6))
def test_moments_are_those_of_the_distribution(logits):
    found = answer_tokens(
        torch.tensor(logits, dtype=torch.float64), torch.zeros(len(logits), dtype=torch.long)
    )
    for row, log_p, mean, variance in zip(
        logits, found.log_p, found.mean, found.variance, strict=True
    ):
        total = math.log(math.fsum(map(math.exp, row)))
        logs = [logit - total for logit in row]
        mu = math.fsum(math.exp(log) * log for log in logs)
        assert log_p == pytest.approx(logs[0], abs=1e-9)
        assert mean == pytest.approx(mu, abs=1e-9)
        squares = math.fsum(math.exp(log) * log**2 for log in logs)
        assert variance == pytest.approx(squares - mu**2, abs=1e-6)
        assert variance >= 0


def test_a_token_that_a_model_rules_out_has_a_likelihood_of_0_and_moments_that_are_numbers():
    logits = torch.tensor([[0.0, 0.0, -math.inf]])
    found = answer_tokens(logits, torch.tensor([2]))
    assert found.log_p == (-math.inf,)
    assert found.mean == pytest.approx((-math.log(2),))
    assert found.variance == pytest.approx((0,), abs=1e-9)


def test_records_keep_tokens_in_few_digits_and_are_read_as_they_were_written(tmp_path):
    exact = Tokens((-1.23456789, -1e-7 / 3), (True, False), (-2 / 3, -12.3456), (1 / 3, 0.0))
    kept = exact.rounded()
    assert kept == Tokens((-1.235, -3.333e-8), (True, False), (-0.6667, -12.35), (0.3333, 0.0))
    assert kept.rounded() == kept
    records = [replace(record([True, False]), tokens=kept)]
    path = tmp_path / "records.jsonl"
    write_records(path, records)
    text = path.read_text()
    assert '"greedy": "10"' in text
    assert read_records(path) == records
    write_records(path, read_records(path))
    assert path.read_text() == text


@pytest.mark.parametrize("change", [{"greedy": "1"}, {"greedy": "1x"}, {"mean": [0.0]}])
def test_damaged_tokens_are_told_with_their_line(tmp_path, change):
    path = tmp_path / "records.jsonl"
    write_records(path, [record([True, False])])
    fields = json.loads(path.read_text())
    fields["tokens"] |= change
    path.write_text(json.dumps(fields) + "\n")
    with pytest.raises(UserError, match=r"line 1: not a record .*tokens: not one number a token"):
        read_records(path)


def test_records_of_before_tokens_were_recorded_have_their_other_scores(tmp_path):
    old = draw_records("one", "text")
    new = [replace(r, tokens=tokens([True] * 4)) for r in old]
    path = tmp_path / "records.jsonl"
    write_records(path, old)
    assert "tokens" not in json.loads(path.read_text().splitlines()[0])
    before, now = score_records(read_records(path), old), score_records(new, old)
    told = {key for key in now if any(f"/{name}" in key for name in NAMES)}
    assert {key for key in now if key not in told} == before.keys()
    assert {key for key in told if key.startswith("forget") and "~" not in key} == KEYS
    assert before == {key: now[key] for key in before}
    # Nor has a task of which some samples are old a score of the others alone.
    mixed = [old[0], *new[1:]]
    assert told - score_records(mixed, old).keys() == {
        key for key in told if key.startswith(f"forget/{old[0].task}/")
    }


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """The records of a tiny model before and after it has learnt two answers."""
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [], [], [], [])
    tokenizer = new_tokenizer()
    encoder = Encoder(build_processor(BUILDS["llama"], tokenizer), Store(folder))
    model = build_model(BUILDS["llama"], "text", tokenizer, 0).eval()
    samples = [
        EvalSample(
            id=str(number),
            split="forget",
            task="text_qa",
            forget_size=None,
            question=SENTENCES[number % 2],
            answer=answer,
            paraphrase=answer,
            perturbed=(SENTENCES[0],),
            image=None,
        )
        for number, answer in enumerate(SENTENCES[3:5])
    ]
    never = evaluate(model, encoder, samples, 2, 8)
    examples = [encoder.sequence(s.question, s.image, s.answer) for s in samples]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(40):
        batch = collate(examples, encoder.padding, model.device)
        cross_entropy(answers_of(model, batch)).backward()
        optimizer.step()
        optimizer.zero_grad()
    return never, evaluate(model, encoder, samples, 2, 8)


@pytest.mark.parametrize("metric", [exact_memorisation, extraction_strength], ids=NAMES)
def test_a_model_that_learnt_the_answers_scores_high_and_one_that_never_met_them_low(
    taught, metric
):
    never, learnt = map(metric, taught)
    assert never < 0.2
    assert learnt > 0.9


def test_tokens_of_a_record_come_to_its_likelihood(taught):
    for found in (r for records in taught for r in records):
        likelihood = found.likelihoods[0]
        assert len(found.tokens.log_p) == likelihood.tokens + 1
        assert sum(found.tokens.log_p[:-1]) == pytest.approx(likelihood.answer, rel=1e-3)
        assert found.tokens.log_p[-1] == pytest.approx(likelihood.end, rel=1e-3)
        assert found.tokens == found.tokens.rounded()
