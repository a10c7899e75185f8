"""Processes under measurement: started, asked for their CPU time, ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["Subject", "cpu_seconds", "on_cores", "program", "python"]

_TICK = os.sysconf("SC_CLK_TCK")


class Subject:
    """One process whose cost is measured.

    Args:
        port: where it listens.
        extra: pids that count with it (an nginx master's workers).
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int, extra: tuple[int, ...] = ()) -> None:
        self.process, self.port, self.extra = process, port, extra

    def cpu(self) -> float:
        """CPU seconds so far, of all its threads."""
        return sum(cpu_seconds(pid) for pid in (self.process.pid, *self.extra))


def cpu_seconds(pid: int) -> float:
    """CPU time of a process, of all its threads: from its CPU clock, else from ``/proc/PID/stat``."""
    try:
        return time.clock_gettime(_cpu_clock(pid))
    except OSError:
        return _ticks(pid) / _TICK


def _cpu_clock(pid: int) -> int:
    """The clock that clock_getcpuclockid(3) gives: the pid's complement, and 2 for the scheduler's nanoseconds."""
    return ~pid << 3 | 2


def _ticks(pid: int) -> int:
    """User and system time in ticks, of 10 ms mostly (fields 14 and 15; proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@contextmanager
def on_cores(cores: set[int]) -> Generator[None, None, None]:
    """Within it this thread, and the processes and threads that it starts, run on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def program(command: list[str], **more: object) -> Generator[subprocess.Popen[bytes], None, None]:
    """A process that is ended at the end, whatever happens."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **more)  # type: ignore[call-overload]
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def python(module: str, *arguments: str) -> Generator[tuple[Subject, list[str]], None, None]:
    """A module of ours that prints its port, and perhaps more words, on its first line."""
    with program([sys.executable, "-m", module, *arguments]) as process:
        assert process.stdout is not None
        words = process.stdout.readline().decode().split()
        if not words:
            raise RuntimeError(f"{module} did not start")
        yield Subject(process, int(words[0])), words[1:]
