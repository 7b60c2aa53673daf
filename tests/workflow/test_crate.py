"""A finished suite as a crate to publish: valid for others, complete, and refused without proof."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from importlib.resources import files
from urllib.parse import quote, unquote

import pytest
from requests_cache import CachedResponse, CachedSession
from requests_cache.models import CachedRequest
from rocrate.rocrate import ROCrate
from rocrate_validator import services
from rocrate_validator.models import ValidationSettings

from clearbench.digests import folder_digest, sha256
from clearbench.jobs import environment
from clearbench.jobs.artifacts import PROVENANCE
from clearbench.jobs.job import Job
from clearbench.results.siblings import look_ahead, take_all
from clearbench.results.tree import Tree
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite

METADATA = "ro-crate-metadata.json"
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
# `rocrate` ships the context of RO-Crate 1.3. These are the terms that crates use of 1.1, all of
# which it has; another one is to be looked up there first.
TERMS = """
    ComputerLanguage ControlAction CreateAction CreativeWork Dataset File HowTo HowToStep
    OrganizeAction Person PropertyValue SoftwareApplication SoftwareSourceCode WebPageElement
    about actionStatus additionalType agent author conformsTo contentSize datePublished description
    encodingFormat endTime error exampleOfWork hasPart identifier instrument license mainEntity
    mentions name object position programmingLanguage propertyID result softwareVersion startTime
    step unitCode url value version workExample
