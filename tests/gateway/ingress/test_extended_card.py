"""``GetExtendedAgentCard`` through a gateway: whose card it is, what of it a caller sees, and how long it is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import msgspec
import pytest
from a2a.client.client import ClientCallContext
from a2a.client.transports.grpc import GrpcTransport
from a2a.compat.v0_3.grpc_transport import CompatGrpcTransport
from a2a.types import a2a_pb2
from a2a.utils.signing import create_signature_verifier
from google.protobuf import json_format
from jwt import PyJWKSet

from meshgate.a2a.bindings.table import Key
from meshgate.a2a.call import Call
from meshgate.a2a.card_types import AgentCard
from meshgate.a2a.cards import CAPABILITIES_URI, MAX_CARD
from meshgate.a2a.errors import (
    AgentError,
    ExtendedAgentCardNotConfigured,
    MeshError,
    MethodNotFound,
    UnsupportedOperation,
)
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.gateway.gateway import Gateway
from meshgate.gateway.ingress.grpc import grpc_ingress
from meshgate.gateway.settings import Settings
from meshgate.gateway.upstream.send import Wire
from meshgate.registry.model import Capability, Endpoint, Instance, Manifest
from meshgate.testing import LocalMesh, text
from tests.gateway.asgi import Answer
from tests.gateway.ingress.test_card_signatures import get, json_takes, published
from tests.gateway.ingress.test_rest import ask, reason
from tests.gateway.meshes import limits, virtual_mesh
from tests.support import foreign
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("cards.extended")
Tree = dict[str, Any]
PLACE = "GET /agents/echo/extendedAgentCard"
ADDRESS = {"url": "http://inside.test/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
BASE = "http://mesh.test"


def card(*skills: str, **more: Any) -> Tree:
    """An agent's card that declares an extended one."""
    return {
        "name": "Echo",
        "version": "1.0.0",
        "description": "says it again",
        "capabilities": {"streaming": True, "extendedAgentCard": True},
        "supportedInterfaces": [ADDRESS],
        "skills": [{"id": one, "name": one, "description": f"to {one}", "tags": ["t"]} for one in skills],
        **more,
    }


class Shower:
    """An agent with an extended card."""

    def __init__(self, *skills: str, said: str = "", error: MeshError | None = None, **more: Any) -> None:
        self.card = card(*skills, **more)
        self.said, self.error = said, error
        self.asked: list[Call] = []

    def __call__(self, call: Call) -> Reply:
        assert call.method.name == "GetExtendedAgentCard"
        self.asked.append(call)
        if self.error is not None:
            raise self.error
        head = Head({"cache-control": self.said} if self.said else {})
        return Reply.one(JsonPayload(AgentCard, self.card), head)


async def join(
    mesh: LocalMesh,
    agent: Callable[[Call], Reply],
    name: str = "echo-1",
    *,
    version: str = "1.0.0",
    tell_caller: bool = False,
    listed: Tree | None = None,
    tenant: str = "default",
) -> None:
    """List a foreign agent whose card has the skill ``say`` and says that there is more."""
    public = listed or card("say", version=version)
    skills = tuple(Capability(one["id"], version) for one in public["skills"])
    manifest = Manifest("echo", version, skills=skills, foreign=True, tell_caller=tell_caller, card=public)
    mesh.wire.scripts[f"local://{name}"] = agent
    where = (Endpoint("JSONRPC", f"local://{name}"),)
    await mesh.registry.register(
        Instance(name, "echo", manifest.digest(), where, tenant=tenant, lasting=True), manifest
    )
    await mesh.seen(name)


def skills_of(answer: Answer) -> list[str]:
    """The skills of the card that was answered."""
    assert answer.status == 200, answer.body
    return [one["id"] for one in answer.json["skills"]]


# -- whose it is


