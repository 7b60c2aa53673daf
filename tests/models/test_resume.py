"""Work that is interrupted and gone on with ends in the same bits as work that never is."""

import errno
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec

import pytest
import safetensors.torch
import torch

from clearbench import methods
from clearbench.cli import main
from clearbench.config.files import Build, Lora, Tokenizer
from clearbench.config.settings import Training, Unlearning
from clearbench.data.refusals import REFUSALS
from clearbench.data.store import EvalSample, Store, TrainSample, write_store
from clearbench.errors import UserError
from clearbench.evaluation.evaluate import evaluate
from clearbench.jobs.artifacts import FAILURE, MANIFEST, part_folder
from clearbench.jobs.interruption import Interrupted, TimeIsUp
from clearbench.jobs.job import Job
from clearbench.jobs.pace import DEADLINE, SAVE_SECONDS, Pace
from clearbench.jobs.record import read_record
from clearbench.jobs.state import State, state_folder
from clearbench.methods.base import Method
from clearbench.models.build import build_model, build_tokenizer
from clearbench.models.checkpoint import prepare_training
from clearbench.models.encoding import Encoder
from clearbench.training import unlearn
from clearbench.training.dual import Dual
from clearbench.training.finetune import finetune
from clearbench.training.loop import DivergedError, minimise
from clearbench.training.unlearn import Unlearner
from clearbench.training.views import Sets
from tiny_models import made_up, parameters_of

CPU = torch.device("cpu")
TEXTS = [f"{who} {does} {what}." for who in "ABCD" for does in "xy" for what in ("tea", "old hats")]
TEMPLATE = "{% for message in messages %}{{ message['content'] }}: {% endfor %}"
BUILD = Build(
    architecture="llama",
    config={
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 64,
        "tie_word_embeddings": True,
        # Draws random numbers in training, whatever weights are trained.
        "attention_dropout": 0.1,
    },
    tokenizer=Tokenizer(vocabulary=300, chat_template=TEMPLATE),
)
LORA = Lora(rank=2, alpha=4, dropout=0.2, targets=r".*\.(q_proj|v_proj|down_proj)")
TRAINING = Unlearning(
    epochs=5, batch_size=2, accumulation=3, lr=3e-2, warmup=0.3, schedule="cosine"
)
"""Of 6 forget samples, so 15 batches and 5 steps."""

FULL = TRAINING.model_copy(update={"weights": "full", "accumulation": 4})
"""15 batches and 4 steps, the last of 3 batches."""


with_eight_bit = pytest.mark.skipif(
    find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed; `make test` does both"
)
EIGHT_BIT = FULL.model_copy(update={"optimizer": "adamw_8bit"})


class Killed(BaseException):
    """What stands for SIGKILL: nothing is done any more."""


class Killer(State):
    """A state whose job is killed after a number of steps."""

    def kill_after(self, steps):
        self.left = steps
        return self

    @contextmanager
    def loop(self, holder=None):
        with super().loop(holder) as loop:

            def end_step():
                loop.end_step()
                self.left -= 1
                if not self.left:
                    raise Killed

            yield replace(loop, end_step=end_step)


@dataclass(frozen=True)
class Twice(Method):
    """A method that trains, steps to the other side, and trains by another loss."""

    student_reads = ("forget", "retain")
    reference_reads = ("retain",)

    def loss(self, student, reference):
        return student.forget.token_log_likelihood.mean()

    def unlearn(self, trainer):
        trainer.minimise(self.loss)
        trainer.negate_update()
        trainer.minimise(methods.create("kl", {}).loss)


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(BUILD.tokenizer, [*TEXTS, *REFUSALS, "x " * 30])


@pytest.fixture(scope="module")
def encoder(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, [], [], [], [])
    return Encoder(tokenizer, Store(folder))


def train_samples():
    return [
        TrainSample(str(i), "text_qa", "text", "A", text, TEXTS[-i], None)
        for i, text in enumerate(TEXTS, start=1)
    ]


def attempts(tmp_path, work, kills):
    """What `work` gives after it was killed after each of some numbers of steps."""
    out = tmp_path / "cell"
    for steps in kills:
        state = Killer(out, "key", pace=Pace(0)).kill_after(steps)
        state.find()
        with pytest.raises(Killed):
            work(state)
    last = State(out, "key", pace=Pace(0))
    last.find()
    found = work(last)
    assert last.resumed_at == [sum(kills[: i + 1]) for i in range(len(kills))]
    return found


