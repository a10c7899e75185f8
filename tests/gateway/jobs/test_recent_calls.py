"""Recent calls: the newest of each agent, and never more than so many."""

from __future__ import annotations

import random

import pytest

from meshgate.a2a.call import Route
from meshgate.a2a.mesh.lineage import Lineage
from meshgate.gateway.jobs.open_call import OpenCall
from meshgate.gateway.jobs.recent_calls import RecentCalls
from tests.gateway.calls import limits

pytestmark = pytest.mark.requirement("path.after")


def call(number: int, agent: str = "front", tenant: str = "default") -> OpenCall:
    return OpenCall(f"c{number}", Route(agent, "work", "1", ()), tenant, Lineage("g.1", ""), None, 0.0, 0.0)


def ids(recent: RecentCalls, agent: str = "front", tenant: str = "default") -> list[str]:
    return [entry.id for entry in recent.find(agent, tenant)]


def test_the_newest_calls_of_an_agent_are_kept_in_their_order() -> None:
    recent = RecentCalls(limits(agent_recent=3))
    for number in range(5):
        recent.add(call(number))
    assert (ids(recent), len(recent)) == (["c2", "c3", "c4"], 3)


def test_agents_and_tenants_are_apart() -> None:
    recent = RecentCalls(limits(agent_recent=1))
    recent.add(call(1))
    recent.add(call(2, "back"))
    recent.add(call(3, tenant="acme"))
    assert (ids(recent), ids(recent, "back"), ids(recent, tenant="acme"), ids(recent, "back", "acme")) == (
        ["c1"],
        ["c2"],
        ["c3"],
        [],
    )


def test_beyond_the_limit_of_all_the_agent_goes_whose_last_answer_is_oldest() -> None:
    recent = RecentCalls(limits(recent_calls=4))
    for number, agent in enumerate(["front", "back", "front", "side", "back"]):
        recent.add(call(number, agent))
    assert (ids(recent), ids(recent, "back"), ids(recent, "side"), len(recent)) == (["c2"], ["c1", "c4"], ["c3"], 4)
    recent.add(call(5, "side"))
    assert (ids(recent), "front" in {key[0] for key in recent._by_agent}) == ([], False)  # pyright: ignore[reportPrivateUsage]


def test_the_bounds_hold_for_any_order_of_agents() -> None:
    rng, recent = random.Random(3), RecentCalls(limits(agent_recent=5, recent_calls=12))
    for number in range(2000):
        recent.add(call(number, f"agent-{rng.randrange(20)}"))
        found = [ids(recent, f"agent-{other}") for other in range(20)]
        assert sum(map(len, found)) == len(recent) == min(number + 1, len(recent)) <= 12
        assert max(map(len, found)) <= 5