@virtual_time
async def test_an_agents_own_extended_card_is_shown_at_the_gateways_addresses() -> None:
    async with virtual_mesh() as mesh:
        more: Tree = {
            "documentationUrl": "https://echo.test/docs",
            "signatures": [{"protected": "p", "signature": "s"}],
        }
        echo = Shower("say", "shout", **more)
        await join(mesh, echo)
        answer = await ask(mesh, PLACE)
        assert skills_of(answer) == ["say", "shout"]
        assert answer.json["supportedInterfaces"] == [
            {"url": f"{BASE}/agents/echo", "protocolBinding": binding, "protocolVersion": "1.0"}
            for binding in ("JSONRPC", "HTTP+JSON")
        ]
        capabilities = answer.json["capabilities"]
        assert (capabilities["streaming"], capabilities["extendedAgentCard"]) == (True, True)
        assert answer.json["documentationUrl"] == "https://echo.test/docs"
        assert (answer.headers["cache-control"], answer.headers["vary"]) == (
            "max-age=30, private",
            "A2A-Version, Authorization, X-API-Key",
        )
        assert "meshgate-call" in answer.headers
        json_format.ParseDict(answer.json, a2a_pb2.AgentCard())  # strict: any other key or form is refused
        assert json_takes(answer.json, await published(mesh))
        (asked,) = echo.asked
        assert asked.payload.tree() == {}
        assert "meshgate-principal" not in asked.headers
        # What is served to anybody says that there is more, in each version.
        public = (await get(mesh, "/agents/echo")).json
        assert skills_of(await get(mesh, "/agents/echo")) == ["say"]
        assert (public["capabilities"]["extendedAgentCard"], public["supportsAuthenticatedExtendedCard"]) == (
            True,
            True,
        )


@virtual_time
async def test_of_a_skill_the_extended_card_has_that_skill() -> None:
    async with virtual_mesh() as mesh:
        await join(mesh, Shower("say", "shout", version="1.0.0"))
        answer = await ask(mesh, "GET /skills/say+1.0@1/extendedAgentCard")
        assert skills_of(answer) == ["say"]
        assert answer.json["supportedInterfaces"][0]["url"] == f"{BASE}/skills/say+1.0@1"


@pytest.mark.parametrize("place", ["agents/echo", "skills/say"])
@virtual_time
async def test_where_the_public_card_has_all_there_is_there_is_no_other(place: str) -> None:
    for public_cards in (False, True):
        async with virtual_mesh(public_cards=public_cards) as mesh:
            await mesh.add("echo", text("hello"), skills=(Capability("say", "1.0.0"),))
            answer = await ask(mesh, f"GET /{place}/extendedAgentCard")
            assert (answer.status, reason(answer)) == (400, "UNSUPPORTED_OPERATION")
            shown = (await get(mesh, f"/{place}")).json
            assert "extendedAgentCard" not in shown["capabilities"]
            assert "supportsAuthenticatedExtendedCard" not in shown


@virtual_time
async def test_a_key_that_shows_more_than_anybody_sees_has_an_extended_card() -> None:
    async with virtual_mesh(public_cards=True) as mesh:
        await mesh.add("echo", text("hello"), skills=(Capability("say", "1.0.0"),))
        await mesh.add("echo", text("hi"), skills=(Capability("shout", "1.0.0"),), tenant="acme")
        theirs = f"Bearer {mesh.client('theirs', tenant='acme')}"
        assert skills_of(await ask(mesh, PLACE, authorization=theirs)) == ["shout"]
        assert skills_of(await ask(mesh, "GET /extendedAgentCard", authorization=theirs)) == ["shout"]
        assert skills_of(await ask(mesh, "GET /extendedAgentCard")) == ["say"]
        for key, declared in ((theirs, True), (f"Bearer {mesh.key}", None)):
            shown = (await get(mesh, "/agents/echo", authorization=key)).json
            assert shown["capabilities"].get("extendedAgentCard") is declared
            base = (await get(mesh, "/", authorization=key)).json
            assert base["capabilities"]["extendedAgentCard"] is True
            assert base["supportsAuthenticatedExtendedCard"] is True


@virtual_time
async def test_a_gateway_that_shows_nothing_without_a_key_has_no_extended_card_of_its_own() -> None:
    async with virtual_mesh() as mesh:
        await join(mesh, Shower("say"))
        answer = await ask(mesh, "GET /extendedAgentCard")
        assert (answer.status, reason(answer)) == (400, "UNSUPPORTED_OPERATION")
        assert "extendedAgentCard" not in (await get(mesh, "/")).json["capabilities"]


# -- who sees what


