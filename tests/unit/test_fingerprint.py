"""What counts as code: an edit reruns the jobs that can notice it, and no other."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import clearbench
from clearbench import methods
from clearbench.jobs.fingerprint import code_of, fingerprint, reachable
from clearbench.plugins import named, path_of

PACKAGE = Path(clearbench.__file__).parent


class Copy:
    """A copy of the package, fingerprinted by its own code in a process of its own."""

    def __init__(self, folder, last, package=PACKAGE):
        self.root, self.last = folder / "clearbench", last
        shutil.copytree(package, self.root)

    def fingerprints(self):
        code = """
            import json
            from clearbench.jobs.fingerprint import code_of, fingerprint
            from clearbench.methods import available
            stages = ["generate", "base", "finetune", "evaluate", "score", "tabulate", "report"]
            model = {"model": {"domain": "multimodal"}}
            asked = {name: (name, model) for name in stages}
            vision = {"model": {"domain": "vision"}}
            asked |= {f"vision {name}": (name, vision) for name in stages[1:4]}
            asked |= {key: ("dataset", {"layout": key}) for key in ("clear", "tofu")}
            asked |= {key: ("unlearn", {**model, "method": key}) for key in available()}
            attack = {**vision, "method": "twins"}
            asked["attack on twins"] = "unlearn_shadows", attack
            asked["shadows"] = "shadows", vision
            print(json.dumps({key: fingerprint(code_of(*job)) for key, job in asked.items()}))
        """
        command = [sys.executable, "-c", textwrap.dedent(code)]
        environment = {**os.environ, "PYTHONPATH": str(self.root.parent)}
        answer = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        )
        return json.loads(answer.stdout)

    def code_of(self, stage, settings):
        """The modules that a job reaches, with their hashes."""
        code = (
            "import json, sys; from clearbench.jobs.fingerprint import code_of;"
            "print(json.dumps(code_of(sys.argv[1], json.loads(sys.argv[2]))))"
        )
        command = [sys.executable, "-c", code, stage, json.dumps(settings)]
        environment = {**os.environ, "PYTHONPATH": str(self.root.parent)}
        answer = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        )
        return json.loads(answer.stdout)

    def edit(self, name, old, new):
        path = self.root / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def changed(self):
        """The jobs with another fingerprint than when they were asked for last."""
        before, self.last = self.last, self.fingerprints()
        return {key for key, value in self.last.items() if before.get(key) != value}


@pytest.fixture(scope="module")
def unedited(tmp_path_factory):
    """The package as it is, which has been asked once."""
    copy = Copy(tmp_path_factory.mktemp("unedited"), {})
    copy.changed()
    return copy


@pytest.fixture
def code(tmp_path, unedited):
    return Copy(tmp_path, unedited.last, unedited.root)


def test_comments_docstrings_and_layout_rerun_nothing(code):
    code.edit(
        "methods/npo.py",
        "    beta: Annotated[float, Field(gt=0)] = 1.0",
        "    # why\n    beta:Annotated[float,Field(gt=0)]=1.0  # what",
    )
    code.edit("methods/npo.py", '"""Negative preference', '"""Another preference')
    code.edit("methods/npo.py", '"""The softplus', '"""Some softplus')
    code.edit("stages/unlearn.py", '"""Unlearn: one', '"""Unlearn:\n\none')
    assert code.changed() == set()


def test_edits_of_what_only_tells_of_results_rerun_nothing(code):
    code.edit("jobs/job.py", "unchanged, kept", "the same as before")
    code.edit("errors.py", "class UserError", "WORD = 1\n\n\nclass UserError")
    assert code.changed() == set()


def test_edited_method_reruns_its_own_cells_only(code):
    code.edit("methods/npo.py", "Field(gt=0)] = 1.0", "Field(gt=0)] = 0.9")
    # MLLMU-Bench's is npo below gold.
    assert code.changed() == {"npo", "npo@mllmu"}


def test_new_method_reruns_no_cell_of_another(code):
    text = (code.root / "methods/ga.py").read_text()
    (code.root / "methods/new.py").write_text(text.replace("GradientAscent", "New"))
    assert code.changed() == {"new"}


def test_edited_layout_reruns_its_own_datasets_only(code):
    code.edit("data/layouts/clear.py", "class Options", "WORD = 1\n\n\nclass Options")
    assert code.changed() == {"clear"}


def test_new_metric_reruns_scores_and_tables_and_no_model(code):
    text = (code.root / "metrics/accuracy.py").read_text()
    (code.root / "metrics/exactness.py").write_text(text.replace("accuracy", "exactness"))
    assert code.changed() == {"score", "tabulate", "report"}


def test_edited_table_reruns_the_tables_and_the_report_that_shows_them(code):
    code.edit("tables/cost.py", '"""', 'WORD = 1\n"""')
    assert code.changed() == {"tabulate", "report"}


@pytest.mark.parametrize("name", ["page/style.css", "page/start.js", "page/frame.html", "head.py"])
def test_edited_page_reruns_the_report_only(code, name):
    text = (code.root / "report" / name).read_text()
    (code.root / "report" / name).write_text(f"{text}\nword = 1\n")
    assert code.changed() == {"report"}


def test_edited_or_new_figure_reruns_the_tables_only(code):
    code.edit("figures/tradeoff.py", "_BAND = 0.13", "_BAND = 0.14")
    assert code.changed() == {"tabulate"}
    (code.root / "figures/new.py").write_text("def draw(results):\n    return None\n")
    assert code.changed() == {"tabulate"}


def test_code_that_a_stage_reaches_over_other_modules_reruns_it(code):
    code.edit("models/encoding.py", "len(before) - common", "len(before) - common + 0")
    expected = {"base", "finetune", "evaluate", *methods.available()}
    assert code.changed() == expected


def test_what_methods_share_reruns_their_cells_and_no_model_that_they_start_from(code):
    code.edit("methods/base.py", "    seed: int\n", "    seed: int\n    unused: int\n")
    told = {"tabulate", "report"}
    assert code.changed() == {*methods.available(), "attack on twins", *told}


def test_edited_model_of_one_domain_reruns_no_job_of_another(code):
    code.edit("models/faces.py", "SCALE = 30.0", "SCALE = 31.0")
    attack = {"shadows", "attack on twins"}
    assert code.changed() == {"vision base", "vision finetune", "vision evaluate", *attack}


def test_edited_method_reruns_its_own_attack_and_no_model_that_it_is_tried_on(code):
    code.edit("methods/twins.py", "forgotten + ", "2 * forgotten + ")
    assert code.changed() == {"twins", "attack on twins"}
    code.edit("methods/ga.py", "-cross_entropy", "-2 * cross_entropy")
    assert code.changed() == {"ga"}


def test_code_of_a_package_reruns_what_imports_anything_of_it(code):
    with (code.root / "training/__init__.py").open("a") as file:
        file.write("word = 1\n")
    vision = {"vision base", "vision finetune", "shadows", "attack on twins"}
    assert code.changed() == {"base", "finetune", *vision, *methods.available()}


@pytest.mark.parametrize(
    "imported",
    [
        "def late():\n    from clearbench.added import value\n    return value\n",
        "import importlib\nlate = importlib.import_module('clearbench.added')\n",
    ],
)
def test_code_that_is_imported_late_reruns_what_imports_it(code, imported):
    (code.root / "added.py").write_text("value = 1\n")
    code.edit("data/mini/write.py", '"""\n', f'"""\n{imported}')
    assert code.changed() == {"generate"}
    code.edit("added.py", "1", "2")
    assert code.changed() == {"generate"}


def test_a_variant_of_a_method_and_the_method_touch_each_others_cells_only_by_what_they_import(
    code,
):
    code.edit("methods/idk.py", "student.idk", "student.forget")
    assert code.changed() == {"idk"}
    code.edit("methods/published/idk.py", "student.idk", "student.forget")
    assert code.changed() == {"idk@published"}
    code.edit("methods/published/base.py", "p - q", "q - p")
    names = ("kl", "llmu", "npo", "pdu", "scrub", "sku", "undial")
    shared = {*(f"{name}@published" for name in names), "kl@muse", "npo@muse"}
    assert code.changed() == shared


def test_moved_package_has_the_same_fingerprints(code):
    settings = {"model": {"domain": "multimodal"}, "method": "ga"}
    here = fingerprint(code_of("unlearn", settings))
    assert code.fingerprints()["ga"] == here


def test_stage_reaches_no_other_stage_and_no_method_but_the_one_asked_for():
    for stage in (plugin.module for plugin in named("stages").values()):
        found = reachable(stage)
        assert {name for name in found if name.startswith("clearbench.stages.")} == {stage}
        assert not found & {named("methods")[key].module for key in methods.available()}


@pytest.mark.parametrize(
    "settings",
    [
        {"model": {"domain": "text"}},
        {"model": {"domain": "text"}, "method": "ga"},
        {"model": {"domain": "text"}, "layout": "tofu"},
    ],
    ids=["domain", "method", "layout"],
)
def test_a_stage_that_nobody_knew_is_rerun_by_all_that_its_settings_name(code, settings):
    (code.root / "stages/distil.py").write_text("from clearbench import metrics\n")
    (code.root / "domains/language/distil.py").write_text("from clearbench.models import build\n")
    before = code.code_of("distil", settings)
    edits = {
        "stages/distil.py": "clearbench.stages.distil",
        "domains/language/distil.py": "clearbench.domains.language.distil",
        "models/build.py": "clearbench.models.build",
        "metrics/accuracy.py": "clearbench.metrics.accuracy",
    }
    edits |= {"methods/ga.py": "clearbench.methods.ga"} if "method" in settings else {}
    edits |= (
        {"data/layouts/tofu.py": "clearbench.data.layouts.tofu"} if "layout" in settings else {}
    )
    for path in edits:
        with (code.root / path).open("a") as file:
            file.write("\nword = 1\n")
    after = code.code_of("distil", settings)
    assert {name for name in after if after[name] != before.get(name)} == set(edits.values())


def test_every_file_of_a_domain_is_code_of_the_stage_of_its_name():
    for domain, folder in {
        "multimodal": "language",
        "text": "language",
        "vision": "vision",
    }.items():
        stages = {path.stem for path in (PACKAGE / "domains" / folder).glob("[!_]*.py")}
        assert {"base", "unlearn"} < stages
        for stage in stages:
            module = f"clearbench.domains.{folder}.{stage}"
            assert path_of(module)
            assert module in code_of(stage, {"model": {"domain": domain}, "method": "ga"})


def test_what_a_stage_writes_is_made_by_no_code_that_is_left_out():
    """A pointer to a model elsewhere holds the digest of its folder."""
    assert "clearbench.digests" in code_of("base", {"model": {"domain": "text"}})


@pytest.mark.parametrize(
    ("stage", "settings"),
    [("nothing", {}), ("unlearn", {"method": "nothing"}), ("dataset", {"layout": "nothing"})],
)
def test_code_that_does_not_exist_has_no_fingerprint(stage, settings):
    with pytest.raises(ModuleNotFoundError, match=r"\.nothing is not a module of clearbench"):
        code_of(stage, settings)
