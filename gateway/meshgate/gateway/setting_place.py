"""The place where a setting was given: a flag, a variable, or a line of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from meshgate.a2a.codec.strict_json import is_object

__all__ = ["place_of"]

_STEP = re.compile(r"([A-Za-z_]\w*)|\[(\d+)\]")
_HEADER = re.compile(r"\s*\[(\[?)\s*([\w.]+)\s*\]?\]\s*(?:#.*)?\Z")


def place_of(setting: str, file: Path | None, environ: Mapping[str, Any], flags: Mapping[str, Any]) -> str:
    """Where a setting was given, the strongest place first; "" if it was given nowhere.

    Args:
        setting: its path, such as ``limits.rate`` or ``agents[1].card``.
        file: the settings file, if there is one.
        environ: the settings of the environment, as a tree.
        flags: those of the command line, as a tree.
    """
    steps = [name or int(number) for name, number in _STEP.findall(setting)]
    if not steps:
        return ""
    if _has(flags, steps):
        return f"--{str(steps[-1]).replace('_', '-')}"
    if _has(environ, steps):
        return "MESHGATE_" + "_".join(str(step) for step in steps).upper()
    if file is None:
        return ""
    try:
        line = _line_of(steps, file.read_text("utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        line = 0
    return f"{file}, line {line}" if line else str(file)


def _has(tree: Mapping[str, Any], steps: Sequence[str | int]) -> bool:
    found: Any = tree
    for step in steps:
        if not is_object(found) or step not in found:
            return False
        found = found[str(step)]
    return True


def _line_of(steps: Sequence[str | int], lines: Sequence[str]) -> int:
    """The line of a key, from 1; else that of its table; 0 if neither is there."""
    section, index = "", -1
    counts: dict[str, int] = {}
    best = 0
    for number, line in enumerate(lines, 1):
        header = _HEADER.match(line)
        if header is not None:
            section = header[2]
            counts[section] = counts.get(section, -1) + 1
            index = counts[section] if header[1] else -1
            if _within(steps, section, index):
                best = best or number
        elif _within(steps, section, index) and re.match(
            rf"\s*['\"]?{re.escape(_key(steps, section))}['\"]?\s*=", line
        ):
            return number
    return best


def _within(steps: Sequence[str | int], section: str, index: int) -> bool:
    """Whether a table is the one that a path leads into."""
    named = section.split(".") if section else []
    path: list[str | int] = [*named, *([index] if index >= 0 else [])]
    return list(steps[: len(path)]) == path


def _key(steps: Sequence[str | int], section: str) -> str:
    """The key that is looked for inside a table."""
    names = [step for step in steps if isinstance(step, str)]
    depth = len(section.split(".")) if section else 0
    return names[min(depth, len(names) - 1)]
