"""A stream for log lines that never fails: on a full disk lines are lost, and what logs them goes on."""

from __future__ import annotations

import contextlib
from typing import Any, TextIO

__all__ = ["LogStream"]


class LogStream:
    """Passes lines on to a stream, and drops those that it cannot take.

    Args:
        stream: where lines go, such as standard error.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if the stream takes it."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if the stream can."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
