"""Cost: time, memory and storage of each run.

Read from provenance records, as `overhead` is and no other table: two runs that agree in every
score still took different times, so the files of these two differ between them while those of all
others are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from clearbench.results.runs import DocumentName, Outcome, Results
from clearbench.results.strengths import Curve, curves_of
from clearbench.results.trials import Trial, trials_of
from clearbench.tables.base import Block, Column, Entry, Row, Table, make_block, make_entry
from clearbench.tables.stress import tested, under

MIB = 2**20


def build(results: Results) -> Table:
    """Seconds, samples a second, peak memory and stored bytes of training and evaluation."""
    columns = [
        *_stage("train", "train"),
        Column("measures/flops", "train (TFLOP)", "train", digits=2, low=0, unit=1e12),
        Column("measures/peak_bytes", "train, device (MiB)", "train", digits=0, low=0, unit=MIB),
        Column("measures/stored_bytes", "stored (MiB)", "train", digits=2, low=0, unit=MIB),
        *_stage("evaluate", "evaluate"),
    ]
    blocks = [make_block(results, size, columns) for size in results.suite.file.forget_sizes]
    trials = trials_of(results)
    if results.suite.file.scaled:
        curves = curves_of(results) | {trial.group.name: (trial.curve,) for trial in trials}
        sizes = dict.fromkeys(trial.group.forget_size for trial in trials)
        tried = [_of_trials(results, size, columns, trials) for size in sizes]
        blocks = [_with_strengths(block, curves) for block in (*blocks, *tried)]
    for size in results.suite.file.forget_sizes:
        blocks += [_of_test(results, size, test) for test in results.suite.stress_tests]
    notes = [
        "Train is unlearning, and fine-tuning of a control; a model that was made elsewhere has"
        " none. Seconds and peak main memory are of the whole process, samples a second of its"
        " work without loading. TFLOP are the products of matrices that the training asks for;"
        " device is the peak of the GPU's memory, where there is one.",
    ]
    return Table("Cost", blocks, notes)


@dataclass(frozen=True)
class _OfStrengths(Entry):
    """A cost of what evaluates a group's cells at all strengths; `others` are runs of each."""

    others: tuple[str, ...]

    @property
    def behind(self) -> tuple[str, ...]:
        """The scaled cells."""
        return self.others


def _of_trials(
    results: Results, size: int, columns: Sequence[Column], trials: Sequence[Trial]
) -> Block:
    """What the points of a size's choices took, as a block of its own."""
    rows = [
        Row(
            (trial.group.method, trial.modality),
            [make_entry(results, trial.group, column) for column in columns],
        )
        for trial in trials
        if trial.group.forget_size == size
    ]
    headers = ["method", "modality", *(column.header for column in columns)]
    return Block(size, headers, rows, "points of the choice, on its persons")


def _of_test(results: Results, size: int, test: str) -> Block:
    """What a stress test of a size's models takes, all its points together: one job each.

    What is trained for it, if anything is, and its evaluation.
    """
    settings = results.suite.stress_tests[test][1]
    stages: list[DocumentName] = ["train", "evaluate"] if settings.LAYER else ["evaluate"]
    columns = [replace(column, role=test) for stage in stages for column in _stage(stage, stage)]
    rows = [
        Row(
            (group.method, group.modality),
            [under(results, group, column, test, settings.points[0]) for column in columns],
        )
        for group in tested(results, size, test)
    ]
    headers = ["method", "modality", *(column.header for column in columns)]
    return Block(size, headers, rows, f"under {test}")


def _with_strengths(block: Block, curves: Mapping[str, tuple[Curve, ...]]) -> Block:
    """A block with the seconds that evaluating each row's cells at all strengths takes."""
    column = Column("seconds", "strengths (s)", "evaluate", digits=1, low=0, role="strengths")
    rows = []
    for row in block.rows:
        group = row.entries[0].group
        # All points between the original and the cell, and beyond, are of one job.
        scaled = [
            next(point for point in curve if point.strength not in (0, 1))
            for curve in curves.get(group.name, ())
        ]
        outcomes = [point.outcome for point in scaled] or [Outcome() for _ in group.runs]
        names = tuple(point.run for point in scaled)
        entry = _OfStrengths(group, column, tuple(outcomes), names)
        rows.append(Row(row.labels, [*row.entries, entry]))
    return replace(block, headers=[*block.headers, column.header], rows=rows)


def _stage(document: DocumentName, label: str) -> list[Column]:
    return [
        Column("seconds", f"{label} (s)", document, digits=1, low=0),
        Column("measures/samples_per_second", f"{label} (samples/s)", document, digits=1, low=0),
        Column("peak_memory_bytes", f"{label} (MiB)", document, digits=0, low=0, unit=MIB),
    ]
