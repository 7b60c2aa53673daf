"""The scores of an evaluated model from the folders of its records: of a job, and of an audit."""

import json
from collections.abc import Mapping
from pathlib import Path

from clearbench.evaluation.bounds import draw_bound
from clearbench.evaluation.records import RECORDS, read_records
from clearbench.metrics.score import DRAWS, SCORES, Scored, score_faces, score_with_draws


def score(
    folders: Mapping[str, Path],
    enrolment: int | None = None,
    targets: int | None = None,
    bound: str | None = None,
) -> Scored:
    """All metrics by key.

    `folders` are the artifact's inputs by name: `records`, and `gold` of a model of words; of a
    vision model, which alone has an `enrolment`, the records of all models of the attack, of which
    those from the number `targets` are attacked. The records of a `bound` are drawn from gold's.
    """
    if enrolment is None:
        gold = read_records(folders["gold"] / RECORDS)
        if bound is not None:
            return score_with_draws(draw_bound(bound, gold), gold)
        return score_with_draws(read_records(folders["records"] / RECORDS), gold)
    # Imported here: it loads numpy, which other suites' scores do without.
    from clearbench.evaluation.embeddings import read_seen

    shadows = [read_seen(path) for name, path in folders.items() if name != "records"]
    return Scored(score_faces(read_seen(folders["records"]), shadows, enrolment, targets))


def files_of(scored: Scored) -> dict[str, str]:
    """The text of each file of the artifact by its name."""
    found = {SCORES: json.dumps(scored.scores, indent=1) + "\n"}
    if scored.draws:
        lines = ",\n".join(f'"{key}": {json.dumps(list(n))}' for key, n in scored.draws.items())
        found[DRAWS] = f"{{\n{lines}\n}}\n"
    return found
