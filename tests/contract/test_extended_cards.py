"""Extended cards: an agent's own and the gateway's, read over each binding, and of agents that speak each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.contract.conftest import KINDS, Doors
from tests.contract.mesh import ELSEWHERE, Binding, Mesh
from tests.contract.test_calls import refusal

pytestmark = pytest.mark.asyncio(loop_scope="session")
GET = "GetExtendedAgentCard"


def skills_of(card: dict[str, Any]) -> list[str]:
    """The skills that a card lists."""
    return [one["id"] for one in card.get("skills", ())]


@pytest.mark.requirement("cards.extended", "cards.extended_scope")
@pytest.mark.cells("cards.extended")
@pytest.mark.parametrize("agent", KINDS)
async def test_a_caller_reads_an_agents_own_card_as_far_as_its_key_goes(
    mesh: Mesh, doors: Doors, key: str, agent: Binding, unique: Any
) -> None:
    name = unique("known")
    await mesh.join(name, skills={"act": {}}, binding=agent, extended=["hush"], declares=True)
    await mesh.known(name)
    for door, who, expected in (
        (doors.here, key, ["act", "hush"]),
        (doors.there, key, ["act", "hush"]),
        (doors.here, mesh.key("actor"), ["act"]),
    ):
        card = (await door.ask(GET, {}, name, key=who)).tree
        assert (card["name"], skills_of(card), card["version"]) == (name, expected, "1.0.0")
        assert card["capabilities"]["extendedAgentCard"] is True
        assert {one["protocolVersion"][:3] for one in card["supportedInterfaces"]} == {door.version}
        places = {one["url"] for one in card["supportedInterfaces"]}
        assert places <= {f"{mesh.run(0).gateway}/agents/{name}", f"{mesh.run(1).gateway}/agents/{name}"} | {
            mesh.run(0).grpc,
            mesh.run(1).grpc,
        }
        text = json.dumps(card)
        assert (mesh.agents_url in text, "http://agent/" in text, "hush" in text) == (False, False, "hush" in expected)
        assert len(card["signatures"]) == (2 if door.version == "1.0" else 1)
    assert (await refusal(doors.here, GET, {}, name, key=mesh.key("skilled"))).means("NO_ROUTE")


@pytest.mark.requirement("cards.extended")
@pytest.mark.parametrize("agent", KINDS)
async def test_an_agent_that_declares_a_card_and_has_none_is_told_of(
    mesh: Mesh, doors: Doors, key: str, agent: Binding, unique: Any
) -> None:
    name = unique("unknown")
    await mesh.join(name, skills={"act": {}}, binding=agent, declares=True)
    await mesh.known(name)
    assert (await refusal(doors.here, GET, {}, name, key=key)).means("EXTENDED_AGENT_CARD_NOT_CONFIGURED")


@pytest.mark.requirement("cards.extended", "contract.unbuilt")
async def test_where_the_public_card_has_all_there_is_there_is_no_other(doors: Doors, key: str) -> None:
    for to in ("clerk", "desk", "sum@1"):
        found = await refusal(doors.here, GET, {}, to, key=key)
        assert (found.means("UNSUPPORTED_OPERATION"), found.domain) == (True, "a2a-protocol.org")


@pytest.mark.requirement("cards.extended", "cards.extended_scope", "tenants.apart")
async def test_the_gateways_own_card_has_what_the_key_may_use(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    hidden = unique("hidden")
    await mesh.join(unique("theirs"), skills={hidden: {}}, tenant=ELSEWHERE)

    theirs: list[str] = []
    while hidden not in theirs:
        theirs = skills_of((await doors.here.ask(GET, {}, key=mesh.stranger())).tree)
    mine = (await doors.here.ask(GET, {}, key=key)).tree
    assert mine["name"] == "Meshgate"
    assert {"carry", "sum"} <= set(skills_of(mine))
    assert hidden not in skills_of(mine)
    assert not {"carry", "sum"} & set(theirs)
    assert set(skills_of((await doors.here.ask(GET, {}, key=mesh.key("skilled"))).tree)) <= {"write"}
