"""The scores of an evaluated model from the folders of its records: of a job, and of an audit."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from clearbench.config.packages import check_version
from clearbench.config.points import ANY
from clearbench.data.requests import read_requests
from clearbench.data.tasks import FORGOTTEN, Task, together
from clearbench.errors import UserError
from clearbench.evaluation.bounds import draw_bound
from clearbench.evaluation.origin import Origin
from clearbench.evaluation.records import folder_at, read_records, records_at
from clearbench.evaluation.tries import read_tries
from clearbench.metrics.base import Records
from clearbench.metrics.comparable import is_itself
from clearbench.metrics.recovered import score_tries
from clearbench.metrics.retrieved import is_retrieval, score_retrieval
from clearbench.metrics.score import DRAWS, SCORES, Scored, score_faces, score_with_draws


def score(
    folders: Mapping[str, Path],
    enrolment: int | None = None,
    targets: int | None = None,
    bound: str | None = None,
    prompts: str | None = None,
    bases: str | None = None,
    strength: float | None = None,
    point: str | None = None,
    about: int | None = None,
    tasks: Sequence[Mapping[str, Any]] = (),
    groups: Mapping[str, str] = MappingProxyType({}),
    packages: Mapping[str, str] = MappingProxyType({}),
) -> Scored:
    """All metrics by key.

    `folders` are the artifact's inputs by name: `records`, and `gold` of a model of words, with the
    `original` where persons are held out; of a vision model, which alone has an `enrolment`, the
    records of all models of the attack, of which those from the number `targets` are attacked. The
    records of a `bound` are drawn from gold's.
    With `prompts` other, a log's questions are not compared with its gold's; with `bases` other,
    the two are golds of different seeds. Of records at several strengths, a cell's and those of its
    attack, those at `strength` are meant; of a model and its gold under a stress test, those of
    both at its `point`; at ANY those of the model at all points, each sample's best. Of records
    after the `request` of a folder, those `about` the persons of one with this number are scored.
    `tasks` are those that the suite's layout declares itself, `groups` the patterns by which a
    person is of a group, `packages` the versions of those whose metrics are asked for besides.
    Raises UserError for a model from elsewhere that is its own gold, and for one that was evaluated
    in another way than its gold.
    """
    for package, version in packages.items():
        check_version(package, version)
    own = point if strength is None else f"{strength:g}"
    if enrolment is None:
        declared = together(*(Task(**fields) for fields in tasks))
        if point == ANY:
            return score_tries(read_tries(folders["records"]), declared)
        gold: Records = read_records(records_at(folders["gold"], point))
        if bound is not None:
            drawn = draw_bound(bound, gold)
            return score_with_draws(drawn, gold, True, declared, groups=groups, packages=packages)
        records: Records = read_records(records_at(folders["records"], own))
        _check(folders, records, gold, {"base"} if bases == "other" else set())
        if is_retrieval(records):
            return score_retrieval(records, declared)
        if prompts == "other":
            records = [replace(record, question=None) for record in records]
        original = folders.get("original")
        before: Records = [] if original is None else read_records(records_at(original, point))
        if about is not None:
            persons = read_requests(folders["request"])[about - 1]
            records, gold, before = (
                about_persons(each, persons) for each in (records, gold, before)
            )
        return score_with_draws(records, gold, False, declared, before, groups, packages)
    # Imported here: it loads numpy, which other suites' scores do without.
    from clearbench.evaluation.embeddings import read_seen

    seen = {name: read_seen(folder_at(path, own)) for name, path in folders.items()}
    model = seen.pop("records")
    return Scored(score_faces(model, list(seen.values()), enrolment, targets))


def _check(
    folders: Mapping[str, Path], records: Records, gold: Records, free: Collection[str]
) -> None:
    """Raise UserError where a model may not be compared with a gold, by how both came about.

    What is `free` may differ.
    """
    own, other = (Origin.of(folders[name]) for name in ("records", "gold"))
    if own.elsewhere and is_itself(records, gold):
        raise UserError(
            f"{folders['records']}: what it says of the forget set is what its gold says,"
            f" {folders['gold']}, to the last digit: a model from elsewhere is not judged against"
            " itself; its gold is another model, which never saw the forget set"
        )
    difference = own.difference(other, free)
    if difference is not None:
        what, ours, theirs = difference
        raise UserError(
            f"{folders['gold']}: evaluated with another {what} ({theirs}) than"
            f" {folders['records']} ({ours}); evaluate both alike"
        )


def about_persons(records: Records, persons: Collection[str]) -> Records:
    """The records without those of forgotten persons other than some."""
    return [
        record for record in records if record.split not in FORGOTTEN or record.person in persons
    ]


def files_of(scored: Scored) -> dict[str, str]:
    """The text of each file of the artifact by its name."""
    files = {SCORES: json.dumps(scored.scores, indent=1) + "\n"}
    if scored.draws:
        lines = ",\n".join(f'"{key}": {json.dumps(list(n))}' for key, n in scored.draws.items())
        files[DRAWS] = f"{{\n{lines}\n}}\n"
    return files
