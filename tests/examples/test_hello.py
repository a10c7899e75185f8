"""The smallest example, and the stage that the larger one stands on, with a real gateway."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from examples.stage import Stage
from meshgate.cli.exits import CliError, Exit
from meshgate.sdk import Mesh
from tests.examples.scratch import ROOT, surroundings
from tests.support.patience import patience

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncGenerator[Stage, None]:
    home = tmp_path / "home"
    home.mkdir(0o700)
    async with Stage(home, surroundings()) as stage:
        await stage.start_gateway()
        yield stage
    assert all(child.ended for child in stage.children)


@pytest.mark.requirement("example.hello")
async def test_hello_joins_and_greets_whoever_calls(stage: Stage) -> None:
    await stage.start("hello", str(ROOT / "examples/hello/agent.py"))
    counts: list[tuple[int, int]] = []
    await stage.until_listed({"hello": 1}, lambda there, total: counts.append((there, total)))
    assert counts[-1] == (1, 1)
    async with Mesh(stage.mesh.gateway, stage.mesh.client_key) as mesh:
        assert (await mesh.call("hello", text="World")).text == "Hello, World!"
    # As its README says it.
    command = [sys.executable, "-m", "meshgate.cli", "call", "hello", "World"]
    environ = {**surroundings(), "MESHGATE_HOME": str(stage.home)}
    done = await asyncio.to_thread(
        subprocess.run, command, env=environ, capture_output=True, check=False, timeout=patience(60.0)
    )
    assert (done.returncode, done.stdout.strip()) == (0, b"Hello, World!"), done.stderr


@pytest.mark.requirement("example.clean")
async def test_an_agent_that_ends_too_soon_is_an_error_with_the_end_of_its_log(stage: Stage) -> None:
    child = await stage.start("broken", "-c", "import sys; sys.exit('no such thing')")
    with pytest.raises(CliError, match="no such thing") as caught:
        await stage.until_listed({"broken": 1}, lambda there, total: None)
    assert caught.value.code == Exit.UNREACHABLE
    assert child.ended


@pytest.mark.requirement("example.clean")
async def test_a_process_that_ignores_the_signal_is_killed_with_its_children(stage: Stage) -> None:
    grandchild = "open('alive', 'w').write('x'); held = open('alive', 'w'); input()"
    program = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"subprocess.Popen([sys.executable, '-c', {grandchild!r}], stdin=subprocess.PIPE).wait()\n"
    )
    alive = stage.home / "alive"
    os.mkfifo(alive)
    stage.stop_seconds = 0.5
    await stage.start("stubborn", "-c", program)
    with await asyncio.to_thread(alive.open, "rb") as reading:
        await stage.stop()
        # The end of what the grandchild wrote comes when it no longer holds the other end.
        assert await asyncio.to_thread(reading.read) == b"x"
    assert all(child.ended for child in stage.children)
