"""The cards that a gateway serves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Principal
from meshgate.a2a.selector import parse_selector
from meshgate.gateway.ingress.cards import Cards
from meshgate.gateway.ingress.variants import PLAIN, Variant, split_variant
from meshgate.gateway.settings import Settings
from meshgate.registry.model import Capability
from meshgate.testing import LocalMesh, text
from tests.gateway.asgi import request
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time


async def served(mesh: LocalMesh, place: str) -> str:
    """The version that the card at ``place`` has."""
    headers = {"authorization": f"Bearer {mesh.key}"}
    answer = await request(mesh.gateway.ingress, "GET", f"{place}/.well-known/agent-card.json", headers=headers)
    assert answer.status == 200
    return str(answer.json["version"])


@pytest.mark.requirement("edge.cards")
@pytest.mark.parametrize(
    ("versions", "newest"),
    [
        (("9.0.0", "10.0.0"), "10.0.0"),
        (("10.0.0", "9.0.0"), "10.0.0"),
        (("2.0.0", "2.0.0-rc.1"), "2.0.0"),
        (("1.9.0", "1.10.0", "1.2.0"), "1.10.0"),
        (("2024-05", "1.0.0"), "1.0.0"),
    ],
)
@pytest.mark.parametrize("skill_version", ["", "1.0.0"], ids=["skills with the agent's version", "one skill version"])
@virtual_time
async def test_the_card_of_the_newest_release_is_served(
    versions: tuple[str, ...], newest: str, skill_version: str
) -> None:
    async with virtual_mesh() as mesh:
        for version in versions:
            skills = (Capability("say", skill_version or version),)
            await mesh.add("echo", text("hello"), version=version, skills=skills, foreign=version == "2024-05")
        assert await served(mesh, "/agents/echo") == newest


@virtual_time
async def test_the_card_of_a_skill_is_that_of_the_newest_release_that_offers_it_in_the_range() -> None:
    async with virtual_mesh() as mesh:
        for version in ("10.0.0", "9.0.0"):
            await mesh.add("echo", text("hello"), version=version, skills=(Capability("say", "1.0.0"),))
        assert await served(mesh, "/skills/say@1") == "10.0.0"


@pytest.mark.requirement("edge.card_scope")
@virtual_time
async def test_with_public_cards_a_key_shows_what_it_may_call_and_what_anybody_sees() -> None:
    async with virtual_mesh(public_cards=True) as mesh:
        skills = (Capability("say", "1.0.0"), Capability("sing", "1.0.0"))
        await mesh.add("echo", text("hello"), skills=skills)
        await mesh.add("echo", text("hi"), skills=(Capability("shout", "1.0.0"),), tenant="acme")
        await mesh.add("other", text("hi"), skills=(Capability("hum", "1.0.0"),), tenant="acme")
        keys = {
            "nobody": "",
            "confined": mesh.client("confined", agents=["public-*"]),
            "of one skill": mesh.client("skilled", skills=["say"]),
            "of another tenant": mesh.client("theirs", tenant="acme"),
            "of an empty tenant": mesh.client("empty", tenant="void"),
        }

        async def shown(who: str, place: str) -> set[str] | int:
            sent = {"authorization": f"Bearer {keys[who]}"} if keys[who] else {}
            answer = await request(mesh.gateway.ingress, "GET", place, headers=sent)
            return {skill["id"] for skill in answer.json["skills"]} if answer.status == 200 else answer.status

        for who in keys:
            theirs = who == "of another tenant"
            assert await shown(who, "/agents/echo") == ({"shout"} if theirs else {"say", "sing"}), who
            assert await shown(who, "/skills/say@1") == {"say"}, who
            assert await shown(who, "/agents/other") == ({"hum"} if theirs else 404), who
            assert await shown(who, "/") == {"say", "sing", *(("shout", "hum") if theirs else ())}, who
        wrong = await request(mesh.gateway.ingress, "GET", "/agents/echo", headers={"x-api-key": "made-up"})
        assert wrong.status == 401


@pytest.mark.requirement("cards.variants")
@pytest.mark.parametrize(
    ("settings", "origin", "address"),
    [
        ({}, "http://127.0.0.1:8080", ""),
        ({"grpc_port": 81}, "http://127.0.0.1:8080", "127.0.0.1:81"),
        ({"grpc_port": 81}, "http://localhost:8080", "localhost:81"),
        ({"grpc_port": 81}, "http://[::1]:8080", "[::1]:81"),
        # It listens on loopback, and who asks comes from elsewhere.
        ({"grpc_port": 81}, "https://agents.example", ""),
        ({"grpc_port": 81}, "http://", ""),
        ({"grpc_port": 81, "loopback": False}, "http://agents.example:8080", "agents.example:81"),
        ({"grpc_port": 81, "loopback": False, "base_url": "https://agents.example"}, "http://10.0.0.1:8080", ""),
        ({"grpc_port": 81, "base_url": "https://agents.example"}, "http://127.0.0.1:8080", ""),
        ({"grpc_port": 81, "grpc_address": "g.example:443"}, "http://127.0.0.1:8080", "g.example:443"),
        ({"grpc_address": "g.example:443", "base_url": "https://agents.example"}, "http://x", "g.example:443"),
    ],
)
@pytest.mark.parametrize("everywhere", [False, True])
@virtual_time
async def test_a_card_lists_grpc_where_it_is_asked_for_at_an_address_that_the_asker_reaches(
    settings: dict[str, Any], origin: str, address: str, everywhere: bool
) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"), skills=(Capability("say", "1.0.0"),))
        chosen = Settings(**settings, card_grpc=everywhere)
        cards = Cards(mesh.gateway.routes, mesh.gateway.schemas, chosen, "1.0.0")
        callers = [Principal("anonymous", "", agents=("*",), skills=("*",))]
        for variant, asked in [(PLAIN, everywhere), (Variant(grpc=True), True)]:
            card = cards.card(parse_selector("echo"), callers, origin, variant)
            assert card is not None
            listed = msgspec.json.decode(card)["supportedInterfaces"]
            base = settings.get("base_url", origin)
            over_http = [(one["protocolBinding"], one["url"]) for one in listed[:2]]
            assert over_http == [(name, f"{base}/agents/echo{variant.suffix}") for name in ("JSONRPC", "HTTP+JSON")]
            assert [one["url"] for one in listed[2:]] == ([address] if address and asked else [])


@pytest.mark.requirement("cards.variants")
@virtual_time
async def test_a_call_to_a_variant_is_a_call_to_the_agent() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", text("hello"), skills=(Capability("say", "1.0.0"),))
        message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
        body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": {"message": message}})
        headers = {"authorization": f"Bearer {mesh.key}", "a2a-version": "1.0", "content-type": "application/json"}
        for path, status in [("/agents/echo+grpc", 200), ("/skills/say+grpc@1", 200), ("/agents/echo+no", 404)]:
            answer = await request(mesh.gateway.ingress, "POST", path, headers=headers, body=body)
            assert answer.status == status
        assert len(mesh.wire.sent) == 2


@pytest.mark.parametrize("path", ["write@^1,region=eu", "write", "w.r-i_t@*"])
def test_a_name_without_a_suffix_is_plain_and_one_with_it_keeps_the_rest(path: str) -> None:
    assert split_variant(path) == (path, PLAIN)
    name, at, rest = path.partition("@")
    assert split_variant(f"{name}+grpc{at}{rest}") == (path, Variant(grpc=True))
