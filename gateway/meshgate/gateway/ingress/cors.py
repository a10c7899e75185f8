"""Answers that web pages of other origins may read: the CORS protocol of the Fetch standard (section 3.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from meshgate.a2a.mesh.headers import (
    BUDGET,
    CALL,
    CHOICE,
    DEADLINE,
    DEPRECATED,
    INSTANCE,
    JOB,
    PARTIAL,
    SCHEMA,
    SCHEMA_VERSION,
    TASKS_SINCE,
    TRACEPARENT,
    TRACESTATE,
)
from meshgate.a2a.protocol_version import EXTENSIONS_HEADER, LEGACY_EXTENSIONS_HEADER, VERSION_HEADER
from meshgate.gateway.origins import ANY_ORIGIN, fault_of_origins
from meshgate.net.asgi import Header, Receive, Scope, Send, respond

__all__ = ["ASKED", "EXPOSED", "App", "CrossOrigin", "cross_origin"]

App = Callable[[Scope, Receive, Send], Awaitable[None]]

ASKED = (
    *("content-type", "authorization", "x-api-key", "last-event-id", "if-none-match", "if-modified-since"),
    *(VERSION_HEADER, EXTENSIONS_HEADER, LEGACY_EXTENSIONS_HEADER, TRACEPARENT, TRACESTATE),
    *(BUDGET, DEADLINE, SCHEMA_VERSION),
)
"""Headers that a page's request may have."""
EXPOSED = (
    *(CALL, JOB, INSTANCE, CHOICE, DEADLINE, SCHEMA, DEPRECATED, TASKS_SINCE, PARTIAL),
    *(EXTENSIONS_HEADER, LEGACY_EXTENSIONS_HEADER, "etag", "retry-after", "www-authenticate"),
)
"""Headers of an answer that a page may read, beside those that it always may."""
_METHODS = b"GET, HEAD, POST, DELETE"
_MAX_AGE = 7200
"""Seconds for which a browser may keep the answer to a preflight."""
_REFUSED = b'{"error":"pages of this origin may not call this gateway: its operator lists origins in cors_origins"}'

_ALLOW = b"access-control-allow-origin"
_PREFLIGHT: list[Header] = [
    (b"access-control-allow-methods", _METHODS),
    (b"access-control-allow-headers", ", ".join(ASKED).encode()),
    (b"access-control-max-age", str(_MAX_AGE).encode()),
]
_EXPOSE: Header = (b"access-control-expose-headers", ", ".join(EXPOSED).encode())
_VARY = b"Origin"
_FRAMING = (b"content-length", b"transfer-encoding")


def cross_origin(app: App, origins: Sequence[str]) -> App:
    """``app`` with answers that pages of these origins may read; ``app`` itself if there are none."""
    return CrossOrigin(app, origins) if origins else app


class CrossOrigin:
    """An app whose answers, errors included, pages of some origins may read.

    Preflights are answered here, alike for every path: they carry no key. Answers never allow what a browser adds by
    itself, such as cookies: a page shows a key that it was given, in a header.

    Args:
        app: makes the answers.
        origins: exact origins, or ``*`` alone for all.

    Raises:
        ValueError: one of them is no origin.
    """

    def __init__(self, app: App, origins: Sequence[str]) -> None:
        if fault := fault_of_origins(origins):
            raise ValueError(fault)
        self._app = app
        self._any = ANY_ORIGIN in origins
        self._origins = frozenset(one.encode() for one in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        headers: dict[bytes, bytes] = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        added = self._added(origin)
        if origin and _is_preflight(scope["method"], headers):
            await _answer_preflight(send, added)
            return

        async def send_readable(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = self._readable(message["headers"], added)
            await send(message)

        await self._app(scope, receive, send_readable)

    def _added(self, origin: bytes) -> list[Header]:
        """What lets a page of ``origin`` read an answer; nothing if it may not."""
        if self._any:  # the same for everybody, so that caches keep one answer
            return [(_ALLOW, ANY_ORIGIN.encode())]
        return [(_ALLOW, origin)] if self._allows(origin) else []

    def _allows(self, origin: bytes) -> bool:
        return origin in self._origins

    def _readable(self, headers: list[Header], added: list[Header]) -> list[Header]:
        found = [*headers, *added, _EXPOSE] if added else list(headers)
        return found if self._any else _with_vary(found)


def _is_preflight(method: str, headers: dict[bytes, bytes]) -> bool:
    # What has a body is no preflight: the app refuses it as any other request, and sees to the body.
    return (
        method == "OPTIONS"
        and b"access-control-request-method" in headers
        and not any(name in headers for name in _FRAMING)
    )


async def _answer_preflight(send: Send, added: list[Header]) -> None:
    vary = (b"vary", _VARY)
    if not added:
        await respond(send, 403, _REFUSED, [vary])
        return
    # A 204 has no Content-Length (RFC 9110, section 8.6).
    await send({"type": "http.response.start", "status": 204, "headers": [*added, *_PREFLIGHT, vary]})
    await send({"type": "http.response.body", "body": b""})


def _with_vary(headers: list[Header]) -> list[Header]:
    """The headers of an answer that depends on who asks, for caches (RFC 9110, section 12.5.5)."""
    if not any(name == b"vary" for name, _ in headers):
        return [*headers, (b"vary", _VARY)]
    return [(name, value + b", " + _VARY if name == b"vary" else value) for name, value in headers]
