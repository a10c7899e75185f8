"""Where no instance is ready and one is only silent, calls wait for it: how long, how many, and for which instances."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from meshgate.a2a.call import Route
from meshgate.a2a.errors import MeshError, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import Waited
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.policies.call.failover import Failover
from meshgate.gateway.routing.balance import Balance
from meshgate.gateway.upstream.attempt import Chosen
from meshgate.gateway.upstream.instance import Health, Instance
from meshgate.gateway.upstream.instances import Instances
from meshgate.registry.model import Delta
from tests.gateway.calls import Behind, entry, limits, make_call
from tests.support.virtual_loop import settle, virtual_time

pytestmark = pytest.mark.requirement("instance.silent")


class Waiting:
    """The balancer over instances of two releases, ``a`` and ``b`` of the first and ``old`` of the second."""

    def __init__(self, **changes: Any) -> None:
        loop = asyncio.get_running_loop()
        self.clock, self.began = loop.time, loop.time()
        changed = limits(**changes)
        self.instances = Instances(lambda _: "", changed, self.clock)
        self.instances.apply(Delta(put=tuple(entry(name) for name in ("a", "b", "old"))))
        self.balance = Balance(
            self.instances, Metrics(), frozenset({("JSONRPC", "1.0")}), changed, self.clock, random.Random(1)
        )
        self.behind = Behind()
        self.route = Route("echo", "say", "2.0.0", ("a", "b"), others=(Route("echo", "say", "1.0.0", ("old",)),))

    def at(self, name: str) -> Instance:
        found = self.instances.get(name)
        assert found is not None
        return found

    def silence(self, *names: str) -> None:
        for name in names:
            where = self.at(name)
            where.hung, where.health = True, Health.SILENT
            where.breaker.trip(silent=True)

    def answer(self, name: str) -> None:
        where = self.at(name)
        where.hung, where.health = False, Health.WELL
        where.breaker.answered()
        where.wake()

    def fail(self, *names: str) -> None:
        for name in names:
            self.at(name).breaker.trip()

    def call(self, *, deadline: float = 60.0, waited: bool = False) -> asyncio.Future[Reply]:
        call = make_call(route=self.route, deadline=self.clock() + deadline)
        call = call.with_fact(Waited()) if waited else call
        return asyncio.ensure_future(self._call(call))

    async def _call(self, call: Any) -> Reply:
        return await self.balance(call, self.behind)

    async def error(self, waiting: asyncio.Future[Any]) -> tuple[type[BaseException], float]:
        """What a call ends with, and after how many seconds."""
        with pytest.raises(MeshError) as refused:
            await waiting
        return type(refused.value), round(self.clock() - self.began, 6)

    @property
    def chosen(self) -> list[str]:
        facts = [call.fact(Chosen) for call in self.behind.calls]
        return [fact.attempt.instance.id for fact in facts if fact is not None]


@virtual_time
async def test_a_call_waits_for_the_first_silent_instance_that_answers() -> None:
    mesh = Waiting()
    mesh.silence("a", "b", "old")
    waiting = [mesh.call() for _ in range(3)]
    await asyncio.sleep(3.0)
    assert (mesh.chosen, len(mesh.at("a").waiting)) == ([], 3)
    mesh.answer("b")
    await asyncio.gather(*waiting)
    assert mesh.chosen == ["b"] * 3
    assert [len(mesh.at(name).waiting) for name in ("a", "b", "old")] == [0, 0, 0]


@virtual_time
async def test_it_waits_for_the_patience_at_most_and_says_what_it_waited_for() -> None:
    mesh = Waiting(patience=5.0)
    mesh.silence("a")
    mesh.fail("b", "old")
    with pytest.raises(UpstreamUnavailable, match="a does not answer its health route: is its event") as gone:
        await mesh.call()
    assert mesh.clock() - mesh.began == 5.0
    assert (gone.value.unsent, gone.value.endpoint, gone.value.retry_after) == (True, None, 1.0)
    assert mesh.at("a").waiting == set()


@virtual_time
async def test_it_waits_for_its_deadline_at_most() -> None:
    mesh = Waiting()
    mesh.silence("a", "b", "old")
    assert await mesh.error(mesh.call(deadline=2.0)) == (UpstreamDeadline, 2.0)


@virtual_time
async def test_as_many_wait_as_an_instance_takes_calls_and_the_next_is_refused_at_once() -> None:
    mesh = Waiting(concurrency=4)
    mesh.silence("a")
    mesh.fail("b", "old")
    waiting = [mesh.call() for _ in range(4)]
    await settle()
    with pytest.raises(UpstreamUnavailable, match="4 calls wait for it already"):
        await mesh.call()
    assert mesh.clock() == mesh.began
    mesh.answer("a")
    await asyncio.gather(*waiting)


@pytest.mark.parametrize("name", ["a", "old"])
@virtual_time
async def test_nobody_waits_while_an_instance_of_any_release_is_ready(name: str) -> None:
    mesh = Waiting()
    mesh.silence(*({"a", "b", "old"} - {name}))
    waiting = mesh.call()
    await settle()
    assert waiting.done()
    assert mesh.chosen == (["a"] if name == "a" else [])
    assert (waiting.exception() is None) is (name == "a")


@virtual_time
async def test_nobody_waits_where_calls_failed() -> None:
    mesh = Waiting()
    mesh.fail("a", "b", "old")
    assert await mesh.error(mesh.call()) == (UpstreamUnavailable, 0.0)
    mesh.at("a").hung, mesh.at("a").health = True, Health.SILENT
    assert await mesh.error(mesh.call()) == (UpstreamUnavailable, 0.0)


@virtual_time
async def test_nobody_waits_for_an_instance_that_refuses_connections() -> None:
    mesh = Waiting()
    mesh.silence("a", "b", "old")
    for name in ("a", "b", "old"):
        mesh.at(name).health = Health.FAILED
    assert await mesh.error(mesh.call()) == (UpstreamUnavailable, 0.0)


@virtual_time
async def test_an_instance_that_wakes_its_calls_and_is_silent_again_is_waited_for_again() -> None:
    mesh = Waiting()
    mesh.silence("a", "b", "old")
    waiting = mesh.call()
    await asyncio.sleep(1.0)
    mesh.at("a").wake()
    await asyncio.sleep(1.0)
    assert not waiting.done()
    mesh.answer("a")
    await waiting
    assert mesh.chosen == ["a"]


@virtual_time
async def test_a_call_waits_once_for_all_releases_and_goes_to_the_one_that_answers() -> None:
    mesh = Waiting(patience=5.0)
    mesh.silence("a", "b", "old")
    failover = Failover()
    call = make_call(route=mesh.route, deadline=mesh.clock() + 60.0)
    waiting = asyncio.ensure_future(failover(call, lambda found: mesh.balance(found, mesh.behind)))
    await asyncio.sleep(1.0)
    mesh.answer("old")
    await waiting
    assert mesh.chosen == ["old"]

    mesh.silence("old")
    began = mesh.clock()
    with pytest.raises(UpstreamUnavailable):
        await failover(call, lambda found: mesh.balance(found, mesh.behind))
    assert mesh.clock() - began == 5.0


@virtual_time
async def test_a_call_that_has_waited_does_not_wait_again() -> None:
    mesh = Waiting()
    mesh.silence("a", "b", "old")
    assert await mesh.error(mesh.call(waited=True)) == (UpstreamUnavailable, 0.0)


@virtual_time
async def test_a_caller_that_leaves_while_it_waits_leaves_nothing_behind() -> None:
    mesh = Waiting()
    mesh.silence("a", "b", "old")
    waiting = mesh.call()
    await settle()
    waiting.cancel()
    await settle()
    assert [len(mesh.at(name).waiting) for name in ("a", "b", "old")] == [0, 0, 0]
