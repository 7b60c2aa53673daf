"""Taking over: what another suite has made is not made again, and nothing else is taken for it."""

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from clearbench.cli import cli
from clearbench.digests import sha256
from clearbench.jobs import artifacts, takeover
from clearbench.jobs.artifacts import FAILURE, INVALID, MANIFEST, PROVENANCE, held
from clearbench.jobs.environment import accepted
from clearbench.jobs.record import read_record
from clearbench.jobs.state import state_folder
from clearbench.provenance.chain import chain, draw
from clearbench.results import tree as trees
from clearbench.results.currency import assess
from clearbench.results.siblings import look_ahead, take_all
from clearbench.results.tree import Tree
from clearbench.suite.graph import OF_SUITE
from clearbench.suite.load import load_suite
from clearbench.workflow.taking_over import asked_for
from synthetic import ROOT, Failed, LeftOut, Made, SyntheticTree, names, write_suite

CELL = "unlearn/npo/text/forget10/seed0"
EDGES = {"modalities": ["text"], "seeds": [0], "originals": "shared"}
FEW, MORE = {"npo": {}}, {"npo": {}, "ga": {}}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The results of a finished suite of one method."""
    folder = tmp_path_factory.mktemp("made")
    suite = write_suite(folder, "first", methods=FEW, **EDGES)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return SyntheticTree(suite, folder / "results/first").build().root


@pytest.fixture
def first(made, tmp_path, monkeypatch):
    """A finished suite of one method."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(artifacts, "flush", lambda _: None)
    suite = write_suite(tmp_path, "first", methods=FEW, **EDGES)
    return SyntheticTree(suite, shutil.copytree(made, tmp_path / "results/first"))


@pytest.fixture
def second(tmp_path):
    """A suite of one more method, in the same results folder; nothing of it is made."""
    suite = write_suite(tmp_path, "second", methods=MORE, **EDGES)
    return SyntheticTree(suite, tmp_path / "results/second")


def here(**changes):
    """The environments that count here, but for the changes."""
    return replace(accepted(Path("no.sif"), False), **changes)


def look(suite, environments=None, wanted=None):
    return look_ahead(suite.graph, Tree(suite.root), environments or here(), wanted)


def take(suite):
    """What is taken over of what could be, and what was in the way of the others."""
    return dict(take_all(suite.graph, look(suite)))


def shared(first, second):
    """The artifacts of a suite that another one has as well."""
    return {name for name in second.graph.artifacts if name in first.graph} - {*OF_SUITE}


def current(suite):
    statuses = assess(suite.graph, Tree(suite.root), here())
    return {name for name, status in statuses.items() if status.current}


def reseal(folder, **changes):
    """Write a record anew with another recipe or other facts, its seal whole."""
    record = read_record(folder)
    own = {key: value for key, value in changes.items() if key in vars(record.recipe)}
    facts = {**record.facts, **{key: changes[key] for key in changes.keys() - own.keys()}}
    new = replace(record, recipe=replace(record.recipe, **own), facts=facts)
    (folder / PROVENANCE).write_text(new.text())


def flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def weights(suite, name="base/seed0"):
    (path,) = (suite.root / name).glob("*.safetensors")
    return path


def test_what_another_suite_has_is_taken_over_and_the_rest_is_left_to_make(first, second):
    prospect = look(second)
    wanted = shared(first, second)
    assert prospect.origins == {name: f"first/{name}" for name in wanted}
    assert list(prospect.sources) == [name for name in second.graph.artifacts if name in wanted]
    # To look takes nothing.
    assert not second.root.exists()
    assert dict(take_all(second.graph, prospect)) == dict.fromkeys(wanted)
    assert current(second) == wanted
    assert {name for name, status in prospect.then.items() if status.current} == wanted
    assert look(second).sources == {}
    hidden = [path.name for path in second.root.rglob(".*") if path.name != trees.CHECKED]
    assert hidden == []


