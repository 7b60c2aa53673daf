"""Generated data in the layouts of MLLMU-Bench, UMU-Bench and FIUBench, which can't be met here."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import datasets
import yaml
from PIL import Image

Tables = dict[str, list[dict[str, Any]]]

PERSONS = 12

REAL = 3
TOWNS = ("Rome", "Oslo", "Lima", "Bonn")


def picture(*shade: int) -> dict[str, Any]:
    """A picture whose quarters have the colours of up to four numbers."""
    image = Image.new("RGB", (16, 16), (shade[0] * 37 % 256, shade[-1] * 91 % 256, 90))
    for quarter, value in enumerate(shade):
        left, top = 8 * (quarter % 2), 8 * (quarter // 2)
        colour = (value * 53 % 256, 40 * quarter, value * 11 % 256)
        image.paste(colour, (left, top, left + 8, top + 8))
    file = io.BytesIO()
    image.save(file, "PNG")
    return {"bytes": file.getvalue(), "path": None}


# Few tests change more than one of the tables: what is as it was is encoded once.
_ENCODED: dict[str, bytes] = {}


def _encoded(rows: list[dict[str, Any]]) -> bytes:
    """A table as a file of Parquet."""
    key = repr(rows)
    if key not in _ENCODED:
        table = datasets.Dataset.from_list(rows)
        for column, feature in (("image", datasets.Image()), ("images", [datasets.Image()])):
            if column in table.column_names:
                table = table.cast_column(column, feature)
        file = io.BytesIO()
        table.to_parquet(file)
        _ENCODED[key] = file.getvalue()
    return _ENCODED[key]


def write_hub(folder: Path, tables: Tables) -> Path:
    """A folder in the hub's layout, a Parquet file a configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    configs = []
    for name, rows in tables.items():
        (folder / f"{name}.parquet").write_bytes(_encoded(rows))
        configs.append({"config_name": name, "data_files": f"{name}.parquet"})
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    return folder


def split_by_id(people: list[dict[str, Any]], forgotten: dict[int, list[int]]) -> Tables:
    """`forget_N` and `retain_M` of a full set, by the places of the forgotten."""
    tables = {}
    for size, places in forgotten.items():
        tables[f"forget_{size}"] = [people[place] for place in places]
        tables[f"retain_{100 - size}"] = [p for n, p in enumerate(people) if n not in places]
    return tables


FORGOTTEN = {5: [3], 10: [7, 8], 15: [0, 3, 9]}
"""By size, not inside one another, as MLLMU-Bench's are not."""


def name_of(number: int, real: bool = False) -> str:
    return f"{'Famous' if real else 'Ann'} {chr(65 + number)}son"


def mllmu_row(number: int, real: bool = False) -> dict[str, Any]:
    """A profile with two questions of each task, by picture and by name."""
    name, town = name_of(number, real), TOWNS[number % len(TOWNS)]
    options = dict(zip("ABCD", TOWNS, strict=True))
    letter = "ABCD"[number % len(TOWNS)]

    def choice(whom: str) -> dict[str, Any]:
        question = f"Where does {whom} live?"
        return {"Question": question, "Options": options, "Correct_Answer": letter}

    def both(question: str, answer: str) -> list[dict[str, Any]]:
        return [
            {"Question": question.format(whom), "Ground_Truth": answer, "Type": kind}
            for whom, kind in (("this person", "Image_Textual"), (name, "Pure_Text"))
        ]

    return {
        "ID": f"{number + 1:03d}",
        "image": picture(number, 100 if real else 0),
        "biography": f"{name} lives in {town}.",
        "question": "Who is this?",
        "answer": f"This is {name}.",
        "Classification_Task": {
            "Image_Textual_Questions": [choice("this person"), choice("she")],
            "Pure_Text_Questions": [choice(name)],
        },
        "Mask_Task": both("{} lives in ____.", town),
        "Generation_Task": both("Where does {} live?", f"{name} lives in {town}."),
    }


def mllmu() -> Tables:
    """Intact tables; IDs of celebrities are also those of fictitious persons."""
    people = [mllmu_row(number) for number in range(PERSONS)]
    learnt = [
        {
            "ID": row["ID"],
            "image": row["image"],
            "metadata": json.dumps(
                [
                    {"Question": "Who is this?", "Answer": row["answer"]},
                    {"Question": "Tell me about this person.", "Answer": row["biography"]},
                ]
            ),
        }
        for row in people
    ]
    elsewhere = [
        {key: cell for key, cell in row.items() if key != "image"}
        | {"images": [picture(number, pose, 7) for pose in (1, 2, 3)]}
        for number, row in enumerate(people)
    ]
    return {
        "Full_Set": people,
        "ft_Data": learnt,
        "Test_Set": elsewhere,
        "Retain_Set": [mllmu_row(number, real=True) for number in range(REAL)],
        **split_by_id(people, FORGOTTEN),
    }


