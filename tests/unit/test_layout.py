"""The houses of the package: what imports what, so that data flows one way."""

import ast
from functools import cache
from pathlib import Path

import clearbench

ROOT = Path(clearbench.__file__).parent
TESTS = Path(__file__).parents[1]
FILES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
}


@cache
def imports() -> dict[str, set[str]]:
    """The modules of the package that each of them imports by a statement, anywhere in it."""
    edges: dict[str, set[str]] = {}
    for module, path in FILES.items():
        nodes = list(ast.walk(ast.parse(path.read_text())))
        named = {
            alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names
        }
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module:
                inside = {f"{node.module}.{alias.name}" for alias in node.names}
                named |= (inside & FILES.keys()) or {node.module}
        edges[module] = (named & FILES.keys()) - {module, "clearbench"}
    return edges


def house(module: str) -> str:
    """The folder at the package's root that a module is in, or the loose module itself."""
    return ".".join(module.split(".")[:2])


def floors(edges: dict[str, set[str]]) -> dict[str, int]:
    """How high each node stands above those that it imports; fails where these are a circle."""
    known: dict[str, int] = {}

    def floor(node: str, above: tuple[str, ...]) -> int:
        assert node not in above, " imports ".join((*above[above.index(node) :], node))
        if node not in known:
            known[node] = 1 + max(
                (floor(below, (*above, node)) for below in edges[node]), default=0
            )
        return known[node]

    for node in edges:
        floor(node, ())
    return known


def test_no_file_is_imported_by_what_it_imports():
    floors(imports())


def test_no_folder_is_imported_by_what_it_imports_and_thirteen_floors_are_enough():
    edges: dict[str, set[str]] = {house(module): set() for module in FILES}
    for module, others in imports().items():
        edges[house(module)] |= {house(other) for other in others} - {house(module)}
    assert max(floors(edges).values()) <= 13


def test_few_modules_lie_loose_at_the_root_and_each_is_told_of():
    loose = {path.name for path in ROOT.glob("[!_]*.py")}
    assert len(loose) <= 7
    design = (ROOT.parents[1] / "docs/design.md").read_text()
    houses = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert [name for name in houses if f"{name}/`" not in design] == []
    assert [name for name in loose if f"{name}`" not in design] == []


def test_a_local_is_named_for_what_it_holds_and_never_found():
    nodes = {module: list(ast.walk(ast.parse(path.read_text()))) for module, path in FILES.items()}
    names = {
        (module, node.lineno)
        for module, of_file in nodes.items()
        for node in of_file
        if (isinstance(node, ast.Name) and node.id == "found")
        or (isinstance(node, ast.arg) and node.arg == "found")
    }
    assert names == set()


def test_tests_of_one_name_stand_in_two_folders_and_each_is_imported_once():
    of_tests = sorted(TESTS.rglob("test_*.py"))
    assert (
        sorted({path.parent for path in of_tests if not (path.parent / "__init__.py").is_file()})
        == []
    )
    by_bare_name = [
        (path.name, node.module)
        for path in sorted(TESTS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom)
        and not node.level
        and str(node.module).startswith("test_")
    ]
    assert by_bare_name == []
