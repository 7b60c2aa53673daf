"""Reading: a dataset from its sources, by its layout, checked whole."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, get_args

from clearbench.config.files import DatasetSpec
from clearbench.data import layouts
from clearbench.data.contents import Contents
from clearbench.data.findings import Findings, Irregularity
from clearbench.data.folder import FaultyRows
from clearbench.data.general import with_general
from clearbench.data.holdout import hold_out
from clearbench.data.pictures import check_pictures
from clearbench.data.sources import Source
from clearbench.data.wordless import check_words
from clearbench.data.words import Words
from clearbench.errors import UserError


def read_dataset(
    settings: DatasetSpec,
    images: Source | None,
    texts: Source | None,
    words: Words | Literal["any"],
    holdout: int | None = None,
    drawn: Path | None = None,
) -> Contents:
    """The contents of a dataset; the notes are the irregularities that its options tolerate.

    `words` are those that ROUGE-L finds in answers; `any` where nothing is to be found in them. So
    many percent of the persons are held out (`hold_out`). Questions of general ability are those of
    the settings, else those `drawn` into a folder, if any. Raises UserError with the configuration,
    column and row of what is missing or wrong.
    """
    layout = layouts.load(settings.layout)
    options = layouts.options_of(layout, settings.options, settings.forget_sizes)
    contents = hold_out(layout.read(images, texts, options), holdout)
    contents.check(settings.forget_sizes, layout.TASKS)
    findings = Findings(getattr(options, "tolerate", ()))
    check_pictures(contents, findings)
    if words != "any":
        check_words(contents.evaluation, words, findings)
    contents.notes.extend(findings.notes)
    if settings.general is not None:
        return with_general(contents, Path(settings.general.folder), settings.general.questions)
    return contents if drawn is None else with_general(contents, drawn)


def sources_of(settings: DatasetSpec, cache: Path) -> tuple[Source | None, Source | None]:
    """The image part and the text part, as the dataset names them; `cache` is the caller's."""
    images, texts = settings.images, settings.texts
    return (
        Source(images, settings.images_revision, cache) if images else None,
        Source(texts, settings.texts_revision, cache) if texts else None,
    )


def problems_of(settings: DatasetSpec) -> tuple[list[str], list[str]]:
    """What has to be mended before a dataset is read, and what its options tolerate, in one go.

    Rows that a layout can't read end the search for what else is wrong.
    """
    tolerated = settings.options.get("tolerate", ())
    layout = layouts.load(settings.layout)
    if "tolerate" in layout.Options.model_fields:
        all_of_them = {**settings.options, "tolerate": list(get_args(Irregularity))}
        settings = settings.model_copy(update={"options": all_of_them})
    with TemporaryDirectory() as cache:
        try:
            contents = read_dataset(settings, *sources_of(settings, Path(cache)), "ascii")
        except FaultyRows as error:
            return error.problems, []
        except UserError as error:
            return [str(error)], []
    problems = [note for note in contents.notes if _kind(note) not in (None, *tolerated)]
    return problems, [note for note in contents.notes if note not in problems]


def _kind(note: str) -> str | None:
    """The irregularity that a note tells; None for one that is none."""
    ends = (kind for kind in get_args(Irregularity) if note.endswith(f" ({kind})"))
    return next(ends, None)