@pytest.mark.parametrize("kills", [[1, 2], [4]])
@pytest.mark.parametrize(
    ("key", "training", "precision"),
    [
        ("gd", TRAINING, torch.float32),
        ("rmu", TRAINING, torch.float32),
        ("sku", TRAINING, torch.float32),
        ("npo", FULL, torch.float32),
        ("kl", FULL, torch.bfloat16),
        ("sku", FULL, torch.float32),
        ("pdu", TRAINING, torch.float32),
        ("altpo", TRAINING, torch.float32),
        ("task_vector", FULL, torch.float32),
        ("manu", FULL, torch.float32),
        ("mip_editor", FULL, torch.bfloat16),
        pytest.param("npo", EIGHT_BIT, torch.float32, marks=with_eight_bit, id="eight_bit"),
    ],
)
def test_a_cell_that_was_killed_has_the_weights_of_one_that_was_not(
    tmp_path, tokenizer, encoder, key, training, precision, kills
):
    method = methods.create(key, parameters_of(key))
    work = cell(method, training, tokenizer, encoder, precision)
    same(attempts(tmp_path, work, kills), work(State()))


@pytest.mark.parametrize(
    ("key", "parameters", "kills"),
    # Measured are 6 forget samples (3 batches), and 9 retained ones or all 15 (5 or 8).
    [
        ("ssd", {"alpha": 1.0}, [2, 3]),
        ("ssd", {"alpha": 1.0}, [10]),
        ("salun", {}, [2, 4]),
        ("sfron", {"retain_steps": 1}, [5, 6]),
    ],
)
def test_importances_and_masks_outlive_a_kill_to_the_last_bit(
    tmp_path, tokenizer, encoder, key, parameters, kills
):
    training = FULL.model_copy(update={"epochs": 2, "accumulation": 1})
    work = cell(methods.create(key, parameters), training, tokenizer, encoder)
    whole = work(State())
    same(attempts(tmp_path, work, kills), whole)
    original = build_model(BUILD, "text", tokenizer, 0)
    assert any(not torch.equal(whole[1][name], p) for name, p in original.named_parameters())


def test_a_dual_variable_goes_on_where_it_was_to_the_last_bit(
    tmp_path, tokenizer, encoder, monkeypatch
):
    made = []

    class Kept(Dual):
        def __init__(self, *given):
            super().__init__(*given)
            made.append(self)

    monkeypatch.setattr(unlearn, "Dual", Kept)
    method = methods.create("pdu", {"bound": 2.0, "dual_rate": 0.1, "dual_warmup": 0.3})
    work = cell(method, TRAINING, tokenizer, encoder)
    same(attempts(tmp_path, work, [2, 1]), work(State()))
    _, killed, resumed, whole = (dual.value for dual in made)
    assert resumed == whole
    assert len({1.0, killed, whole}) == 3


@pytest.mark.parametrize("kills", [[5], [3, 3]])
@pytest.mark.parametrize("training", [TRAINING, FULL.model_copy(update={"accumulation": 3})])
def test_a_method_that_trains_twice_goes_on_in_the_part_where_it_was_killed(
    tmp_path, tokenizer, encoder, training, kills
):
    work = cell(Twice(), training, tokenizer, encoder)
    history, weights = work(State())
    assert len(history) == 10 + 1
    same(attempts(tmp_path, work, kills), (history, weights))


def cell(method, training, tokenizer, encoder, precision=torch.float32):
    """The work of a cell from nothing: gives its losses and weights."""
    samples = train_samples()
    sets = Sets(samples[:6], samples[6:], encoder, CPU, alternates=made_up(samples[:6]))

    def original():
        # Drawn from the job's random numbers, as a library may do that loads a model.
        torch.rand(3)
        return build_model(BUILD, "text", tokenizer, 0).to(precision).eval()

    def work(state):
        torch.manual_seed(7)
        model = prepare_training(original(), training.weights, LORA, "")
        unlearner = Unlearner(model, method, sets, training, 3, original, state)
        method.unlearn(unlearner)
        # Counted over all attempts, as the losses are.
        return [*unlearner.history, state.counts["flops"]], dict(model.named_parameters())

    return work


