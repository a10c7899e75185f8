"""``meshgate down``: ends the mesh that runs from this home, and waits for its end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Annotated

import typer

from meshgate.cli.console import err
from meshgate.cli.exits import CliError, Exit
from meshgate.cli.launch.process import alive, is_ours
from meshgate.registry.home import Home, Run

__all__ = ["down"]

_STEP = 0.05


def down(
    now: Annotated[bool, typer.Option("--now", help="Don't wait for open calls; they fail.")] = False,
    wait: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Longest wait for it to end.")] = 60.0,
) -> None:
    """Stop the mesh that 'meshgate up' started from this home.

    Open calls are finished first, for 30 s at most.

    \b
    Examples:
      meshgate down
      meshgate down --now
    """
    home = Home.find()
    run = home.read()
    if run is None:
        raise CliError(f"no mesh runs from {home.path}", Exit.UNREACHABLE, "MESHGATE_HOME chooses another home")
    if not is_ours(run):
        home.remove(run.pid)
        err().print(f"the mesh of process {run.pid} had already ended; its files in {home.path} are cleared")
        return
    _signal(run.pid)
    if now:
        _signal(run.pid)
    asyncio.run(_ended(run, wait))


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except PermissionError:
        raise CliError(f"process {pid} belongs to another user", Exit.DENIED, "stop it as that user") from None


async def _ended(run: Run, wait: float) -> None:
    console = err()
    began = time.monotonic()
    with console.status(f"process {run.pid} finishes its open calls (Ctrl-C stops waiting)"):
        while alive(run.pid):
            if time.monotonic() - began > wait:
                raise CliError(f"process {run.pid} has not ended after {wait:g} s", remedy="meshgate down --now")
            await asyncio.sleep(_STEP)
    console.print(f"stopped (process {run.pid})")
