"""The shape of the tree, counted: sizes of modules, functions and folders, and names of modules."""

from __future__ import annotations

import ast
import re
import statistics
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
AREAS = ("protos", "registry", "sdk", "gateway")
NAMED = {"routing", "tracing", "testing"}
"""The field's own nouns in -ing: a route is found by routing, a span is made by tracing."""


def modules() -> list[Path]:
    """Every module of the product that a person wrote."""
    found = [path for area in AREAS for path in sorted((ROOT / area / "meshgate").rglob("*.py"))]
    return [path for path in found if "_pb2" not in path.name]


def share(values: list[int], of: float) -> int:
    """The value that this share of the values does not exceed."""
    return sorted(values)[round(of * (len(values) - 1))]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a module, and the lines of its body without the docstring."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            yield node.name, (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.requirement("structure.sizes")
def test_modules_are_short() -> None:
    lines = {path: len(path.read_text("utf-8").splitlines()) for path in modules() if path.name != "__init__.py"}
    assert {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > 350} == {}
    assert statistics.median(lines.values()) <= 125
    assert share(list(lines.values()), 0.9) <= 280


@pytest.mark.requirement("structure.sizes")
def test_functions_are_short() -> None:
    found = [(path, name, lines) for path in modules() for name, lines in functions(path)]
    assert [f"{path.relative_to(ROOT)}: {name} has {lines}" for path, name, lines in found if lines > 50] == []
    sizes = [lines for _, _, lines in found]
    assert statistics.median(sizes) <= 4
    assert share(sizes, 0.9) <= 15


@pytest.mark.requirement("structure.folders")
def test_a_folder_holds_at_most_sixteen_modules() -> None:
    counts = Counter(path.parent for path in modules() if path.name not in ("__init__.py", "__main__.py"))
    assert {str(folder.relative_to(ROOT)): count for folder, count in counts.items() if count > 16} == {}


@pytest.mark.requirement("structure.folders")
def test_every_folder_says_what_it_is_for() -> None:
    folders = {path.parent for path in modules()}
    silent = [
        str(folder.relative_to(ROOT))
        for folder in sorted(folders)
        if ast.get_docstring(ast.parse((folder / "__init__.py").read_text("utf-8"))) is None
    ]
    assert silent == []


@pytest.mark.requirement("structure.names")
def test_modules_are_named_by_nouns() -> None:
    names = {path.stem if path.name != "__init__.py" else path.parent.name for path in modules()}
    assert [name for name in sorted(names) if re.search(r"(ing|ed)$", name) and name not in NAMED] == []
