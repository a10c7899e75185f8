"""Who looks after agents that renew nothing: how often, and what two misses and one answer mean."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.upstream.health import HealthChecks
from meshgate.gateway.upstream.instance import Health, Instance
from meshgate.gateway.upstream.instances import Instances
from meshgate.registry.model import Delta, Entry, HealthCheck
from tests.gateway.calls import entry
from tests.support.virtual_loop import virtual_time


class Drawn(random.Random):
    """Draws the same share of each range, and keeps the ranges."""

    def __init__(self, share: float) -> None:
        super().__init__(0)
        self.ranges: list[tuple[float, float]] = []
        self._share = share

    def uniform(self, a: float, b: float) -> float:
        self.ranges.append((a, b))
        return a + (b - a) * self._share


class Rounds:
    """Health checks over some instances; those in ``silent`` do not answer."""

    def __init__(self, *entries: Entry, takes: float = 0.0, share: float = 0.5, limits: Limits = DEFAULTS) -> None:
        self.loop, self.rng = asyncio.get_running_loop(), Drawn(share)
        self.began = self.loop.time()
        self.instances = Instances(lambda _: "", clock=self.loop.time)
        self.instances.apply(Delta(put=entries))
        self.silent: set[str] = set()
        self.asked: list[tuple[str, float]] = []
        self.patience: set[float] = set()
        self.at_once = self.most = 0
        self._takes = takes
        self._checks = HealthChecks(self.instances, self._ask, self.loop.time, self.rng, limits=limits)

    async def _ask(self, instance: Instance, seconds: float) -> Health:
        self.asked.append((instance.id, self.loop.time() - self.began))
        self.patience.add(seconds)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        await asyncio.sleep(self._takes)
        self.at_once -= 1
        return Health.SILENT if instance.id in self.silent else Health.WELL

    def healthy(self, name: str) -> bool:
        found = self.instances.get(name)
        assert found is not None
        return found.healthy

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        task = asyncio.ensure_future(self._checks.run())
        yield
        task.cancel()


def lasting(name: str, interval: float | None = None) -> Entry:
    check = HealthCheck(f"http://{name}/health", interval) if interval is not None else None
    return entry(name, lasting=True, check=check)


@virtual_time
async def test_each_lasting_instance_is_asked_once_an_interval_and_others_are_not() -> None:
    rounds = Rounds(lasting("often", 1.0), lasting("usual"), entry("renews"))
    async with rounds.running():
        await asyncio.sleep(10.25)
    assert [at for name, at in rounds.asked if name == "often"] == [float(second) for second in range(11)]
    assert [at for name, at in rounds.asked if name == "usual"] == [0.0, 5.0, 10.0]
    assert {name for name, _ in rounds.asked} == {"often", "usual"}
    assert set(rounds.rng.ranges) == {(0.9, 1.1)}
    assert rounds.patience == {2.0}


@virtual_time
async def test_the_interval_is_a_tenth_longer_or_shorter_so_that_gateways_do_not_ask_together() -> None:
    rounds = Rounds(lasting("a", 10.0), share=1.0)
    async with rounds.running():
        await asyncio.sleep(25.0)
    assert [at for _, at in rounds.asked] == [0.0, 11.0, 22.0]


@virtual_time
async def test_how_many_misses_and_the_time_of_an_answer_are_limits() -> None:
    rounds = Rounds(lasting("a", 1.0), limits=Limits(health_misses=1, foreign_health=0.5))
    rounds.silent = {"a"}
    async with rounds.running():
        await asyncio.sleep(0.25)
    assert not rounds.healthy("a")
    assert rounds.patience == {0.5}


@virtual_time
async def test_two_misses_take_an_instance_out_and_one_answer_brings_it_back() -> None:
    rounds = Rounds(lasting("a", 1.0))
    rounds.silent = {"a"}
    async with rounds.running():
        await asyncio.sleep(0.25)
        assert rounds.healthy("a")
        await asyncio.sleep(1.0)
        assert not rounds.healthy("a")
        rounds.silent = set()
        await asyncio.sleep(1.0)
        assert rounds.healthy("a")
        rounds.silent = {"a"}
        await asyncio.sleep(1.0)
        assert rounds.healthy("a")  # misses are counted from none again
        await asyncio.sleep(1.0)
        assert not rounds.healthy("a")


@virtual_time
async def test_an_instance_that_left_and_came_back_is_asked_at_once_and_its_misses_are_forgotten() -> None:
    rounds = Rounds(lasting("a", 60.0))
    rounds.silent = {"a"}
    async with rounds.running():
        await asyncio.sleep(1.25)
        rounds.instances.apply(Delta(gone=("a",)))
        await asyncio.sleep(1.0)
        rounds.instances.apply(Delta(put=(lasting("a", 60.0),)))
        await asyncio.sleep(1.0)
        assert [at for _, at in rounds.asked] == [0.0, 2.5]
        assert rounds.healthy("a")


@virtual_time
async def test_only_so_many_are_asked_at_once() -> None:
    rounds = Rounds(*[lasting(f"a{number}") for number in range(40)], takes=0.5)
    async with rounds.running():
        await asyncio.sleep(2.0)
    assert (len(rounds.asked), rounds.most) == (40, 16)
