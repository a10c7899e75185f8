"""Small changes of code, made by rule on its syntax tree: what ``make mutants`` tries beside dropping whole guards."""

from __future__ import annotations

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeGuard, cast

__all__ = ["RULES", "Change", "apply", "changes"]

Path = tuple[tuple[str, int | None], ...]
Lines = tuple[int, int]
Rule = Callable[[ast.AST], Iterator[ast.AST]]

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Pow: ast.Mult,
}
_END = 10**6
_EXTREMES = {"min": "max", "max": "min"}
_STATUSES = "code_pb2"
"""The module of google.rpc's codes, of which a table of errors is made."""
_UNUSED = "DATA_LOSS"
"""A code that no error has."""
_SKIPPED = {"annotation", "returns", "decorator_list"}
"""Fields that say nothing of what runs, or run once when the module is imported."""


@dataclass(frozen=True)
class Change:
    """One change of one module: where its tree gets another node, and which."""

    rule: str
    where: str
    """The qualified name of the function, or the name of the module's constant."""
    old: str
    new: str
    lines: Lines
    """First and last line of what must run for a test to tell: a statement, or its head, or the whole module."""
    path: Path
    """From the module's tree to the node: fields, with places in lists."""
    node: ast.AST
    ordinal: int = 1
    """Which one, where a function has the same change several times."""

    @property
    def name(self) -> str:
        """What identifies the change within its module, whatever line it stands on."""
        more = f" #{self.ordinal}" if self.ordinal > 1 else ""
        return f"{self.where}: {self.old} -> {self.new}{more}"


