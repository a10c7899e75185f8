"""Server-sent events, without I/O (WHATWG HTML, section 9.2): what A2A streams travel in over HTTP."""

from __future__ import annotations

from meshgate.a2a.errors import InvalidAgentResponse

__all__ = ["HEARTBEAT", "SseParser", "event"]

HEARTBEAT = b": heartbeat\n\n"
"""A comment: it keeps a quiet connection open, and no reader takes it for an event."""


def event(data: bytes) -> bytes:
    """One event. ``data`` is JSON, so it has no line break."""
    return b"data: " + data + b"\n\n"


class SseParser:
    """Bytes in, the data of whole events out.

    Args:
        max_event: most bytes of one event, lines and field names included.
    """

    def __init__(self, max_event: int) -> None:
        self._max = max_event
        self._tail = b""
        self._data: list[bytes] = []
        self._size = 0
        self._skip_lf = False
        self._start = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that ``chunk`` completes.

        Raises:
            InvalidAgentResponse: an event is larger than ``max_event``.
        """
        events: list[bytes] = []
        if self._skip_lf and chunk:
            # The previous chunk ended in CR; an LF now belongs to that line end.
            chunk = chunk.removeprefix(b"\n")
            self._skip_lf = False
        buffer = self._tail + chunk
        if self._start and buffer:
            if len(buffer) < 3 and b"\xef\xbb\xbf".startswith(buffer):
                self._tail = buffer
                return events
            buffer = buffer.removeprefix(b"\xef\xbb\xbf")
            self._start = False
        self._skip_lf = buffer.endswith(b"\r")
        lines = buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._tail = lines.pop()
        for line in lines:
            self._line(line, events)
        self._check(self._size + len(self._tail))
        return events

    def _check(self, size: int) -> None:
        if size > self._max:
            raise InvalidAgentResponse(f"an event of the stream is larger than {self._max} bytes")

    def _line(self, line: bytes, events: list[bytes]) -> None:
        if not line:
            if self._data:
                events.append(b"\n".join(self._data))
            self._data = []
            self._size = 0
            return
        self._size += len(line)
        self._check(self._size)
        field, _, value = line.partition(b":")
        if field == b"data":
            self._data.append(value.removeprefix(b" "))
