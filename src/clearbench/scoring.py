"""The scores of an evaluated model from the folders of its records: of a job, and of an audit."""

from collections.abc import Mapping
from pathlib import Path

from clearbench.evaluation.records import RECORDS, read_records
from clearbench.metrics.score import score_faces, score_records


def scores_of(
    folders: Mapping[str, Path], enrolment: int | None, targets: int | None
) -> dict[str, float]:
    """All metrics by key.

    `folders` are the artifact's inputs by name: `records`, and `gold` of a model of words; of a
    vision model, which alone has an `enrolment`, the records of all models of the attack, of which
    those from the number `targets` are attacked.
    """
    if enrolment is None:
        gold = read_records(folders["gold"] / RECORDS)
        return score_records(read_records(folders["records"] / RECORDS), gold)
    # Imported here: it loads numpy, which other suites' scores do without.
    from clearbench.evaluation.embeddings import read_seen

    shadows = [read_seen(path) for name, path in folders.items() if name != "records"]
    return score_faces(read_seen(folders["records"]), shadows, enrolment, targets)
