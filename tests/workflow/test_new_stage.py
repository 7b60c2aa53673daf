"""A new stage is its files: what is not of it need not be told."""

import json
import re

from .bench import Bench

NEW = {
    "src/clearbench/stages/relearn.py": '''
"""Relearn: a cell that is shown some of what it has forgotten."""

from pathlib import Path

from clearbench import domains
from clearbench.config.settings import RelearnSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(
    settings: RelearnSettings,
    seed: int,
    base: Path,
    original: Path,
    unlearned: Path,
    dataset: Path,
    out: Path,
) -> None:
    """Write the cell's weights after some further steps."""
    domain = domains.load(settings.model.domain, "relearn")

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(seed), job.state, job.folder)
        domain.run(settings, base, [original, unlearned], place)

    inputs = {"base": base, "original": original, "unlearned": unlearned, "dataset": dataset}
    Job("relearn", out, inputs, {**settings.model_dump(), "seed": seed}).run(work)
''',
    "src/clearbench/domains/language/relearn.py": '''
"""Cells that are shown some of what they have forgotten."""

from pathlib import Path

from clearbench.config.settings import RelearnSettings
from clearbench.domains.place import Place
from clearbench.models.checkpoint import load_model, save_checkpoint


def run(settings: RelearnSettings, base: Path, stack: list[Path], place: Place) -> None:
    """Save the stack as it is."""
    use = settings.model
    save_checkpoint(load_model(base, stack, use.domain, use.precision, place.device), place.folder)
''',
    "rules/relearn.smk": """
rule relearn:
    input:
        unpack(suite.inputs("relearn/{row}/{modality}/forget{size}/seed{seed}")),
    output:
        suite.output("relearn/{row}/{modality}/forget{size}/seed{seed}"),
    log:
        suite.log("relearn/{row}/{modality}/forget{size}/seed{seed}"),
    resources:
        **suite.resources("relearn", "relearn/{row}/{modality}/forget{size}/seed{seed}"),
    params:
        command=suite.command("relearn/{row}/{modality}/forget{size}/seed{seed}"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"
""",
}
SETTINGS = '''

class RelearnSettings(Strict):
    """What the stage `relearn` is told."""

    model: ModelUse
    steps: Positive = 10
'''
CELL = "            yield unlearned(suite, run)\n"
ARTIFACTS = f"""{CELL}            yield Artifact(
                f"relearn/{{run.name}}",
                "relearn",
                RelearnSettings(model=suite.model.use).model_dump(),
                {{"seed": run.cell.seed}},
                {{**unlearned(suite, run).inputs, "unlearned": run.weights}},
            )
"""


def test_a_stage_with_a_file_of_a_domain_is_five_files(tmp_path):
    bench = Bench(tmp_path).fill().with_own_code()
    bench.write()
    before = bench.files()
    for path, text in NEW.items():
        (bench.folder / path).write_text(text)
    settings = bench.src / "clearbench/config/settings.py"
    settings.write_text(settings.read_text() + SETTINGS)
    bench.edit("suite/rows/cells.py", CELL, ARTIFACTS)
    bench.edit(
        "suite/rows/cells.py", "ReferenceSettings, Unl", "ReferenceSettings, RelearnSettings, Unl"
    )
    after = bench.files()
    assert len({path for path in after if after[path] != before.get(path)}) == 5

    planned = bench.snakemake("-n")
    assert planned.status == 0, planned.output
    cells = re.search(r"^unlearn +(\d+)$", planned.output, re.M)
    assert re.search(rf"^relearn +{cells[1]}$", planned.output, re.M), planned.output
    assert re.search(r"^relearn +\d+ ", bench.clearbench("plan").output, re.M)
    told = bench.call(["clearbench", "relearn", "--help"])
    assert "A cell that is shown some of what it has forgotten" in told.output
    assert "--unlearned" in told.output
    code = (
        "import json; from clearbench.jobs.fingerprint import code_of;"
        "print(json.dumps([*code_of('relearn', {'model': {'domain': 'text'}})]))"
    )
    modules = json.loads(bench.call(["python", "-c", code]).output.splitlines()[-1])
    assert {"clearbench.stages.relearn", "clearbench.domains.language.relearn"} < set(modules)