def _comparison(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            if type(op) in _COMPARISONS:
                ops = [*node.ops[:place], _COMPARISONS[type(op)](), *node.ops[place + 1 :]]
                yield ast.Compare(node.left, ops, node.comparators)


def _junction(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)


def _negation(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


def _operator(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS and not _is_text(node.left, node.right):
        yield ast.BinOp(node.left, _OPERATORS[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and type(node.op) in _OPERATORS and not _is_text(node.value):
        yield ast.AugAssign(node.target, _OPERATORS[type(node.op)](), node.value)


def _is_text(*operands: ast.expr) -> bool:
    return any(
        isinstance(operand, ast.JoinedStr | ast.List | ast.ListComp)
        or (isinstance(operand, ast.Constant) and isinstance(operand.value, str | bytes))
        for operand in operands
    )


def _extreme(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _EXTREMES:
        yield ast.Call(ast.Name(_EXTREMES[node.func.id], ast.Load()), node.args, node.keywords)


def _number(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool):
        return
    if isinstance(node.value, int):
        yield ast.Constant(node.value + 1)
        if node.value > 1:
            yield ast.Constant(0)
    elif isinstance(node.value, float):
        yield ast.Constant(node.value * 2 or 1.0)


def _status(node: ast.AST) -> Iterator[ast.AST]:
    if _is_status(node) and node.attr != _UNUSED:
        yield ast.Attribute(node.value, _UNUSED, node.ctx)


def _is_status(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == _STATUSES
        and node.attr.isupper()
    )


def _truth(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)


def _exit(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise | ast.Return | ast.Continue | ast.Break):
        yield ast.If(node.test, [*node.body[:-1], ast.Pass()], node.orelse)


RULES: dict[str, Rule] = {
    "comparison": _comparison,
    "junction": _junction,
    "negation": _negation,
    "operator": _operator,
    "extreme": _extreme,
    "number": _number,
    "status": _status,
    "truth": _truth,
    "exit": _exit,
}
"""From a node to what may stand in its place. ``exit``: an ``if`` no longer raises, returns or goes on early."""


def changes(source: str) -> list[Change]:
    """Every change of a module, in the order of its text: in functions, in the defaults of their arguments, and in the
    module's constants. What logs and errors say is left alone, and so are annotations and what runs once in a class.
    """
    found: list[Change] = []
    seen: Counter[str] = Counter()
    for place, statement in enumerate(ast.parse(source).body):
        for change in _in_module(statement, (("body", place),)):
            seen[change.name] += 1
            found.append(replace(change, ordinal=seen[change.name]))
    return found


def apply(source: str, change: Change) -> ast.Module:
    """The module's tree with the change made."""
    tree = ast.parse(source)
    *way, (field, place) = change.path
    parent: ast.AST = tree
    for step, index in way:
        found = getattr(parent, step)
        parent = found if index is None else found[index]
    old = getattr(parent, field) if place is None else getattr(parent, field)[place]
    node = ast.copy_location(copy.deepcopy(change.node), old)
    if place is None:
        setattr(parent, field, node)
    else:
        getattr(parent, field)[place] = node
    return ast.fix_missing_locations(tree)


def _in_module(statement: ast.stmt, path: Path, where: str = "") -> Iterator[Change]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _within(statement, path, where + statement.name, _lines(statement), statement)
    elif isinstance(statement, ast.ClassDef):
        for place, inner in enumerate(statement.body):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield from _in_module(inner, (*path, ("body", place)), f"{where}{statement.name}.")
    elif not where and isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
        target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
        if isinstance(target, ast.Name | ast.Tuple):
            for change in _within(statement, path, ast.unparse(target), (1, 1), statement):
                yield replace(change, lines=(1, _END))


def _within(node: ast.AST, path: Path, where: str, lines: Lines, shown: ast.AST) -> Iterator[Change]:
    """The changes of a node and of what is below it. ``shown`` is the nearest node that tells a reader something."""
    if isinstance(node, ast.stmt):
        lines = _lines(node)
    if not _is_bare(node):
        shown = node
    for rule, make in RULES.items():
        for new in make(node):
            old, text = _spelled(node, new, shown)
            ran = _lines(node.body[-1]) if rule == "exit" and isinstance(node, ast.If) else lines
            yield Change(rule, where, old, text, ran, path, new)
    for field, value in ast.iter_fields(node):
        if field in _SKIPPED:
            continue
        for place, child in _children(value):
            if not _says(node, child):
                row = _row(node, place) if field == "values" else None
                yield from _within(child, (*path, (field, place)), where, lines, row or shown)


def _children(value: object) -> Iterator[tuple[int | None, ast.AST]]:
    """The nodes that a field holds, with their places if it is a list."""
    if isinstance(value, ast.AST):
        yield None, value
    elif isinstance(value, list):
        many = cast("list[object]", value)
        yield from ((place, child) for place, child in enumerate(many) if isinstance(child, ast.AST))


def _says(parent: ast.AST, node: ast.AST) -> bool:
    """Whether a node is the text of an error, or a line of the log."""
    if isinstance(parent, ast.Call):
        return isinstance(node, ast.JoinedStr)
    called = node.value if isinstance(node, ast.Expr) else None
    return isinstance(called, ast.Call) and ast.unparse(called.func).startswith("log.")


def _lines(statement: ast.stmt) -> Lines:
    body: list[ast.stmt] = getattr(statement, "body", [])
    first = min([statement.lineno, *(one.lineno for one in getattr(statement, "decorator_list", []))])
    last = body[0].lineno - 1 if body else statement.end_lineno or first
    return first, max(first, last)


def _row(node: ast.AST, place: int | None) -> ast.Dict | None:
    """One row of a table: a reader has no use for the others."""
    if not isinstance(node, ast.Dict) or place is None:
        return None
    return ast.Dict([node.keys[place]], [node.values[place]])


def _is_bare(node: ast.AST) -> bool:
    """Whether a node alone tells a reader nothing: a number, its sign, a code."""
    return (
        isinstance(node, ast.Constant)
        or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub))
        or _is_status(node)
    )


def _spelled(node: ast.AST, new: ast.AST, shown: ast.AST) -> tuple[str, str]:
    """Old and new text, of the node or, for a constant or a code, of what is around it."""
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}: {ast.unparse(node.body[-1])}", "pass"
    if not _is_bare(node) or (isinstance(shown, ast.stmt) and hasattr(shown, "body")):
        return ast.unparse(node), ast.unparse(new)
    return ast.unparse(shown), ast.unparse(_swapped(shown, node, new))


def _swapped(shown: ast.AST, node: ast.AST, new: ast.AST) -> ast.AST:
    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is marked else self.generic_visit(node)

    memo: dict[int, object] = {}
    twin = copy.deepcopy(shown, memo)
    marked = memo[id(node)]
    return Swap().visit(twin)
