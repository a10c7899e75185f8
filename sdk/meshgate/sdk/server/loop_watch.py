"""A watch over the event loop of an agent: code that blocks it keeps every other call waiting, and the gateway takes an
agent that does not answer its health route for one that hangs.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import structlog

__all__ = ["LoopWatch"]

log = structlog.get_logger(__name__)
_AGAIN = 60.0
"""Seconds for which the same line of code is not named again."""
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})
_RUNNER = asyncio.runners.__file__
_OWN = str(Path(__file__).parents[2])


class LoopWatch:
    """A thread that asks the event loop for a sign of life, and warns when none comes: it names the line that blocks.

    Args:
        stall: seconds for which the loop may stand still without a warning.
        clock: monotonic seconds.
    """

    def __init__(self, stall: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall = stall
        self._clock = clock
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._named: dict[str, float] = {}

    def start(self) -> None:
        """Watch the running loop."""
        loop, ident = asyncio.get_running_loop(), threading.get_ident()
        self._thread = threading.Thread(target=self._watch, args=(loop, ident), name="meshgate-loop-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no longer."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _watch(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        while not self._ended.wait(self._stall):
            alive, asked = threading.Event(), self._clock()
            try:
                loop.call_soon_threadsafe(alive.set)
            except RuntimeError:
                return  # the loop is closed
            if alive.wait(self._stall) or self._ended.is_set():
                continue
            # Public by its documentation, whatever its name says.
            frames = sys._current_frames()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
            where = place(frames.get(ident))
            if where:
                self._warn(where)
            while not alive.wait(self._stall):
                if self._ended.is_set():
                    return
            if where:
                log.info("event_loop_runs_again", seconds=round(self._clock() - asked, 1))

    def _warn(self, where: str) -> None:
        now = self._clock()
        if now - self._named.get(where, -_AGAIN) < _AGAIN:
            return
        self._named[where] = now
        log.warning(
            "event_loop_blocked",
            where=where,
            seconds=self._stall,
            effect="other calls wait, and the gateway may take this agent for one that hangs",
            remedy="run what blocks with 'await asyncio.to_thread(...)'",
        )


def place(frame: FrameType | None) -> str:
    """The line that a thread executes: the innermost one that is not of a library, as ``file:line in function``.

    It is "" where a library imports another one by itself, as at a start: no line of the author's can be changed.
    """
    found, importing = frame, False
    while found is not None and found.f_code.co_filename.startswith((*_LIBRARIES, _OWN, "<")):
        importing = importing or found.f_code.co_filename.startswith("<frozen importlib")
        # What called the event loop does not block it.
        found = None if found.f_code.co_filename == _RUNNER else found.f_back
    if found is None and importing:
        return ""
    found = found or frame
    if found is None:
        return "?"
    return f"{found.f_code.co_filename}:{found.f_lineno} in {found.f_code.co_name}"
