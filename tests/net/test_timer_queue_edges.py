"""A block whose time runs out, and that ends in another way at the same moment."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from meshgate.net.timer_queue import TimerQueue
from tests.support.virtual_loop import virtual_time


async def end_with(error: BaseException | None) -> None:
    """A block of two seconds whose work is cut short, and answers with an error of its own or with none."""
    with TimerQueue(2.0).within():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3.0)
        if error is not None:
            raise error


@virtual_time
async def test_an_error_of_the_blocks_own_is_no_timeout() -> None:
    with pytest.raises(KeyError):
        await end_with(KeyError("its own"))
    await asyncio.sleep(5.0)  # the task itself goes on


@virtual_time
async def test_a_block_that_ends_well_although_its_time_ran_out_has_ended_well() -> None:
    await end_with(None)
    await asyncio.sleep(5.0)


@virtual_time
async def test_a_task_that_is_cancelled_from_outside_as_well_is_cancelled() -> None:
    async def wait() -> None:
        with TimerQueue(2.0).within():
            await asyncio.sleep(3.0)

    task = asyncio.ensure_future(wait())
    asyncio.get_running_loop().call_later(2.0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
