"""What an agent's headers, or metadata, tell the caller and the gateway."""

from __future__ import annotations

from collections.abc import Mapping

from meshgate.a2a.call import Call
from meshgate.a2a.outcome import NO_HEAD, Head
from meshgate.a2a.protocol_version import EXTENSIONS_HEADER, current_headers

__all__ = ["CACHE_CONTROL", "head_of", "reads_head"]

CACHE_CONTROL = "cache-control"
_CARD = "GetExtendedAgentCard"

_LONGEST = 4096
"""Longest list of extensions that is passed on from an agent, in characters."""


def reads_head(call: Call) -> bool:
    """Whether anything in the agent's headers matters; for most calls nothing does."""
    return EXTENSIONS_HEADER in call.headers or call.method.name == _CARD


def head_of(call: Call, answered: Mapping[str, str]) -> Head:
    """What an agent's headers (or metadata) tell: the extensions that it activates of those asked for (specification
    1.0.1, section 14.2.2), and how long the gateway may keep an extended card.
    """
    if call.method.name == _CARD:
        said = answered.get(CACHE_CONTROL, "")
        return Head({CACHE_CONTROL: said}) if said else NO_HEAD
    found = current_headers(answered).get(EXTENSIONS_HEADER, "")
    if not found or EXTENSIONS_HEADER not in call.headers or len(found) > _LONGEST or not _is_plain(found):
        return NO_HEAD
    return Head({EXTENSIONS_HEADER: found})


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()
