"""Finds the numbers of the product that bound something, for ``tools/limits.py``. Sources are read and never run.

Found are, outside of generated code and of the classes ``Limits`` and ``Config``:

* a number, or a tuple of numbers, that a module gives to a name in capitals;
* a number that is the default of an argument, or of a field of a class, and is none of 0, 1, 2 and -1;
* the number that an ``lru_cache`` or a ``deque`` is bounded by;
* a number in an argument that is named for a bound (``timeout``, ``limit``, ``max_length``, ...), likewise;
* any number above 0 that a function waits for or grants: ``asyncio.timeout``, ``wait_for``, ``sleep``, ``stop``;
* a number in ``min()`` or ``max()``, beside ``len()`` in a comparison, or at an end of a range, likewise.

Not found are parts of texts (``text[:64]``), protocol numbers beside their meaning (an HTTP status), and arithmetic.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
AREAS = ("sdk", "registry", "gateway")
ELSEWHERE = frozenset({"Limits", "Config"})
"""Classes whose fields docs/limits.md has anyway."""
HARMLESS = frozenset({0, 1, 2, -1})
WAITS = frozenset({"timeout", "wait_for", "sleep", "_sleep", "stop"})
BOUND = re.compile(
    r"timeout|limit|size|length|items|most|max|min|least|seconds|wait|pause|retr|backlog|burst|rate$|connections|window"
    r"|ttl|interval|patience|linger|(^|_)(le|ge|lt|gt|keep|settle)$"
)
OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


class Number(NamedTuple):
    """One number, or a tuple of them."""

    path: str
    """Of its file, below ``meshgate``."""
    name: str
    """The constant's name; ``function(argument)`` of a default; ``function: 5.0`` of a number in a function's body."""
    value: tuple[float, ...]
    text: str = ""
    """The docstring below a constant."""

    @property
    def key(self) -> str:
        return f"{self.path}: {self.name}"


def value_of(node: ast.AST | None) -> float | None:
    """The value of a number, or of arithmetic with numbers."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            number = value_of(inner)
            return None if number is None else -number
        case ast.BinOp(left=left, op=how, right=right) if type(how) in OPERATORS:
            one, other = value_of(left), value_of(right)
            return None if one is None or other is None else OPERATORS[type(how)](one, other)
        case _:
            return None


def shown(value: float) -> str:
    """A number as the keys have it."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def values_of(node: ast.AST | None) -> tuple[float, ...]:
    """The numbers of a number or of a tuple that holds nothing else."""
    found = [value_of(one) for one in node.elts] if isinstance(node, ast.Tuple) else [value_of(node)]
    known = tuple(one for one in found if one is not None)
    return known if len(known) == len(found) else ()


def sources() -> Iterator[Path]:
    """The modules of the product that people wrote."""
    for area in AREAS:
        yield from (path for path in sorted((ROOT / area / "meshgate").rglob("*.py")) if "_pb2" not in path.name)


def numbers() -> dict[str, Number]:
    """All of them, by key; equal ones of one function are one."""
    return {one.key: one for path in sources() for one in _module(path)}


def _module(path: Path) -> Iterator[Number]:
    tree, where = (
        ast.parse(path.read_text("utf-8"), str(path)),
        path.relative_to(ROOT).as_posix().partition("/meshgate/")[2],
    )
    yield from (one._replace(path=where) for one in _constants(tree.body))
    for name, node in _scopes(tree, ""):
        if isinstance(node, ast.ClassDef):
            yield from (Number(where, one, value) for one, value in _fields(name, node))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from (Number(where, f"{name}({one})", (value,)) for one, value in _defaults(node))
            yield from (Number(where, f"{name}: {shown(value)}", (value,)) for value in _inside(node))


def _constants(body: list[ast.stmt]) -> Iterator[Number]:
    for here, following in zip(body, [*body[1:], ast.Pass()], strict=True):
        match here:
            case ast.Assign(targets=[target], value=value) | ast.AnnAssign(target=target, value=ast.expr() as value):
                name = ", ".join(
                    ast.unparse(one) for one in (target.elts if isinstance(target, ast.Tuple) else [target])
                )
                found = values_of(value)
                if found and re.fullmatch(r"[A-Z0-9_, ]+", name):
                    yield Number("", name, found, _docstring(following))
            case _:
                pass


def _docstring(node: ast.stmt) -> str:
    is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return " ".join(str(node.value.value).split()) if is_text else ""  # type: ignore[attr-defined]


def _scopes(tree: ast.AST, outer: str) -> Iterator[tuple[str, ast.AST]]:
    """Classes and functions, with their dotted names."""
    for node in ast.iter_child_nodes(tree):
        name = (
            getattr(node, "name", "") if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else ""
        )
        inner = f"{outer}.{name}".strip(".") if name else outer
        if name and name not in ELSEWHERE:
            yield inner, node
        if name not in ELSEWHERE:
            yield from _scopes(node, inner)


def _fields(name: str, node: ast.ClassDef) -> Iterator[tuple[str, tuple[float, ...]]]:
    is_enum = any("Enum" in ast.unparse(base) for base in node.bases)
    for one in node.body:
        if isinstance(one, ast.AnnAssign | ast.Assign) and not is_enum:
            target = one.target if isinstance(one, ast.AnnAssign) else one.targets[0]
            values = values_of(one.value)
            if set(values) - HARMLESS:
                yield f"{name}.{ast.unparse(target)}", values
            elif isinstance(one.value, ast.Call):
                yield from ((f"{name}.{ast.unparse(target)}: {shown(one)}", (one,)) for one in _bounds(one.value))


def _defaults(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[tuple[str, float]]:
    positional = [*node.args.posonlyargs, *node.args.args]
    pairs = [*zip(positional[len(positional) - len(node.args.defaults) :], node.args.defaults, strict=True)]
    pairs += [
        (arg, one) for arg, one in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if one is not None
    ]
    for arg, default in pairs:
        value = value_of(default)
        if value is not None and value not in HARMLESS:
            yield arg.arg, value


def _inside(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[float]:
    """Numbers in the body, the decorators and the annotations of a function, but not in functions within it."""
    queue: list[ast.AST] = [*node.body, *node.decorator_list, node.args]
    while queue:
        one = queue.pop()
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        queue += ast.iter_child_nodes(one)
        if isinstance(one, ast.Call):
            yield from _bounds(one)
        elif isinstance(one, ast.Compare):
            yield from _compared(one)


def _bounds(call: ast.Call) -> Iterator[float]:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called in WAITS:
        yield from (value for one in call.args if (value := value_of(one)) is not None and value > 0)
    elif called in ("min", "max", "lru_cache"):
        yield from (value for one in call.args if (value := value_of(one)) is not None and value not in HARMLESS)
    for keyword in call.keywords:
        value = value_of(keyword.value)
        if (
            value is not None
            and value not in HARMLESS
            and BOUND.search(keyword.arg or "")
            and keyword.arg != "digest_size"
        ):
            yield value


def _compared(node: ast.Compare) -> Iterator[float]:
    sides = [node.left, *node.comparators]
    if len(sides) > 2 or any(isinstance(one, ast.Call) and getattr(one.func, "id", "") == "len" for one in sides):
        yield from (value for one in sides if (value := value_of(one)) is not None and value not in HARMLESS)


if __name__ == "__main__":
    for found in numbers().values():
        print(found.key, found.value, found.text[:60])