@pytest.mark.parametrize("kills", [[1], [3, 2]])
def test_fine_tuning_that_was_killed_has_the_weights_of_one_that_was_not(
    tmp_path, tokenizer, encoder, kills
):
    def work(state):
        torch.manual_seed(7)
        model = build_model(BUILD, "text", tokenizer, 0)
        history = finetune(model, encoder, train_samples(), FULL, 3, state)
        return history, dict(model.named_parameters())

    plain = work(State())
    assert len(plain[0]) == 10
    same(attempts(tmp_path, work, kills), plain)


def test_weights_on_the_way_are_those_of_shorter_trainings_even_after_a_kill(
    tmp_path, tokenizer, encoder
):
    constant = FULL.model_copy(update={"warmup": 0.0, "schedule": "constant"})

    def work(state, *steps):
        torch.manual_seed(7)
        model = build_model(BUILD, "text", tokenizer, 0)
        kept = {step: {} for step in steps}
        history = finetune(model, encoder, train_samples(), constant, 3, state, kept)
        assert len(history) == max(steps)
        return history, kept, {name: p.detach().clone() for name, p in model.named_parameters()}

    history, kept, _ = attempts(tmp_path, lambda state: work(state, 2, 5, 6), [3, 2])
    for step in (2, 5, 6):
        shorter, _, weights = work(State(), step)
        same((history[:step], kept[step]), (shorter, weights))


@with_eight_bit
def test_moments_of_eight_bit_train_nearly_as_those_of_thirty_two():
    rows = torch.randn(20, 16, 128, generator=torch.Generator().manual_seed(3))

    def trained(optimizer):
        torch.manual_seed(3)
        layer = torch.nn.Linear(128, 64)
        losses = [[lambda batch=batch: layer(batch).square().mean()] for batch in rows]
        training = Training(epochs=1, batch_size=1, lr=1e-3, optimizer=optimizer)
        assert len(minimise(layer, losses, 20, training, State())) == 20
        return layer.weight.detach()

    found = {optimizer: trained(optimizer) for optimizer in ("adamw", "adamw_8bit")}
    difference = (found["adamw"] - found["adamw_8bit"]).abs()
    # Twenty steps of about the learning rate each; rounded moments are no others' moments.
    assert 0 < difference.mean() < 20 * 1e-3 / 10


def test_an_optimiser_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes.optim", None)
    training = Training(epochs=1, batch_size=1, lr=1e-3, optimizer="adamw_8bit")
    with pytest.raises(UserError, match=r"adamw_8bit needs the package bitsandbytes; install it"):
        minimise(torch.nn.Linear(2, 2), [], 1, training, State())


def same(found, expected):
    (losses, weights), (other_losses, other_weights) = found, expected
    assert losses == other_losses
    assert weights.keys() == other_weights.keys()
    assert all(torch.equal(weights[name], other_weights[name]) for name in weights)


def test_a_cell_that_goes_on_diverges_at_the_same_step(tmp_path, tokenizer, encoder):
    training = TRAINING.model_copy(update={"lr": 1e30, "warmup": 0.0})
    work = cell(methods.create("ga", {}), training, tokenizer, encoder)
    with pytest.raises(DivergedError) as plain:
        work(State())
    with pytest.raises(DivergedError) as resumed:
        attempts(tmp_path, work, [1])
    assert plain.value.step == resumed.value.step == 2


@pytest.mark.parametrize("kills", [[1], [2, 1]])
def test_evaluated_batches_are_not_computed_again(tmp_path, tokenizer, encoder, kills, monkeypatch):
    model = build_model(BUILD, "text", tokenizer, 0).eval()
    samples = [
        EvalSample(str(i), "real", "mcq", None, text, "tea", "the tea", ("hats", "an x"), None)
        for i, text in enumerate(TEXTS)
    ]
    asked = []
    answers_to = Encoder.answers_to

    def counted(self, prompts, candidates):
        asked.extend(prompts)
        return answers_to(self, prompts, candidates)

    monkeypatch.setattr(Encoder, "answers_to", counted)

    def work(state):
        return evaluate(model, encoder, samples, 5, 4, state)

    plain = work(State())
    assert [(record.question, record.answer) for record in plain] == [
        (sample.question, sample.answer) for sample in samples
    ]
    asked.clear()
    assert attempts(tmp_path, work, kills) == plain
    assert len(asked) == len(samples)


def scored(out, steps=3, settings=None, at_step=lambda number: None):
    """Run a job of some steps; gives how many of them this attempt did."""
    done = []

    def work(job):
        with job.state.loop() as loop:
            for number in range(len(loop.results), steps):
                at_step(number)
                loop.results.append(number)
                done.append(number)
                loop.end_step()
        (job.folder / "results").write_text(str(loop.results))

    Job("score", out, {}, settings or {}).run(work)
    return len(done)


