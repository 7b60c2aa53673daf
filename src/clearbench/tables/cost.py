"""Cost: time, memory and storage of each run.

Read from provenance records, as `overhead` is and no other table: two runs that agree in every
score still took different times, so the files of these two differ between them while those of all
others are the same.
"""

from clearbench.results.runs import DocumentName, Results
from clearbench.tables.base import Column, Table, make_block

MIB = 2**20


def build(results: Results) -> Table:
    """Seconds, samples a second, peak memory and stored bytes of training and evaluation."""
    columns = [
        *_stage("train", "train"),
        Column("measures/flops", "train (TFLOP)", "train", digits=2, unit=1e12),
        Column("measures/peak_bytes", "train, device (MiB)", "train", digits=0, unit=MIB),
        Column("measures/stored_bytes", "stored (MiB)", "train", digits=2, unit=MIB),
        *_stage("evaluate", "evaluate"),
    ]
    blocks = [make_block(results, size, columns) for size in results.suite.file.forget_sizes]
    notes = [
        "Train is unlearning, and fine-tuning of a control; a model that was made elsewhere has"
        " none. Seconds and peak main memory are of the whole process, samples a second of its"
        " work without loading. TFLOP are the products of matrices that the training asks for;"
        " device is the peak of the GPU's memory, where there is one.",
    ]
    return Table("Cost", blocks, notes)


def _stage(document: DocumentName, label: str) -> list[Column]:
    return [
        Column("seconds", f"{label} (s)", document, digits=1),
        Column("measures/samples_per_second", f"{label} (samples/s)", document, digits=1),
        Column("peak_memory_bytes", f"{label} (MiB)", document, digits=0, unit=MIB),
    ]