def test_it_takes_no_room_on_the_disk_and_is_proven_by_what_lies_here(first, second):
    take(second)
    tree, source = Tree(second.root), Tree(first.root)
    for name in shared(first, second):
        assert tree.broken_link(second.graph[name]) is None
        assert tree.damage(name, reread=True) is None
        record, before = tree.record(name), source.record(name)
        for file, time in record.times.items():
            path = second.root / name / file
            assert path.samefile(first.root / name / file)
            assert path.stat().st_ctime_ns == time
        assert (record.recipe, record.manifest) == (before.recipe, before.manifest)
        assert set(record.paths.values()) == {
            str(second.root / source) for source in second.graph[name].inputs.values()
        }
        (told,) = record.facts["taken_over"]
        assert told["from"] == f"first/{name}"
        assert told["record"] == sha256(first.root / name / PROVENANCE)
        # To be pasted into a shell, also where the other tree is gone.
        assert record.facts["command"] == second.graph.command(name, second.root)
        own = {"taken_over", "command"}
        assert record.facts.keys() - before.facts.keys() == {"taken_over"}
        assert all(record.facts[key] == before.facts[key] for key in before.facts.keys() - own)
        # Another's manifest or record would change with that of the one that it is shared with.
        for file in (MANIFEST, PROVENANCE):
            assert (second.root / name / file).stat().st_nlink == 1


def test_without_the_other_suite_all_of_it_stays_current(first, second):
    take(second)
    before = current(second)
    shutil.rmtree(first.root)
    assert current(second) == before == shared(first, second)


def test_a_file_that_came_to_lie_in_two_trees_is_read_once_and_no_more(first, second, monkeypatch):
    current(first)
    take(second)
    read = []
    monkeypatch.setattr(trees, "sha256", lambda path: read.append(path) or sha256(path))
    for _ in range(2):
        assert current(first) == set(first.graph.artifacts)
    assert len(read) == len(set(read)) > 0
    read.clear()
    shutil.rmtree(first.root)
    for _ in range(2):
        current(second)
    assert len(read) == len(set(read)) > 0


def rename(folder, name):
    folder.rename(folder.with_name(name))


@pytest.mark.parametrize(
    "change",
    [
        lambda first, base: flip(weights(first)),
        lambda first, base: weights(first).unlink(),
        lambda first, base: (base / PROVENANCE).unlink(),
        lambda first, base: (base / PROVENANCE).write_text("{}"),
        lambda first, base: (base / PROVENANCE).write_text("[]"),
        lambda first, base: (base / MANIFEST).write_text("{}"),
        lambda first, base: (base / INVALID).write_text('{"reason": "bad disk"}'),
        lambda first, base: reseal(base, unlocked={"torch": "9.9"}),
        lambda first, base: reseal(base, lock="another"),
        lambda first, base: reseal(base, code={}),
        lambda first, base: reseal(base, settings={**read_record(base).recipe.settings, "seed": 1}),
        lambda first, base: reseal(base, inputs={"dataset": "another"}),
        lambda first, base: (base / PROVENANCE).write_text(
            (base / PROVENANCE).read_text().replace('"host": "', '"host": "x')
        ),
        lambda first, base: rename(base, ".seed0.part"),
    ],
    ids=[
        *("damaged", "file gone", "no record", "empty record", "no object", "other manifest"),
        *("untrusted", "unlocked", "lock", "code", "settings", "inputs", "seal", "at work"),
    ],
)
def test_what_is_not_whole_not_proven_or_of_another_recipe_is_not_taken(first, second, change):
    change(first, first.root / "base/seed0")
    assert set(look(second).sources) == {"generate", "dataset"}
    take(second)
    assert current(second) == {"generate", "dataset"}


@pytest.mark.parametrize(("images", "taken"), [({"ab"}, False), ({None, "ab"}, True), (None, True)])
def test_what_was_made_in_an_image_that_does_not_count_here_is_not_taken(
    first, second, images, taken
):
    environments = here(images=None if images is None else frozenset(images))
    assert bool(look(second, environments).sources) == taken


def test_what_was_made_with_packages_as_they_are_here_proves_nothing_for_another(first, second):
    reseal(first.root / "base/seed0", unlocked={"torch": "9.9"})
    assert "base/seed0" not in look(second, here(unlocked={"torch": "9.9"})).sources


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_marked_as_untrusted_here_is_made_anew(first, second, whole):
    """The other suite may hold the very same bytes."""
    take(second)
    note = json.dumps({"reason": "wrong disk", "at": "", "by": ""})
    if not whole:
        # A job that was to make it again was killed, or its files were removed.
        shutil.rmtree(second.root / "base/seed0")
        (second.root / "base/seed0").mkdir()
    (second.root / "base/seed0" / INVALID).write_text(note)
    prospect = look(second)
    assert prospect.sources == {}
    assert prospect.then["original/seed0"].waits == ("base/seed0",)


