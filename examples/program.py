"""The commands of all examples: a home, signals that end everything, and errors for people."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from examples.stage import Stage
from meshgate.cli.console import fail_line, plain
from meshgate.cli.exits import CliError, Exit, from_mesh
from meshgate.sdk import MeshError

__all__ = ["at_home", "guarded", "tell"]


def at_home(name: str, console: Console, play: Callable[[Path], Coroutine[Any, Any, int]], *, keep: bool) -> int:
    """Run an example in a new folder, which is removed at the end; returns the exit code.

    Args:
        name: of the example.
        keep: leaves the folder, and says where it is.
    """
    home = Path(tempfile.mkdtemp(prefix=f"meshgate-{name}-"))
    try:
        if sys.platform == "win32":
            raise CliError("agents run on Linux and macOS", Exit.USAGE, "in WSL this runs as it is")
        return asyncio.run(play(home))
    except CliError as error:
        tell(error)
        return error.code
    finally:
        if keep:
            console.print(f"kept: {home}", soft_wrap=True)
        else:
            shutil.rmtree(home, ignore_errors=True)


def tell(error: CliError) -> None:
    """An error for people: the end of a log first, if it holds one, then what is wrong and what to do."""
    message, _, log = error.message.partition("\n")
    console = Console(stderr=True, highlight=False)
    if log:
        console.print(Text(plain(log), "dim"), soft_wrap=True)
    console.print(fail_line(CliError(message, error.code, error.remedy)), soft_wrap=True)


async def guarded(
    console: Console, home: Path, play: Callable[[Stage], Awaitable[None]], staying: asyncio.Event | None = None
) -> int:
    """Run an example on a stage, with signals: the first asks it to end, a second ends it at once.

    Args:
        home: the stage's folder.
        staying: set while everything is done and the mesh stays up for its user, when to end is no failure.

    Returns:
        The exit code.

    Raises:
        CliError: it failed.
    """
    async with Stage(home) as stage:
        work = asyncio.ensure_future(play(stage))
        told: list[signal.Signals] = []

        def hear(number: signal.Signals) -> None:
            if told:
                stage.kill()
            told.append(number)
            work.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, hear, number)
        try:
            await work
        except asyncio.CancelledError:
            if not told:
                raise
            console.print("Ending.")
            return Exit.DONE if staying is not None and staying.is_set() else 128 + told[0]
        except MeshError as error:
            raise from_mesh(error) from None
        return Exit.DONE
