"""Many timeouts of one length, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.net.timer_queue import TimerQueue
from tests.support.virtual_loop import virtual_time


@virtual_time
async def test_timeouts_end_in_the_order_they_began_each_after_its_full_time() -> None:
    now = asyncio.get_running_loop().time
    timeouts, ended = TimerQueue(2.0), list[tuple[str, float]]()
    began = now()
    timeouts.start(lambda: ended.append(("a", now() - began)))
    await asyncio.sleep(0.5)
    timeouts.start(lambda: ended.append(("b", now() - began)))
    await asyncio.sleep(10.0)
    assert ended == [("a", 2.0), ("b", 2.5)]


@virtual_time
async def test_a_stopped_timeout_says_nothing_and_leaves_nothing() -> None:
    timeouts, ended = TimerQueue(2.0), list[str]()
    first, second = timeouts.start(lambda: ended.append("a")), timeouts.start(lambda: ended.append("b"))
    timeouts.stop(first)
    timeouts.stop(first)
    assert timeouts.running == 1
    await asyncio.sleep(3.0)
    timeouts.stop(second)
    assert (ended, timeouts.running) == (["b"], 0)


@virtual_time
async def test_one_that_begins_while_the_timer_of_a_stopped_one_runs_has_its_full_time() -> None:
    now = asyncio.get_running_loop().time
    timeouts, ended = TimerQueue(2.0), list[float]()
    timeouts.stop(timeouts.start(lambda: None))
    await asyncio.sleep(1.5)
    began = now()
    timeouts.start(lambda: ended.append(now() - began))
    await asyncio.sleep(10.0)
    assert ended == [2.0]


@virtual_time
async def test_a_block_that_lasts_too_long_is_ended_there_and_a_quick_one_is_not() -> None:
    timeouts = TimerQueue(2.0)
    with timeouts.within():
        await asyncio.sleep(1.0)
    with pytest.raises(TimeoutError), timeouts.within():
        await asyncio.sleep(3.0)
    await asyncio.sleep(5.0)  # the task itself goes on


@virtual_time
async def test_a_cancellation_from_outside_is_no_timeout() -> None:
    async def wait() -> None:
        with TimerQueue(2.0).within():
            await asyncio.sleep(3.0)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_it_may_move_to_another_loop() -> None:
    timeouts = TimerQueue(0.0)

    async def wait() -> None:
        over = asyncio.Event()
        timeouts.start(over.set)
        await over.wait()

    asyncio.run(wait())
    asyncio.run(wait())
