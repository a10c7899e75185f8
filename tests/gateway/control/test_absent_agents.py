"""Lasting agents that no gateway finds well for a day go; those of the settings stay, and silence proves nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.control.absent_agents import AbsentAgents
from meshgate.gateway.observe.views import InstanceView
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.index import Index
from meshgate.registry.model import Delta, HealthCheck
from tests.gateway.calls import Clock
from tests.registry.samples import SUMMARISER, agent, entry

pytestmark = pytest.mark.requirement("registry.absent")
DAY = DEFAULTS.lasting_absent
CARD = "http://127.0.0.1:9/card.json"


def view(name: str, *, healthy: bool) -> InstanceView:
    return InstanceView(
        name,
        "summariser",
        "2.1.0",
        "default",
        (),
        (),
        {},
        "closed",
        healthy,
        draining=False,
        foreign=True,
        pending=0,
        latency=0.0,
    )


class Mesh:
    """Gateways that say how each instance is."""

    def __init__(self) -> None:
        self.clock, self.index, self.registry = Clock(), Index(), MemoryRegistry()
        self.answers: dict[str, list[InstanceView]] = {}
        self.absent = AbsentAgents(self.registry, self.index, self, frozenset({CARD}), clock=self.clock)

    async def ask(self, question: Any, *arguments: object, only: str = "") -> dict[str, Any]:
        return dict(self.answers)

    async def list(self, name: str, *, lasting: bool = True, card: str = "http://h/card") -> None:
        listed = msgspec.structs.replace(agent(name, lasting=lasting), check=HealthCheck(card))
        await self.registry.register(listed, SUMMARISER)
        self.index.apply(Delta(put=(msgspec.structs.replace(entry(name), instance=listed),)))

    async def after(self, seconds: float) -> set[str]:
        """The instances that are listed after so many seconds and a look."""
        self.clock.now += seconds
        await self.absent.look()
        return set(self.registry._entries)  # pyright: ignore[reportPrivateUsage]


async def test_an_agent_that_no_gateway_finds_well_for_a_day_is_removed() -> None:
    mesh = Mesh()
    for name in ("a1", "a2"):
        await mesh.list(name)
    mesh.answers = {
        "gw1": [view("a1", healthy=False), view("a2", healthy=False)],
        "gw2": [view("a1", healthy=False), view("a2", healthy=True)],
    }
    assert await mesh.after(0.0) == {"a1", "a2"}
    assert await mesh.after(DAY - 1.0) == {"a1", "a2"}
    assert await mesh.after(1.0) == {"a2"}


async def test_a_day_begins_anew_whenever_a_gateway_finds_it_well() -> None:
    mesh = Mesh()
    await mesh.list("a1")
    for healthy, seconds, listed in [(False, 0.0, 1), (True, DAY - 1, 1), (False, DAY - 1, 1), (False, 1.0, 0)]:
        mesh.answers = {"gw1": [view("a1", healthy=healthy)]}
        assert len(await mesh.after(seconds)) == listed


async def test_what_renews_its_lease_and_what_the_settings_list_stays() -> None:
    mesh = Mesh()
    await mesh.list("a1", lasting=False)
    await mesh.list("a2", card=CARD)
    mesh.answers = {"gw1": [view("a1", healthy=False), view("a2", healthy=False)]}
    await mesh.after(0.0)
    assert await mesh.after(9 * DAY) == {"a1", "a2"}


async def test_where_no_gateway_answers_nobody_is_removed() -> None:
    mesh = Mesh()
    await mesh.list("a1")
    mesh.answers = {"gw1": [view("a1", healthy=False)]}
    await mesh.after(0.0)
    mesh.answers = {}
    assert await mesh.after(9 * DAY) == {"a1"}


async def test_a_registry_that_is_away_is_asked_again_later() -> None:
    mesh, pauses = Mesh(), list[float]()

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        mesh.clock.now += DAY
        if len(pauses) == 3:
            mesh.registry.restore()
        if len(pauses) == 4:
            raise asyncio.CancelledError

    await mesh.list("a1")
    mesh.answers = {"gw1": [view("a1", healthy=False)]}
    await mesh.after(0.0)
    mesh.registry.cut()
    absent = AbsentAgents(mesh.registry, mesh.index, mesh, frozenset(), clock=mesh.clock, sleep=sleep)
    with pytest.raises(asyncio.CancelledError):
        await absent.run()
    assert pauses == [DEFAULTS.orphan_look] * 4
    with pytest.raises(KeyError):
        mesh.registry._entries["a1"]  # pyright: ignore[reportPrivateUsage]


async def test_the_registrys_own_error_is_passed_on() -> None:
    mesh = Mesh()
    await mesh.list("a1")
    mesh.answers = {"gw1": [view("a1", healthy=False)]}
    await mesh.after(0.0)
    mesh.registry.cut()
    with pytest.raises(RegistryUnavailable):
        await mesh.after(DAY)