def ask(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["term", "int"]
)
def test_a_job_that_is_asked_to_end_does_so_after_its_step_and_goes_on_later(
    tmp_path, capsys, number, status
):
    out = tmp_path / "out"
    with pytest.raises(Interrupted) as ended:
        scored(out, at_step=lambda step: ask(number) if step == 1 else None)
    assert ended.value.status == status
    assert str(ended.value).endswith(" after step 2, which is saved")
    assert {path.name for path in tmp_path.iterdir()} == {state_folder(out).name}

    assert scored(out) == 1
    assert (out / "results").read_text() == "[0, 1, 2]"
    assert read_record(out).facts["resumed_at_steps"] == [2]
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    assert "goes on after step 2" in capsys.readouterr().err


def test_a_job_that_is_asked_to_end_between_loops_does_so_at_once_and_is_no_failure(tmp_path):
    def work(job):
        (job.folder / "half").write_text("half")
        try:
            ask(signal.SIGTERM)
        finally:
            # The pipe to a reader that got the signal as well.
            raise BrokenPipeError

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match=r"ended by SIGTERM$"):
        Job("score", tmp_path / "out", {}, {}).run(work)
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) == before


def test_the_command_ends_with_the_status_of_the_signal_and_one_line(monkeypatch, capsys):
    def ended(**_):
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr("clearbench.cli.cli", ended)
    with pytest.raises(SystemExit) as status:
        main()
    assert status.value.code == 143
    assert capsys.readouterr().err == "clearbench: ended by SIGTERM\n"


@pytest.fixture
def interrupted(tmp_path):
    """A job's folder that holds the state of two of its three steps."""
    out = tmp_path / "out"
    with pytest.raises(Interrupted):
        scored(out, at_step=lambda step: ask(signal.SIGTERM) if step == 1 else None)
    return out


def state_file(out):
    (path,) = state_folder(out).iterdir()
    return path


def test_a_state_can_be_read_by_whom_the_umask_lets(interrupted):
    """So that somebody else of the group can go on from it."""
    plain = interrupted.parent / "plain"
    plain.touch()
    assert state_file(interrupted).stat().st_mode == plain.stat().st_mode


def alter(path):
    content = path.read_bytes()
    assert b'"results": [[0, 1]]' in content
    path.write_bytes(content.replace(b'"results": [[0, 1]]', b'"results": [[0, 7]]'))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: os.truncate(path, 0),
        lambda path: os.truncate(path, path.stat().st_size // 2),
        lambda path: os.truncate(path, path.stat().st_size - 1),
        lambda path: path.write_bytes(path.read_bytes() + b"more"),
        lambda path: path.write_bytes(bytes(100)),
        lambda path: safetensors.torch.save_file({"notes": torch.ones(2)}, path),
        alter,
    ],
)
def test_a_damaged_state_is_said_and_removed_and_the_job_starts_again(interrupted, capsys, damage):
    path = state_file(interrupted)
    damage(path)
    capsys.readouterr()
    assert scored(interrupted) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{path}: damaged state, removed (")
    assert not path.exists()
    assert read_record(interrupted).facts["resumed_at_steps"] == []


def test_the_state_of_another_recipe_is_said_and_removed(interrupted, capsys):
    path = state_file(interrupted)
    path.with_suffix(".part").write_text("of a save that was killed")
    capsys.readouterr()
    assert scored(interrupted, settings={"another": 1}) == 3
    assert capsys.readouterr().err == f"{path}: state of another recipe, removed\n"
    assert not state_folder(interrupted).exists()


def test_the_state_goes_with_an_artifact_that_is_there_already(interrupted, capsys):
    path = state_file(interrupted)
    content = path.read_bytes()
    scored(interrupted)
    path.parent.mkdir()
    path.write_bytes(content)
    (interrupted / MANIFEST).unlink()
    capsys.readouterr()
    assert scored(interrupted) == 0
    assert capsys.readouterr().err == f"{interrupted}: unchanged, kept\n"
    assert not path.exists()


def test_a_failed_job_keeps_its_state(interrupted):
    def fail(step):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match="No space left"):
        scored(interrupted, at_step=fail)
    assert {path.name for path in interrupted.iterdir()} == {FAILURE}
    assert not part_folder(interrupted).exists()
    assert scored(interrupted) == 1


