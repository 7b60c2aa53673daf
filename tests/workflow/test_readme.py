"""The worked example of the README: a new method, from its file to its row in the tables."""

import re
import shutil

import pytest
import yaml

from .bench import ROOT, Bench


def block(text, language, path):
    """The fenced block that begins with a comment of its path: the path, and the block's text."""
    pattern = rf"^```{language}\n# ({path})\n(.*?)^```$"
    found = re.search(pattern, text, re.M | re.S)
    assert found, f"README.md has no block of {language} that begins with `# {path}`"
    return found.groups()


@pytest.fixture
def checkout(tmp_path):
    """A copy of the checkout, to which a user adds files."""
    shutil.copytree(ROOT / "src/clearbench", tmp_path / "src/clearbench")
    return Bench(tmp_path, tmp_path / "src").fill()


def test_the_example_runs_to_a_row_of_its_own(checkout):
    text = (ROOT / "README.md").read_text()
    path, code = block(text, "python", r"src/clearbench/methods/\w+\.py")
    (checkout.folder / path).write_text(code)
    method = (checkout.folder / path).stem

    path, data = block(text, "yaml", r"config/\w+\.yaml")
    suite = yaml.safe_load(data)
    assert method in suite["methods"]
    # All that the example's time depends on, and nothing else.
    suite.update(dataset="small", model="small-llava")
    for training in ("base", "finetune", "unlearn"):
        suite[training] = {**suite.get(training, {}), "epochs": 1}
    (checkout.folder / path).write_text(yaml.safe_dump(suite, sort_keys=False))

    name = (checkout.folder / path).stem
    done = checkout.snakemake(suite=name)
    assert done.status == 0, done.output
    frame = checkout.table(suite=name)
    assert set(frame[frame.method == method].status) == {"ok"}
