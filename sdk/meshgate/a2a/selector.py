"""Selectors: an agent by name, or a skill at a version, with tags and labels.

The one spelling, everywhere (``mesh.call``, the command line, URLs, A2A's tenant label, gRPC metadata)::

    summariser                      an agent, because there is no "@"
    summarise@2                     a skill, version >=2.0.0,<3.0.0
    summarise@2.3                   >=2.3.0,<2.4.0
    summarise@*,region=eu,fast      any version, with a label and a tag

Python and the command line also take ``summarise@^2`` and ``summarise@>=2.1,<3``.
"""

from __future__ import annotations

import functools
import re

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.version_syntax import parse_range
from meshgate.a2a.versions import VersionRange

__all__ = ["NAME", "Selector", "parse_selector"]

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?\Z")
"""An agent's or a skill's name: 1 to 128 characters, safe in a URL path, a header and a file name."""

_TERM = re.compile(r"[A-Za-z0-9._/ -]{1,128}\Z")
MAX_SELECTOR = 512
"""Longest selector, in characters."""


class Selector(msgspec.Struct, frozen=True, cache_hash=True):
    """The target of a call. Exactly one of ``agent`` and ``skill`` is set."""

    agent: str = ""
    skill: str = ""
    versions: VersionRange = VersionRange()
    labels: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    text: str = ""
    """The selector as it was written, for messages and records."""

    def __str__(self) -> str:
        return self.text


@functools.lru_cache(maxsize=4096)
def parse_selector(text: str) -> Selector:
    """Read a selector.

    Raises:
        InvalidParams: it cannot be read; the message says where and shows the form.
    """
    if len(text) > MAX_SELECTOR:
        raise InvalidParams(f"a selector has at most {MAX_SELECTOR} characters")
    name, at, rest = text.partition("@")
    if NAME.match(name) is None:
        raise InvalidParams(f"{name[:64]!r} is no agent or skill name: letters, digits, '.', '_', '-', at most 128")
    if not at:
        return Selector(agent=name, text=text)
    terms = [term.strip(" ") for term in rest.split(",")]
    bounds = [terms.pop(0)]
    while terms and terms[0][:1] in "<>=" and terms[0]:
        bounds.append(terms.pop(0))
    labels: list[tuple[str, str]] = []
    tags: list[str] = []
    for term in terms:
        key, equals, value = term.partition("=")
        if _TERM.match(key) is None or (equals and _TERM.match(value) is None):
            raise InvalidParams(f"{term[:64]!r} in {text[:64]!r} is neither key=value nor a tag")
        if equals:
            labels.append((key, value))
        else:
            tags.append(key)
    return Selector(skill=name, versions=parse_range(bounds), labels=tuple(labels), tags=tuple(tags), text=text)
