"""What an agent's headers, or metadata, tell the caller."""

from __future__ import annotations

from collections.abc import Mapping

from meshgate.a2a.call import Call
from meshgate.a2a.outcome import NO_HEAD, Head
from meshgate.a2a.protocol_version import EXTENSIONS_HEADER, current_headers

__all__ = ["head_of"]

_LONGEST = 4096
"""Longest list of extensions that is passed on from an agent, in characters."""


def head_of(call: Call, answered: Mapping[str, str]) -> Head:
    """What an agent's headers (or metadata) tell the caller: the extensions that it activates of those asked for
    (specification 1.0.1, section 14.2.2).
    """
    found = current_headers(answered).get(EXTENSIONS_HEADER, "")
    if not found or EXTENSIONS_HEADER not in call.headers or len(found) > _LONGEST or not _is_plain(found):
        return NO_HEAD
    return Head({EXTENSIONS_HEADER: found})


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
