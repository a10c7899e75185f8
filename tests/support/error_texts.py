"""Collects the text of every error of the mesh's own that a test makes, and says what is wrong with it.

An error says what is wrong, why, and what to do, in at most 200 characters and without the name of a Python type. What
an agent said, or what another process of the mesh already said, is not its author's text here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from meshgate.a2a.errors import MeshError

__all__ = ["LONGEST", "collected", "faults_of"]

LONGEST = 200
"""Most characters of an error's text; a path, a URL and a job's path of calls each count as one word of ten."""
_HEARD = (
    "meshgate.a2a.bindings.grpc_0_3_errors",
    "meshgate.a2a.bindings.grpc_errors",
    "meshgate.a2a.error_lookup",
    "meshgate.a2a.bindings.json_details",
    "meshgate.a2a.bindings.jsonrpc_errors",
    "meshgate.registry.join.errors",
    "meshgate.sdk.client.task_errors",
    "meshgate.sdk.tasks.runner",
    "meshgate.testing.agents",
)
"""Modules that make errors of what came over a wire, or of what an agent's author wrote."""
_ESCAPED = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|[nrt\\'\"])")
"""A character that cannot be printed, as an error quotes it: it counts as the one that was given."""
_ONE_WORD = re.compile(r"[a-z]+://\S+|(?<![\w/])/[\w./+-]+|[\w.*-]+(?: → [\w.*-]+)+")
_TYPES = re.compile(
    r"\b(?:NoneType|dict|str|int|float|bool|tuple|bytearray|[A-Z]\w*(?:Error|Exception))\b"
    r"|<class |object at 0x|Traceback"
)
_OF_TYPES = ("meshgate.registry.schemas", "meshgate.gateway.contracts", "meshgate.sdk.schemas")
"""Modules that speak of an author's types: a model's in Python, or protobuf's."""
_PROTOBUF_TOO = ("bool", "float", "int", "str", "dict", "tuple")
_WORDS = re.compile(r"[^\W\d_]{2,}")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


def faults_of(text: str, place: str = "") -> list[str]:
    """What is wrong with the text of an error; empty if nothing is.

    Args:
        place: the module that made it.
    """
    found: list[str] = []
    length = len(_ONE_WORD.sub("one word..", _ESCAPED.sub("?", text)))
    if length > LONGEST:
        found.append(f"it has {length} characters, {LONGEST} at most")
    named = _TYPES.search(_QUOTED.sub("''", text))
    if named is not None and not (place.startswith(_OF_TYPES) and named[0] in _PROTOBUF_TOO):
        found.append(f"it names a type of Python's, {named[0]!r}")
    if len(_WORDS.findall(text)) < 3:
        found.append("it is no sentence: say what is wrong, and what to do")
    if "\n" in text.strip():
        found.append("it has several lines")
    return found


@contextmanager
def collected() -> Generator[dict[str, str]]:
    """The texts that are made in the block, each with the place in the code that made it."""
    texts: dict[str, str] = {}
    whole = MeshError.__init__

    def note(self: MeshError, *args: Any, **more: Any) -> None:
        whole(self, *args, **more)
        frame: Any = inspect.currentframe()
        frame = frame.f_back
        while frame is not None and frame.f_globals.get("__name__") == MeshError.__module__:
            frame = frame.f_back
        module = str(frame.f_globals.get("__name__", "")) if frame is not None else ""
        if frame is not None and module.startswith("meshgate.") and module not in _HEARD:
            texts.setdefault(self.message, f"{module}:{frame.f_lineno}")

    MeshError.__init__ = note  # type: ignore[method-assign]
    try:
        yield texts
    finally:
        MeshError.__init__ = whole  # type: ignore[method-assign]
