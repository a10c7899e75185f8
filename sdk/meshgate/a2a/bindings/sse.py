"""Server-sent events, without I/O (WHATWG HTML, section 9.2): the form of A2A streams over HTTP."""

from __future__ import annotations

from meshgate.a2a.errors import InvalidAgentResponse

__all__ = ["HEARTBEAT", "MAX_LINES", "SseParser", "event", "too_large"]

HEARTBEAT = b": heartbeat\n\n"
"""A comment: it keeps a quiet connection open, and no reader takes it for an event."""
_BOM = b"\xef\xbb\xbf"


_BREAKS = ((b"\xc2\x85", b"\\u0085"), (b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


def event(data: bytes, name: str = "") -> bytes:
    """One event. ``data`` is JSON, so it has no line break.

    Line breaks of Unicode alone (NEL, LS, PS) are escaped, because httpx's line reader, and so a2a-sdk's client, ends
    lines there. JSON has them within strings only, where the escape means the same.
    """
    for raw, escaped in _BREAKS:
        if raw in data:
            data = data.replace(raw, escaped)
    named = b"event: " + name.encode() + b"\n" if name else b""
    return named + b"data: " + data + b"\n\n"


MAX_LINES = 10_000
"""Lines, comments and empty ones among them, that may come before an event is whole."""


def too_large(most: int) -> InvalidAgentResponse:
    """The error for an event that is larger than ``most`` bytes."""
    return InvalidAgentResponse(
        f"an event of the agent's stream is larger than {most} bytes: call it without streaming, or let it send its "
        "result in several artifact events (append)",
        neutral=True,
    )


class SseParser:
    """The parser: from chunks of bytes to the data of whole events. It reads each byte once, in chunks of any size.

    Args:
        max_event: most bytes of one event, field names included. Comments that have ended are not counted.
    """

    def __init__(self, max_event: int) -> None:
        self._max = max_event
        self._line = bytearray()  # the part of a line whose end has not arrived
        self._data: list[bytes] = []
        self._size = self._lines = 0
        self._after_cr = False
        self._start: bytes | None = b""  # the first bytes, which may be a byte order mark

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that ``chunk`` completes.

        Raises:
            InvalidAgentResponse: an event is larger than ``max_event``, or more than ``MAX_LINES`` lines hold none.
        """
        if self._start is not None:
            chunk = self._without_bom(self._start + chunk)
        if not chunk:
            return []
        if self._after_cr:
            # The previous chunk ended in CR; an LF now belongs to that line end.
            chunk = chunk.removeprefix(b"\n")
        self._after_cr = chunk.endswith(b"\r")
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = chunk.split(b"\n")
        events: list[bytes] = []
        for line in lines:
            self._end_line(line, events)
        if rest:
            self._grow(rest)
        return events

    def _without_bom(self, start: bytes) -> bytes:
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(_BOM)

    def _grow(self, piece: bytes) -> None:
        self._line += piece
        if self._size + len(self._line) > self._max:
            raise too_large(self._max)

    def _end_line(self, piece: bytes, events: list[bytes]) -> None:
        self._grow(piece)
        self._lines += 1
        if self._lines > MAX_LINES:
            raise InvalidAgentResponse(f"more than {MAX_LINES} lines of the stream hold no event", neutral=True)
        line = bytes(self._line)
        self._line.clear()
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
                self._lines = 0
            self._data.clear()
            self._size = 0
        elif not line.startswith(b":"):
            self._size += len(line)
            field, _, value = line.partition(b":")
            if field == b"data":
                self._data.append(value.removeprefix(b" "))