def test_what_diverged_has_a_result_too(first, second, tmp_path):
    first.build({CELL: Made(status="diverged", step=3)})
    taken = take(second)
    assert taken.keys() == shared(first, second)
    assert Tree(second.root).manifest(CELL).step == 3
    assert names(second.root / CELL) == {MANIFEST, PROVENANCE}


def test_a_row_of_another_name_is_the_same_row(first, tmp_path):
    changed = write_suite(tmp_path, "third", methods={"mine": {"method": "npo"}}, **EDGES)
    third = SyntheticTree(changed, tmp_path / "results/third")
    origins = look(third).origins
    assert origins["unlearn/mine/text/forget10/seed0"] == f"first/{CELL}"
    assert origins["score/mine/text/forget10/seed0"] == "first/score/npo/text/forget10/seed0"


def test_a_row_that_gets_another_name_is_not_made_again(first, tmp_path):
    renamed = write_suite(tmp_path, "first", methods={"mine": {"method": "npo"}}, **EDGES)
    tree = SyntheticTree(renamed, first.root)
    name = "unlearn/mine/text/forget10/seed0"
    assert look(tree).origins[name] == f"first/{CELL}"
    take(tree)
    assert current(tree) == set(tree.graph.artifacts) - {*OF_SUITE}


def test_other_bytes_of_an_input_here_make_what_is_below_another(first, second):
    """On a GPU the same recipe may give other bytes."""
    second.build({name: LeftOut() for name in second.graph.artifacts if "/" in name})
    second.put("base/seed0", Made({"model.safetensors": "rounded otherwise"}))
    second.put("original/seed0", LeftOut())
    assert look(second).sources == {}


def test_of_several_the_latest_is_taken_and_where_its_job_ran(first, second, tmp_path):
    take(second)
    third = SyntheticTree(
        write_suite(tmp_path, "third", methods=FEW, **EDGES), tmp_path / "results/third"
    )
    assert set(look(third).origins.values()) == {f"first/{name}" for name in look(third).sources}
    reseal(second.root / "base/seed0", started="2027-01-01T00:00:00+00:00")
    assert look(third).origins["base/seed0"] == "second/base/seed0"
    # Where the better one is broken, another will do.
    (second.root / "base/seed0" / INVALID).write_text('{"reason": "late"}')
    assert look(third).origins["base/seed0"] == "first/base/seed0"
    # Each record says from where, the latest last.
    (second.root / "base/seed0" / INVALID).unlink()
    take(third)
    told = [one["from"] for one in read_record(third.root / "base/seed0").facts["taken_over"]]
    assert told == ["first/base/seed0", "second/base/seed0"]


def test_what_changes_while_it_is_taken_is_left_with_all_that_is_made_from_it(first, second):
    prospect = look(second)
    path = weights(first, "original/seed0")
    before = path.read_bytes()
    path.unlink()
    path.write_bytes(before[:-1] + b"?")
    (first.root / "evaluate/gold/forget10/seed0" / INVALID).write_text('{"reason": "late"}')
    outcomes = dict(take_all(second.graph, prospect))
    troubles = {name: trouble for name, trouble in outcomes.items() if trouble}
    assert troubles == {
        "original/seed0": "damaged, or just replaced",
        "evaluate/gold/forget10/seed0": "marked as untrusted",
    }
    left = {artifact.name for artifact in second.graph.descendants(*troubles)}
    assert outcomes.keys() - troubles.keys() == shared(first, second) - left
    assert current(second) == shared(first, second) - left
    assert not [path for path in second.root.rglob(".*") if path.name != trees.CHECKED]


