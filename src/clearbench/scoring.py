"""The scores of an evaluated model from the folders of its records: of a job, and of an audit."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clearbench.errors import UserError
from clearbench.evaluation.bounds import draw_bound
from clearbench.evaluation.records import RECORDS, read_records
from clearbench.metrics.comparable import is_itself
from clearbench.metrics.score import DRAWS, SCORES, Scored, score_faces, score_with_draws
from clearbench.provenance.artifacts import PROVENANCE
from clearbench.provenance.record import read_record


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
    Raises UserError for a model that is judged against itself, other than a gold, and for one that
    was evaluated in another way than its gold.
    """
    if enrolment is None:
        gold = read_records(folders["gold"] / RECORDS)
        if bound is not None:
            return score_with_draws(draw_bound(bound, gold), gold, bound=True)
        records = read_records(folders["records"] / RECORDS)
        own, other = (_recipe_of(folders[name]) for name in ("records", "gold"))
        if is_itself(records, gold) and own is not None and not own.of_gold:
            raise UserError(
                f"{folders['records']}: the same forget records as its gold's, {folders['gold']}:"
                " a model is not judged against itself; give the records of a gold model"
            )
        if own is not None and other is not None:
            _check_ways(own, other, folders)
        return score_with_draws(records, gold)
    # Imported here: it loads numpy, which other suites' scores do without.
    from clearbench.evaluation.embeddings import read_seen

    shadows = [read_seen(path) for name, path in folders.items() if name != "records"]
    return Scored(score_faces(read_seen(folders["records"]), shadows, enrolment, targets))


@dataclass(frozen=True)
class _Evaluated:
    """How records were made: what counts of it, by name; and whether they are a gold's."""

    way: Mapping[str, object]
    of_gold: bool


def _recipe_of(folder: Path) -> _Evaluated | None:
    """What the provenance of some records says; None where there is none."""
    if not (folder / PROVENANCE).is_file():
        return None
    record = read_record(folder)
    recipe, paths = record.recipe, record.paths
    if recipe.stage != "evaluate":
        return _Evaluated({}, of_gold=False)
    evaluation, model = (recipe.settings.get(name, {}) for name in ("evaluation", "model"))
    way = {
        "max_new_tokens": evaluation.get("max_new_tokens"),
        "date of the prompts": model.get("date"),
        "dataset": recipe.inputs.get("dataset"),
        "base": recipe.inputs.get("base"),
    }
    finetuned = Path(paths.get("finetuned", ""))
    return _Evaluated(way, "gold" in finetuned.parts and "unlearned" not in paths)


def _check_ways(own: _Evaluated, gold: _Evaluated, folders: Mapping[str, Path]) -> None:
    """Raise UserError for what differs between the evaluations of a model and of its gold."""
    for name in own.way.keys() & gold.way.keys():
        if own.way[name] != gold.way[name]:
            raise UserError(
                f"{folders['gold']}: evaluated with another {name} ({gold.way[name]}) than"
                f" {folders['records']} ({own.way[name]}); evaluate both alike"
            )


def files_of(scored: Scored) -> dict[str, str]:
    """The text of each file of the artifact by its name."""
    found = {SCORES: json.dumps(scored.scores, indent=1) + "\n"}
    if scored.draws:
        lines = ",\n".join(f'"{key}": {json.dumps(list(n))}' for key, n in scored.draws.items())
        found[DRAWS] = f"{{\n{lines}\n}}\n"
    return found
