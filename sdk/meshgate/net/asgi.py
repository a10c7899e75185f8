"""Reads ASGI requests (headers and bodies, within their limits) and sends whole answers."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

from meshgate.a2a.errors import BodyTimeout, BodyTooLarge, ContentTypeNotSupported, HeadersTooLarge, InvalidRequest
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.net.timer_queue import TimerQueue

__all__ = [
    "Header",
    "Receive",
    "Scope",
    "Send",
    "raw_path",
    "read_body",
    "read_headers",
    "respond",
    "start_message",
    "to_come",
]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]

_JSON = (b"content-type", b"application/json")
_LENGTH_DIGITS = 19
_SKIPPED = 64 * 1024
"""Bytes of a refused body that are read for nothing; a connection with more to come is closed."""


def read_headers(scope: Scope, limits: Limits = DEFAULTS) -> dict[str, str]:
    """A request's headers, names in lower case, values of a repeated one joined by a comma.

    Raises:
        HeadersTooLarge: too many, or too large together.
        InvalidRequest: a name holds an underscore, which some servers take for a dash.
    """
    raw: list[tuple[bytes, bytes]] = scope["headers"]
    if len(raw) > limits.header_count:
        raise HeadersTooLarge(f"a request may have {limits.header_count} headers")
    headers: dict[str, str] = {}
    size = 0
    for name, value in raw:
        size += len(name) + len(value)
        key = name.decode("latin-1")
        headers[key] = f"{headers[key]},{value.decode('latin-1')}" if key in headers else value.decode("latin-1")
    if size > limits.header_bytes:
        raise HeadersTooLarge(f"a request's headers may have {limits.header_bytes} bytes together")
    if "_" in "".join(headers):
        raise InvalidRequest("a header name may not hold an underscore")
    return headers


def raw_path(scope: Scope, path: str) -> str:
    """A path as it came, still percent-encoded; "" if the server does not say.

    Args:
        path: the end of the request's path that is asked about, decoded: below the one at which an app is mounted.
    """
    raw: bytes = scope.get("raw_path") or b""
    if b"%" not in raw:
        return path
    segments = raw.decode("latin-1").split("/")
    ends = ("/" + "/".join(segments[above:]) for above in range(1, len(segments)))
    return next((end for end in ends if unquote(end) == path), "")


async def read_body(
    headers: Mapping[str, str], receive: Receive, limits: Limits = DEFAULTS, patience: TimerQueue | None = None
) -> bytes:
    """The request's body.

    Args:
        patience: timeouts of ``limits.body_seconds``. An endpoint that reads many bodies keeps one queue for all.

    Raises:
        BodyTooLarge, BodyTimeout, ContentTypeNotSupported: at most the limit and one chunk were read.
        InvalidRequest: Content-Length is no number.
    """
    if headers.get("content-encoding", "identity") != "identity":
        raise ContentTypeNotSupported("a compressed body is not accepted: leave Content-Encoding out")
    length = headers.get("content-length", "")
    if length and not (length.isascii() and length.isdecimal()):
        raise InvalidRequest("Content-Length is no number")
    if len(length) > _LENGTH_DIGITS or int(length or "0") > limits.body:
        # Checked before a byte is read. The digits are counted first, because a long number takes long to parse.
        raise BodyTooLarge(f"a request body may have {limits.body} bytes")
    if length == "0":
        return b""
    if patience is None:
        patience = TimerQueue(limits.body_seconds)
    try:
        with patience.within():
            return await _read_all(receive, limits.body)
    except TimeoutError:
        raise BodyTimeout(f"the request body did not arrive within {limits.body_seconds:g} s") from None


def to_come(headers: Mapping[str, str]) -> float:
    """How many bytes of a request's body are still to come, by its head; infinity if it does not say."""
    if "transfer-encoding" in headers:
        return math.inf
    length = headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdecimal() and len(length) <= _LENGTH_DIGITS else math.inf


async def _read_all(receive: Receive, limit: int) -> bytes:
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise BodyTimeout("the caller left before its request was complete")
        chunk: bytes = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"a request body may have {limit} bytes")
        chunks.append(chunk)
    # Nearly every body comes in one piece, which is not copied.
    return b"".join(chunks) if len(chunks) > 1 else chunks[0]


def start_message(status: int, headers: list[Header], body: bytes) -> dict[str, Any]:
    """The first of the two messages of a whole answer (ASGI: ``http.response.start``)."""
    sent = [*headers, (b"content-length", str(len(body)).encode())]
    return {"type": "http.response.start", "status": status, "headers": sent}


async def respond(
    send: Send, status: int, body: bytes, headers: list[Header] | None = None, *, unread: float = 0.0
) -> None:
    """Send one whole answer; JSON unless ``headers`` name another content type.

    Args:
        unread: bytes of the request's body that nobody will read. A little is skipped, and the connection goes on; one
            with more to come is closed.
    """
    sent = headers or []
    if not any(name == b"content-type" for name, _ in sent):
        sent = [_JSON, *sent]
    if unread > _SKIPPED:
        sent = [*sent, (b"connection", b"close")]
    await send(start_message(status, sent, body))
    await send({"type": "http.response.body", "body": body})
