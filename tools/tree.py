"""The source tree as values: areas, folders of the gateway, who imports whom, and the path of a call.

Sources are read and never run. The order of the rows is that of the layers which import-linter holds, in
``pyproject.toml``.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
GATEWAY = ROOT / "gateway/meshgate/gateway"

Rows = tuple[tuple["Node", ...], ...]
"""Nodes in rows: a row imports only from rows below it."""
Imports = Mapping[tuple[str, str], int]
"""How many imports lead from one node to another."""


class Node(NamedTuple):
    """An area, a folder, or the modules that share a row."""

    name: str
    lines: tuple[tuple[str, str], ...]
    """For a folder one pair: its name and the first sentence of its docstring; for modules one pair each."""
    modules: int = 0
    folders: tuple[str, ...] = ()


class Stop(NamedTuple):
    """One stop on the path of a call."""

    name: str
    folder: str
    sentence: str = ""
    policies: tuple[str, ...] = ()
    """The names of its policies, in their order, if the stop is one of the three lists."""


# -- nodes


def areas() -> Rows:
    """The areas (import roots), in rows."""
    layers = _layers("who may know whom")
    rows = [tuple(_folder(_area(name), name) for name in _names(layer)) for layer in layers]
    listed = {node.name for row in rows for node in row}
    there = {path.parent.name for path in ROOT.glob("*/meshgate/*/__init__.py")}
    if listed != there:
        raise SystemExit(f"tools/tree.py: the layers of pyproject.toml lack or invent areas: {sorted(listed ^ there)}")
    return tuple(rows)


def folders() -> Rows:
    """The gateway's folders, in rows; the modules that stand beside the folders in one row are one node."""
    rows: list[tuple[Node, ...]] = []
    for layer in _layers("the folders of the gateway"):
        names = _names(layer)
        inner = [_folder(GATEWAY / name, name) for name in names if (GATEWAY / name).is_dir()]
        modules = tuple((f"{name}.py", _sentence(GATEWAY / f"{name}.py")) for name in names if _is_module(name))
        rows.append((*inner, *([Node(" ".join(name for name, _ in modules), modules)] if modules else [])))
    return tuple(rows)


def _layers(contract: str) -> list[str]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return next(found["layers"] for found in settings["contracts"] if found["name"] == contract)


def _names(layer: str) -> list[str]:
    return [name.strip().removeprefix("meshgate.") for name in re.split(r"[|:]", layer)]


def _area(name: str) -> Path:
    return next(ROOT.glob(f"*/meshgate/{name}"))


def _is_module(name: str) -> bool:
    return (GATEWAY / f"{name}.py").is_file()


def _folder(path: Path, name: str) -> Node:
    count = sum(1 for _ in _sources(path))
    inner = sorted(found.parent.name for found in path.glob("*/__init__.py"))
    return Node(name, ((name, _sentence(path / "__init__.py")),), count, tuple(inner))


def _sources(path: Path) -> Iterator[Path]:
    """The modules of a folder and of the folders in it."""
    return (found for found in sorted(path.rglob("*.py")) if not found.name.startswith("__"))


def _sentence(path: Path) -> str:
    """The first sentence of a module's docstring, without its markup."""
    text = " ".join((ast.get_docstring(_parse(path)) or "").split()).replace("`", "")
    if not text:
        raise SystemExit(f"tools/tree.py: {path.relative_to(ROOT)} has no docstring")
    return re.split(r"(?<=[.!])\s", text)[0]


def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


# -- who imports whom


def area_imports(rows: Rows) -> Imports:
    """How many imports lead from one area to another: pairs of a module and a module that it names."""
    names = {node.name: node.name for row in rows for node in row}
    return _count(rows, {name: list(_area(name).rglob("*.py")) for name in names}, "meshgate", names)


def folder_imports(rows: Rows) -> Imports:
    """The same from one folder of the gateway to another."""
    nodes = {part.removesuffix(".py"): node.name for row in rows for node in row for part, _ in node.lines}
    files = {
        part: list((GATEWAY / part).rglob("*.py")) if (GATEWAY / part).is_dir() else [GATEWAY / f"{part}.py"]
        for part in nodes
    }
    return _count(rows, files, "meshgate.gateway", nodes)


