"""Puts a changed tree of a module in place of the running code, so that who imported it already runs the change."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from tests.mutants.rules import Change, apply

__all__ = ["install"]


def install(module: ModuleType, source: str, change: Change) -> None:
    """Make ``change`` in the running module: in the code of a function, in the defaults of its arguments, or in a
    constant.

    Raises:
        LookupError: nothing that runs differs.
    """
    tree = apply(source, change)
    (_, place), *_ = change.path
    statement = tree.body[place or 0]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        _set_constant(module, statement)
        return
    live = {(found.__qualname__, found.__code__.co_firstlineno): found for found in _functions(vars(module), module)}
    changed = 0
    for code in _outermost(compile(tree, module.__file__ or "", "exec", dont_inherit=True)):
        function = live.get((code.co_qualname, code.co_firstlineno))
        if function is not None and function.__code__ != code:
            function.__code__ = code
            changed += 1
    if change.path[-2:-1] == (("args", None),) and isinstance(change.node, ast.Constant):
        changed += sum(_set_default(found, change) for (name, _), found in live.items() if name == change.where)
    if not changed:
        raise LookupError(f"{module.__name__}: {change.name} changes nothing that runs")


def _functions(namespace: Any, module: ModuleType) -> Iterator[FunctionType]:
    for value in list(namespace.values()):
        if isinstance(value, type):
            if value.__module__ == module.__name__:
                yield from _functions(vars(value), module)
        else:
            for found in _unwrapped(value):
                if found.__module__ == module.__name__:
                    yield found


def _unwrapped(value: Any) -> Iterator[FunctionType]:
    if isinstance(value, FunctionType):
        yield value
    elif isinstance(value, property):
        yield from (found for found in (value.fget, value.fset) if isinstance(found, FunctionType))
    for name in ("__wrapped__", "__func__"):
        inner = getattr(value, name, None)
        if inner is not None:
            yield from _unwrapped(inner)


def _outermost(code: CodeType) -> Iterator[CodeType]:
    """The code of functions that stand in the module or in a class; functions within them are constants of theirs."""
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            # A class body has no fast locals, a function has.
            if inner.co_flags & 0x2:
                yield inner
            else:
                yield from _outermost(inner)


def _set_default(function: FunctionType, change: Change) -> bool:
    field, place = change.path[-1]
    value = change.node.value if isinstance(change.node, ast.Constant) else None
    if field == "defaults":
        defaults: list[Any] = list(function.__defaults__ or ())
        defaults[place or 0] = value
        function.__defaults__ = tuple(defaults)
    else:
        names = function.__code__.co_varnames[function.__code__.co_argcount :]
        function.__kwdefaults__ = {**(function.__kwdefaults__ or {}), names[place or 0]: value}
    return True


def _set_constant(module: ModuleType, statement: ast.stmt) -> None:
    """Run the assignment once more, and hand what it gives to the modules that imported it by name."""
    scope = dict(vars(module))
    exec(compile(ast.Module([statement], []), module.__file__ or "", "exec", dont_inherit=True), scope)
    for name, value in scope.items():
        if name in vars(module) and vars(module)[name] is not value:
            old = vars(module)[name]
            setattr(module, name, value)
            for other in list(sys.modules.values()) if not name.startswith("_") else ():
                if vars(other).get(name) is old:
                    setattr(other, name, value)