@pytest.mark.requirement("cards.extended_scope")
@virtual_time
async def test_a_caller_sees_no_skill_beyond_its_scope() -> None:
    secret = {"uri": CAPABILITIES_URI, "params": {"skills": {"shout": {"labels": {"a": "b"}}}}}
    async with virtual_mesh(public_cards=True) as mesh:
        more: Tree = {"capabilities": {"streaming": True, "extendedAgentCard": True, "extensions": [secret]}}
        await join(mesh, Shower("say", "shout", **more))
        assert skills_of(await ask(mesh, PLACE)) == ["say", "shout"]
        scoped = f"Bearer {mesh.client('scoped', skills=['say'])}"
        answer = await ask(mesh, PLACE, authorization=scoped)
        assert skills_of(answer) == ["say"]
        assert b"shout" not in answer.body
        for scope in ({"skills": ["hum"]}, {"agents": ["other"]}, {"tenant": "acme"}):
            key = f"Bearer {mesh.client(f'nobody-{scope}', **scope)}"
            answer = await ask(mesh, PLACE, authorization=key)
            assert (answer.status, reason(answer)) == (404, "NO_ROUTE")
            answer = await ask(mesh, "GET /extendedAgentCard", authorization=key)
            assert skills_of(answer) == []


@pytest.mark.requirement("path.authentication")
@virtual_time
async def test_nobody_without_a_key_is_shown_an_extended_card() -> None:
    async with virtual_mesh(public_cards=True) as mesh:
        echo = Shower("say")
        await join(mesh, echo)
        for place in (PLACE, "GET /extendedAgentCard"):
            answer = await ask(mesh, place, authorization="")
            assert (answer.status, reason(answer)) == (401, "UNAUTHENTICATED")
        assert echo.asked == []


@virtual_time
async def test_each_card_is_paid_for_as_a_call_to_its_agent() -> None:
    async with virtual_mesh(limits=limits(burst=2, rate=0.001), public_cards=True) as mesh:
        await join(mesh, Shower("say"))
        for place in (PLACE, "GET /extendedAgentCard", "GET /agents/none/extendedAgentCard"):
            answers = [await ask(mesh, place) for _ in range(3)]
            # The gateway's own card is paid for as names that nobody has are.
            expected = {PLACE: [200, 200, 429], "GET /extendedAgentCard": [200, 200, 429]}.get(place, [429] * 3)
            assert [answer.status for answer in answers] == expected


# -- how long it is kept


@pytest.mark.requirement("cards.extended_kept")
@pytest.mark.parametrize(
    ("said", "tell_caller", "asked"),
    [
        # One of ann's, one of bob's, ann's again; after 10 s, and after 31 s.
        ("", False, [1, 1, 1, 1, 2]),
        ("max-age=300", False, [1, 1, 1, 1, 2]),
        ("public, max-age=5", False, [1, 1, 1, 2, 3]),
        ("max-age=never", False, [1, 2, 3, 4, 5]),
        ("no-store", False, [1, 2, 3, 4, 5]),
        ("No-Cache", False, [1, 2, 3, 4, 5]),
        ("max-age=60, Private", False, [1, 2, 2, 2, 3]),
        ('private="x"', False, [1, 2, 2, 2, 3]),
        # It is told who calls, and may answer by that.
        ("", True, [1, 2, 2, 2, 3]),
    ],
)
@virtual_time
async def test_a_card_is_kept_a_short_time_once_for_all_unless_it_may_be_one_callers(
    said: str, tell_caller: bool, asked: list[int]
) -> None:
    async with virtual_mesh() as mesh:
        echo = Shower("say", said=said)
        await join(mesh, echo, tell_caller=tell_caller)
        ann, bob = (f"Bearer {mesh.client(name)}" for name in ("ann", "bob"))
        counted: list[int] = []
        for key, pause in ((ann, 0), (bob, 0), (ann, 0), (ann, 10), (ann, 31)):
            await asyncio.sleep(pause)
            assert skills_of(await ask(mesh, PLACE, authorization=key)) == ["say"]
            counted.append(len(echo.asked))
        assert counted == asked
        told = [call.headers.get("meshgate-principal") for call in echo.asked[:2]]
        assert told == (["ann", "bob"] if tell_caller else [None] * len(told))


@virtual_time
async def test_a_new_release_is_asked_for_its_own_card() -> None:
    async with virtual_mesh() as mesh:
        old, new = Shower("say"), Shower("say", "sing")
        await join(mesh, old)
        assert skills_of(await ask(mesh, PLACE)) == ["say"]
        await join(mesh, new, "echo-2", version="2.0.0")
        assert skills_of(await ask(mesh, PLACE)) == ["say", "sing"]
        assert (len(old.asked), len(new.asked)) == (1, 1)


