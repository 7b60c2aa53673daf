"""Troubles of a user or a site are one line; a fault of the code keeps its traceback."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from clearbench import cli, warm
from clearbench.errors import UserError
from clearbench.jobs.interruption import Interrupted, Interruption
from clearbench.provenance import invalidate
from clearbench.provenance.crate.export import Publication
from synthetic import ROOT

SITE = [
    *(errno.EPERM, errno.EACCES, errno.ENOTEMPTY, errno.ESTALE, errno.EIO, errno.EDQUOT),
    *(errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.ENOTDIR, errno.ETIMEDOUT, errno.EBUSY),
]


def failing(monkeypatch, error, *words):
    """Call the command line where its first command raises an error."""

    def fail(**_):
        raise error

    monkeypatch.setattr(cli, "cli", fail)
    monkeypatch.setattr(sys, "argv", ["clearbench", *words])


@pytest.mark.parametrize("number", SITE, ids=errno.errorcode.get)
def test_a_trouble_of_the_site_is_one_line_with_the_file(monkeypatch, capsys, number):
    failing(monkeypatch, OSError(number, os.strerror(number), "results/x"), "why")
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"clearbench: results/x: {os.strerror(number)}\n"


def test_a_stage_that_the_site_stopped_says_that_nothing_was_published(monkeypatch, capsys):
    failing(monkeypatch, OSError(errno.EIO, "Input/output error", "x"), "score")
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().err.endswith("Input/output error; nothing was published\n")


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "gone", "x"), OSError("odd")])
def test_a_fault_of_the_code_keeps_its_traceback(monkeypatch, error):
    failing(monkeypatch, error, "why")
    with pytest.raises(OSError, match=r"gone|odd"):
        cli.main()


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_without_the_letters_shows_the_rest(monkeypatch, encoding):
    text = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(text, encoding=encoding))
    monkeypatch.setattr(cli, "cli", lambda **_: click.echo("retain ↑ 王菲"))
    cli.main()
    sys.stdout.flush()
    assert text.getvalue().startswith(b"retain ")


def test_a_user_without_a_name_is_told_by_number(monkeypatch):
    def unknown():
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(invalidate.getpass, "getuser", unknown)
    assert invalidate._user() == str(os.getuid())


def test_a_lost_terminal_ends_a_job_where_it_can_go_on():
    with pytest.raises(Interrupted) as ended, Interruption().watched():
        os.kill(os.getpid(), signal.SIGHUP)
    assert ended.value.status == 128 + signal.SIGHUP


def test_a_job_beside_the_warm_process_that_is_killed_says_so(tmp_path):
    calls = """
    until [ -S "$CLEARBENCH_WARM" ]; do sleep 0.1; done
    clearbench killed
    """
    # The path of temporary files is longer than the address of a socket may be.
    folder = tmp_path / ("long" * 25)
    folder.mkdir()
    server = tmp_path / "server.py"
    server.write_text(
        "import os, signal, sys\n"
        "from clearbench.cli import serve\n"
        "serve.serve(sys.argv[1], lambda: os.kill(os.getpid(), signal.SIGKILL))\n"
    )
    address = str(tmp_path / "pinned")
    if len(address) > warm._LONGEST_ADDRESS:
        pytest.skip("the folder of the tests is too long for a socket")
    source = {"PYTHONPATH": str(ROOT / "src"), "TMPDIR": str(folder)}
    environment = {**os.environ, **source, warm.VARIABLE: address}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, server, address], stdin=subprocess.PIPE, env=environment
    )
    try:
        done = subprocess.run(
            ["bash", "-c", calls], env=environment, capture_output=True, text=True, check=False
        )
    finally:
        process.communicate()
    assert done.returncode == 128 + signal.SIGKILL
    assert "the job was killed" in done.stderr
    assert "memory" in done.stderr


def test_a_long_folder_of_temporary_files_leaves_the_warm_process_its_address(
    tmp_path, monkeypatch
):
    long = tmp_path / ("long" * 25)
    long.mkdir()
    monkeypatch.setattr(warm, "gettempdir", lambda: str(long))
    assert warm._folder_of_sockets() == "/tmp"
    monkeypatch.setattr(warm, "gettempdir", lambda: "/var/tmp")
    assert warm._folder_of_sockets() == "/var/tmp"


BROKEN = {
    "syntax": ("def broken(:\n", "line 1: {what}: is not Python: "),
    "import": ("import no_such_module\n", "line 1: {what}: raises ModuleNotFoundError: "),
    "name": ("\n\nundefined\n", "line 3: {what}: raises NameError: "),
}
ASKED = {
    "methods/broken.py": ("method broken", "clearbench.methods", "create('broken', {})"),
    "metrics/broken.py": ("metric broken", "clearbench.metrics", "task_metrics()"),
    "tables/broken.py": ("table broken", "clearbench.tables", "builders('text')"),
    "figures/broken.py": ("figure broken", "clearbench.figures", "drawers('text')"),
    "data/layouts/broken.py": ("layout broken", "clearbench.data.layouts", "load('broken')"),
}
CLASS = """
from clearbench.methods.base import Method


class Broken(Method):
    def loss(self, student, reference):
        return student.forget
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("copy")
    source = ROOT / "src/clearbench"
    for path in source.rglob("*.py"):
        copy = folder / "clearbench" / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("path", ASKED)
def test_a_file_that_python_refuses_is_told_with_its_line(package, path, kind):
    text, told = BROKEN[kind]
    what, module, call = ASKED[path]
    code = (
        f"from clearbench.errors import UserError\nimport {module} as asked\n"
        f"try:\n    asked.{call}\nexcept UserError as error:\n    print(error)\n"
    )
    file = package / "clearbench" / path
    file.write_text(text + (CLASS if path.startswith("methods") else ""))
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": str(package)},
            cwd=package,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.unlink()
    assert done.stdout.startswith(f"clearbench/{path}, {told.format(what=what)}"), done


@pytest.mark.parametrize(
    "orcid", ["0000-0002-1825-0097", "https://orcid.org/0000-0002-1825-0098", "https://orcid.org/x"]
)
def test_an_orcid_that_is_none_is_refused(orcid):
    with pytest.raises(UserError, match="--orcid"):
        Publication("https://spdx.org/licenses/MIT", "A", orcid)


@pytest.mark.parametrize(
    "licence", ["MIT", "https://spdx.org/licenses/MTI", "file:///x", "https://a b", ""]
)
def test_a_licence_that_is_none_is_refused(licence):
    with pytest.raises(UserError, match="--licence"):
        Publication(licence)


def test_an_author_and_a_licence_that_there_are_are_taken():
    Publication("https://creativecommons.org/licenses/by/4.0/", "A", None)
    Publication("https://spdx.org/licenses/CC-BY-4.0", "A", "https://orcid.org/0000-0002-1825-0097")
    Publication("https://spdx.org/licenses/MIT", "A", "https://orcid.org/0000-0002-1694-233X")


@pytest.mark.parametrize("name", ["PIP_TARGET", "PIP_PREFIX", "PYTHONHOME", "PYTHONPATH"])
def test_what_a_shell_tells_pip_leaves_the_installation_alone(name):
    recipe = subprocess.run(
        ["make", "--dry-run", "--always-make", "install"],
        cwd=ROOT,
        env={**os.environ, name: "/nowhere", "PIP_USER": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    lines = [line for line in recipe.splitlines() if "pip install" in line or "-m venv" in line]
    calls = [line for line in lines if not line.lstrip().startswith("echo")]
    assert calls
    for line in calls:
        assert f"-u {name} " in line.replace("\\", " ")
        assert "PIP_USER=0" in line