def test_what_another_job_makes_at_the_time_is_left_to_it(first, second):
    prospect = look(second)
    with held(second.root / "base/seed0"):
        outcomes = dict(take_all(second.graph, prospect))
    assert outcomes == {"generate": None, "dataset": None, "base/seed0": "another job makes it"}
    assert not (second.root / "base/seed0").exists()
    assert not held_part(second, "base/seed0").exists()
    take(second)
    assert current(second) == shared(first, second)


def held_part(suite, name):
    return artifacts.part_folder(suite.root / name)


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP])
def test_where_no_link_can_be_a_copy_is_taken(first, second, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(takeover.os, "link", refuse)
    take(second)
    assert current(second) == shared(first, second)
    assert weights(second).read_bytes() == weights(first).read_bytes()
    assert weights(first).stat().st_nlink == 1


def test_permissions_and_files_of_others_are_not_shared(first, second, monkeypatch):
    path = weights(first)
    path.chmod(0o600)
    take(second)
    assert path.stat().st_mode & 0o777 == 0o600
    assert weights(second).stat().st_mode == weights(second, "original/seed0").stat().st_mode
    assert path.stat().st_nlink == 1
    assert weights(second, "original/seed0").stat().st_nlink == 2
    shutil.rmtree(second.root)
    monkeypatch.setattr(takeover.os, "geteuid", lambda: 4711)
    take(second)
    assert weights(second, "original/seed0").stat().st_nlink == 1


def test_a_disk_that_takes_no_more_is_told_and_nothing_is_half_there(first, second, monkeypatch):
    """The job may find room, or says the same."""

    def refuse(source, target):
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(takeover.os, "link", lambda *_: refuse(*_))
    monkeypatch.setattr(takeover.shutil, "copyfile", refuse)
    ((name, trouble),) = take(second).items()
    assert name == "generate"
    assert trouble.endswith(f"rows.txt: {os.strerror(errno.ENOSPC)}")
    assert not second.root.exists() or names(second.root) <= {trees.CHECKED}


def test_what_cannot_be_put_in_its_place_waits_for_the_job(first, second, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))

    monkeypatch.setattr(artifacts, "_swap", refuse)
    monkeypatch.setattr(artifacts, "_copy_over", refuse)
    ((name, trouble),) = take(second).items()
    assert "finished, but cannot be put in its place" in trouble
    part = held_part(second, name)
    assert read_record(part).facts["taken_over"][0]["from"] == "first/generate"


def test_it_replaces_what_failed_or_was_begun_and_keeps_what_is_not_its_own(first, second):
    second.build({"base/seed0": Failed("out of memory")})
    old = second.root / "dataset"
    reseal(old, settings={"layout": "another"}, invalidations=[{"reason": "then"}])
    (old / "notes.txt").write_text("mine")
    state_folder(second.root / "original/seed0").mkdir(parents=True)
    (state_folder(second.root / "original/seed0") / "key.safetensors").write_text("")
    (held_part(second, "original/seed0")).mkdir()
    assert {"dataset", "base/seed0", "original/seed0"} <= take(second).keys()
    assert current(second) == shared(first, second)
    assert not (second.root / "base/seed0" / FAILURE).exists()
    assert (old / "notes.txt").read_text() == "mine"
    assert read_record(old).facts["invalidations"] == [{"reason": "then"}]
    assert not state_folder(second.root / "original/seed0").exists()


def test_a_tree_or_an_artifact_on_another_disk_is_found(first, second, tmp_path):
    elsewhere = tmp_path / "disk"
    elsewhere.mkdir()
    (first.root / "original/seed0").rename(elsewhere / "original")
    (first.root / "original/seed0").symlink_to(elsewhere / "original")
    first.root.rename(elsewhere / "first")
    first.root.symlink_to(elsewhere / "first")
    # A link that leads in a circle ends no search.
    (elsewhere / "first/loop").symlink_to(elsewhere / "first")
    assert look(second).origins["original/seed0"] == "first/original/seed0"
    assert take(second).keys() == shared(first, second)
    shutil.rmtree(elsewhere)
    assert current(second) == shared(first, second)


@pytest.mark.parametrize("reading", ["stat", "read_bytes"])
def test_what_may_not_be_read_is_no_error_and_is_not_taken(first, second, monkeypatch, reading):
    allowed = getattr(Path, reading)

    def refuse(path, **options):
        if path.parent == first.root / "base/seed0":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return allowed(path, **options)

    monkeypatch.setattr(Path, reading, refuse)
    assert set(take(second)) == {"generate", "dataset"}


