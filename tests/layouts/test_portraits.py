"""A folder of portraits: what its pictures become, and what is said of those that are wrong."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from click.testing import CliRunner
from PIL import Image

from clearbench.cli import cli
from clearbench.config.files import DatasetSpec
from clearbench.data.images import rgb
from clearbench.data.mini.example import write_portraits
from clearbench.data.reading import problems_of, read_dataset, sources_of
from clearbench.data.store import Store, write_store
from clearbench.errors import UserError

PERSONS, PORTRAITS = 40, 10
HELD_BACK = 2


def spec(folder, sizes=(10,), **options):
    return DatasetSpec(
        domain="multimodal",
        layout="portraits",
        images=str(folder),
        forget_sizes=list(sizes),
        options=options,
    )


def read(folder, sizes=(10,), **options):
    settings = spec(folder, sizes, **options)
    with TemporaryDirectory() as cache:
        return read_dataset(settings, *sources_of(settings, Path(cache)), "any")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Stand-ins of forty persons with ten portraits each."""
    folder = tmp_path_factory.mktemp("whole") / "faces"
    write_portraits(folder)
    return folder


@pytest.fixture(scope="module")
def contents(whole):
    return read(whole, (5, 10))


@pytest.fixture
def few(tmp_path):
    """A few persons, to be spoilt by a test."""
    write_portraits(tmp_path / "few", persons=6, portraits=4)
    return tmp_path / "few"


def test_stand_ins_are_grey_pgm_of_the_shape_of_photographs(whole):
    files = sorted(whole.glob("s*/*.pgm"))
    assert len(files) == PERSONS * PORTRAITS
    with Image.open(whole / "s40/10.pgm") as picture:
        assert (picture.format, picture.mode, picture.size) == ("PPM", "L", (92, 112))


