"""What each caller may find, and when it is looked up anew."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from meshgate.a2a.call import Principal
from meshgate.gateway.discovery import agent_list
from meshgate.gateway.discovery.agent_entry import AgentEntry
from meshgate.gateway.discovery.agent_list import AgentList
from meshgate.gateway.discovery.word_index import SearchIndex, WordRanking
from meshgate.registry.model import Switch
from meshgate.testing import LocalMesh
from tests.gateway.discovery.crew import GERMAN, LEGAL, WEATHER, add
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time

ALL = Principal("user", "u", agents=("*",), skills=("*",))
ALSO_ALL = Principal("user", "another", agents=("*",), skills=("*",))
LEGAL_ONLY = Principal("user", "l", agents=("legal",), skills=("*",))


class Counting(WordRanking):
    """A ranking that notes what it prepares."""

    def __init__(self) -> None:
        super().__init__()
        self.prepared: list[list[str]] = []

    async def index(self, entries: Sequence[AgentEntry], /) -> SearchIndex:  # type: ignore[override]
        self.prepared.append([entry.agent for entry in entries])
        await asyncio.sleep(0)
        return await super().index(entries)


def lists(mesh: LocalMesh) -> tuple[AgentList, Counting]:
    ranking = Counting()
    return AgentList(mesh.gateway.routes, "a.example", ranking), ranking


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_agents_are_prepared_once_for_each_permission_and_state_of_the_registry() -> None:
    async with virtual_mesh() as mesh:
        await add(mesh, "legal", LEGAL)
        agents, ranking = lists(mesh)
        first = await agents.index(ALL)
        assert await agents.index(ALL) is first
        assert await agents.index(ALSO_ALL) is first
        assert ranking.prepared == [["legal"]]
        await agents.index(LEGAL_ONLY)
        assert ranking.prepared == [["legal"], ["legal"]]
        assert await agents.index(ALL) is first
        gone = await add(mesh, "weather", WEATHER)
        assert [one.entry.agent for one in (await agents.index(ALL)).find("rain")] == ["weather"]
        assert ranking.prepared[2:] == [["legal", "weather"]]
        await mesh.registry.deregister(gone)
        await mesh.seen(gone, there=False)
        assert (await agents.index(ALL)).find("rain") == []


@virtual_time
async def test_searches_that_come_at_once_wait_for_one_preparation() -> None:
    async with virtual_mesh() as mesh:
        await add(mesh, "legal", LEGAL)
        agents, ranking = lists(mesh)
        found = await asyncio.gather(*(agents.index(one) for one in (ALL, ALSO_ALL, ALL)))
        assert found[0] is found[1] is found[2]
        assert len(ranking.prepared) == 1


@virtual_time
async def test_an_agent_that_drains_is_not_listed_and_one_that_is_switched_off_is() -> None:
    async with virtual_mesh() as mesh:
        await add(mesh, "legal", LEGAL)
        agents, _ = lists(mesh)
        before = agents.of(ALL)
        await add(mesh, "weather", WEATHER, draining=True)
        await mesh.registry.throw(Switch("agent", "legal"))
        await asyncio.sleep(1.0)
        assert agents.of(ALL) is not before
        assert [entry.agent for entry in agents.of(ALL).entries] == ["legal"]


@pytest.mark.requirement("catalogue.bounds")
@virtual_time
async def test_what_was_asked_for_longest_ago_is_let_go_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_list, "_KEPT", 5)
    async with virtual_mesh() as mesh:
        await add(mesh, "legal", LEGAL)
        await add(mesh, "interpreter", GERMAN)
        agents, _ = lists(mesh)
        first = agents.of(ALL)
        assert agents.of(ALL) is first
        other = agents.of(LEGAL_ONLY)  # 2 + 1 and 1 + 1 are kept
        assert (agents.of(ALL), agents.of(LEGAL_ONLY)) == (first, other)
        agents.of(Principal("user", "x", agents=("none",)))
        assert agents.of(LEGAL_ONLY) is other
        assert agents.of(ALL) is not first


@virtual_time
async def test_one_list_is_kept_however_long_it_is_and_then_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_list, "_KEPT", 1)
    async with virtual_mesh() as mesh:
        await add(mesh, "legal", LEGAL)
        agents, _ = lists(mesh)
        first = agents.of(ALL)
        assert agents.of(ALL) is first
        agents.of(LEGAL_ONLY)
        assert agents.of(ALL) is not first