def test_data_that_no_job_made_counts_by_its_content(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    data = tmp_path / "data"
    data.mkdir()
    (data / "full.json").write_text("[]")
    text = (ROOT / "config/mini.yaml").read_text()
    like = {**yaml.safe_load(text), "dataset": "tofu", "model": "tiny-llama", "methods": FEW}
    like |= {**EDGES, "folder": str(data), "single_domain": []}
    for name in ("first", "second"):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(like))
    one, other = (
        SyntheticTree(load_suite(str(tmp_path / f"{name}.yaml"), ROOT), tmp_path / "results" / name)
        for name in ("first", "second")
    )
    one.build()
    assert take(other).keys() == shared(one, other)
    assert str(data) in read_record(other.root / "dataset").paths.values()
    shutil.rmtree(other.root)
    (data / "full.json").write_text("[ ]")
    assert look(other).sources == {}


def test_an_unchanged_run_asks_no_other_tree(first, monkeypatch):
    monkeypatch.setattr("clearbench.results.siblings._made", lambda _: pytest.fail("looked"))
    assert look(first).sources == {}


def test_a_run_of_single_files_takes_only_what_these_are_made_from(first, second):
    target = second.root / CELL / MANIFEST
    dag = SimpleNamespace(targetrules=set(), targetfiles={str(target)})
    asked = asked_for(second.graph, second.root, dag)
    assert asked == {artifact.name for artifact in second.graph.ancestors(CELL)}
    assert set(look(second, wanted=asked).sources) == asked
    assert asked_for(second.graph, second.root, SimpleNamespace(targetrules={"all"})) is None


def test_plan_and_why_tell_what_would_be_taken_over_and_what_was(first, second, tmp_path, capsys):
    def told(*words):
        given = ["--suite", str(second.suite.path), "--results", str(tmp_path / "results")]
        cli([*words, *given], standalone_mode=False)
        return capsys.readouterr().out

    wanted = shared(first, second)
    kinds = "1 generate, 1 dataset, 1 base, 1 original, 2 gold, 1 unlearn, 4 evaluate, "
    would = f"{len(wanted)} artifacts would be taken over from first ({kinds}"
    text = told("plan")
    jobs = {line.split()[0]: line.split()[1:3] for line in text.splitlines()}
    assert "base" not in jobs
    assert jobs["unlearn"] == jobs["tables"] == jobs["report"] == ["1", "1"]
    assert would in text
    data = json.loads(told("plan", "--json"))
    assert data["taken_over"] == {name: f"first/{name}" for name in wanted}
    stages = {"unlearn", "evaluate", "score", *OF_SUITE}
    assert {one["stage"] for one in data["stages"]} == stages
    assert would in told("why")
    lines = told("why", "npo/text/forget10/seed0").splitlines()
    at = lines.index("base/seed0")
    assert lines[at + 1 : at + 4] == [
        "  missing: not made yet",
        "  waits for dataset",
        "  a run takes it over from first/base/seed0",
    ]
    assert json.loads(told("why", "--json"))["base/seed0"]["to_take_over"] == "first/base/seed0"

    take(second)
    assert f"{len(wanted)} artifacts taken over from first ({kinds}" in told("why")
    lines = told("why", "npo/text/forget10/seed0").splitlines()
    assert lines[lines.index("base/seed0") + 1] == "  taken over from first/base/seed0"
    found = json.loads(told("why", "--json"))["base/seed0"]
    assert (found["taken_over"], found["to_take_over"]) == ("first/base/seed0", None)
    assert "taken over" not in told("plan")


def test_the_chain_of_a_cell_shows_from_where(first, second):
    take(second)
    run = "npo/text/forget10/seed0"
    root = chain(second.graph, Tree(second.root), run, lambda _: None)
    lines = list(draw(root))
    record = sha256(first.root / CELL / PROVENANCE)[:12]
    assert any(f"taken over from first/{CELL} (record {record}), 20" in line for line in lines)
    lines = list(draw(chain(first.graph, Tree(first.root), run, lambda _: None)))
    assert not any("taken over" in line for line in lines)
