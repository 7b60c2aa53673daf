"""Dataset: a hub's layout, read and checked once, as the store that all later stages read."""

import sys
from collections.abc import Sequence
from pathlib import Path

from clearbench.config import DatasetSpec, validate
from clearbench.data import layouts
from clearbench.data.sources import Source
from clearbench.data.store import write_store
from clearbench.job import Job


def run(settings: DatasetSpec, forget_sizes: Sequence[int], source: Path | None, out: Path) -> None:
    """Write the store of a dataset.

    `source` is the artifact of the generator, for a dataset that has one. The store serves all
    forget sizes that its sources serve; `forget_sizes` (percent) are those that must be among them.
    Irregularities that the dataset's options tolerate are printed, one a line. Raises UserError
    with the configuration, column and row of what is missing or wrong.
    """
    inputs = {} if source is None else {"source": source}
    resolved = {**settings.model_dump(), "forget_sizes": list(forget_sizes)}
    with Job("dataset", out, inputs, resolved, (layouts.module_name(settings.layout),)) as job:
        layout = layouts.load(settings.layout)
        options = validate(layout.Options, settings.options, "options")
        images, texts = (
            (
                _source(settings.images, settings.images_revision),
                _source(settings.texts, settings.texts_revision),
            )
            if source is None
            else (Source(str(source / "clear")), Source(str(source / "tofu")))
        )
        contents = layout.read(images, texts, options)
        contents.check(forget_sizes)
        for note in contents.notes:
            print(f"note: {note}", file=sys.stderr)
        write_store(job.folder, contents.images, contents.base, contents.train, contents.evaluation)
        job.measures.update(
            images=len(contents.images),
            base_rows=len(contents.base),
            train_rows=len(contents.train),
            evaluation_rows=len(contents.evaluation),
        )


def _source(name: str | None, revision: str | None) -> Source | None:
    return None if name is None else Source(name, revision)
