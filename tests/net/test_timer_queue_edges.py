"""A block whose time runs out, and that ends in another way at the same moment."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.net.timer_queue import Timeouts
from tests.support.virtual_loop import virtual_time


@virtual_time
async def test_an_error_of_the_blocks_own_is_no_timeout() -> None:
    with pytest.raises(KeyError), Timeouts(2.0).within():
        try:
            await asyncio.sleep(3.0)
        except asyncio.CancelledError:
            raise KeyError("its own") from None
    await asyncio.sleep(5.0)  # the task itself goes on


@virtual_time
async def test_a_block_that_ends_well_although_its_time_ran_out_has_ended_well() -> None:
    with Timeouts(2.0).within():
        try:
            await asyncio.sleep(3.0)
        except asyncio.CancelledError:
            pass
    await asyncio.sleep(5.0)


@virtual_time
async def test_a_task_that_is_cancelled_from_outside_as_well_is_cancelled() -> None:
    async def wait() -> None:
        with Timeouts(2.0).within():
            await asyncio.sleep(3.0)

    task = asyncio.ensure_future(wait())
    asyncio.get_running_loop().call_later(2.0, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
