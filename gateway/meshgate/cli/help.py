"""The help texts of commands, made from their docstrings."""

from __future__ import annotations

import inspect
from collections.abc import Callable

__all__ = ["help_of"]


def help_of(command: Callable[..., None]) -> str:
    """The docstring of a command, each paragraph in one line, so that the terminal wraps it.

    A paragraph that begins with ``\\b`` keeps its lines, as in click.
    """
    paragraphs = inspect.cleandoc(command.__doc__ or "").split("\n\n")
    return "\n\n".join(one if one.startswith("\b") else " ".join(one.split()) for one in paragraphs)
