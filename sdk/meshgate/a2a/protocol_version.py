"""Protocol versions and the headers that A2A defines (specification 1.0.1, sections 3.6 and 14.2).

A2A 0.3 has no header for the version, and calls that for extensions ``X-A2A-Extensions``. Within the mesh a call's
headers are 1.0's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qs

from meshgate.a2a.errors import VersionNotSupported

__all__ = [
    "EXTENSIONS_HEADER",
    "LEGACY_EXTENSIONS_HEADER",
    "LEGACY_VERSION",
    "PROTOCOL_VERSION",
    "VERSION_HEADER",
    "asked_version",
    "check_legacy_version",
    "check_version",
    "current_headers",
    "protocol_headers",
    "stated_version",
    "version_in",
    "with_legacy_names",
]

PROTOCOL_VERSION = "1.0"
LEGACY_VERSION = "0.3"
"""The version of a request that names none (section 3.6.2)."""
VERSION_HEADER = "a2a-version"
EXTENSIONS_HEADER = "a2a-extensions"
LEGACY_EXTENSIONS_HEADER = "x-a2a-extensions"
"""What A2A 0.3 calls that header."""
_LEGACY = re.compile(r"0\.3(?:\.[0-9]+)?")
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
        raise VersionNotSupported("no version means A2A 0.3, and this is a request of 1.0: send 'A2A-Version: 1.0'")
    if _SERVED.fullmatch(asked) is None:
        raise VersionNotSupported(f"A2A {asked[:20]!r} is not served: send 'A2A-Version: 1.0'")


def asked_version(headers: Mapping[str, str], query: str) -> str:
    """The version that a request asks for, major and minor. Without one it asks for 0.3 (section 3.6.2)."""
    return stated_version(headers, query) or LEGACY_VERSION


def stated_version(headers: Mapping[str, str], query: str) -> str:
    """The version that a request names, major and minor; "" if it names none."""
    named = headers.get(VERSION_HEADER) or version_in(query)
    return ".".join(named.split(".")[:2])


def version_in(query: str) -> str:
    """The version that a URL's query names, for clients that cannot set headers (section 3.6.1); "" if none."""
    return parse_qs(query).get("A2A-Version", [""])[0] if query else ""


def check_legacy_version(headers: Mapping[str, str], query: str = "") -> None:
    """Refuse a request of A2A 0.3 that says it is of another version.

    Raises:
        VersionNotSupported: it does.
    """
    asked = headers.get(VERSION_HEADER) or query
    if asked and _LEGACY.fullmatch(asked) is None:
        raise VersionNotSupported(f"this is a request of A2A 0.3, and it says {asked[:20]!r}: leave A2A-Version out")


def current_headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    """A request's headers of A2A 0.3 under 1.0's names."""
    asked = headers.get(LEGACY_EXTENSIONS_HEADER)
    if asked is None or EXTENSIONS_HEADER in headers:
        return headers
    return {**headers, EXTENSIONS_HEADER: asked}


def with_legacy_names(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers of an answer under the names that clients of A2A 0.3 know."""
    if EXTENSIONS_HEADER not in headers:
        return headers
    return {LEGACY_EXTENSIONS_HEADER if name == EXTENSIONS_HEADER else name: text for name, text in headers.items()}


def protocol_headers(version: str, extensions: str | None) -> dict[str, str]:
    """The headers of a request that is sent.

    Args:
        version: the version of A2A that it is written in, major and minor.
        extensions: the extensions that its caller asks for, if any.
    """
    if version == LEGACY_VERSION:
        return {} if extensions is None else {LEGACY_EXTENSIONS_HEADER: extensions}
    sent = {VERSION_HEADER: PROTOCOL_VERSION}
    if extensions is not None:
        sent[EXTENSIONS_HEADER] = extensions
    return sent
