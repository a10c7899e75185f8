"""An agent whose own code blocks its event loop is told so, and where."""

# pyright: reportPrivateUsage=false
# A stall that lasts a minute cannot be waited for: the warning is called by itself.

from __future__ import annotations

import asyncio
import sys
import textwrap
import threading
from collections.abc import MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from meshgate.sdk import Agent
from meshgate.sdk.server.loop_watch import LoopWatch, place
from tests.support.patience import patience

pytestmark = pytest.mark.requirement("instance.silent")
Line = MutableMapping[str, Any]


def block(seconds: float) -> None:
    threading.Event().wait(seconds)


async def told(lines: list[Line], event: str) -> Line:
    async with asyncio.timeout(patience()):
        while True:
            found = [line for line in lines if line["event"] == event]
            if found:
                return found[0]
            await asyncio.sleep(0.01)


async def test_a_loop_that_stands_still_is_told_with_the_line_that_blocks_it() -> None:
    watch = LoopWatch(0.05)
    with capture_logs() as lines:
        watch.start()
        block(0.4)
        again = await told(lines, "event_loop_runs_again")
        watch.stop()
    warning = await told(lines, "event_loop_blocked")
    assert __file__ in warning["where"]
    assert warning["where"].endswith("in block")
    assert "asyncio.to_thread" in warning["remedy"]
    assert again["seconds"] >= 0.2


async def test_the_same_line_is_named_once_a_minute() -> None:
    now = [100.0]
    watch = LoopWatch(0.5, lambda: now[0])
    with capture_logs() as lines:
        for later in (0.0, 59.0, 1.5):
            now[0] += later
            watch._warn("a.py:1 in f")
            watch._warn("b.py:2 in g")
    assert [line["where"][0] for line in lines] == ["a", "b", "a", "b"]


async def test_a_loop_that_runs_is_left_alone_and_the_watch_ends() -> None:
    watch = LoopWatch(0.05)
    with capture_logs() as lines:
        watch.start()
        await asyncio.sleep(0.3)
        watch.stop()
    assert lines == []
    assert watch._thread is None


def test_the_line_is_the_authors_and_not_a_librarys() -> None:
    found: list[str] = []

    def note(_: str) -> bool:
        found.append(place(sys._getframe().f_back))  # the frame of textwrap, which called this
        return True

    textwrap.indent("a", "b", note)
    assert [__file__ in each for each in found] == [True]
    assert place(None) == "?"


@pytest.mark.parametrize("imports", [True, False])
def test_a_library_that_imports_by_itself_is_nobodys_fault_and_one_that_blocks_is_named(imports: bool) -> None:
    found: list[str] = []
    source = "def look(see):\n    see()\n"
    library, frozen = dict[str, Any](), dict[str, Any]()
    exec(compile(source, textwrap.__file__, "exec"), library)
    exec(compile(source, "<frozen importlib._bootstrap>", "exec"), frozen)

    def see() -> None:
        found.append(place(sys._getframe().f_back))  # this function is the test's own, so it is left out

    async def main() -> None:
        asyncio.get_running_loop().call_soon(frozen["look"] if imports else library["look"], see)
        await asyncio.sleep(0)

    asyncio.run(main())
    assert found == ([""] if imports else [f"{textwrap.__file__}:2 in look"])


async def test_an_agent_that_listens_is_watched() -> None:
    agent = Agent("demo", description="For tests")

    @agent.skill(default=True)
    async def echo(text: str) -> str:
        return text

    with capture_logs() as lines:
        async with agent.serve(join=False, secret="s3cret"):
            block(1.6)
            await told(lines, "event_loop_blocked")
