"""What `clearbench cite` prints: an entry for every source, and none twice."""

import re

import pytest

from clearbench import methods
from clearbench.cli import cli
from clearbench.documentation.citations import bibliography, entries, sources
from clearbench.errors import UserError
from installed import forgotten, install  # noqa: F401
from synthetic import ROOT


def keys_of(text):
    return re.findall(r"^@\w+\{(\w+),$", text, re.M)


@pytest.fixture
def cite(monkeypatch, capsys):
    """Cite as a user does; gives what is printed."""
    monkeypatch.chdir(ROOT)

    def run(*words):
        cli(["cite", *words], standalone_mode=False)
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("key", methods.available())
def test_every_method_has_an_entry_for_each_source_that_it_names(key):
    named = sources(key)
    assert named
    assert {*named} <= entries().keys()
    assert all(entry.startswith("@") for entry in bibliography([key]))


def test_every_entry_is_of_a_source_and_is_whole():
    text = (ROOT / "src/clearbench/documentation/citations.bib").read_text(encoding="utf-8")
    assert text == "\n".join(dict.fromkeys(entries().values()))
    assert len(keys_of(text)) == len({*keys_of(text)}) == text.count("\n@") + 1
    named = {entries()[source] for key in methods.available() for source in sources(key)}
    assert named == {*entries().values()}
    for entry in named:
        assert entry.count("{") == entry.count("}")
        assert all(f"\n  {field} = {{" in entry for field in ("title", "author", "year"))


def test_a_suite_cites_the_benchmark_first_and_a_source_of_several_methods_once(cite):
    text = cite("--suite", "mini")
    assert text == cite("mini") == cite()
    keys = keys_of(text)
    assert keys[0] == "clear2025"
    assert len(keys) == len({*keys}) == 10
    assert keys_of(cite("rmu", "kl", "idk")) == ["li2024wmdp", "maini2024tofu"]


def test_a_variant_cites_its_method_and_whose_code_it_is(cite):
    assert keys_of(cite("pdu@published")) == ["openunlearning2025", "entesari2025constrained"]


def test_a_method_of_another_package_says_what_is_not_known_here(tmp_path, monkeypatch, cite):
    text = (
        "from clearbench.methods.base import Method\n\n\nclass Own(Method):\n"
        '    """Mine.\n\n    Source: arXiv 9912.00001, after arXiv 2404.05868.\n    """\n'
    )
    install(monkeypatch, tmp_path, {"own.py": text}, {"methods": {"own": "own"}})
    entry, told = cite("own").split("\n\n")
    assert entry.startswith("@misc{zhang2024negative,")
    assert told == "% own: its docstring names 9912.00001, of which there is no entry here\n"


def test_an_unknown_method_is_told(cite):
    with pytest.raises(UserError, match=r"^nop: unknown method \(did you mean npo\?\)"):
        cite("nop")