@virtual_time
async def test_of_many_cards_those_kept_last_stay() -> None:
    async with virtual_mesh(limits=limits(extended_cards=2)) as mesh:
        echo = Shower("say", said="private")
        await join(mesh, echo)
        keys = [f"Bearer {mesh.client(name)}" for name in ("ann", "bob", "eve")]
        for key in (*keys, keys[2], keys[1], keys[0]):
            await ask(mesh, PLACE, authorization=key)
        assert len(echo.asked) == 4


# -- what goes wrong


@pytest.mark.parametrize(
    ("error", "status", "expected"),
    [
        (ExtendedAgentCardNotConfigured(), 400, "EXTENDED_AGENT_CARD_NOT_CONFIGURED"),
        (UnsupportedOperation(), 400, "EXTENDED_AGENT_CARD_NOT_CONFIGURED"),
        (MethodNotFound(), 400, "EXTENDED_AGENT_CARD_NOT_CONFIGURED"),
        (AgentError("broken", internal=True), 500, "AGENT_ERROR"),
    ],
)
@virtual_time
async def test_an_agent_that_declares_a_card_and_gives_none_is_told_of(
    error: MeshError, status: int, expected: str
) -> None:
    async with virtual_mesh() as mesh:
        await join(mesh, Shower("say", error=error))
        answer = await ask(mesh, PLACE)
        assert (answer.status, reason(answer)) == (status, expected)


@virtual_time
async def test_a_card_that_is_too_large_is_the_agents_fault() -> None:
    async with virtual_mesh() as mesh:
        echo = Shower("say")
        room = MAX_CARD - len(msgspec.json.encode({**echo.card, "iconUrl": ""}))
        echo.card["iconUrl"] = "x" * room
        await join(mesh, echo)
        assert skills_of(await ask(mesh, PLACE)) == ["say"]
        await asyncio.sleep(31)
        echo.card["iconUrl"] += "x"
        answer = await ask(mesh, PLACE)
        assert (answer.status, reason(answer)) == (500, "INVALID_AGENT_RESPONSE")


WRONG: list[Tree] = [{"skills": [{"name": "no id"}]}, {"supportedInterfaces": [{}]}, {"skills": "none"}]


@pytest.mark.parametrize("wrong", WRONG)
@virtual_time
async def test_a_card_that_is_none_is_the_agents_fault(wrong: Tree) -> None:
    async with virtual_mesh() as mesh:
        echo = Shower("say", **wrong)
        await join(mesh, echo)
        answer = await ask(mesh, PLACE)
        assert (answer.status, reason(answer)) == (500, "INVALID_AGENT_RESPONSE")
        # Nothing of it was kept.
        echo.card = card("say")
        assert skills_of(await ask(mesh, PLACE)) == ["say"]


# -- stock clients


@asynccontextmanager
async def over_grpc(mesh: LocalMesh, settings: Settings) -> AsyncGenerator[grpc.aio.Channel, None]:
    """A channel to a gateway of the mesh that has these settings."""
    wires: dict[Key, Wire] = {("JSONRPC", "1.0"): mesh.wire}
    gateway = Gateway(mesh.registry, mesh.mesh_key, mesh.keys, settings=settings, wires=wires, alone=True)
    await gateway.start()
    await gateway.watcher.ready.wait()
    server = grpc_ingress(gateway.entrance, gateway.credentials, DEFAULTS)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)
        await gateway.aclose()


def context(mesh: LocalMesh, **more: str) -> ClientCallContext:
    """What a stock client sends along."""
    return ClientCallContext(service_parameters={"authorization": f"Bearer {mesh.key}", **more})


CLIENTS = {
    "JSONRPC": (foreign.client, "1.0"),
    "HTTP+JSON": (foreign.rest_client, "1.0"),
    "JSONRPC-0.3": (foreign.legacy_client, "0.3"),
    "HTTP+JSON-0.3": (foreign.legacy_rest_client, "0.3"),
}


