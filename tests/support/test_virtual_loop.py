import asyncio

import pytest

from tests.support.virtual_loop import START, Stuck, elapsed, run, settle, virtual_time


@virtual_time
async def test_a_sleep_takes_its_time_on_the_loops_clock_alone() -> None:
    assert await elapsed(asyncio.sleep(3600.0)) == pytest.approx(3600.0)


@virtual_time
async def test_timers_fire_in_their_order() -> None:
    loop, seen = asyncio.get_running_loop(), list[tuple[str, float]]()

    def see(name: str) -> None:
        seen.append((name, loop.time()))

    loop.call_later(2.0, see, "late")
    loop.call_later(0.5, see, "early")
    await asyncio.sleep(5.0)
    assert seen == [("early", START + 0.5), ("late", START + 2.0)]


@virtual_time
async def test_a_timeout_ends_what_waits_for_nothing() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(30.0):
            await asyncio.Event().wait()
    assert asyncio.get_running_loop().time() == pytest.approx(START + 30.0)


@virtual_time
async def test_settling_lets_no_time_pass() -> None:
    seen = list[int]()

    async def work() -> None:
        for step in range(5):
            await asyncio.sleep(0)
            seen.append(step)

    task = asyncio.ensure_future(work())
    assert await elapsed(settle()) == 0.0
    assert seen == [0, 1, 2, 3, 4]
    await task


def test_a_test_that_can_never_go_on_fails_at_once() -> None:
    with pytest.raises(Stuck):
        run(asyncio.Event().wait())


def test_a_test_on_which_only_renewing_timers_go_on_fails() -> None:
    async def beat_for_ever() -> None:
        def beat() -> None:
            asyncio.get_running_loop().call_later(86_400.0, beat)

        beat()
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        run(beat_for_ever())