def test_a_full_disk_costs_the_state_and_one_line_but_not_the_job(tmp_path, monkeypatch, capsys):
    def full(tensors, path, metadata):
        path.write_bytes(b"what fits")
        raise safetensors.SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setenv(SAVE_SECONDS, "0")
    monkeypatch.setattr("safetensors.torch.save_file", full)
    out = tmp_path / "out"
    left = []
    assert scored(out, at_step=lambda _: left.extend(tmp_path.rglob("*.part"))) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(": No space left on device; state not saved")
    assert left == [part_folder(out)] * 3
    assert (out / "results").read_text() == "[0, 1, 2]"


def test_seconds_are_those_of_the_steps_that_count(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    for attempt in range(3):
        state = State(tmp_path / "out", "key", pace=Pace(0))
        state.find()
        state.start("work")
        with state.loop() as loop:
            now[0] += 10
            loop.results.append(attempt)
            loop.end_step()
            now[0] += 5
    assert state.seconds("work") == 35


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf", "1,5"])
def test_an_interval_that_is_no_number_of_seconds_is_refused(monkeypatch, tmp_path, text):
    monkeypatch.setenv(SAVE_SECONDS, text)
    with pytest.raises(UserError) as refused:
        scored(tmp_path / "out")
    assert str(refused.value) == f"{SAVE_SECONDS}: {text!r}; allowed: a number of seconds from 0"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("variable", [SAVE_SECONDS, DEADLINE])
def test_a_number_that_is_none_is_refused_by_its_variable(monkeypatch, tmp_path, variable):
    monkeypatch.setenv(variable, "noon")
    with pytest.raises(UserError, match=f"{variable}: 'noon'; allowed"):
        scored(tmp_path / "out")


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self, monkeypatch):
        self.now = 1e9
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr("time.time", lambda: self.now)


@pytest.mark.parametrize(
    ("size", "cost", "interval"),
    [(0, None, 1), (0, 0.001, 1), (0, 0.5, 50), (4_000_000_000, None, 2000), (10, 30, 3000)],
)
def test_saving_takes_a_hundredth_of_the_time_whatever_it_costs(monkeypatch, size, cost, interval):
    clock, pace = Clock(monkeypatch), Pace()
    pace.begin()
    pace.weigh(size)
    if cost is not None:
        pace.saved(cost)
    clock.now += interval - 0.5
    assert not pace.due()
    clock.now += 1
    assert pace.due()
    pace.saved(cost or 1)
    assert not pace.due()


def test_a_step_and_a_save_have_room_before_the_time_is_up(monkeypatch):
    clock = Clock(monkeypatch)
    pace = Pace(deadline=clock.now + 100)
    pace.begin()
    pace.saved(3)
    for _ in range(4):
        clock.now += 10
        pace.step()
    # 60 seconds are left; another step, its save, and as much again would take 26, and 5 beside.
    assert not pace.up()
    clock.now += 28
    assert not pace.up()
    clock.now += 2
    assert pace.up()


def test_a_job_ends_itself_ahead_of_its_limit_and_goes_on_within_the_next(tmp_path, monkeypatch):
    out = tmp_path / "out"
    clock = Clock(monkeypatch)
    for attempt in range(2):
        monkeypatch.setenv(DEADLINE, str(clock.now + 30))

        def at_step(_):
            clock.now += 10

        with pytest.raises(TimeIsUp) as ended:
            scored(out, at_step=at_step)
        assert str(ended.value) == (
            f"ended ahead of its time limit after step {attempt + 1}, which is saved"
        )
        assert not out.exists()
    monkeypatch.delenv(DEADLINE)
    assert scored(out) == 1
    assert read_record(out).facts["resumed_at_steps"] == [1, 2]


def test_a_signal_that_those_before_have_blocked_reaches_the_job(tmp_path):
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        with pytest.raises(Interrupted, match="after step 1, which is saved"):
            scored(tmp_path / "out", at_step=lambda _: ask(signal.SIGTERM))
        assert signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def test_a_job_without_state_loads_no_torch():
    # In this process torch is loaded; the modules that the command line imports must not need it.
    code = "import clearbench.jobs.job, sys; sys.exit('torch' in sys.modules)"
    assert os.spawnlp(os.P_WAIT, sys.executable, sys.executable, "-c", code) == 0
