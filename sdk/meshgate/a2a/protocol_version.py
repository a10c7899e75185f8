"""Protocol versions and the headers that A2A defines (specification 1.0.1, sections 3.6 and 14.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from meshgate.a2a.errors import VersionNotSupported

__all__ = [
    "EXTENSIONS_HEADER",
    "PROTOCOL_VERSION",
    "VERSION_HEADER",
    "asked_version",
    "check_version",
    "stated_version",
    "version_in",
]

PROTOCOL_VERSION = "1.0"
VERSION_HEADER = "a2a-version"
EXTENSIONS_HEADER = "a2a-extensions"
_SERVED = re.compile(r"1\.0(?:\.[0-9]+)?")


def check_version(headers: Mapping[str, str], query: str = "") -> None:
    """Refuse a request in a version that is not served. The patch number does not matter, a missing one means 0.3.

    Raises:
        VersionNotSupported: showing the header to send.
    """
    asked = headers.get(VERSION_HEADER) or query
    if asked == PROTOCOL_VERSION:
        return
    if not asked:
        raise VersionNotSupported("no version means A2A 0.3, which is not served: send 'A2A-Version: 1.0'")
    if _SERVED.fullmatch(asked) is None:
        raise VersionNotSupported(f"A2A {asked[:20]!r} is not served: send 'A2A-Version: 1.0'")


def asked_version(headers: Mapping[str, str], query: str) -> str:
    """The version that a request asks for, major and minor. Without one it asks for 0.3 (section 3.6.2)."""
    return stated_version(headers, query) or "0.3"


def stated_version(headers: Mapping[str, str], query: str) -> str:
    """The version that a request names, major and minor; "" if it names none."""
    named = headers.get(VERSION_HEADER) or version_in(query)
    return ".".join(named.split(".")[:2])


def version_in(query: str) -> str:
    """The version that a URL's query names, for clients that cannot set headers (section 3.6.1); "" if none."""
    return parse_qs(query).get("A2A-Version", [""])[0] if query else ""
