"""What of a results tree is current: every cause is found, and nothing else is called one."""

import errno
import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from clearbench import cli
from clearbench.errors import Unreadable, UserError
from clearbench.evaluation.records import RECORDS, read_records
from clearbench.jobs import packages
from clearbench.jobs.artifacts import FAILURE, INVALID, MANIFEST, PROVENANCE
from clearbench.jobs.environment import Accepted, accepted
from clearbench.metrics.score import SCORES
from clearbench.provenance.audit import Audit
from clearbench.provenance.why import brief, explain, not_current, summarise
from clearbench.results import currency
from clearbench.results import tree as trees
from clearbench.results.currency import assess, recipe_now
from clearbench.results.read import read_results
from clearbench.results.tree import CHECKED, Tree
from clearbench.stages import score, tabulate
from clearbench.suite.graph import REPORT, TABLES, Graph
from synthetic import ROOT, Failed, LeftOut, Made, SyntheticTree, names, write_suite

RUN = "npo/text/forget10/seed0"
CELL, EVALUATED, SCORED = (f"{stage}/{RUN}" for stage in ("unlearn", "evaluate", "score"))
WEIGHTS = "adapter_model.safetensors"
OTHERS = "retain_ft/text/forget10/seed0"
METHODS = {"retain_ft": {}, "npo": {}}


def small_suite(folder, **changes):
    settings = {"methods": METHODS, "modalities": ["text"], "seeds": [0], **changes}
    return write_suite(folder, **settings)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A finished results tree of two cells, of which all is current."""
    monkeypatch.chdir(ROOT)
    return SyntheticTree(small_suite(tmp_path), tmp_path / "results/small").build()


def look(tree, graph=None, environments=None):
    here = environments or accepted(Path("no.sif"), False)
    return assess(graph or tree.graph, Tree(tree.root), here)


def causes(statuses):
    """The causes of those that have any: by name, the kinds with their texts.

    But for the report, which tells of every record and so has a cause with any.
    """
    return {
        name: [(cause.kind, cause.text) for cause in status.causes]
        for name, status in statuses.items()
        if status.causes and name != REPORT
    }


def waiting(statuses):
    return {
        name: list(status.waits)
        for name, status in statuses.items()
        if status.waits and name != REPORT
    }


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("model", ["tiny-llava", "tiny-llama"])
def test_nothing_of_a_finished_tree_is_made_again(tmp_path, monkeypatch, records, model):
    monkeypatch.chdir(ROOT)
    suite = small_suite(tmp_path, forget_sizes=[1, 10], seeds=[0, 3], model=model)
    tree = SyntheticTree(suite, tmp_path / "results", records).build()
    statuses = look(tree)
    assert statuses.keys() == tree.graph.artifacts.keys()
    assert all(status.current for status in statuses.values()), causes(statuses)
    assert {
        path.parent.relative_to(tree.root).as_posix() for path in tree.root.rglob(MANIFEST)
    } == (statuses.keys())


def compared(tree):
    """The folders of the records that the cell's score is made of."""
    gold = tree.root / "evaluate/gold/forget10/seed0"
    return {"records": tree.root / EVALUATED, "gold": gold}


def test_a_job_on_a_current_artifact_has_nothing_to_do(tree, capsys):
    """What `assess` expects of a record is what a job would write."""
    score.run(compared(tree), None, None, tree.root / SCORED)
    tabulate.run(tree.suite, tree.root, False, tree.root / TABLES)
    told = [f"{tree.root / name}: unchanged, kept" for name in (SCORED, TABLES)]
    assert capsys.readouterr().err.splitlines() == told


def test_tables_that_show_a_run_as_not_proven_are_made_again_once_it_is(tree, capsys):
    """By other code a job may make the same bytes, which nothing below it would notice."""
    record = tree.root / "dataset" / PROVENANCE
    whole = record.read_text()
    changed = json.loads(whole)
    module = next(iter(changed["code"]))
    changed["code"][module] = "0" * 64
    record.write_text(json.dumps(changed))

    def make():
        tabulate.run(tree.suite, tree.root, False, tree.root / TABLES)
        capsys.readouterr()
        return (tree.root / TABLES / "comparison.md").read_text()

    assert "unproven" in make()
    # Whoever looks is told, whatever else is so.
    assert {kind for kind, _ in causes(look(tree))[TABLES]} >= {"settings"}
    record.write_text(whole)
    assert not look(tree)[TABLES].current
    assert "unproven" not in make()
    assert look(tree)[TABLES].current
    assert make() == (tree.root / TABLES / "comparison.md").read_text()


