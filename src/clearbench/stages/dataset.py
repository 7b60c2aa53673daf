"""Dataset: a hub's layout, read and checked once, as the store that all later stages read."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from clearbench.config.files import DatasetSpec
from clearbench.data.general import DRAWN
from clearbench.data.reading import read_dataset, sources_of
from clearbench.data.sources import Source
from clearbench.data.store import write_store
from clearbench.data.words import Words
from clearbench.jobs.artifacts import folders
from clearbench.jobs.job import Job


def run(
    settings: DatasetSpec,
    source: Path | None,
    out: Path,
    words: Words | Literal["any"] = "ascii",
    holdout: int | None = None,
) -> None:
    """Write the store of a dataset.

    `source` is the artifact of the generator, for a dataset that has one. The store serves all
    forget sizes that its sources serve; those of the settings must be among them. `words` are those
    that ROUGE-L finds in answers; `any` where nothing is to be found in them. `holdout` is the
    percent of persons on whom no model is to be trained.
    Irregularities that the dataset's options tolerate are printed, one a line. Raises UserError
    with the configuration, column and row of what is missing or wrong.
    """

    def work(job: Job) -> None:
        with TemporaryDirectory() as cache:
            images, texts = _sources(settings, source, Path(cache))
            contents = read_dataset(
                settings, images, texts, words, holdout, _drawn(settings, source)
            )
            for note in contents.notes:
                print(f"note: {note}", file=sys.stderr)
            write_store(
                job.folder, contents.images, contents.base, contents.train, contents.evaluation
            )
        job.measures.update(
            images=len(contents.images),
            base_rows=len(contents.base),
            train_rows=len(contents.train),
            evaluation_rows=len(contents.evaluation),
            **_commits(images=images, texts=texts),
        )

    inputs = {} if source is None else {"source": source}
    outside = folders(images=settings.images, texts=settings.texts) if source is None else {}
    outside |= folders(general=settings.general_folder)
    given = settings.model_dump() | ({} if words == "ascii" else {"words": words})
    given |= {} if holdout is None else {"holdout": holdout}
    Job("dataset", out, inputs, given, outside=outside).run(work)


def _sources(
    settings: DatasetSpec, source: Path | None, cache: Path
) -> tuple[Source | None, Source | None]:
    """The image part and the text part: of the generator, or as the dataset names them."""
    if source is not None:
        return Source(str(source / "clear"), None, cache), Source(str(source / "tofu"), None, cache)
    return sources_of(settings, cache)


def _drawn(settings: DatasetSpec, source: Path | None) -> Path | None:
    """The folder of the questions of general ability that the generator drew, if any."""
    drawn = settings.generator is not None and settings.generator.general
    return source / DRAWN if source is not None and drawn else None


def _commits(**sources: Source | None) -> dict[str, str]:
    """The commits of what was read from the hub."""
    return {
        f"{name}_commit": source.commit
        for name, source in sources.items()
        if source is not None and source.commit is not None
    }