@pytest.mark.parametrize("binding", CLIENTS)
@virtual_time
async def test_a_stock_client_reads_it_over_http(binding: str) -> None:
    make, version = CLIENTS[binding]
    async with virtual_mesh() as mesh:
        await join(mesh, Shower("say", "shout"))
        app = httpx.ASGITransport(mesh.gateway.ingress)
        async with httpx.AsyncClient(transport=app) as http:
            http.headers["a2a-version"] = version
            client: Any = make(http)
            client.url = f"{BASE}/agents/echo"
            found = await client.get_extended_agent_card(a2a_pb2.GetExtendedAgentCardRequest(), context=context(mesh))
        assert [one.id for one in found.skills] == ["say", "shout"]
        assert found.capabilities.extended_agent_card
        assert {one.url for one in found.supported_interfaces} == {f"{BASE}/agents/echo"}
        assert {one.protocol_version[:3] for one in found.supported_interfaces} == {version}
        if version == "1.0":
            keys = PyJWKSet.from_dict({"keys": await published(mesh)})
            create_signature_verifier(lambda kid, _: keys[str(kid)], ["ES256"])(found)


HTTP_1 = [("http://127.0.0.1:80/agents/echo", binding) for binding in ("JSONRPC", "HTTP+JSON")]
PUBLISHED = [("https://mesh.example/agents/echo", binding) for binding in ("JSONRPC", "HTTP+JSON")]


@pytest.mark.parametrize(
    ("settings", "version", "addresses"),
    [
        # Who comes over gRPC says nothing of the other port, so there are addresses only where they are known.
        ({"http_port": 80}, "1.0", HTTP_1),
        ({"http_port": 80, "grpc_port": 81}, "1.0", [*HTTP_1, ("127.0.0.1:81", "GRPC")]),
        ({"http_port": 80, "grpc_port": 81}, "0.3", HTTP_1),
        ({"http_port": 80, "grpc_port": 81, "loopback": False}, "1.0", []),
        ({"http_port": 80, "grpc_port": 81, "loopback": False}, "0.3", []),
        ({"loopback": False, "grpc_address": "g.example:443"}, "1.0", [("g.example:443", "GRPC")]),
        ({"loopback": False, "grpc_address": "g.example:443"}, "0.3", []),
        ({"loopback": False, "base_url": "https://mesh.example"}, "0.3", PUBLISHED),
    ],
)
async def test_a_stock_client_reads_it_over_grpc_where_an_address_is_known(
    settings: Tree, version: str, addresses: list[tuple[str, str]]
) -> None:
    async with LocalMesh() as mesh:
        await join(mesh, Shower("say", "shout"))
        async with over_grpc(mesh, Settings(**settings)) as channel:
            make: Any = GrpcTransport if version == "1.0" else CompatGrpcTransport
            client = make(channel, foreign.extended_card())
            asked = client.get_extended_agent_card(
                a2a_pb2.GetExtendedAgentCardRequest(), context=context(mesh, **{"meshgate-target": "echo"})
            )
            if not addresses:
                with pytest.raises(Exception, match="knows no address"):
                    await asked
                return
            found = await asked
        assert [one.id for one in found.skills] == ["say", "shout"]
        listed = [(one.url, one.protocol_binding) for one in found.supported_interfaces]
        # The stock client of 0.3 names the first address twice: as the main one, and among the others.
        assert list(dict.fromkeys(listed)) == addresses
        if version == "1.0":
            keys = PyJWKSet.from_dict({"keys": await published(mesh)})
            create_signature_verifier(lambda kid, _: keys[str(kid)], ["ES256"])(found)


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
@virtual_time
async def test_a_card_of_0_3_is_signed_as_it_is_written(binding: str) -> None:
    async with virtual_mesh() as mesh:
        await join(mesh, Shower("say", "shout"))
        if binding == "JSONRPC":
            body = b'{"jsonrpc":"2.0","id":1,"method":"agent/getAuthenticatedExtendedCard"}'
            answer = await ask(mesh, "POST /agents/echo", body, a2a_version="")
            found = answer.json["result"]
        else:
            answer = await ask(mesh, "GET /agents/echo/v1/card", a2a_version="")
            found = answer.json
        assert (found["protocolVersion"], found["url"]) == ("0.3.0", f"{BASE}/agents/echo")
        assert found["supportsAuthenticatedExtendedCard"] is True
        assert [one["id"] for one in found["skills"]] == ["say", "shout"]
        assert json_takes(found, await published(mesh))
        assert answer.headers["cache-control"] == "max-age=30, private"
