"""Runs pieces of work in forks of this process, some at once: each begins with what is imported here already."""

from __future__ import annotations

import math
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

__all__ = ["AT_ONCE", "Ended", "bound_memory", "run_forked"]

AT_ONCE = 2
"""Children that run at the same time."""
_MEMORY = 4 * 2**30
"""Bytes that the tests may take, with nothing taken out too: some guards bound memory, and what they hold off takes all
that there is, from whatever else runs on the machine too."""

T = TypeVar("T")


@dataclass(frozen=True)
class Ended(Generic[T]):
    """How a piece of work ended."""

    work: T
    said: str
    """What its function returned; empty if the child did not get that far."""
    error: str
    """What its function raised."""
    killed_by: int
    """The signal that ended the child, or 0."""
    in_time: bool
    printed: str
    """What the child and its own children printed, if that is kept."""
    seconds: float


@dataclass
class _Child(Generic[T]):
    work: T
    pid: int
    folder: Path
    began: float
    in_time: bool = True


def bound_memory() -> None:
    """Let this process, and what it starts, take so much memory and no more."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def run_forked(
    pieces: Iterable[tuple[T, Callable[[], str]]],
    *,
    limit: Callable[[T], float] = lambda work: math.inf,
    keep_output: bool = False,
) -> Iterator[Ended[T]]:
    """Run the function of each piece in a child of its own; tell how each ended, as it ends.

    A child has a process group and a folder for temporary files of its own. The group is killed after as many seconds
    as ``limit`` says, and when this iterator is closed.
    """
    left = iter(pieces)
    running: dict[int, _Child[T]] = {}
    root = Path(tempfile.mkdtemp(prefix="mutants-"))
    try:
        while True:
            while len(running) < AT_ONCE and (piece := next(left, None)) is not None:
                pipe, child = _start(*piece, Path(tempfile.mkdtemp(dir=root)), keep_output)
                running[pipe] = child
            if not running:
                return
            yield from _ended(running, limit)
    finally:
        for child in running.values():
            _kill(child)
        shutil.rmtree(root, ignore_errors=True)


def _start(work: T, run: Callable[[], str], folder: Path, keep_output: bool) -> tuple[int, _Child[T]]:
    """A child that does this, and the pipe on which it says how that ended."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(writer)
        return reader, _Child(work, pid, folder, time.monotonic())
    said = b"!"
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        output = str(folder / "output") if keep_output else os.devnull
        for number, name, how in ((0, os.devnull, os.O_RDONLY), (1, output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)):
            os.dup2(os.open(name, how), number)
        os.dup2(1, 2)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
        said = b"=" + run().encode()
    except BaseException as error:  # noqa: BLE001  whatever it is, the parent must know and nothing else may run
        said = f"!{type(error).__name__}: {error}".encode()
    finally:
        try:
            sys.stdout.flush()
            os.write(writer, said[:4096])
        finally:
            os._exit(0)


def _ended(running: dict[int, _Child[T]], limit: Callable[[T], float]) -> Iterator[Ended[T]]:
    """Wait a second at most for children to end; tell of those that have."""
    ready, _, _ = select.select(list(running), [], [], 1.0)
    for pipe, child in list(running.items()):
        took = time.monotonic() - child.began
        if pipe not in ready:
            if took > limit(child.work):
                child.in_time = False
                _kill(child)
            continue
        said = os.read(pipe, 4096).decode(errors="replace")
        os.close(pipe)
        _, status = os.waitpid(child.pid, 0)
        del running[pipe]
        output = child.folder / "output"
        printed = output.read_text(errors="replace") if output.exists() else ""
        shutil.rmtree(child.folder, ignore_errors=True)
        killed_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        result, error = (said[1:], "") if said.startswith("=") else ("", said[1:])
        yield Ended(child.work, result, error, killed_by, child.in_time, printed, took)


def _kill(child: _Child[T]) -> None:
    """End a child with all that it has started; of one that has just begun, it alone."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(child.pid, signal.SIGKILL)
