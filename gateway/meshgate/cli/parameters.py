"""Parameters of commands: text, and what is not given, needs no conversion, and so nothing that converts.

typer (seen in 0.29) converts each value by pydantic, also a text to a text and nothing to nothing. Loading pydantic
takes as long as half of what a command needs to begin.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import typer.core

__all__ = ["convert_only_what_needs_it"]


@cache
def convert_only_what_needs_it() -> None:
    """Let typer's parameters take texts, and values that are not given, as they are."""
    for kind in (typer.core.TyperOption, typer.core.TyperArgument):
        process = getattr(kind, "process_value", None)
        if process is not None:  # else this typer does otherwise
            setattr(kind, "process_value", _lighter(process))  # noqa: B010 - mypy refuses to see a method replaced


def _lighter(process: Callable[[Any, Any, Any], Any]) -> Callable[[Any, Any, Any], Any]:
    @wraps(process)
    def processed(self: Any, ctx: Any, value: Any) -> Any:
        kind = getattr(getattr(self, "type_descriptor", None), "annotation", None)
        as_it_is = kind is str and isinstance(value, str) if value is not None else not self.required
        if not as_it_is:
            return process(self, ctx, value)
        return value if self.callback is None else self.callback(ctx, self, value)

    return processed
