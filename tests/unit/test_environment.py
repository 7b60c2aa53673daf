"""Where a job ran: which lock it was installed from, which image it ran in, what is accepted."""

import hashlib
import os
import shutil

import pytest

from clearbench.errors import UserError
from clearbench.jobs import environment, packages
from clearbench.jobs.environment import accepted, image_digest


@pytest.fixture
def locks(tmp_path, monkeypatch):
    """Writes the locks of a checkout and gives the digest of each kind."""
    (tmp_path / "envs").mkdir()
    monkeypatch.chdir(tmp_path)

    def digests(**texts):
        for kind, text in texts.items():
            (tmp_path / f"envs/{kind}.lock").write_text(text)
        packages.pins.cache_clear()
        return [environment._lock_digest(kind) for kind in ("cpu", "cuda")]

    packages.pins.cache_clear()
    yield digests
    packages.pins.cache_clear()


PINS = "numpy==2.0\nzlib-ng==1.2.3\npytest==8.0\n"


@pytest.mark.parametrize(
    "text",
    [
        "# another day\n" + PINS,
        PINS.replace("numpy==2.0", "numpy==2.0  # for torch"),
        "\n\n" + PINS.replace("\n", "\n\n"),
        "".join(sorted(PINS.splitlines(keepends=True))),
    ],
)
def test_comments_and_order_of_a_lock_rerun_nothing(locks, text):
    assert locks(cpu=PINS) == locks(cpu=text)


@pytest.mark.parametrize(
    "text", [PINS.replace("2.0", "2.0.1"), PINS + "extra==1\n", PINS.replace("numpy==2.0\n", "")]
)
def test_other_packages_or_versions_are_another_lock(locks, text):
    assert locks(cpu=PINS)[0] != locks(cpu=text)[0]


def test_the_lock_is_that_of_the_cuda_libraries_where_one_of_them_is_installed(locks):
    cpu, cuda = locks(cpu="numpy==2.0\n", cuda="numpy==2.0\nno-such-library==1\n")
    assert environment.lock() == cpu != cuda
    # pytest stands for a library that is installed.
    cpu, cuda = locks(cuda="numpy==2.0\nno-such-library==1\npytest==8.0\n")
    assert environment.lock() == cuda != cpu


def test_no_lock_files_are_no_lock(locks):
    assert environment.lock() is None
    assert accepted(packages.LOCKS / "no.sif", False).locks == {None}


def test_recorded_packages_are_the_locked_ones_and_those_of_jobs_that_are_here(locks):
    locks(cpu="", cuda="pytest==0.1\nno-such-library==1\n")
    found = environment.describe()["packages"]
    assert found["pytest"] == pytest.__version__
    assert {"torch", "numpy", "peft"} <= found.keys()
    assert not {"no-such-library", "ruff"} & found.keys()


def test_names_of_a_lock_are_read_as_pip_reads_them(locks):
    assert locks(cpu="Rouge_Score==1\nzlib.ng [x] == 2 ; python_version > '3'\n") == locks(
        cpu="rouge-score==1\nzlib-ng==2\n"
    )


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "some.sif"
    path.write_text("image")
    return path


def test_image_is_read_once_and_again_when_it_was_written_to(image, monkeypatch):
    read, digest_of = [], hashlib.file_digest

    def counted(file, kind):
        read.append(file.name)
        return digest_of(file, kind)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    first = image_digest(image)
    assert (image_digest(image), len(read)) == (first, 1)
    stat = image.stat()
    image.write_text("other")
    os.utime(image, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert image_digest(image) != first
    assert len(read) == 2
    image.write_text("image")
    assert image_digest(image) == first


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"size": 5}', "null"])
def test_a_damaged_note_of_an_images_digest_costs_time_only(image, text):
    digest = image_digest(image)
    (note,) = (path for path in image.parent.iterdir() if path != image)
    note.write_text(text)
    assert image_digest(image) == digest


def test_a_job_knows_the_image_that_it_runs_in(image, monkeypatch):
    monkeypatch.delenv("APPTAINER_CONTAINER", raising=False)
    assert environment.image() is None
    monkeypatch.setenv("APPTAINER_CONTAINER", str(image))
    monkeypatch.setenv(environment.PROMISE, image_digest(image))
    assert environment.image() == image_digest(image)


@pytest.mark.parametrize("seen", ["an image", "a folder", "nothing"])
def test_a_users_own_shell_in_a_container_is_no_image_of_a_job(image, tmp_path, monkeypatch, seen):
    """Results made there are those of any machine with this lock, and are not made again."""
    monkeypatch.chdir(tmp_path)
    path = {"an image": image, "a folder": tmp_path, "nothing": tmp_path / "gone.sif"}[seen]
    monkeypatch.setenv("APPTAINER_CONTAINER", str(path))
    assert environment.image() is None
    assert None in accepted(image, in_image=False).images


def test_a_shell_in_the_sites_own_image_is_in_the_image(image, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(image, "clearbench-cuda.sif")
    monkeypatch.setenv("APPTAINER_CONTAINER", str(image))
    assert environment.image() == image_digest(image)


def test_a_job_in_no_image_fails_where_the_run_promises_one(image, monkeypatch):
    monkeypatch.delenv("APPTAINER_CONTAINER", raising=False)
    monkeypatch.setenv(environment.PROMISE, image_digest(image))
    with pytest.raises(
        UserError, match=r"^started in no image; this run promises the image \w{12}$"
    ):
        environment.image()
    monkeypatch.setenv("APPTAINER_CONTAINER", str(image))
    assert environment.image() == image_digest(image)


def test_a_job_in_another_image_than_the_promised_one_fails(image, monkeypatch):
    monkeypatch.setenv(environment.PROMISE, image_digest(image))
    image.write_text("another")
    monkeypatch.setenv("APPTAINER_CONTAINER", str(image))
    found = image_digest(image)[:12]
    with pytest.raises(UserError, match=f"^started in the image {found}; this run promises"):
        environment.image()


def test_an_image_that_a_job_cannot_see_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("APPTAINER_CONTAINER", str(tmp_path / "hidden.sif"))
    monkeypatch.setenv(environment.PROMISE, "0" * 64)
    with pytest.raises(UserError, match=r"hidden\.sif: the image cannot be seen from within"):
        environment.image()


def test_an_image_is_known_by_its_link_as_well(image, tmp_path):
    link = tmp_path / "link.sif"
    link.symlink_to(image)
    assert image_digest(link) == image_digest(image)
    assert not (tmp_path / "link.sif.sha256").exists()


def test_results_of_every_lock_of_the_checkout_are_accepted(locks, tmp_path):
    cpu, cuda = locks(cpu=PINS, cuda=PINS + "extra==1\n")
    assert accepted(tmp_path / "no.sif", False).locks == {cpu, cuda}


def test_results_of_the_image_count_outside_of_it_but_not_the_other_way_round(image, tmp_path):
    assert accepted(tmp_path / "no.sif", False).images is None
    assert accepted(image, False).images == {None, image_digest(image)}
    assert accepted(image, True).images == {image_digest(image)}


def test_a_run_in_an_image_that_is_not_there_says_how_to_make_it(tmp_path):
    with pytest.raises(UserError, match=r"no\.sif: no such image; make it with `make container`"):
        accepted(tmp_path / "no.sif", True)