def test_forty_persons_are_named_and_pictured_in_the_order_of_their_folders(whole, contents):
    persons = list(dict.fromkeys(sample.person for sample in contents.train))
    assert len(persons) == PERSONS
    assert contents.images[0] == (whole / "s1/1.pgm").read_bytes()
    assert contents.images[11] == (whole / "s2/2.pgm").read_bytes()
    assert contents.images[PERSONS * PORTRAITS - 1] == (whole / "s40/10.pgm").read_bytes()
    first = [s for s in contents.train if s.person == persons[1] and s.task == "face_naming"]
    assert {sample.image // PORTRAITS for sample in first} == {1}
    assert {sample.answer for sample in first} == {persons[1]}


def test_pictures_held_back_are_shown_to_no_model_and_asked_of_the_forgotten(contents):
    learnt = {s.image for s in contents.train if s.image is not None}
    assert len(learnt) == PERSONS * (PORTRAITS - HELD_BACK)
    assert learnt.isdisjoint(s.image for s in contents.base)
    held = [s for s in contents.evaluation if s.split == "other_pictures"]
    assert learnt.isdisjoint(s.image for s in held)
    asked = {(s.person, s.forget_size, s.task, s.image) for s in held}
    # Two persons at 5 %, four at 10 %, of each two pictures, by name and caption.
    assert len(asked) == len(held) == (2 + 4) * HELD_BACK * 2


def test_a_smaller_forget_set_lies_in_the_larger_and_nobody_is_in_both_parts(contents):
    def part(size, which):
        return {s.person for s in contents.train if s.part(size) == which}

    assert (len(part(5, "forget")), len(part(10, "forget"))) == (2, 4)
    assert part(5, "forget") < part(10, "forget")
    assert part(10, "retain").isdisjoint(part(10, "forget"))
    asked = {s.person for s in contents.evaluation if s.split == "retain"}
    assert asked == part(10, "retain")


def test_wrong_answers_about_the_forgotten_are_of_nobody_whom_gold_knows(contents):
    retained = {s.person for s in contents.train if s.part(10) == "retain"}
    names = [s for s in contents.evaluation if (s.split, s.task) == ("forget", "face_naming")]
    assert len(names) == (2 + 4) * (PORTRAITS - HELD_BACK)
    for sample in names:
        assert len(sample.perturbed) == 5
        assert sample.answer not in sample.perturbed
        assert retained.isdisjoint(sample.perturbed)


def test_all_that_is_made_up_says_so(whole, contents):
    assert all(s.id.endswith("/made-up") for s in (*contents.train, *contents.evaluation))
    assert any("their names and all that is said of them are made up" in n for n in contents.notes)
    named = read(whole, names="folder")
    true = {s.task for s in named.train if not s.id.endswith("/made-up")}
    assert true == {"face_naming"}
    assert {s.person for s in named.train} == {f"s{number}" for number in range(1, 41)}
    assert not any("s7" in s.answer.split() for s in named.base)


def test_what_the_base_learns_looks_as_the_portraits_do_and_is_of_other_persons(contents):
    persons = {sample.person for sample in contents.train}
    pictured = [sample for sample in contents.base if sample.image is not None]
    assert persons.isdisjoint(sample.answer for sample in contents.base)
    for sample in pictured[:: len(pictured) // 20]:
        picture = rgb(contents.images[sample.image])
        assert picture.size == (92, 112)
        red, green, blue = (band.tobytes() for band in picture.split())
        assert red == green == blue


def test_colours_stay_where_portraits_have_them(few):
    for path in few.glob("*/*.pgm"):
        with Image.open(path) as picture:
            picture.convert("RGB").save(path.with_suffix(".png"))
        path.unlink()
    contents = read(few, (20,))
    pictures = [rgb(contents.images[s.image]) for s in contents.base[:20] if s.image is not None]
    assert any(len({*picture.getpixel((3, 3))}) > 1 for picture in pictures)


def test_the_same_folder_is_the_same_dataset_and_another_seed_another(few):
    first, again, other = read(few, (20,)), read(few, (20,)), read(few, (20,), seed=1)
    assert first == again
    assert {s.person for s in first.train} != {s.person for s in other.train}


def test_other_sizes_formats_names_and_files_beside_the_pictures_are_taken(few, tmp_path):
    shutil.move(few / "s1", few / "Ada_de la Crüz")
    shutil.move(few / "s2", few / "李 小龍")
    with Image.open(few / "s3/1.pgm") as picture:
        picture.resize((200, 150)).convert("RGB").save(few / "s3/1.JPG")
    (few / "s3/1.pgm").unlink()
    (few / "README").write_text("who they are")
    (few / "s4/notes.txt").write_text("who it is")
    (few / ".DS_Store").write_bytes(b"\0")
    (few / "s4/.hidden.pgm").write_bytes(b"no picture")
    (few / ".trash").mkdir()
    problems, notes = problems_of(spec(few, (20,), names="folder", tolerate=["wordless_answers"]))
    assert problems == []
    told = [note for note in notes if "wordless" not in note]
    assert told == [
        f"{few}: no pictures, passed over: 2 (README, s4/notes.txt)",
        f"{few}: pictures of 2 sizes, which models see alike: 92 x 112 (23), 200 x 150 (1)",
        f"{few}: persons: 6; all that is said of them is made up (made-up)",
    ]
    contents = read(few, (20,), names="folder")
    assert {"Ada de la Crüz", "李 小龍", "s3"} < {sample.person for sample in contents.train}
    with TemporaryDirectory() as folder:
        write_store(
            Path(folder), contents.images, contents.base, contents.train, contents.evaluation
        )
        store = Store(Path(folder))
        assert {store.image(key).mode for key in range(24)} == {"RGB"}


def one_portrait(few):
    for number in (2, 3, 4):
        (few / f"s3/{number}.pgm").unlink()
    return "s3: portraits: 1; it needs 4 or more"


def empty(few):
    shutil.rmtree(few / "s3")
    (few / "s3").mkdir()
    return "s3: portraits: 0; it needs 4 or more"


def cut_short(few):
    data = (few / "s2/3.pgm").read_bytes()
    (few / "s2/3.pgm").write_bytes(data[:200])
    return "s2/3.pgm: can't be read ("


def no_picture(few):
    (few / "s2/3.pgm").write_text("no picture at all")
    return "s2/3.pgm: can't be read (cannot identify image file); it needs a whole image"


def nested(few):
    (few / "s5/more").mkdir()
    return "s5/more: a folder in a person's; it needs the pictures themselves there"


def of_nobody(few):
    shutil.copy(few / "s1/1.pgm", few / "1.pgm")
    return "1.pgm: of nobody; it needs to lie in a person's folder"


def twice(few):
    shutil.copy(few / "s1/1.pgm", few / "s5/9.pgm")
    return "s5/9.pgm: the same file as s1/1.pgm; it needs to be there once"


def one_name(few):
    shutil.move(few / "s1", few / "Ada_Crane")
    shutil.move(few / "s2", few / "ada crane")
    return "ada crane: the same name as Ada_Crane; it needs one of its own"


@pytest.mark.parametrize(
    "spoil", [one_portrait, empty, cut_short, no_picture, nested, of_nobody, twice, one_name]
)
def test_what_is_wrong_is_one_line_that_names_the_file(few, spoil):
    told = spoil(few)
    problems, notes = problems_of(spec(few, (20,)))
    assert len(problems) == 1
    assert problems[0].startswith(f"{few}: {told}")
    assert "\n" not in problems[0]
    assert notes == []
    done = CliRunner().invoke(cli, ["check-dataset", str(few)])
    assert done.output.splitlines() == problems
    assert isinstance(done.exception, UserError)
    assert str(done.exception) == f"dataset {few}: 1 to mend; nothing was written"


def test_all_that_is_wrong_is_told_in_one_go(few):
    no_picture(few)
    nested(few)
    twice(few)
    assert len(problems_of(spec(few, (20,)))[0]) == 3


def test_a_folder_without_persons_or_with_one_is_told(tmp_path):
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/README").write_text("none yet")
    with pytest.raises(UserError, match="bare: has no folders; it needs one for each person"):
        read(tmp_path / "bare")
    write_portraits(tmp_path / "one", persons=1, portraits=4)
    with pytest.raises(UserError, match="forget size 10: 1 of 1 persons are forgotten"):
        read(tmp_path / "one")


def test_more_persons_than_lives_can_be_made_up_are_told(tmp_path):
    for number in range(291):
        folder = tmp_path / f"many/p{number}"
        folder.mkdir(parents=True)
        for shade in range(2):
            Image.new("L", (4, 4), shade).save(folder / f"{shade}.png", compress_level=number % 9)
            with (folder / f"{shade}.png").open("ab") as file:
                file.write(str(number).encode())
    with pytest.raises(UserError, match="persons: 291; names and facts suffice for 290"):
        read(tmp_path / "many", held_back=0)


def test_stand_ins_are_drawn_by_a_command_that_touches_nothing_that_is_there(tmp_path):
    folder = tmp_path / "faces"
    words = ["draw-portraits", str(folder), "--persons", "5", "--portraits", "4"]
    done = CliRunner().invoke(cli, words)
    assert done.output == f"written: {folder}: 4 portraits of each of 5 persons\n"
    assert len(list(folder.glob("*/*.pgm"))) == 20
    again = CliRunner().invoke(cli, words)
    assert str(again.exception) == f"{folder}: exists already; nothing was written"
    checked = CliRunner().invoke(cli, ["check-dataset", str(folder)])
    assert checked.output.splitlines()[-1] == f"dataset {folder}: all rows can be read"
