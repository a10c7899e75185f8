"""An asyncio loop on virtual time: where every task waits, its clock jumps to the next timer, so no test sleeps.

For tests without sockets, subprocesses or threads (those take real time, which this loop never waits for)::

    @virtual_time
    async def test_a_quiet_stream_gets_a_comment_after_the_pause() -> None:
        await asyncio.sleep(15.0)  # returns at once; the loop's clock is 15 s later

`asyncio.sleep`, `asyncio.timeout`, `call_later` and `loop.time()` follow the loop. What takes a clock as an argument is
given the loop's: ``clock=asyncio.get_running_loop().time``. A test that can never go on fails at once with `Stuck`.
"""

import asyncio
import functools
import selectors
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

START = 1000.0
"""The loop's time when it is made; not zero, so that a time is never mistaken for "none"."""
LONGEST = 30 * 86_400.0
"""Virtual seconds after which a test counts as stuck: only timers that renew themselves are left."""
_STEPS = 1_000_000


class Stuck(RuntimeError):
    """Every task waits for something that no timer causes."""


class _JumpingSelector(selectors.DefaultSelector):
    """A selector that never waits: where the loop would wait, it moves the loop's clock on."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            self.loop.jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop itself; most tests want `virtual_time` or `run` instead."""

    def __init__(self) -> None:
        self._now = START
        self._latest = START + LONGEST
        self._steps = 0
        selector = _JumpingSelector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float | None) -> None:
        """Move the clock on. `None` is what asyncio asks for where nothing is scheduled.

        Raises:
            Stuck: nothing is scheduled, or only what goes on for ever.
        """
        self._steps += 1
        if seconds is None:
            raise Stuck("every task waits for something that no timer will bring")
        self._now += seconds
        if self._now > self._latest or self._steps > _STEPS:
            self._latest, self._steps = self._now + LONGEST, 0  # the tasks that are left must be able to end
            raise Stuck(f"at virtual second {self._now - START:.0f} only timers that renew themselves go on")


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end on a new virtual loop; tasks that are left are cancelled."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


def virtual_time(test: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, T]:
    """Make an `async def` test a plain one that runs on a virtual loop. Its fixtures must be plain ones, too."""

    @functools.wraps(test)
    def plain(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(test(*args, **kwargs))

    return plain


async def settle(turns: int = 20) -> None:
    """Run everything that is ready, without time passing."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def elapsed(work: Awaitable[Any]) -> float:
    """Measure the virtual seconds that `work` takes."""
    loop = asyncio.get_running_loop()
    before = loop.time()
    await work
    return loop.time() - before
