"""The form of a syntax tree that is hashed: one on every Python, another for another meaning."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import clearbench
from clearbench.jobs.syntax import canonical

PACKAGE = Path(clearbench.__file__).parent
SAMPLE = Path(__file__).with_name("syntax_sample.py.txt")
SAMPLE_DIGEST = "5ece0072cbbeb5c853a039be76d184a0f1c28678494b64e456a60777c148ca45"
"""Of the sample, on every version; it changes where the form or the sample does."""

DIGESTS = """
import hashlib, json, sys
from pathlib import Path
from clearbench.jobs.syntax import canonical
digest = lambda path: hashlib.sha256(canonical(Path(path).read_bytes()).encode()).hexdigest()
print(json.dumps({path: digest(path) for path in sys.argv[1:]}))
"""


def digests(python: str, paths: list[str]) -> dict[str, str]:
    found = subprocess.run(
        [python, "-W", "ignore", "-c", DIGESTS, *paths],
        env=environment(python),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(found.stdout)


def environment(python: str) -> dict[str, str]:
    """That of an interpreter; pyenv's command has to be told which of its versions is meant."""
    version = Path(python).name.removeprefix("python")
    return {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYENV_VERSION": version}


@pytest.mark.parametrize("minor", range(11, 16))
def test_no_version_of_python_reruns_anything(minor):
    name = f"python3.{minor}"
    python = shutil.which(name)
    if python is None or subprocess.run([python, "-c", ""], env=environment(python)).returncode:
        pytest.skip(f"no {name} on PATH")
    paths = [str(path) for path in (SAMPLE, *sorted(PACKAGE.rglob("*.py")))]
    found = digests(python, paths)
    assert found[str(SAMPLE)] == SAMPLE_DIGEST
    assert found == digests(sys.executable, paths)


def test_the_sample_has_the_digest_that_is_on_record():
    assert hashlib.sha256(canonical(SAMPLE.read_bytes()).encode()).hexdigest() == SAMPLE_DIGEST


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1  # one", "x=1"),
        ("x = [1,\n  2]", "x = [1, 2,]"),
        ("x = (1)", "x = 1"),
        ("'''Doc.'''\nx = 1", "x = 1"),
        ("x = 1\n'''What x is.'''\ny = 2", "x = 1\ny = 2"),
        ("class A:\n '''Doc.'''", "class A: ..."),
        ("def f():\n '''Doc.'''\n pass", "def f(): pass"),
        ("x = 'a' \"b\"", "x = '''ab'''"),
        ("x = u'a'", "x = 'a'"),
        ("x = f'a' 'b' f'{c}'", "x = f'ab{c}'"),
        ("x = f'{a:}'", "x = f'{a}'"),
        ("x = 1_000", "x = 1000"),
        ("x = 0x10", "x = 16"),
        ("\ufeffx = 1\r\ny = 2\r\n", "x = 1\ny = 2\n"),
        ("with (a as b, c):\n x", "with a as b, c:\n x"),
        ("if a:\n x\nelse:\n if b:\n  y", "if a:\n x\nelif b:\n y"),
    ],
)
def test_what_changes_no_meaning_changes_nothing(one, other):
    assert canonical(one.encode()) == canonical(other.encode())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 0", "x = False"),
        ("x = 0", "x = None"),
        ("x = 0.0", "x = -0.0"),
        ("x = 1", "x = '1'"),
        ("x = 'a'", "x = b'a'"),
        ("x = None", "x = 'None'"),
        ("x = ...", "x = Ellipsis"),
        ("x = 1e400", "x = inf"),
        ("x = 'a'", "x = 'a '"),
        ("x = 'größe'", "x = 'große'"),
        ("x: int", "x: int = 0"),
        ("x: int", "x: int = f''"),
        ("x: int", "x: int = None"),
        ("return_ = lambda: None", "return_ = lambda: 0"),
        ("def f(a, /): x", "def f(a): x"),
        ("def f(a, *, b): x", "def f(a, b): x"),
        ("def f(*, b=None): x", "def f(*, b): x"),
        ("def f(a=0): x", "def f(a): x"),
        ("def f(): return", "def f(): x"),
        ("def f(): return None", "def f(): return"),
        ("def f(): yield 0", "def f(): yield"),
        ("def f(): x", "async def f(): x"),
        ("a = [x for x in y]", "a = (x for x in y)"),
        ("async def f(): [x async for x in y]", "async def f(): [x for x in y]"),
        ("x = {**a, 'b': 1}", "x = {'b': 1, **a}"),
        ("x = a[1:]", "x = a[:1]"),
        ("x = a[0:1]", "x = a[None:1]"),
        ("from . import a", "from .. import a"),
        ("from . import a", "import a"),
        ("import a as b", "import a"),
        ("x = f'{a!r}'", "x = f'{a!s}'"),
        ("x = f'{a}'", "x = f'{a!s}'"),
        ("x = f'{a:>{b}}'", "x = f'{a:>b}'"),
        ("x = f'{{a}}'", "x = f'{a}'"),
        ("x = f'a{b}c'", "x = f'ac{b}'"),
        ("x = f'a'", "x = 'a'"),
        ("match x:\n case None: y", "match x:\n case False: y"),
        ("match x:\n case [_, *a]: y", "match x:\n case [*a, _]: y"),
        ("try: x\nexcept A: y", "try: x\nexcept* A: y"),
        ("if a: x\nelse: y", "if a: x\ny"),
        ("x = a < b < c", "x = (a < b) < c"),
        ("x = (a + b) + c", "x = a + (b + c)"),
        ("x = (a, b)", "x = [a, b]"),
        ("x: int = 1", "x = 1"),
        ("x += 1", "x = x + 1"),
        ("global_ = 1", "def f():\n global global_"),
        ("raise a", "raise a from None"),
        ("del a", "a"),
        ("x = 1; y = 2", "y = 2; x = 1"),
    ],
)
def test_whatever_changes_a_meaning_shows(one, other):
    assert canonical(one.encode()) != canonical(other.encode())


def test_an_integer_of_any_length_has_a_form():
    assert canonical(b"x = 0x" + b"f" * 9000) != canonical(b"x = 0x" + b"f" * 9001)
