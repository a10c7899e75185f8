"""The lines of the product that an input reaches, told by Python itself, so without Atheris too."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from tests.fuzz.targets import Target

__all__ = ["Line", "lines_of", "reached"]

Line = tuple[str, int]
"""A file's name and a line of it."""


def _source(module: str) -> str:
    found = importlib.util.find_spec(f"meshgate.{module}")
    if found is None or found.origin is None:
        raise ModuleNotFoundError(f"there is no module meshgate.{module}")
    return found.origin


def _functions(code: CodeType) -> Iterator[CodeType]:
    """The functions of a module. What stands outside of them has run before any input comes."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & 1:  # CO_OPTIMIZED: a function, no class
                yield constant
            yield from _functions(constant)


def lines_of(target: Target) -> set[Line]:
    """All lines that the target may reach."""
    found: set[Line] = set()
    for module in target.modules:
        name = _source(module)
        for code in _functions(compile(Path(name).read_bytes(), name, "exec")):
            lines = {line for *_, line in code.co_lines() if line is not None}
            found |= {(name, line) for line in lines - {code.co_firstlineno}}
    return found


def _caches() -> list[Callable[[], None]]:
    """What empties the caches of functions, which else would run for the first input alone."""
    modules = [module for name, module in sys.modules.items() if name.startswith("meshgate.")]
    found = [getattr(value, "cache_clear", None) for module in modules for value in vars(module).values()]
    return [clear for clear in found if clear is not None]


def reached(target: Target, inputs: Iterable[bytes]) -> Iterator[set[Line]]:
    """The lines that each input reaches, one set for each, in the target's modules."""
    names = {_source(module) for module in target.modules}
    caches = _caches()
    for data in inputs:
        for empty in caches:
            empty()
        found: set[Line] = set()

        def enter(frame: FrameType, event: str, arg: Any, found: set[Line] = found) -> Any:
            name = frame.f_code.co_filename
            if name not in names:
                return None

            def step(frame: FrameType, event: str, arg: Any) -> Any:
                if event == "line":
                    found.add((name, frame.f_lineno))
                return step

            return step

        before = sys.gettrace()
        sys.settrace(enter)
        try:
            target.run(data)
        finally:
            sys.settrace(before)
        yield found