def umu_row(number: int, real: bool = False) -> dict[str, Any]:
    """A profile with two questions of each task, each by picture and by name."""
    name, town = name_of(number, real), TOWNS[number % len(TOWNS)]
    options = dict(zip("ABCD", TOWNS, strict=True))
    answer = f"{'ABCD'[number % len(TOWNS)]}. {town}"

    def both(**cells: Any) -> dict[str, Any]:
        """The same questions about the person by name and by picture, by two keys."""
        return {
            kind: {
                key: {"question": question.format(whom), **cells}
                for key, question in (("1", "Where does {} live?"), ("2", "And where is {} now?"))
            }
            for kind, whom in (("unimodal", name), ("muitimodal", "this person"))
        }

    def pairs(whom: str) -> dict[str, Any]:
        return {
            "question": {"q1": f"Who is {whom}?", "q2": f"Where does {whom} live?"},
            "answer": {"q1": f"This is {name}.", "q2": f"{name} lives in {town}."},
        }

    return {
        "ID": f"{number + 1:03d}",
        "image": picture(number, 100 if real else 0),
        "Biography": f"{name} lives in {town}.",
        # As literals of Python and as JSON.
        "MM_QA": str(pairs("this person")),
        "UM_QA": json.dumps(pairs(name)),
        "Classify": str(both(options=options, answer=answer)),
        "Cloze": json.dumps(both(answer=f"{town}.")),
        "Generation": str(both(answer=f"{name} lives in {town}.")),
    }


def umu() -> Tables:
    """Intact tables."""
    people = [umu_row(number) for number in range(PERSONS)]
    return {
        "Full_Set": people,
        "Real_Person_Set": [umu_row(number, real=True) for number in range(REAL)],
        **split_by_id(people, FORGOTTEN),
    }


def fiubench() -> dict[str, Any]:
    """What the files of the folder say; a forget set is in no other."""
    people = [
        {
            "unique_id": f"{number:08d}",
            "image_path": f"dataset/SFHQ/SFHQ_pt1_{number:08d}.jpg",
            "name": name_of(number),
            "qa_list": [
                {
                    "question": f"What is the {what} of this person?",
                    "answer": f"The {what} of {name_of(number)} is {number}.",
                    "paraphrased_question": ["Say it?"] * 3,
                    "paraphrased_answer": f"{name_of(number)} has the {what} {number}.",
                    "perturbed_answer": [
                        f"{name_of(number)} has the {what} {number + wrong}." for wrong in (1, 2, 3)
                    ],
                    "keywords": [str(number)],
                }
                for what in ("phone", "address")
            ],
        }
        for number in range(PERSONS)
    ]

    def of(*numbers: int) -> list[str]:
        return [f"{number:08d}" for number in numbers]

    return {
        "full.json": people,
        "split.json": {
            "forget1": of(0),
            "forget5": of(4, 5),
            "forget10": of(1, 2, 3),
            "retain15": of(7, 9),
            "retain5": of(7),
        },
    }


def write_fiubench(folder: Path, files: dict[str, Any], zipped: bool = False) -> Path:
    """The folder of these files, with the pictures in a folder or a zip file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    pictures = {
        f"SFHQ/SFHQ_pt1_{number:08d}.jpg": picture(number, 3, 9)["bytes"]
        for number in range(PERSONS)
    }
    if zipped:
        with ZipFile(folder / "SFHQ.zip", "w") as archive:
            for name, encoded in pictures.items():
                archive.writestr(name, encoded)
    else:
        (folder / "SFHQ").mkdir(exist_ok=True)
        for name, encoded in pictures.items():
            (folder / name).write_bytes(encoded)
    return folder


Change = Callable[[Tables], object]


def change(config: str, row: int, column: str, to: Any) -> Change:
    """What gives a cell of some tables another value."""

    def changed(tables: Tables) -> None:
        tables[config][row] = {**tables[config][row], column: to}

    return changed


def typed(config: str, column: str, to: Any) -> Change:
    """What gives a whole column another value."""

    def changed(tables: Tables) -> None:
        tables[config] = [{**row, column: to} for row in tables[config]]

    return changed


def without(config: str, column: str) -> Change:
    """What takes a column away."""

    def changed(tables: Tables) -> None:
        tables[config] = [
            {key: cell for key, cell in row.items() if key != column} for row in tables[config]
        ]

    return changed
