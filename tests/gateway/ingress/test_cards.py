"""The cards that a gateway serves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.compat.v0_3 import types as v0_3
from a2a.types import a2a_pb2
from google.protobuf import json_format

from meshgate.a2a.bindings.base import Binding
from meshgate.a2a.bindings.table import GRPC_ROWS, HTTP_ROWS, Row
from meshgate.a2a.call import Principal
from meshgate.a2a.errors import NoRoute
from meshgate.a2a.selector import parse_selector
from meshgate.gateway.ingress.card_signatures import CardSignatures
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
        signatures = CardSignatures(mesh.gateway.card_keys)
        cards = Cards(mesh.gateway.routes, mesh.gateway.schemas, chosen, "1.0.0", signatures)
        callers = [Principal("anonymous", "", agents=("*",), skills=("*",))]
        for variant, asked in [(PLAIN, everywhere), (Variant(grpc=True), True)]:
            card = cards.card(parse_selector("echo"), callers, origin, variant)
            assert card is not None
            listed = msgspec.json.decode(card)["supportedInterfaces"]
            base = settings.get("base_url", origin)
            assert listed[0]["url"] == f"{base}/agents/echo{variant.suffix}"
            over_grpc = [one["url"] for one in listed if one["protocolBinding"] == "GRPC"]
            assert over_grpc == ([address] if address and asked else [])


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


SUFFIXES = {
    "": PLAIN,
    "+grpc": Variant(grpc=True),
    "+1.0": Variant(version="1.0"),
    "+0.3": Variant(version="0.3"),
    "+grpc+1.0": Variant(grpc=True, version="1.0"),
    "+grpc+0.3": Variant(grpc=True, version="0.3"),
}


@pytest.mark.requirement("cards.variants")
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("path", ["write@^1,region=eu", "write", "w.r-i_t@*"])
def test_a_suffix_is_a_variant_and_what_is_around_it_stays(path: str, suffix: str) -> None:
    name, at, rest = path.partition("@")
    assert split_variant(f"{name}{suffix}{at}{rest}") == (path, SUFFIXES[suffix])
    kept = SUFFIXES[suffix].path(parse_selector(path))
    assert kept.rpartition("/")[2] == f"{name}{suffix}{at}{rest}"


@pytest.mark.requirement("cards.variants")
@pytest.mark.parametrize(
    "text",
    [
        *("a+", "+grpc", "a+other", "a+GRPC", "a+2.0", "a+1", "a++grpc", "a+grpc+"),
        *("a+grpc+grpc", "a+1.0+1.0", "a+1.0+0.3", "a+0.3+1.0", "a+1.0+grpc", "a+0.3+grpc", "a+grpc+1.0+0.3"),
        *("a+grpc@2+1.0x", "+@1"),
    ],
)
def test_what_is_unknown_or_twice_or_in_another_order_is_no_variant(text: str) -> None:
    if text == "a+grpc@2+1.0x":  # a range, which the selector refuses, and no variant
        assert split_variant(text) == ("a@2+1.0x", Variant(grpc=True))
        return
    with pytest.raises(NoRoute):
        split_variant(text)


def _never() -> Binding:
    raise AssertionError("a card needs no binding")


OLD_HTTP: tuple[Row[Binding], ...] = (Row("JSONRPC", "0.3", _never), Row("HTTP+JSON", "0.3", _never))
OLD_GRPC: tuple[Row[Binding], ...] = (Row("GRPC", "0.3", _never),)
NEW_HTTP = tuple(row for row in HTTP_ROWS if row.version == "1.0")
NEW_GRPC = tuple(row for row in GRPC_ROWS if row.version == "1.0")
ORIGIN = "http://127.0.0.1:8080"
CALLERS = [Principal("anonymous", "", agents=("*",), skills=("*",))]
NEW_KEYS = frozenset({"supportedInterfaces", "securityRequirements"})
OLD_KEYS = frozenset({"protocolVersion", "url", "preferredTransport", "additionalInterfaces", "security"})


def cards_of(mesh: LocalMesh, *, old: bool = True) -> Cards:
    """The cards of a mesh that serves 0.3 as well. The older rows stand first, to be seen to be listed last."""
    http, grpc = ((*OLD_HTTP, *NEW_HTTP), (*OLD_GRPC, *NEW_GRPC)) if old else (NEW_HTTP, NEW_GRPC)
    signatures = CardSignatures(mesh.gateway.card_keys)
    settings = Settings(grpc_port=81)
    return Cards(mesh.gateway.routes, mesh.gateway.schemas, settings, "1.0.0", signatures, http=http, grpc=grpc)


async def add(mesh: LocalMesh) -> None:
    await mesh.add("echo", text("hello"), skills=(Capability("say", "1.0.0"),))


def shape_of(card: dict[str, Any]) -> str:
    """The versions whose keys a card has."""
    return {(True, True): "both", (True, False): "1.0", (False, True): "0.3"}[
        card.keys() >= NEW_KEYS, card.keys() >= OLD_KEYS
    ]


@pytest.mark.requirement("cards.versions")
@pytest.mark.parametrize("asked", ["", "1.0", "0.3", "2.0"])
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("target", ["echo", "say@1"])
@virtual_time
async def test_the_variant_and_else_the_version_that_is_asked_for_choose_the_form(
    target: str, suffix: str, asked: str
) -> None:
    variant = SUFFIXES[suffix]
    async with virtual_mesh() as mesh:
        await add(mesh)
        selector = parse_selector(target)
        found = cards_of(mesh).card(selector, CALLERS, ORIGIN, variant, asked)
        assert found is not None
        card = msgspec.json.decode(found)
    version = variant.version or (asked if asked != "2.0" else "")
    assert shape_of(card) == (version or "both")
    url = ORIGIN + variant.path(selector)
    # An address of gRPC wants the label of whom it is for, which A2A 0.3 cannot say.
    over_grpc = [("127.0.0.1:81", "GRPC", "1.0")] if variant.grpc else []
    new = [*((url, row.id, "1.0") for row in NEW_HTTP), *over_grpc]
    old = [(url, row.id, "0.3") for row in OLD_HTTP]
    if version != "0.3":
        listed = [(one["url"], one["protocolBinding"], one["protocolVersion"]) for one in card["supportedInterfaces"]]
        assert listed == (new if version else new + old)
        parse_agent_card(msgspec.json.decode(found))
    if version == "1.0":
        json_format.ParseDict(card, a2a_pb2.AgentCard())  # strict: any other key or form is refused
        return
    read = v0_3.AgentCard.model_validate(card)
    assert (read.protocol_version, read.url, read.preferred_transport) == ("0.3.0", url, "JSONRPC")
    assert [(one.url, one.transport) for one in read.additional_interfaces or ()] == [one[:2] for one in old]
    assert read.security == [{"key": []}]
    assert isinstance((read.security_schemes or {})["key"].root, v0_3.HTTPAuthSecurityScheme)


@pytest.mark.requirement("cards.versions")
@virtual_time
async def test_the_gateways_own_card_lists_grpc_of_each_version_where_it_is_asked_for() -> None:
    async with virtual_mesh() as mesh:
        await add(mesh)
        found = cards_of(mesh).card(None, CALLERS, ORIGIN, Variant(grpc=True))
        assert found is not None
    card = msgspec.json.decode(found)
    listed = [(one["protocolBinding"], one["protocolVersion"]) for one in card["supportedInterfaces"]]
    assert listed == [row.key for row in (*NEW_HTTP, *NEW_GRPC, *OLD_HTTP, *OLD_GRPC)]
    assert card["additionalInterfaces"][-1] == {"url": "127.0.0.1:81", "transport": "GRPC"}


@pytest.mark.requirement("cards.versions")
@virtual_time
async def test_a_gateway_that_does_not_serve_a_version_has_no_card_of_it() -> None:
    async with virtual_mesh() as mesh:
        await add(mesh)
        cards, echo = cards_of(mesh, old=False), parse_selector("echo")
        assert cards.card(echo, CALLERS, ORIGIN, Variant(version="0.3")) is None
        plain = cards.card(echo, CALLERS, ORIGIN)
        assert plain is not None
        assert {cards.card(echo, CALLERS, ORIGIN, asked=asked) for asked in ("0.3", "3")} == {plain}
        assert shape_of(msgspec.json.decode(plain)) == "1.0"


@pytest.mark.requirement("cards.versions")
@virtual_time
async def test_a_card_depends_on_what_vary_names_and_each_form_has_a_validator_of_its_own() -> None:
    async with virtual_mesh() as mesh:
        await add(mesh)
        mesh.gateway.ingress._cards = cards_of(mesh)  # pyright: ignore[reportPrivateUsage]
        key = {"authorization": f"Bearer {mesh.key}"}
        asks: list[tuple[dict[str, str], str]] = [
            ({}, ""),
            ({"a2a-version": "1.0"}, ""),
            ({"a2a-version": "0.3"}, ""),
            ({}, "A2A-Version=0.3"),
            ({"a2a-version": "1.0.2"}, ""),
        ]
        found = [
            await request(mesh.gateway.ingress, "GET", "/agents/echo", headers={**key, **more}, query=query)
            for more, query in asks
        ]
        assert [shape_of(answer.json) for answer in found] == ["both", "1.0", "0.3", "0.3", "1.0"]
        tags = [answer.headers["etag"] for answer in found]
        assert (len({*tags[:3]}), tags[3], tags[4]) == (3, tags[2], tags[1])
        assert {answer.headers["vary"] for answer in found} == {"A2A-Version, Authorization, X-API-Key"}
        for agent in ("a2a-python/0.3", "Java-http-client/17"):
            same = await request(mesh.gateway.ingress, "GET", "/agents/echo", headers={**key, "user-agent": agent})
            assert same.headers["etag"] == tags[0]
        held = {**key, "if-none-match": tags[0]}
        assert (await request(mesh.gateway.ingress, "GET", "/agents/echo", headers=held)).status == 304
        other = {**held, "a2a-version": "1.0"}
        assert (await request(mesh.gateway.ingress, "GET", "/agents/echo", headers=other)).status == 200


@pytest.mark.requirement("cards.places")
@pytest.mark.parametrize("base", ["", "/agents/echo", "/agents/echo+1.0", "/skills/say+grpc@1"])
@virtual_time
async def test_a_card_is_at_the_base_and_at_both_well_known_places(base: str) -> None:
    async with virtual_mesh() as mesh:
        await add(mesh)
        key = {"authorization": f"Bearer {mesh.key}"}
        places = ["", "/", "/.well-known/agent-card.json", "/.well-known/agent.json"]
        found = [await request(mesh.gateway.ingress, "GET", base + place or "/", headers=key) for place in places]
        assert {(answer.status, answer.body) for answer in found} == {(200, found[0].body)}
        heads = [await request(mesh.gateway.ingress, "HEAD", base + place or "/", headers=key) for place in places]
        assert {(answer.status, answer.body) for answer in heads} == {(200, b"")}
        assert {answer.headers["etag"] for answer in heads} == {found[0].headers["etag"]}
