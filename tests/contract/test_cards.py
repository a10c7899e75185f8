"""The cards that a gateway serves: complete, exact, cacheable, and read by a2a-sdk as they are."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.client.client import ClientCallContext
from a2a.client.service_parameters import ServiceParametersFactory
from a2a.types import Message, Part, Role, SendMessageRequest

from meshgate.a2a.bindings.table import HTTP_ROWS
from tests.contract.doors import RpcDoor, path_of, soon
from tests.contract.mesh import ELSEWHERE, Binding, Mesh

pytestmark = pytest.mark.asyncio(loop_scope="session")

WELL_KNOWN = ".well-known/agent-card.json"


async def get(mesh: Mesh, path: str, **headers: str) -> httpx.Response:
    """A GET."""
    door = mesh.doors["JSONRPC"][0]
    assert isinstance(door, RpcDoor)
    async with door.connection() as client:
        return await client.get(door.url + path, headers=headers)


def over_http(url: str) -> list[dict[str, str]]:
    """The addresses of everything that is served over HTTP at a URL, the newest version first."""
    rows = sorted(HTTP_ROWS, key=lambda row: row.version, reverse=True)
    return [{"url": url, "protocolBinding": row.id, "protocolVersion": row.version} for row in rows]


@pytest.mark.requirement("contract.cards")
@pytest.mark.parametrize("to", ["clerk", "porter", "desk", "sum@1", ""])
async def test_a_card_lists_exactly_what_is_served(mesh: Mesh, to: str) -> None:
    run = mesh.run(0)
    base = path_of(to)
    expected = over_http(run.gateway + base)
    for path in {base, base.rstrip("/") + "/", f"{base.rstrip('/')}/{WELL_KNOWN}"}:
        response = await get(mesh, path)
        assert response.status_code == 200
        card = response.json()
        assert card["supportedInterfaces"] == expected
        assert card["capabilities"].get("streaming") is True
        assert card["capabilities"]["pushNotifications"] is True
        # The gateway's own: another key may show more.
        assert card["capabilities"].get("extendedAgentCard", False) is (to == "")
        assert mesh.agents_url not in response.text


@pytest.mark.requirement("contract.cards", "cards.variants")
@pytest.mark.parametrize(
    ("base", "label"),
    [
        ("/agents/clerk+grpc", "clerk"),
        ("/agents/desk+grpc", "desk"),
        ("/skills/sum+grpc@1", "sum@1"),
        ("/skills/sum+grpc", "sum@*"),
    ],
)
async def test_a_card_that_is_asked_for_with_grpc_lists_it_and_keeps_its_address(
    mesh: Mesh, base: str, label: str
) -> None:
    run = mesh.run(0)
    # A range that stands for all is spelt out: the label is what a client echoes.
    kept = base if "@" in base or base.startswith("/agents") else base + "@*"
    grpc = {"url": run.grpc, "protocolBinding": "GRPC", "protocolVersion": "1.0", "tenant": label}
    http = over_http(run.gateway + kept)
    expected = [one for one in http if one["protocolVersion"] == "1.0"] + [grpc]
    expected += [one for one in http if one["protocolVersion"] != "1.0"]
    for path in (base, base + "/", f"{base}/{WELL_KNOWN}"):
        assert (await get(mesh, path)).json()["supportedInterfaces"] == expected


@pytest.mark.requirement("cards.variants")
@pytest.mark.parametrize("name", ["clerk+", "clerk+other", "clerk+grpc+grpc", "clerk+1.0+grpc", "+grpc"])
async def test_what_is_no_variant_leads_nowhere(mesh: Mesh, name: str) -> None:
    assert (await get(mesh, f"/agents/{name}")).status_code == 404


@pytest.mark.requirement("contract.cards", "cards.versions", "cards.places")
@pytest.mark.parametrize("path", ["/agents/clerk+1.0", "/agents/clerk+grpc+1.0", "/skills/sum+1.0@1"])
async def test_a_card_in_one_version_alone_has_nothing_of_the_other_at_each_of_its_places(
    mesh: Mesh, path: str
) -> None:
    found = [await get(mesh, path + place) for place in ("", f"/{WELL_KNOWN}", "/.well-known/agent.json")]
    assert {(response.status_code, response.content) for response in found} == {(200, found[0].content)}
    card = found[0].json()
    assert {one["protocolVersion"] for one in card["supportedInterfaces"]} == {"1.0"}
    assert all(path in one["url"] or one["protocolBinding"] == "GRPC" for one in card["supportedInterfaces"])
    assert card.keys().isdisjoint({"url", "protocolVersion", "preferredTransport", "security"})
    asked = await get(mesh, path.replace("+1.0", ""), **{"a2a-version": "1.0"})
    assert asked.json().keys() == card.keys()
    assert asked.headers["vary"] == "A2A-Version, Authorization, X-API-Key"


@pytest.mark.requirement("contract.cards")
async def test_a_skills_card_is_cut_down_to_it(mesh: Mesh) -> None:
    card = (await get(mesh, f"/skills/sum@2/{WELL_KNOWN}")).json()
    assert (card["name"], card["version"], [skill["id"] for skill in card["skills"]]) == ("sum-new", "2.1.0", ["sum"])


@pytest.mark.requirement("edge.card_scope")
@pytest.mark.parametrize("who", ["", "narrow", "skilled", "elsewhere"])
@pytest.mark.parametrize("to", ["", "desk", "sum@1"])
async def test_a_key_shows_at_least_what_is_shown_without_one(mesh: Mesh, who: str, to: str) -> None:
    keys = [{"authorization": f"Bearer {mesh.key(who)}"}] if who else []
    shown = [await get(mesh, path_of(to), **headers) for headers in ({}, *keys)]
    assert {response.status_code for response in shown} == {200}
    skills = [{skill["id"] for skill in response.json()["skills"]} for response in shown]
    assert skills[0] <= skills[-1]


@pytest.mark.requirement("edge.card_scope")
async def test_a_key_of_another_tenant_shows_its_own_agents_card_and_not_the_public_one_of_that_name(
    mesh: Mesh, unique: Any
) -> None:
    name, skill = unique("twice"), unique("theirs")
    await mesh.join(name, skills={unique("ours"): {}})
    await mesh.join(name, skills={skill: {}}, tenant=ELSEWHERE)
    key = {"authorization": f"Bearer {mesh.key('elsewhere')}"}

    async def seen() -> bool:
        found = await get(mesh, f"/agents/{name}", **key)
        return found.status_code == 200 and [one["id"] for one in found.json()["skills"]] == [skill]

    await soon(seen)
    assert skill in {one["id"] for one in (await get(mesh, "/", **key)).json()["skills"]}
    assert skill not in {one["id"] for one in (await get(mesh, "/")).json()["skills"]}


@pytest.mark.requirement("path.authentication")
async def test_a_key_that_is_not_genuine_is_refused_where_none_is_needed(mesh: Mesh) -> None:
    found = await get(mesh, "/agents/clerk", authorization="Bearer mg_client_x_made-up")
    assert (found.status_code, found.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.requirement("contract.card_cache")
async def test_a_card_is_sent_again_only_if_it_changed(mesh: Mesh) -> None:
    first = await get(mesh, "/agents/clerk")
    again = await get(mesh, "/agents/clerk", **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await get(mesh, "/agents/clerk", **{"if-none-match": '"other"'})).status_code == 200
    assert "max-age" in first.headers["cache-control"]
    since = {"if-modified-since": first.headers["last-modified"]}
    assert (await get(mesh, "/agents/clerk", **since)).status_code == 304


@pytest.mark.requirement("contract.card_cache")
@pytest.mark.parametrize("path", ["/agents/clerk", f"/agents/clerk/{WELL_KNOWN}", "/"])
async def test_the_head_of_a_card_is_that_of_the_whole(mesh: Mesh, path: str) -> None:
    door = mesh.doors["JSONRPC"][0]
    assert isinstance(door, RpcDoor)
    async with door.connection() as client:
        head, whole = await client.head(door.url + path), await client.get(door.url + path)
    changing = {"date", "connection"}
    assert {name: text for name, text in head.headers.items() if name not in changing} == {
        name: text for name, text in whole.headers.items() if name not in changing
    }
    assert (head.status_code, head.content, int(head.headers["content-length"])) == (200, b"", len(whole.content))


@pytest.mark.requirement("contract.cards")
@pytest.mark.parametrize("transport", ["JSONRPC", "HTTP+JSON", "GRPC"])
@pytest.mark.parametrize("to", ["porter", "sum@1"])
async def test_a_stock_client_needs_the_card_and_a_key(mesh: Mesh, key: str, to: str, transport: Binding) -> None:
    import grpc

    async with httpx.AsyncClient(trust_env=False, headers={"authorization": f"Bearer {key}"}) as http:
        name, at, versions = to.partition("@")
        variant = "+grpc" if transport == "GRPC" else ""
        card = await A2ACardResolver(
            http, mesh.run(1).gateway + path_of(f"{name}{variant}{at}{versions}")
        ).get_agent_card()
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
