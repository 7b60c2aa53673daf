"""A new stage is its files: what is not of it need not be told."""

import json
import re

from .bench import Bench

NEW = {
    "src/clearbench/stages/distil.py": '''
"""Distil: a cell that is shown some of what it has forgotten."""

from pathlib import Path

from clearbench import domains
from clearbench.config.settings import DistilSettings
from clearbench.data.store import Store
from clearbench.domains.place import Place
from clearbench.jobs.job import Job
from clearbench.models.device import prepare_device


def run(
    settings: DistilSettings,
    seed: int,
    base: Path,
    original: Path,
    unlearned: Path,
    dataset: Path,
    out: Path,
) -> None:
    """Write the cell's weights after some further steps."""
    domain = domains.load(settings.model.domain, "distil")

    def work(job: Job) -> None:
        place = Place(Store(dataset), prepare_device(seed), job.state, job.folder)
        domain.run(settings, base, [original, unlearned], place)

    inputs = {"base": base, "original": original, "unlearned": unlearned, "dataset": dataset}
    Job("distil", out, inputs, {**settings.model_dump(), "seed": seed}).run(work)
''',
    "src/clearbench/domains/language/distil.py": '''
"""Cells that are shown some of what they have forgotten."""

from pathlib import Path

from clearbench.config.settings import DistilSettings
from clearbench.domains.place import Place
from clearbench.models.checkpoint import load_model, save_checkpoint


def run(settings: DistilSettings, base: Path, stack: list[Path], place: Place) -> None:
    """Save the stack as it is."""
    use = settings.model
    save_checkpoint(load_model(base, stack, use.domain, use.precision, place.device), place.folder)
''',
    "rules/distil.smk": """
rule distil:
    input:
        unpack(suite.inputs("distil/{row}/{modality}/forget{size}/seed{seed}")),
    output:
        suite.output("distil/{row}/{modality}/forget{size}/seed{seed}"),
    log:
        suite.log("distil/{row}/{modality}/forget{size}/seed{seed}"),
    resources:
        **suite.resources("distil", "distil/{row}/{modality}/forget{size}/seed{seed}"),
    params:
        command=suite.command("distil/{row}/{modality}/forget{size}/seed{seed}"),
    shell:
        "{params.command} 2>&1 | logged {log:q}"
""",
}
SETTINGS = '''

class DistilSettings(Strict):
    """What the stage `distil` is told."""

    model: ModelUse
    steps: Positive = 10
'''
CELL = "            yield unlearned(suite, run)\n"
ARTIFACTS = f"""{CELL}            yield Artifact(
                f"distil/{{run.name}}",
                "distil",
                DistilSettings(model=suite.model.use).model_dump(),
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
    imported = "    ReferenceSettings,\n"
    bench.edit("suite/rows/cells.py", imported, f"    DistilSettings,\n{imported}")
    after = bench.files()
    assert len({path for path in after if after[path] != before.get(path)}) == 5

    planned = bench.snakemake("-n")
    assert planned.status == 0, planned.output
    cells = re.search(r"^unlearn +(\d+)$", planned.output, re.M)
    assert re.search(rf"^distil +{cells[1]}$", planned.output, re.M), planned.output
    assert re.search(r"^distil +\d+ ", bench.clearbench("plan").output, re.M)
    told = bench.call(["clearbench", "distil", "--help"])
    assert "A cell that is shown some of what it has forgotten" in told.output
    assert "--unlearned" in told.output
    code = (
        "import json; from clearbench.jobs.fingerprint import code_of;"
        "print(json.dumps([*code_of('distil', {'model': {'domain': 'text'}})]))"
    )
    modules = json.loads(bench.call(["python", "-c", code]).output.splitlines()[-1])
    assert {"clearbench.stages.distil", "clearbench.domains.language.distil"} < set(modules)
