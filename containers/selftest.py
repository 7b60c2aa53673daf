"""Import all that the suite needs and unlearn one step, from a drawn world: an image's `%test`.

Run by the Python of the image in a minute; the code is the checkout's, as in any job.
"""

from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from clearbench.config.files import BaseSettings
from clearbench.config.generator import MiniSettings
from clearbench.config.settings import (
    Cell,
    FinetuneSettings,
    Finetuning,
    Unlearning,
    UnlearnSettings,
)
from clearbench.config.strict import validate
from clearbench.jobs.artifacts import read_manifest
from clearbench.plugins import Kind, named
from clearbench.stages import base, dataset, finetune, generate, unlearn
from clearbench.suite.graph import Graph
from clearbench.suite.load import load_suite

WORLD = {
    "persons": 100,
    "portraits": 1,
    "image_size": 32,
    "real_persons": 8,
    "real_portraits": 2,
    "unpictured_persons": 10,
    "strangers": 0,
    "things": 8,
}
ONE_STEP: dict[str, Any] = {"epochs": 1, "batch_size": 1000}


def main() -> None:
    """Run the stages up to a cell in a temporary folder."""
    for kind in get_args(Kind):
        for plugin in named(kind).values():
            import_module(plugin.module)
    suite = load_suite("mini", Path(__file__).parents[1])
    cell = Cell("npo", "both", 10, 0)
    use = suite.model.use
    with TemporaryDirectory() as name:
        root = Path(name)
        drawn = {**Graph(suite)["generate"].settings, **WORLD}
        generate.run(validate(MiniSettings, drawn, "the world"), root / "generate")
        dataset.run(suite.dataset, root / "generate", root / "dataset")
        settings = BaseSettings(model=suite.model.source, training=Finetuning(**ONE_STEP))
        base.run(settings, root / "dataset", 0, root / "base")
        finetune.run(
            FinetuneSettings(model=use, training=Finetuning(**ONE_STEP)),
            *("full", None, 0),
            *(root / "base", root / "dataset", root / "original"),
        )
        unlearn.run(
            UnlearnSettings(
                model=use,
                parameters={},
                training=Unlearning(**ONE_STEP),
                retain_modality="both",
            ),
            cell,
            *(root / "base", root / "original", None, root / "dataset", root / "cell"),
        )
        files = read_manifest(root / "cell").files
    print(f"unlearned: {', '.join(files)}")


if __name__ == "__main__":
    main()