"""
# Where 1.1 differs from 1.3.
BIOSCHEMAS = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}
CELL = "npo/both/forget10/seed0"


def export(bench, out, *options, suite="suite"):
    """Run the command where the workflow lies."""
    call = [sys.executable, "-m", "clearbench", "export-crate", suite, "--out", out, *options]
    return subprocess.run(
        call, cwd=bench.folder, env=bench.environment, capture_output=True, text=True, check=False
    )


def entities(folder):
    """The entities of a crate by identifier."""
    graph = json.loads((folder / METADATA).read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}


@pytest.fixture(scope="module")
def crate(finished, tmp_path_factory):
    """The crate of the small suite."""
    out = tmp_path_factory.mktemp("crate") / "suite"
    done = export(finished, out)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{out}\n", "")
    return out


@pytest.fixture(scope="module")
def graph(finished):
    return Graph(load_suite("suite", finished.folder))


@pytest.fixture(scope="module")
def issues(tmp_path_factory):
    """The independent validator, without a network: what it says of a crate."""
    shipped = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text())
    terms = {term: shipped["@context"][term] for term in TERMS.split()} | BIOSCHEMAS
    cache = tmp_path_factory.mktemp("cache") / "http"
    with CachedSession(str(cache), backend="sqlite") as session:
        session.cache.save_response(
            CachedResponse(
                status_code=200,
                url=CONTEXT,
                content=json.dumps({"@context": terms}).encode(),
                headers={"Content-Type": "application/ld+json"},
                request=CachedRequest(method="GET", url=CONTEXT),
            )
        )

    def validate(folder):
        settings = ValidationSettings(
            rocrate_uri=folder,
            profile_identifier="provenance-run-crate-0.5",
            requirement_severity="REQUIRED",
            cache_path=cache,
            offline=True,
        )
        result = services.validate(settings)
        found = [str(issue.message) for issue in result.get_issues()]
        assert result.passed() == (not found)
        return found

    return validate


def test_an_independent_validator_accepts_the_crate(crate, issues):
    assert issues(crate) == []


def test_an_author_and_all_data_can_be_in_it_and_it_is_still_valid(finished, tmp_path, issues):
    out = tmp_path / "crate"
    orcid = "https://orcid.org/0000-0002-1825-0097"
    done = export(finished, out, "--with-data", "--author", "Ada Lovelace", "--orcid", orcid)
    assert done.returncode == 0, done.stderr
    found = entities(out)
    assert found["./"]["author"] == found["#job/base/seed0"]["agent"] == {"@id": orcid}
    for path in finished.results().glob("*/**/*.safetensors"):
        assert (out / path.relative_to(finished.folder)).read_bytes() == path.read_bytes()
    assert not [name for name in found if name.startswith("#results/")]
    assert issues(out) == []
    # Nothing but the crate is at hand.
    words = ["verify", str(out), "--reexecute", "1", "--results", str(tmp_path / "none")]
    done = finished.call(["clearbench", *words])
    assert done.status == 0, done.output
    again = re.findall(r"^again: (\w+)/\S+: the same bytes", done.output, re.M)
    assert again == ["unlearn", "evaluate", "score"]


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda found: found["#control/tables"].pop("instrument"), "must reference a HowToStep"),
        (lambda found: found["#job/tables"].pop("instrument"), "MUST have an instrument"),
        (lambda found: found["./"]["conformsTo"].pop(2), "Provenance Run Crate profile"),
        (lambda found: found["#run"].update(seconds=3), '"seconds"'),
        (lambda found: found["./"]["hasPart"].append({"@id": "gone.csv"}), "gone.csv"),
    ],
    ids=["no step", "no tool", "no profile", "unknown term", "no file"],
)
def test_the_validator_sees_what_is_wrong(crate, tmp_path, issues, damage, told):
    folder = shutil.copytree(crate, tmp_path / "crate")
    data = json.loads((folder / METADATA).read_text())
    found = {entity["@id"]: entity for entity in data["@graph"]}
    damage(found)
    if "gone" in told:
        data["@graph"].append({"@id": "gone.csv", "@type": "File"})
    (folder / METADATA).write_text(json.dumps(data))
    assert any(told in message for message in issues(folder))


def test_no_file_of_it_is_for_its_maker_alone(crate):
    """As the library that writes weights leaves them."""
    umask = os.umask(0)
    os.umask(umask)
    modes = {path.stat().st_mode & 0o777 for path in crate.rglob("*") if path.is_file()}
    assert modes == {0o666 & ~umask}


def test_every_file_of_every_artifact_is_there_with_the_digest_of_its_manifest(
    finished, crate, graph
):
    found = entities(crate)
    tree = Tree(finished.results())
    for artifact in graph:
        folder = f"results/suite/{artifact.name}/"
        results = {ref["@id"] for ref in found[f"#job/{artifact.name}"]["result"]}
        assert folder in results
        for name, entry in tree.manifest(artifact.name).files.items():
            copied = artifact.stage in ("score", "tabulate", "report")
            identifier = f"{'' if copied else '#'}{folder}{quote(name)}"
            assert identifier in results
            described = found[identifier]
            assert (described["sha256"], described["contentSize"]) == (
                entry.sha256,
                str(entry.size),
            )
    for identifier, entity in found.items():
        if "sha256" in entity and not identifier.startswith("#"):
            content = (crate / unquote(identifier)).read_bytes()
            assert entity["sha256"] == hashlib.sha256(content).hexdigest()


def test_a_job_is_told_as_its_record_tells_it(finished, crate):
    found = entities(crate)
    record = json.loads((finished.results() / f"unlearn/{CELL}/{PROVENANCE}").read_text())
    job = found[f"#job/unlearn/{CELL}"]
    assert "--method npo" in job["description"]
    assert job["startTime"] == record["started"] < job["endTime"]
    settings = {
        found[ref["@id"]]["name"]: found[ref["@id"]]["value"]
        for ref in job["object"]
        if found[ref["@id"]]["@type"] == "PropertyValue"
    }
    assert settings["training.lr"] == record["settings"]["training"]["lr"]
    assert settings["code"] == record["fingerprint"]
    memory = found[job["resourceUsage"]["@id"]]
    assert memory["value"] == record["peak_memory_bytes"]


def test_what_stands_in_the_crate_proves_itself(crate, graph):
    tree = Tree(crate / "results/suite")
    assert [tree.broken_link(artifact) for artifact in graph] == [None] * len(list(graph))


def test_the_crate_holds_what_was_run(finished, crate):
    for name in ("Snakefile", "rules", "envs/cpu.lock", "config/suite.yaml"):
        assert (crate / name).exists()
    for name in ("config/models/small-llava.yaml", "config/datasets/small.yaml"):
        assert (crate / name).read_bytes() == (finished.folder / name).read_bytes()


def test_from_a_table_one_walks_to_the_dataset_by_following_actions(crate):
    loaded = ROCrate(crate)
    jobs = [
        action for action in loaded.get_by_type("CreateAction") if action.id.startswith("#job/")
    ]

    def source(entity, name):
        (job,) = [job for job in jobs if entity in job["result"]]
        (found,) = [given for given in job["object"] if given.id == f"results/suite/{name}/"]
        return found

    entity = loaded.get("results/suite/tables/comparison.csv")
    for name in (
        f"score/{CELL}",
        f"evaluate/{CELL}",
        f"unlearn/{CELL}",
        "original/seed0",
        "dataset",
    ):
        entity = source(entity, name)
    assert source(entity, "generate")["name"] == "generate"


def test_the_library_reads_the_crate_and_writes_it_back(crate, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ROCrate(crate).write(tmp_path / "again")
    assert entities(tmp_path / "again") == entities(crate)
    for path in crate.rglob("*"):
        if path.is_file() and path.name != METADATA:
            again = tmp_path / "again" / path.relative_to(crate)
            assert again.read_bytes() == path.read_bytes()


def tamper(bench):
    path = bench.results() / f"score/{CELL}/scores.json"
    stat = path.stat()
    path.write_text(path.read_text().translate(str.maketrans("123456", "234561")))
    # One who wants to deceive sets the time back.
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def lose(bench):
    shutil.rmtree(bench.results() / f"evaluate/{CELL}")


def swap(bench):
    """Put the records of one cell in the place of another's."""
    folder = bench.results() / f"evaluate/{CELL}"
    shutil.rmtree(folder)
    shutil.copytree(bench.results() / "evaluate/npo/text/forget10/seed0", folder)