def _count(rows: Rows, files: Mapping[str, Sequence[Path]], root: str, nodes: Mapping[str, str]) -> Imports:
    found = {
        (nodes[part], nodes[inner], path, module)
        for part, paths in files.items()
        for path in paths
        for module in _imported(_parse(path), root)
        if (inner := _first(module, root)) in nodes and nodes[inner] != nodes[part]
    }
    counted = Counter((importer, imported) for importer, imported, _, _ in found)
    depth = {node.name: place for place, row in enumerate(rows) for node in row}
    for importer, imported in sorted(counted):
        if depth[importer] >= depth[imported]:
            raise SystemExit(f"tools/tree.py: {importer} imports {imported}, which is not below it")
    return counted


def _imported(module: ast.Module, root: str) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == root:
            yield from (f"{root}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _first(module: str, root: str) -> str:
    return module.removeprefix(f"{root}.").partition(".")[0] if module.startswith(f"{root}.") else ""


# -- the path of a call


def path() -> tuple[Stop, ...]:
    """The stops of a call, as ``app.compose`` says them in its first line."""
    app = _parse(GATEWAY / "app.py")
    functions = {node.name: node for node in app.body if isinstance(node, ast.FunctionDef)}
    order = (ast.get_docstring(functions["compose"]) or "").partition(":")[2]
    names = re.findall(r"\w+", order)
    if len(names) < 2:
        raise SystemExit("tools/tree.py: the docstring of app.compose does not say the path of a call")
    return tuple(_stop(name, functions.get(name) or functions.get(f"{name}_policies"), app) for name in names)


def _stop(name: str, function: ast.FunctionDef | None, app: ast.Module) -> Stop:
    if function is None:
        found = list(GATEWAY.glob(f"*/{name}.py"))
        if len(found) != 1:
            raise SystemExit(f"tools/tree.py: {len(found)} modules of the gateway are called {name}")
        return Stop(name, found[0].parent.name)
    result = next(node.value for node in function.body if isinstance(node, ast.Return))
    if not isinstance(result, ast.List):
        raise SystemExit(f"tools/tree.py: app.{function.name} does not return a list")
    policies = tuple(_policy(one, app) for one in result.elts)
    return Stop(name, "policies", (ast.get_docstring(function) or "").rstrip("."), policies)


def _policy(made: ast.expr, app: ast.Module) -> str:
    """The name of the policy that an entry of a list makes."""
    module = app
    if isinstance(made, ast.Attribute):
        module = _parse(GATEWAY / "parts.py")
        made = _assigned(module, made.attr)
    if not isinstance(made, ast.Call) or not isinstance(made.func, ast.Name):
        raise SystemExit(f"tools/tree.py: no policy is made by {ast.unparse(made)!r}")
    kind = made.func.id
    source = next(node.module or "" for node in module.body if isinstance(node, ast.ImportFrom) and _has(node, kind))
    return _name_of(ROOT / "gateway" / f"{source.replace('.', '/')}.py", kind)


def _has(node: ast.ImportFrom, name: str) -> bool:
    return any(alias.name == name for alias in node.names)


def _assigned(module: ast.Module, attribute: str) -> ast.expr:
    """What ``self.ATTRIBUTE`` is made from."""
    for node in ast.walk(module):
        match node:
            case ast.Assign(targets=[target], value=made) | ast.AnnAssign(target=target, value=ast.expr() as made):
                if ast.unparse(target) == f"self.{attribute}":
                    # Of two, the first is what a whole installation makes.
                    return made.body if isinstance(made, ast.IfExp) else made
    raise SystemExit(f"tools/tree.py: parts.py makes no {attribute!r}")


def _name_of(path: Path, kind: str) -> str:
    """The class attribute ``name`` of a policy."""
    cls = next(node for node in _parse(path).body if isinstance(node, ast.ClassDef) and node.name == kind)
    for node in cls.body:
        if (
            isinstance(node, ast.Assign)
            and ast.unparse(node.targets[0]) == "name"
            and isinstance(node.value, ast.Constant)
        ):
            return str(node.value.value)
    raise SystemExit(f"tools/tree.py: the policy {kind} has no name")
