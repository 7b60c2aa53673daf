"""Tasks: what evaluated samples ask. Each is declared once; whatever speaks of one refers to it.

A layout names the tasks that it gives, in `TASKS` of its file, and may declare others there.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, get_args

from pydantic import Field

from clearbench.config.packages import Package
from clearbench.config.strict import Expression, GroupName, Strict
from clearbench.errors import UserError

Split = Literal["forget", "retain", "real"]
SPLITS: tuple[str, ...] = get_args(Split)

HOLDOUT = "holdout"
"""The split of persons on whom no model is trained, who are asked what the forgotten are."""
VALIDATED = "validation"
"""The split of retained persons who stand for the forgotten where something is chosen."""
OTHER_PICTURES = "other_pictures"
"""The split of the forgotten persons in pictures that no model is shown in training."""
FORGOTTEN = ("forget", OTHER_PICTURES)
"""The splits about what is to be forgotten."""
ATTACKED = ("forget", HOLDOUT)
"""The splits that attacks on membership are about."""


class Task(Strict):
    """A task of some splits.

    `kind` is what it asks about, an image or texts alone. Of the tasks in the headline are real,
    retain, forget, model utility and forget quality; any other has scores of its own only.
    """

    name: str = Field(pattern=r"^\w+$")
    splits: tuple[Split, ...] = Field(min_length=1, strict=False)
    kind: Literal["text", "visual"]
    headline: bool = False

    @property
    def asked(self) -> tuple[str, ...]:
        """Its splits, and those of other persons or pictures that are asked the same."""
        if "forget" not in self.splits:
            return self.splits
        pictures = (OTHER_PICTURES,) if self.kind == "visual" else ()
        return (*self.splits, HOLDOUT, VALIDATED, *pictures)


_PERSONS: tuple[Split, ...] = ("forget", "retain")
_REAL: tuple[Split, ...] = ("real",)
_ALL: tuple[Split, ...] = (*_PERSONS, *_REAL)

CAPTIONS = Task(name="captions", splits=_PERSONS, kind="visual", headline=True)
FACE_NAMING = Task(name="face_naming", splits=_PERSONS, kind="visual", headline=True)
PICTURE_QA = Task(name="picture_qa", splits=_PERSONS, kind="visual", headline=True)
TEXT_QA = Task(name="text_qa", splits=_PERSONS, kind="text", headline=True)
FACE_QA = Task(name="face_qa", splits=_PERSONS, kind="visual")
REAL_FACES = Task(name="real_faces", splits=_REAL, kind="visual", headline=True)
REAL_WORLD = Task(name="real_world", splits=_REAL, kind="visual", headline=True)
REAL_AUTHORS = Task(name="real_authors", splits=_REAL, kind="text", headline=True)
WORLD_FACTS = Task(name="world_facts", splits=_REAL, kind="text", headline=True)
OPTIONS_BY_PICTURE = Task(name="options_by_picture", splits=_ALL, kind="visual", headline=True)
OPTIONS_BY_NAME = Task(name="options_by_name", splits=_ALL, kind="text", headline=True)
BLANKS_BY_PICTURE = Task(name="blanks_by_picture", splits=_ALL, kind="visual")
BLANKS_BY_NAME = Task(name="blanks_by_name", splits=_ALL, kind="text")
GENERATION_BY_PICTURE = Task(name="generation_by_picture", splits=_ALL, kind="visual")
GENERATION_BY_NAME = Task(name="generation_by_name", splits=_ALL, kind="text")

YES_OR_NO = Task(name="yes_or_no", splits=_REAL, kind="visual")
SHORT_ANSWERS = Task(name="short_answers", splits=_REAL, kind="visual")

IMAGE_TO_CAPTION = Task(name="image_to_caption", splits=_PERSONS, kind="visual")
IMAGE_TO_CAPTION_OVER_PRIOR = Task(
    name="image_to_caption_over_prior", splits=_PERSONS, kind="visual"
)
CAPTION_TO_IMAGE = Task(name="caption_to_image", splits=_PERSONS, kind="visual")
CAPTION_ALONE = Task(name="caption_alone", splits=_PERSONS, kind="text")

CLEAR = (CAPTIONS, FACE_NAMING, TEXT_QA, REAL_FACES, REAL_WORLD)
BIOGRAPHY = (FACE_QA, TEXT_QA)
"""What texts say of a person, asked by picture and by name."""
GENERAL = (YES_OR_NO, SHORT_ANSWERS)
"""What is asked of anything, whatever the layout, where a dataset has such questions."""
TOFU = (TEXT_QA, REAL_AUTHORS, WORLD_FACTS)
RETRIEVAL = (IMAGE_TO_CAPTION, IMAGE_TO_CAPTION_OVER_PRIOR, CAPTION_TO_IMAGE, CAPTION_ALONE)
FOLDER = (CAPTIONS, FACE_NAMING, PICTURE_QA, TEXT_QA, REAL_FACES, REAL_WORLD, WORLD_FACTS)
BLANKS = (BLANKS_BY_PICTURE, BLANKS_BY_NAME)
PROFILES = (
    OPTIONS_BY_PICTURE,
    OPTIONS_BY_NAME,
    *BLANKS,
    GENERATION_BY_PICTURE,
    GENERATION_BY_NAME,
)

Tasks = Mapping[str, Task]
"""Declared tasks by name."""


class OwnTasks(Strict):
    """The tasks that a suite's layout declares itself, as jobs are told of them."""

    tasks: list[Task] = Field(default_factory=list)


class ScoreSettings(OwnTasks):
    """These, and what a suite asks for besides.

    For fairness the patterns of its groups of persons by name; packages with metrics, by version.
    """

    groups: dict[GroupName, Expression] = Field(default_factory=dict)
    packages: dict[Package, str] = Field(default_factory=dict)


def together(*tasks: Task) -> Tasks:
    """All tasks of this file and some others; UserError where one is declared in two ways."""
    by_name: dict[str, Task] = {}
    for task in (*CLEAR, *TOFU, *FOLDER, *BIOGRAPHY, *GENERAL, *RETRIEVAL, *PROFILES, *tasks):
        if by_name.setdefault(task.name, task) != task:
            raise UserError(
                f"{task.name}: declared as {_told(task)}, and already as"
                f" {_told(by_name[task.name])}; a task of its own needs a name of its own"
            )
    return by_name


def _told(task: Task) -> str:
    return (
        f"{task.kind}, of {', '.join(task.splits)}, {'' if task.headline else 'not '}in the"
        " headline"
    )


DECLARED = together()
"""Those of this file."""


def check_declared(names: Iterable[str], known: Collection[str], where: str) -> None:
    """Raise UserError, which begins with `where`, for the first name that is of no task."""
    for name in names:
        if name not in known:
            raise UserError(
                f"{where}: {name}: no task of this name is declared; declare it in TASKS of the"
                " dataset's layout, with its splits, its kind and whether it enters the headline;"
                f" declared are {', '.join(known)}"
            )


def in_headline(tasks: Tasks, names: Collection[str]) -> list[str]:
    """Of the tasks of a split, by name, those that are declared to enter the headline, sorted."""
    return sorted(name for name in names if name in tasks and tasks[name].headline)


def headline_tasks(tasks: Tasks, names: Collection[str]) -> list[str]:
    """Of the tasks of a split, by name, those that its headline is made of, sorted.

    Text tasks only where the split has no visual ones: a multimodal suite is judged by what it says
    of images, as in CLEAR's tables, and shows its text_qa beside the headline.
    """
    chosen = in_headline(tasks, names)
    return [name for name in chosen if tasks[name].kind == "visual"] or chosen