def retune(bench):
    bench.write(unlearn={"epochs": 1, "batch_size": 32, "lr": 5.0e-4})


def distrust(bench):
    (bench.results() / "base/seed0/invalid.json").write_text(json.dumps({"reason": "wrong disk"}))


@pytest.mark.parametrize(
    ("change", "artifact", "told"),
    [
        (tamper, f"score/{CELL}", "other bytes than those that were made"),
        (lose, f"evaluate/{CELL}", "it was not made yet"),
        (swap, f"evaluate/{CELL}", "made from another model/1 than the one here"),
        (retune, "unlearn/retain_ft/text/forget10/seed0", "training.lr: 0.001 → 0.0005"),
        (distrust, "base/seed0", "marked as untrusted (wrong disk)"),
    ],
    ids=["tampered", "missing", "swapped", "other settings", "untrusted"],
)
def test_what_is_not_proven_is_not_published(bench, tmp_path, change, artifact, told):
    change(bench)
    done = export(bench, tmp_path / "crates/suite")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"clearbench: suite suite: {artifact} is not proven: ")
    assert told in line
    assert not (tmp_path / "crates").exists()


def test_a_folder_that_is_there_is_left_alone(finished, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = export(finished, tmp_path)
    assert done.returncode == 1
    told = "already there; remove it, or name another folder with --out"
    assert done.stderr == f"clearbench: {tmp_path}: {told}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_orcid_without_a_name_is_a_mistake(finished, tmp_path):
    done = export(finished, tmp_path / "crate", "--orcid", "https://orcid.org/0000-0002-1825-0097")
    assert done.stderr == "clearbench: --orcid: whose? give the name with --author\n"


def make_all(suite, results, diverged=None):
    """Make every artifact of a suite by a job that trains nothing; one of them has diverged."""
    root = results / suite.name

    def work(job):
        if diverged and job.out.match(diverged):
            job.diverged(3)
        else:
            (job.folder / "made é @ #%41.json").write_text("{}")

    for artifact in Graph(suite):
        Job(
            artifact.stage,
            root / artifact.name,
            {name: root / source for name, source in artifact.inputs.items()},
            artifact.resolved,
            {f"{name}/{PROVENANCE}": root / name / PROVENANCE for name in artifact.reads},
            artifact.outside,
        ).run(work)


@pytest.mark.parametrize("with_data", [(), ("--with-data",)], ids=["small", "all"])
def test_any_name_is_an_identifier_of_a_crate(fresh, tmp_path, monkeypatch, issues, with_data):
    for kind in ("models/small-llava", "datasets/small"):
        file = fresh.folder / f"config/{kind}.yaml"
        file.rename(file.with_name(f"my {file.stem} #ü.yaml"))
    name = "Suite é: 50% [a] @ #1?"
    model, dataset = "my small-llava #ü", "my small #ü"
    fresh.write("plain", model=model, dataset=dataset, methods={"npo": {}, "npo@published": {}})
    file = (fresh.folder / "config/plain.yaml").rename(fresh.folder / f"{name}.yaml")
    monkeypatch.chdir(fresh.folder)
    suite = load_suite(str(file), fresh.folder)
    make_all(suite, fresh.folder / "my results")
    out = tmp_path / "crate"
    call = [sys.executable, "-m", "clearbench", "export-crate", "--suite", str(file)]
    done = fresh.call([*call, "--results", "my results", "--out", str(out), *with_data])
    assert done.status == 0, done.output
    found = entities(out)
    for identifier in found:
        assert re.fullmatch(r"[\w./:?#&=%~+-]*", identifier, re.ASCII), identifier
    job = found["#job/unlearn/npo%40published/both/forget10/seed0"]
    assert job["name"] == "unlearn: unlearn/npo@published/both/forget10/seed0"
    for identifier, entity in found.items():
        if entity["@type"] == "File" and not identifier.startswith("#"):
            assert (out / unquote(identifier)).is_file()
    assert (out / f"config/models/{model}.yaml").is_file()
    assert (out / f"config/{name}.yaml").read_bytes() == file.read_bytes()
    assert issues(out) == []


def test_data_from_elsewhere_an_image_and_a_diverged_cell_are_told(
    fresh, tmp_path, monkeypatch, issues
):
    data = tmp_path / "data"
    data.mkdir()
    (data / "full.json").write_text("[]")
    fresh.write(dataset="tofu", folder=str(data), model="small-llama", modalities=["text"])
    cell = "npo/text/forget10/seed0"
    monkeypatch.chdir(fresh.folder)
    monkeypatch.setattr(environment, "image", lambda: "ab" * 32)
    make_all(load_suite("suite", fresh.folder), fresh.folder / "results", f"unlearn/{cell}")
    done = export(fresh, tmp_path / "crate")
    assert done.returncode == 0, done.stderr
    found = entities(tmp_path / "crate")
    assert {"@id": f"#outside/{folder_digest(data)}"} in found["#job/dataset"]["object"]
    assert found[found["#job/base/seed0"]["containerImage"]["@id"]]["sha256"] == "ab" * 32
    for stage in ("unlearn", "evaluate", "score"):
        job = found[f"#job/{stage}/{cell}"]
        assert job["actionStatus"] == "http://schema.org/FailedActionStatus"
        assert job["error"] == "diverged at optimiser step 3"
    assert issues(tmp_path / "crate") == []


def test_what_another_suite_has_made_is_told_as_that(fresh, tmp_path, monkeypatch, issues):
    fresh.write()
    fresh.write("other", methods={"npo": {}})
    monkeypatch.chdir(fresh.folder)
    results = fresh.folder / "results"
    make_all(load_suite("suite", fresh.folder), results)
    other = load_suite("other", fresh.folder)
    prospect = look_ahead(Graph(other), Tree(results / "other"), environment.accepted_here())
    assert set(dict(take_all(Graph(other), prospect)).values()) == {None}
    make_all(other, results)
    done = export(fresh, tmp_path / "crate", "--with-data", suite="other")
    assert done.returncode == 0, done.stderr
    found = entities(tmp_path / "crate")
    record = sha256(results / "suite/base/seed0" / PROVENANCE)
    assert found["results/other/base/seed0/"]["description"] == (
        "Not made by this run: taken over from suite/base/seed0, whose record has the sha256"
        f" {record}."
    )
    told = {name for name in prospect.sources if "description" in found[f"results/other/{name}/"]}
    assert told == prospect.sources.keys()
    assert "description" not in found["results/other/tables/"]
    assert issues(tmp_path / "crate") == []