def test_scores_of_a_tree_with_records_are_those_of_its_records(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    tree = SyntheticTree(small_suite(tmp_path), tmp_path / "results", records=True).build()
    assert len(read_records(tree.root / EVALUATED / RECORDS)) > 1
    again = tmp_path / "again"
    score.run(compared(tree), None, None, again)
    assert (again / SCORES).read_bytes() == (tree.root / SCORED / SCORES).read_bytes()


@pytest.mark.parametrize("suite", ["mini", "mini-full", "mini-vision", "tofu"])
def test_settings_of_the_suites_survive_their_records(suite, monkeypatch):
    """JSON turns a tuple into a list; a setting that it changes would rerun its job for ever."""
    from clearbench.suite.load import load_suite

    for artifact in Graph(load_suite(suite, ROOT)):
        assert json.loads(json.dumps(artifact.resolved)) == artifact.resolved


def test_absent_and_failed_artifacts_have_one_cause_and_all_below_them_wait(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    states = {CELL: Failed("out of memory"), f"unlearn/{OTHERS}": LeftOut()}
    tree = SyntheticTree(small_suite(tmp_path), tmp_path / "results").build(states)
    statuses = look(tree)
    missing = [("missing", "not made yet")]
    assert causes(statuses) == {
        f"unlearn/{OTHERS}": missing,
        CELL: [("failed", "RuntimeError: out of memory")],
        f"evaluate/{OTHERS}": missing,
        EVALUATED: missing,
        f"score/{OTHERS}": missing,
        SCORED: missing,
        TABLES: missing,
    }
    assert waiting(statuses) == {
        f"evaluate/{OTHERS}": [f"unlearn/{OTHERS}"],
        EVALUATED: [CELL],
        f"score/{OTHERS}": [f"evaluate/{OTHERS}"],
        SCORED: [EVALUATED],
        TABLES: [f"score/{OTHERS}", SCORED],
    }


def fail_on(tree, graph):
    """What the job of the cell leaves that fails on its settings in a graph."""
    artifact = graph[CELL]
    then = Tree(tree.root).record(CELL).recipe
    recipe = asdict(recipe_now(artifact, then, then.inputs))
    note = {"error": "ValueError", "message": "no", "invalidations": [], "recipe": recipe}
    (tree.root / CELL / FAILURE).write_text(json.dumps(note))


def test_a_failed_rerun_is_told_beside_what_is_older_and_only_while_it_would_fail_again(
    tree, tmp_path
):
    changed = Graph(small_suite(tmp_path, methods={**METHODS, "npo": {"beta": 0.5}}))
    fail_on(tree, changed)
    failed = ("failed", "ValueError: no; what is here was made before")
    settings = "parameters.beta: 1.0 → 0.5"
    assert causes(look(tree, changed)) == {CELL: [failed, ("settings", settings)]}
    # Set back, what is here is current; set to something else, nobody has tried.
    assert causes(look(tree)) == {}
    other = Graph(small_suite(tmp_path, methods={**METHODS, "npo": {"beta": 0.25}}))
    settings = "parameters.beta: 1.0 → 0.25"
    assert causes(look(tree, other)) == {CELL: [("settings", settings)]}


def test_no_table_shows_a_number_of_other_settings(tree, tmp_path):
    """Neither of a job that failed since, nor of one that was not started yet."""
    changed = Graph(small_suite(tmp_path, methods={**METHODS, "npo": {"beta": 0.5}}))
    stale = read_results(changed, Tree(tree.root)).runs
    assert {name for name, run in stale.items() if run.state != "ok"} == {RUN}
    assert (stale[RUN].state, stale[RUN].detail) == ("missing", "unproven")
    assert stale[RUN].reason == f"{CELL}: settings: parameters.beta: 1.0 → 0.5"
    fail_on(tree, changed)
    failed = read_results(changed, Tree(tree.root)).runs
    assert (failed[RUN].state, failed[RUN].detail) == ("failed", "unlearn")
    assert failed[RUN].reason == "unlearn failed: ValueError: no"
    assert read_results(tree.graph, Tree(tree.root)).runs[RUN].state == "ok"


def test_the_audit_tells_a_failed_rerun_and_that_what_is_here_is_older(tree, tmp_path):
    changed = Graph(small_suite(tmp_path, methods={**METHODS, "npo": {"beta": 0.5}}))
    fail_on(tree, changed)
    here = accepted(Path("no.sif"), False)
    told = f"{CELL}: failed: ValueError: no; what is here was made before"
    assert Audit(changed, Tree(tree.root), here, fast=True).broken_link(CELL) == told
    assert Audit(tree.graph, Tree(tree.root), here, fast=True).broken_link(CELL) is None


TIMES = {"1970": 0, "2100": 4102444800, "as it was": None}


@pytest.mark.parametrize("when", TIMES)
def test_an_edit_is_found_whatever_time_the_file_is_given(tree, when):
    path = tree.root / CELL / WEIGHTS
    before = path.stat()
    flip(path)
    seconds = TIMES[when]
    times = (before.st_atime_ns, before.st_mtime_ns) if seconds is None else (seconds * 10**9,) * 2
    os.utime(path, ns=times)
    for _ in range(2):
        assert causes(look(tree))[CELL][0][0] == "damaged"


@pytest.mark.parametrize("read", ["manifest", "record", "weights"])
def test_an_artifact_that_may_not_be_read_is_told_and_not_made_again(tree, monkeypatch, read):
    name = {"manifest": MANIFEST, "record": PROVENANCE, "weights": WEIGHTS}[read]
    os.utime(tree.root / CELL / WEIGHTS, (0, 0))
    opened = Path.open

    def refuse(path, *arguments, **keywords):
        if path == tree.root / CELL / name:
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(Unreadable, match=rf"{CELL}/{name}: cannot be read \(Permission denied\)"):
        look(tree)


def test_files_of_somebody_else_break_no_artifact(tree):
    for name in (".DS_Store", f"{WEIGHTS}~", ".nfs0001", "__pycache__/x.pyc", "notes.txt"):
        path = tree.root / CELL / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("foreign")
    assert causes(look(tree)) == {}
    audit = Audit(tree.graph, Tree(tree.root), accepted(Path("no.sif"), False), fast=True)
    assert audit.broken_link(CELL) is None


def test_a_missing_artifact_is_no_cause_of_what_was_made_from_it(tree):
    """It may come out the same; then all below it stays."""
    (tree.root / CELL / MANIFEST).unlink()
    statuses = look(tree)
    assert causes(statuses) == {CELL: [("missing", "not made yet")]}
    assert waiting(statuses) == {EVALUATED: [CELL], SCORED: [EVALUATED], TABLES: [SCORED]}


def test_an_empty_folder_lacks_everything(tmp_path):
    tree = SyntheticTree(small_suite(tmp_path), tmp_path / "results")
    assert {kind for found in causes(look(tree)).values() for kind, _ in found} == {"missing"}


def test_a_changed_setting_is_told_by_key_with_old_and_new_value(tree, tmp_path):
    changed = small_suite(tmp_path, name="changed", methods={**METHODS, "npo": {"beta": 0.5}})
    # The tables show the suite's name.
    statuses = look(tree, Graph(changed))
    assert causes(statuses) == {
        CELL: [("settings", "parameters.beta: 1.0 → 0.5")],
        TABLES: [("settings", "suite: 'small' → 'changed'")],
    }
    assert waiting(statuses) == {EVALUATED: [CELL], SCORED: [EVALUATED], TABLES: [SCORED]}


def test_a_default_that_is_written_out_reruns_nothing(tree, tmp_path):
    spelled = small_suite(tmp_path, methods={**METHODS, "npo": {"beta": 1, "batch_size": 16}})
    assert causes(look(tree, Graph(spelled))) == {}


def test_changed_code_is_told_by_module(tree, monkeypatch):
    code_of = currency.code_of

    def edited(stage, settings):
        code = code_of(stage, settings)
        name = "clearbench.methods.npo"
        return {**code, name: "0" * 16} if name in code else code

    monkeypatch.setattr(currency, "code_of", edited)
    statuses = look(tree)
    assert causes(statuses) == {CELL: [("code", "clearbench.methods.npo changed")]}
    assert waiting(statuses) == {EVALUATED: [CELL], SCORED: [EVALUATED], TABLES: [SCORED]}


def test_an_input_of_other_bytes_reruns_what_was_made_from_it_and_the_rest_waits(tree):
    def short(name):
        return tree.manifest_digest(name)[:12]

    old = short(CELL)
    tree.put(CELL, Made(files={"adapter_model.safetensors": "other weights"}))
    found = causes(look(tree))
    assert found.pop(EVALUATED) == [("input", f"model/1: {old} → {short(CELL)}")]
    # The tables show what a run cost, so a new record is a new input of theirs.
    assert found.keys() == {TABLES}
    ((kind, text),) = found[TABLES]
    assert (kind, text.partition(":")[0]) == ("input", f"{CELL}/{PROVENANCE}")
    assert waiting(look(tree)) == {SCORED: [EVALUATED], TABLES: [SCORED]}


def test_an_artifact_that_came_out_the_same_reruns_no_model(tree):
    tree.put(CELL, Made(seconds=99.0))
    assert causes(look(tree)).keys() == {TABLES}


def test_a_new_cell_reruns_no_other(tree, tmp_path):
    larger = small_suite(tmp_path, methods={**METHODS, "ga": {}})
    found = causes(look(tree, Graph(larger)))
    new = {f"{stage}/ga/text/forget10/seed0" for stage in ("unlearn", "evaluate", "score")}
    assert found.keys() == {*new, TABLES}
    assert ("input", "score/ga/text/forget10/seed0: new") in found[TABLES]
    assert all(found[name] == [("missing", "not made yet")] for name in new)


def test_a_cell_less_reruns_the_tables_only(tree, tmp_path):
    smaller = small_suite(tmp_path, methods={"npo": {}})
    statuses = look(tree, Graph(smaller))
    assert causes(statuses).keys() == {TABLES}
    texts = [text for _, text in causes(statuses)[TABLES]]
    assert f"score/{OTHERS}: no longer an input" in texts
    assert "methods: ['retain_ft', 'npo'] → ['npo']" in texts


@pytest.mark.parametrize("kind", ["lock", "image"])
def test_another_environment_reruns_everything_and_nothing_waits_unknown(tree, kind):
    here = accepted(Path("no.sif"), False)
    other = frozenset({"0" * 64})
    here = Accepted(other, here.images) if kind == "lock" else Accepted(here.locks, other)
    found = causes(look(tree, environments=here))
    assert found.keys() | {REPORT} == tree.graph.artifacts.keys()
    assert {kind for each in found.values() for kind, _ in each} == {kind}


def test_scores_made_with_other_packages_than_the_locks_count_here_alone_and_prove_nothing(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(ROOT)
    tree = SyntheticTree(small_suite(tmp_path), tmp_path / "results", records=True).build()
    others = {"scipy": "1.0 (locked: 1.2)"}
    with monkeypatch.context() as patch:
        patch.setattr(packages, "unlocked", lambda: others)
        (tree.root / SCORED / INVALID).write_text('{"reason": "x"}')
        score.run(compared(tree), None, None, tree.root / SCORED)
    assert "scipy 1.0 (locked: 1.2); no audit proves this" in capsys.readouterr().err
    there = accepted(Path("no.sif"), False)
    assert causes(look(tree))[SCORED] == [("packages", "scipy 1.0 (locked: 1.2)")]
    assert "packages: scipy 1.0 (locked: 1.2)" in list(brief(look(tree).values()))
    here = replace(there, unlocked=others)
    statuses = look(tree, environments=here)
    assert statuses[SCORED].current
    told = "not proven: made with other packages than the lock's: scipy 1.0 (locked: 1.2)"
    assert f"1 artifacts {told}" in list(summarise(tree.graph, statuses, Tree(tree.root)))
    assert list(explain([statuses[SCORED]], Tree(tree.root))) == [SCORED, f"  {told}"]
    for environments in (there, here):
        link = Audit(tree.graph, Tree(tree.root), environments).broken_link(SCORED)
        assert link == f"{SCORED}: packages: scipy 1.0 (locked: 1.2)"


def test_an_invalidated_artifact_is_told_with_the_reason(tree):
    (tree.root / CELL / INVALID).write_text(json.dumps({"reason": "the disk was bad"}))
    statuses = look(tree)
    assert causes(statuses) == {CELL: [("invalidated", "the disk was bad")]}
    assert waiting(statuses) == {EVALUATED: [CELL], SCORED: [EVALUATED], TABLES: [SCORED]}


def truncate(path):
    os.truncate(path, path.stat().st_size - 1)


def flip(path):
    """Change one byte, as a bad disk would; whoever writes a file changes its time as well."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


DAMAGES = {
    "a file that is gone": (lambda cell: (cell / WEIGHTS).unlink(), f"{WEIGHTS}: gone"),
    "a file cut short": (lambda cell: truncate(cell / WEIGHTS), "bytes, the manifest says"),
    "a changed byte": (lambda cell: flip(cell / WEIGHTS), "other bytes than those that were made"),
    "a missing record": (lambda cell: (cell / PROVENANCE).unlink(), "nothing tells how"),
    "an edited record": (
        lambda cell: (cell / PROVENANCE).write_text(
            (cell / PROVENANCE).read_text().replace('"seconds": 2.5', '"seconds": 0.5')
        ),
        "its seal is broken",
    ),
    "a manifest cut short": (lambda cell: truncate(cell / MANIFEST), "not the one that the job"),
    "an edited manifest": (
        lambda cell: (cell / MANIFEST).write_text(
            (cell / MANIFEST).read_text().replace('"size": ', '"size": 1')
        ),
        "not the one that the job wrote",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_and_told_in_a_line(tree, damage):
    do, told = DAMAGES[damage]
    do(tree.root / CELL)
    found = causes(look(tree))
    ((kind, text),) = found[CELL]
    assert kind == "damaged"
    assert told in text
    assert "\n" not in text
    # An edited manifest is another input of what was made from it, an edited record of the tables.
    assert found.keys() <= {CELL, EVALUATED, TABLES}


@pytest.fixture
def reads(monkeypatch):
    """The files whose bytes were read to check them."""
    found = []
    sha256 = trees.sha256

    def counted(path):
        found.append(path)
        return sha256(path)

    monkeypatch.setattr(trees, "sha256", counted)
    return found


def test_untouched_files_are_never_read_again(tree, reads):
    look(tree)
    assert reads == []
    assert not (tree.root / CHECKED).exists()


def test_touched_files_are_read_once_and_then_remembered(tree, reads):
    """As all are in a results tree that was copied without its times."""
    touched = [tree.root / CELL / WEIGHTS, tree.root / SCORED / SCORES]
    for path in touched:
        os.utime(path, (0, 0))
    for _ in range(3):
        assert causes(look(tree)) == {}
        assert reads == touched
    os.utime(touched[1], (1, 1))
    assert causes(look(tree)) == {}
    assert reads == [*touched, touched[1]]


def test_a_file_that_was_checked_and_then_damaged_is_found(tree, reads):
    path = tree.root / CELL / WEIGHTS
    os.utime(path, (0, 0))
    look(tree)
    flip(path)
    for _ in range(2):
        assert causes(look(tree))[CELL][0][0] == "damaged"


@pytest.mark.parametrize("text", ["", "{", "null", "[1]"])
def test_a_damaged_list_of_checked_files_costs_time_only(tree, reads, text):
    (tree.root / CHECKED).write_text(text)
    os.utime(tree.root / CELL / WEIGHTS, (0, 0))
    assert causes(look(tree)) == {}
    assert causes(look(tree)) == {}
    assert len(reads) == 1


def test_a_tree_on_a_disk_that_takes_no_file_can_be_looked_at(tree, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    os.utime(tree.root / CELL / WEIGHTS, (0, 0))
    for name in ("write_text", "replace", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    assert causes(look(tree)) == {}


def test_a_copied_tree_is_current_where_it_lies(tree, tmp_path):
    shutil.copytree(tree.root, tmp_path / "elsewhere", copy_function=shutil.copyfile)
    shutil.rmtree(tree.root)
    here = accepted(Path("no.sif"), False)
    assert causes(assess(tree.graph, Tree(tmp_path / "elsewhere"), here)) == {}


def test_a_diverged_cell_and_what_is_made_from_it_are_current(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    states = {CELL: Made(status="diverged", step=3)}
    tree = SyntheticTree(small_suite(tmp_path), tmp_path / "results").build(states)
    assert causes(look(tree)) == {}
    assert names(tree.root / SCORED) == {MANIFEST, PROVENANCE}
    assert Tree(tree.root).manifest(SCORED).step == 3
    assert "diverged (step 3)" in (tree.root / TABLES / "comparison.md").read_text()


def test_a_lock_of_the_checkout_that_changed_is_a_cause(tmp_path, monkeypatch):
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs/cpu.lock").write_text("some-tool==2.0\n")
    monkeypatch.chdir(tmp_path)
    packages.pins.cache_clear()
    try:
        tree = SyntheticTree(small_suite(tmp_path), tmp_path / "results").build()
        assert causes(look(tree)) == {}
        (tmp_path / "envs/cpu.lock").write_text("some-tool==2.1\n")
        packages.pins.cache_clear()
        assert {kind for found in causes(look(tree)).values() for kind, _ in found} == {"lock"}
    finally:
        packages.pins.cache_clear()


def test_a_note_of_failure_that_is_no_note_is_named(tree):

    (tree.root / CELL / MANIFEST).unlink()
    (tree.root / CELL / FAILURE).write_text("{")
    with pytest.raises(UserError, match=rf"{CELL}/{FAILURE}: not JSON \(.*\); remove it"):
        look(tree)


def edit_scores(tree):
    path = tree.root / SCORED / SCORES
    path.write_text(path.read_text().replace("0.", "1.", 1))
    return "1 by score: damaged: "


def edit_records(tree):
    path = tree.root / EVALUATED / RECORDS
    path.write_text(path.read_text() + "more")
    return "1 by evaluate: damaged: "


def lose_the_score(tree):
    tree.put(SCORED, LeftOut())
    return "1 by score: missing: not made yet"


def mistrust(tree):
    (tree.root / CELL / INVALID).write_text(json.dumps({"reason": "the disk was bad"}))
    return "1 by unlearn: invalidated: the disk was bad"


def fail(tree):
    tree.put(CELL, Failed("out of memory"))
    return "1 by unlearn: failed: RuntimeError: out of memory"


@pytest.mark.parametrize("change", [edit_scores, edit_records, lose_the_score, mistrust, fail])
def test_a_shown_table_says_how_many_of_its_cells_are_not_current_and_why(tree, change, capsys):
    assert list(not_current(tree.graph, look(tree))) == []
    told = change(tree)
    (line,) = not_current(tree.graph, look(tree))
    assert line.startswith("Not current: 1 of 7 cells, original and golds included: ")
    assert told in line
    cli.cli(
        ["show", str(tree.suite.path), "--results", str(tree.root.parent)], standalone_mode=False
    )
    # It is laid out for the window.
    assert " ".join(capsys.readouterr().out.split()).startswith(line)


def test_a_file_where_an_artifact_has_its_folder_is_told(tree):
    shutil.rmtree(tree.root / SCORED)
    (tree.root / SCORED).write_text("")
    with pytest.raises(UserError, match=f"{SCORED}: a file, where an artifact has its folder; "):
        look(tree)


def test_a_shown_table_that_was_edited_says_so(tree):
    path = tree.root / TABLES / "comparison.md"
    path.write_text(path.read_text() + "\nall is well\n")
    (line,) = not_current(tree.graph, look(tree))
    assert line.startswith("Not current: these tables: damaged: ")
