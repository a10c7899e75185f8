"""How far the checks of one instance lie apart at most."""

from __future__ import annotations

import asyncio

from tests.gateway.upstream.test_health import Rounds, lasting
from tests.support.virtual_loop import virtual_time


@virtual_time
async def test_an_instance_is_asked_again_a_tenth_earlier_or_later_than_its_interval() -> None:
    for drawn, expected in ((0.9, 9.0), (1.1, 11.0)):
        rounds = Rounds(lasting("echo-1", 10.0))
        rounds.rng.uniform = lambda _a, _b, drawn=drawn: drawn  # type: ignore[method-assign, misc]
        async with rounds.running():
            await asyncio.sleep(15.0)
        assert [at for _, at in rounds.asked] == [0.0, expected]
