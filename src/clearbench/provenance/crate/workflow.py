"""What was to be run: the workflow with its files, steps, tools and formal parameters."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from clearbench.digests import sha256
from clearbench.errors import UserError
from clearbench.provenance.crate.entities import Entities
from clearbench.suite.artifact import Artifact
from clearbench.suite.graph import TABLES, Graph
from clearbench.suite.load import suite_name
from clearbench.suite.suite import Suite

_WORKFLOW = "Snakefile"
_LOCK_FORMAT = "https://pip.pypa.io/en/stable/reference/requirements-file-format/"


def describe_workflow(entities: Entities, graph: Graph, root: Path, snakemake: str) -> None:
    """Add the workflow as the crate's main entity; its files lie below `root`."""
    if not (root / _WORKFLOW).is_file():
        raise UserError(f"{root / _WORKFLOW}: missing; run this where the workflow lies")
    final = entities.parameter("workflow", TABLES, "Dataset")
    workflow = entities.crate.add_workflow(
        root / _WORKFLOW,
        _WORKFLOW,
        main=True,
        lang="snakemake",
        lang_version=snakemake,
        properties={
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "clearbench",
            "version": version("clearbench"),
            "encodingFormat": "text/plain",
            "sha256": sha256(root / _WORKFLOW),
        },
    )
    for path in sorted((root / "rules").glob("*.smk")):
        entities.file(path, f"rules/{path.name}")
    locks = [
        entities.file(path, f"envs/{path.name}", conformsTo=_lock_format(entities))
        for path in sorted((root / "envs").glob("*.lock"))
    ]
    if locks:
        workflow["buildInstructions"] = locks
    workflow["input"] = _configuration(entities, graph.suite, root)
    workflow["output"] = final
    tools = {tool(artifact): _tool(entities, artifact) for artifact in graph}
    workflow["hasPart"] = list(tools.values())
    workflow["step"] = _steps(entities, graph)
    workflow["connection"] = entities.connection(output(entities, graph[TABLES]), final)


def config_files(suite: Suite) -> dict[str, str]:
    """The files that configure a suite, as paths in the crate, by what they describe."""
    return {
        "suite": f"config/{suite.name}.yaml",
        "model": f"config/models/{suite.file.model}.yaml",
        "dataset": f"config/datasets/{suite.file.dataset}.yaml",
    }


def step(artifact: Artifact) -> str:
    """The identifier of the step that makes an artifact: a rule, with whose name it begins."""
    return f"{_WORKFLOW}#{artifact.rule}"


def tool(artifact: Artifact) -> str:
    """The identifier of the tool that makes an artifact: a stage."""
    return f"#tool/{artifact.stage}"


def output(entities: Entities, artifact: Artifact) -> Any:
    """The formal parameter of what a tool makes."""
    return entities.parameter(artifact.stage, "out", "Dataset")


def given(entities: Entities, artifact: Artifact, name: str) -> Any:
    """The formal parameter of an input; the many scores that the tables take are one."""
    return entities.parameter(artifact.stage, name.split("/")[0], "Dataset")


def _configuration(entities: Entities, suite: Suite, root: Path) -> list[Any]:
    for name in suite.file.single_domain:
        # A suite is read only where those lie that it names.
        if suite_name(name) == name:
            path = f"config/{name}.yaml"
            entities.file(root / path, path)
    parameters = []
    for name, path in config_files(suite).items():
        parameter = entities.parameter("workflow", name, "File")
        # A suite file may lie anywhere.
        source = suite.path if name == "suite" else root / path
        entities.file(source, path, exampleOfWork=parameter)
        parameters.append(parameter)
    return parameters


def _tool(entities: Entities, artifact: Artifact) -> Any:
    return entities.add(
        tool(artifact),
        "SoftwareApplication",
        name=f"clearbench {artifact.stage}",
        softwareVersion=version("clearbench"),
        output=output(entities, artifact),
    )


def _steps(entities: Entities, graph: Graph) -> list[Any]:
    """The steps in an order in which they can be run, with what flows into each."""
    artifacts: dict[str, Any] = {}
    flows: dict[str, dict[str, Any]] = {}
    for artifact in graph:
        artifacts[artifact.rule] = artifact
        into = flows.setdefault(artifact.rule, {})
        for name, source in artifact.inputs.items():
            source_output = output(entities, graph[source])
            flow = entities.connection(source_output, given(entities, artifact, name))
            into[flow.id] = flow
    return [
        entities.add(
            step(artifact),
            "HowToStep",
            name=rule,
            position=position,
            workExample=entities.crate.get(tool(artifact)),
            connection=list(flows[rule].values()),
        )
        for position, (rule, artifact) in enumerate(artifacts.items(), start=1)
    ]


def _lock_format(entities: Entities) -> Any:
    return entities.add(_LOCK_FORMAT, "WebPageElement", name="Requirements file of pip")
