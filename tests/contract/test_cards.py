"""The cards that a gateway serves: complete, exact, cacheable, and read by a2a-sdk as they are."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.client import ClientCallContext
from a2a.client.service_parameters import ServiceParametersFactory
from a2a.types import Message, Part, Role, SendMessageRequest

from tests.contract.doors import RpcDoor, path_of
from tests.contract.mesh import Binding, Mesh

pytestmark = pytest.mark.asyncio(loop_scope="session")

WELL_KNOWN = ".well-known/agent-card.json"


async def get(mesh: Mesh, path: str, **headers: str) -> httpx.Response:
    """A GET."""
    door = mesh.doors["JSONRPC"][0]
    assert isinstance(door, RpcDoor)
    async with door.connection() as client:
        return await client.get(door.url + path, headers=headers)


@pytest.mark.requirement("contract.cards")
@pytest.mark.parametrize("to", ["clerk", "porter", "desk", "sum@1", ""])
async def test_a_card_lists_exactly_what_is_served(mesh: Mesh, to: str) -> None:
    run = mesh.run(0)
    label = {"tenant": to} if to else {}
    base = path_of(to)
    expected = [
        {"url": run.gateway + base, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"},
        {"url": run.grpc, "protocolBinding": "GRPC", "protocolVersion": "1.0", **label},
    ]
    for path in {base, base.rstrip("/") + "/", f"{base.rstrip('/')}/{WELL_KNOWN}"}:
        response = await get(mesh, path)
        assert response.status_code == 200
        card = response.json()
        assert card["supportedInterfaces"] == expected
        assert card["capabilities"].get("streaming") is True
        assert not card["capabilities"].get("pushNotifications", False)
        assert not card["capabilities"].get("extendedAgentCard", False)
        assert "signatures" not in card
        assert mesh.agents_url not in response.text


@pytest.mark.requirement("contract.cards")
async def test_a_skills_card_is_cut_down_to_it(mesh: Mesh) -> None:
    card = (await get(mesh, f"/skills/sum@2/{WELL_KNOWN}")).json()
    assert (card["name"], card["version"], [skill["id"] for skill in card["skills"]]) == ("sum-new", "2.1.0", ["sum"])


@pytest.mark.requirement("contract.cards", "path.scope")
@pytest.mark.parametrize(("who", "seen"), [("narrow", {"write"}), ("skilled", {"write"}), ("elsewhere", set[str]())])
async def test_a_gateways_own_card_shows_what_the_caller_may_use(mesh: Mesh, who: str, seen: set[str]) -> None:
    card = (await get(mesh, "/", authorization=f"Bearer {mesh.key(who)}")).json()
    assert {skill["id"] for skill in card["skills"]} == seen


@pytest.mark.requirement("path.scope")
@pytest.mark.parametrize(("who", "there", "absent"), [("narrow", "desk", "disk"), ("elsewhere", "sum@1", "sun@1")])
async def test_a_denied_card_looks_absent_byte_for_byte(mesh: Mesh, who: str, there: str, absent: str) -> None:
    key = f"Bearer {mesh.key(who)}"
    found = [await get(mesh, path_of(to), authorization=key) for to in (there, absent)]
    assert {response.status_code for response in found} == {404}
    assert found[0].content == found[1].content


@pytest.mark.requirement("contract.card_cache")
async def test_a_card_is_sent_again_only_if_it_changed(mesh: Mesh) -> None:
    first = await get(mesh, "/agents/clerk")
    again = await get(mesh, "/agents/clerk", **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await get(mesh, "/agents/clerk", **{"if-none-match": '"other"'})).status_code == 200
    assert "max-age" in first.headers["cache-control"]


@pytest.mark.requirement("contract.cards")
@pytest.mark.parametrize("transport", ["JSONRPC", "GRPC"])
@pytest.mark.parametrize("to", ["porter", "sum@1"])
async def test_a_stock_client_needs_the_card_and_a_key(mesh: Mesh, key: str, to: str, transport: Binding) -> None:
    import grpc

    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {key}"}) as http:
        card = await A2ACardResolver(http, mesh.run(1).gateway + path_of(to)).get_agent_card()
        config = ClientConfig(
            httpx_client=http, supported_protocol_bindings=[transport], grpc_channel_factory=grpc.aio.insecure_channel
        )
        client = ClientFactory(config).create(card)
        context = ClientCallContext(
            service_parameters=ServiceParametersFactory.create([lambda p: p.update({"authorization": f"Bearer {key}"})])
        )
        message = Message(message_id="m", role=Role.ROLE_USER, parts=[Part(text='{"do": "echo", "text": "stock"}')])
        events: list[Any] = [
            event async for event in client.send_message(SendMessageRequest(message=message), context=context)
        ]
        await client.close()
    assert "stock" in str(events)
