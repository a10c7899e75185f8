"""The parts of a gateway take their limits from its settings."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from meshgate.a2a.limits import Limits
from meshgate.testing import LocalMesh


async def test_the_parts_take_the_limits_that_they_do_not_read_themselves() -> None:
    limits = Limits(
        rate_keys=3,
        cancel_seconds=0.5,
        hold_down=4.0,
        hold_down_grace=2.0,
        hold_down_share=0.25,
        hold_down_window=7.0,
        hold_down_floor=9,
    )
    gateway = LocalMesh(limits=limits).gateway
    hold = gateway.watcher._hold
    assert (hold._hold, hold._grace, hold._share, hold._window, hold._floor) == (4.0, 2.0, 0.25, 7.0, 9)
    assert (gateway.rates._keys, gateway.send._limits.cancel_seconds) == (3, 0.5)
    await gateway.aclose()
