"""Every card that is served is signed, and a2a-sdk takes each under the published keys."""

from __future__ import annotations

import json
from typing import Any

import jwt
import msgspec
import pytest
from a2a.client.card_resolver import parse_agent_card
from a2a.utils.signing import create_signature_verifier
from structlog.testing import capture_logs

from meshgate.a2a.cards import PROVENANCE_URI, interface
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.signatures.canonical_json import canonical_json
from meshgate.a2a.signatures.jwk import encoded
from meshgate.gateway.control.card_rotation import CardRotation
from meshgate.gateway.control.switches import WrittenNotSeen
from meshgate.gateway.gateway import Gateway
from meshgate.gateway.ingress.card_signatures import CardSignatures
from meshgate.gateway.settings import Settings
from meshgate.registry.errors import RegistryUnavailable
from meshgate.registry.model import Capability, Provenance
from meshgate.testing import LocalMesh, text
from tests.a2a.signatures import test_card_verifier as verifier
from tests.gateway.asgi import Answer, request
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import settle, virtual_time

KEYS = "/.well-known/jwks.json"
SUFFIXES = ["", "+grpc", "+1.0", "+grpc+1.0", "+0.3"]


async def get(mesh: LocalMesh, path: str, **headers: str) -> Answer:
    """A GET with a key."""
    return await request(mesh.gateway.ingress, "GET", path, headers={"authorization": f"Bearer {mesh.key}", **headers})


async def published(mesh: LocalMesh) -> list[dict[str, str]]:
    """The public keys, asked for without a key."""
    answer = await request(mesh.gateway.ingress, "GET", KEYS)
    assert answer.status == 200
    keys: list[dict[str, str]] = answer.json["keys"]
    return keys


def sdk_takes(card: dict[str, Any], keys: list[dict[str, str]]) -> None:
    """Raises unless a2a-sdk takes a signature under the keys."""
    known = jwt.PyJWKSet.from_dict({"keys": keys})

    def provider(kid: str | None, _: str | None) -> jwt.PyJWK:
        return known[str(kid)]

    create_signature_verifier(provider, ["ES256"])(parse_agent_card(card))


def json_takes(card: dict[str, Any], keys: list[dict[str, str]]) -> bool:
    """Whether a signature covers the JSON as it is, by PyJWT alone."""
    body = {name: value for name, value in card.items() if name != "signatures"}
    for one in card["signatures"]:
        token = f"{one['protected']}.{encoded(canonical_json(body))}.{one['signature']}"
        header = jwt.get_unverified_header(token)
        try:
            jwt.decode(token, jwt.PyJWKSet.from_dict({"keys": keys})[header["kid"]], ["ES256"])
        except jwt.InvalidSignatureError:
            continue
        return True
    return False


async def add(mesh: LocalMesh) -> None:
    skills = (Capability("say", "1.0.0"), Capability("sing", "1.0.0"))
    await mesh.add("echo", text("hello"), skills=skills)


@pytest.mark.requirement("cards.signed")
@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("place", ["/agents/echo", "/skills/say", "/"])
@virtual_time
async def test_each_form_of_each_card_is_signed_for_readers_of_json_and_of_protobuf(place: str, suffix: str) -> None:
    async with virtual_mesh() as mesh:
        await add(mesh)
        asked = {"a2a-version": suffix[-3:]} if place == "/" and "." in suffix else {}
        answer = await get(mesh, place if place == "/" else place + suffix, **asked)
        keys = await published(mesh)
        assert json_takes(answer.json, keys)
        assert not json_takes({**answer.json, "version": "6.6.6"}, keys)
        if "0.3" not in suffix:
            sdk_takes(answer.json, keys)


@pytest.mark.requirement("cards.signed")
@virtual_time
async def test_a_card_that_was_changed_is_not_taken() -> None:
    async with virtual_mesh() as mesh:
        await add(mesh)
        card, keys = (await get(mesh, "/agents/echo")).json, await published(mesh)
        card["supportedInterfaces"][0]["url"] = "https://elsewhere.example/"
        assert not json_takes(card, keys)
        with pytest.raises(Exception, match="No valid signature"):
            sdk_takes(card, keys)


@pytest.mark.requirement("cards.signed", "contract.card_cache")
@virtual_time
async def test_a_card_has_one_validator_at_every_gateway_until_it_or_its_key_changes() -> None:
    async with virtual_mesh() as mesh, virtual_mesh(join=mesh) as other:
        await add(mesh)
        await settle()
        shown = [await get(each, "/agents/echo", host="mesh.example") for each in (mesh, mesh, other)]
        assert len({answer.headers["etag"] for answer in shown}) == len({answer.body for answer in shown}) == 1
        again = await get(mesh, "/agents/echo", host="mesh.example", **{"if-none-match": shown[0].headers["etag"]})
        assert again.status == 304
        await rotation(mesh).rotate()
        changed = await get(mesh, "/agents/echo", host="mesh.example", **{"if-none-match": shown[0].headers["etag"]})
        assert changed.status == 200
        assert changed.headers["etag"] != shown[0].headers["etag"]


def rotation(mesh: LocalMesh, *files: str) -> CardRotation:
    gateway = mesh.gateway
    return CardRotation(mesh.registry, gateway.table, gateway.mesh, files, 1.0)


@pytest.mark.requirement("cards.rotated")
@virtual_time
async def test_after_a_rotation_cards_have_a_new_key_and_older_ones_are_still_taken_once() -> None:
    async with virtual_mesh() as mesh:
        await add(mesh)
        before = (await get(mesh, "/agents/echo")).json
        assert await rotation(mesh).rotate() == 2
        keys, after = await published(mesh), (await get(mesh, "/agents/echo")).json
        assert after["signatures"] != before["signatures"]
        for card in (before, after):
            sdk_takes(json.loads(json.dumps(card)), keys)
        assert await rotation(mesh).rotate() == 3
        with pytest.raises(KeyError):
            json_takes(before, await published(mesh))
        assert json_takes(after, await published(mesh))


@pytest.mark.requirement("cards.rotated")
@virtual_time
async def test_what_cannot_be_rotated_is_refused() -> None:
    async with virtual_mesh() as mesh:
        with pytest.raises(InvalidParams, match="put a new file first"):
            await rotation(mesh, "card.pem").rotate()
        mesh.registry.cut()
        with pytest.raises(RegistryUnavailable):
            await rotation(mesh).rotate()
        assert mesh.gateway.card_keys.generation == 1


@pytest.mark.requirement("cards.rotated")
@virtual_time
async def test_a_rotation_that_is_not_seen_is_not_acknowledged() -> None:
    async with virtual_mesh() as mesh:
        stranger = CardRotation(mesh.registry, type(mesh.gateway.table)(), mesh.gateway.mesh, (), 0.5)
        with pytest.raises(WrittenNotSeen):
            await stranger.rotate()
        await settle()
        assert mesh.gateway.card_keys.generation == 2


@pytest.mark.requirement("cards.published")
@virtual_time
async def test_the_public_keys_are_for_anybody_and_hold_nothing_else() -> None:
    async with virtual_mesh() as mesh:
        await rotation(mesh).rotate()
        answer = await request(mesh.gateway.ingress, "GET", KEYS)
        assert [set(key) for key in answer.json["keys"]] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}] * 2
        assert answer.headers["cache-control"] == "max-age=30, public"
        head = await request(mesh.gateway.ingress, "HEAD", KEYS)
        assert (head.status, head.body, head.headers["etag"]) == (200, b"", answer.headers["etag"])
        same = await request(mesh.gateway.ingress, "GET", KEYS, headers={"if-none-match": answer.headers["etag"]})
        assert same.status == 304
        assert (await request(mesh.gateway.ingress, "POST", KEYS)).status != 200


@pytest.mark.requirement("cards.jku")
@pytest.mark.parametrize(
    ("base", "jku"),
    [
        ("https://mesh.example/a2a", "https://mesh.example/a2a/.well-known/jwks.json"),
        ("http://mesh.example", None),
        ("", None),
    ],
)
@virtual_time
async def test_a_signature_says_where_the_keys_are_if_that_is_https(base: str, jku: str | None) -> None:
    async with virtual_mesh() as mesh:
        gateway = Gateway(mesh.registry, mesh.mesh_key, mesh.keys, settings=Settings(base_url=base), alone=True)
        card = await request(gateway.ingress, "GET", "/", headers={"authorization": f"Bearer {mesh.key}"})
        (first, *_) = card.json["signatures"]
        await gateway.aclose()
        assert jwt.get_unverified_header(f"{first['protected']}.e30.{first['signature']}").get("jku") == jku


@pytest.mark.requirement("cards.signed")
@virtual_time
async def test_a_card_without_a_canonical_form_is_served_unsigned_and_told_once() -> None:
    async with virtual_mesh() as mesh:
        signatures = CardSignatures(mesh.gateway.card_keys)
        with capture_logs() as logs:
            bodies = {signatures.signed({"name": "echo", "n": 2**60}) for _ in range(3)}
        assert bodies == {b'{"name":"echo","n":1152921504606846976}'}
        assert [(one["event"], one["card"]) for one in logs] == [("card_not_signed", "echo")]


@pytest.mark.requirement("cards.signed")
@virtual_time
async def test_signatures_are_kept_for_so_many_cards_those_used_last_and_each_key_has_its_own() -> None:
    async with virtual_mesh() as mesh:
        signatures = CardSignatures(mesh.gateway.card_keys, kept=2)
        with capture_logs() as logs:  # it tells of a card that cannot be signed each time that it tries
            for name in ("a", "b", "a", "c", "a", "b"):
                signatures.signed({"name": name, "n": 2**60})
        assert [one["card"] for one in logs] == ["a", "b", "c", "b"]
        first = signatures.signed({"name": "a"})
        await rotation(mesh).rotate()
        assert signatures.signed({"name": "a"}) != first


@pytest.mark.requirement("foreign.provenance")
@virtual_time
async def test_a_served_card_says_what_the_agents_own_signatures_prove_and_no_agent_can_say_it_for_itself() -> None:
    async with virtual_mesh() as mesh:
        own = {"name": "maps", "version": "1.0.0", "supportedInterfaces": [interface("http://a/", "JSONRPC")]}
        claim = {"uri": PROVENANCE_URI, "params": {"verdict": "verified", "key": "mine"}}
        theirs = verifier.signed({**own, "capabilities": {"extensions": [claim]}})
        skills = (Capability("find", "1.0.0"),)
        await mesh.add("maps", text("here"), skills=skills, foreign=True)
        (entry,) = mesh.gateway.table.instances_of("maps")

        async def read(origin: Provenance | None) -> None:
            manifest = msgspec.structs.replace(entry.manifest, card=theirs, provenance=origin)
            await mesh.registry.register(msgspec.structs.replace(entry.instance, manifest=manifest.digest()), manifest)
            await settle()

        await read(None)
        card = (await get(mesh, "/agents/maps")).json
        assert [one for one in card["capabilities"]["extensions"] if one["uri"] == PROVENANCE_URI] == []
        await read(Provenance("verified", "ab" * 32, 1.8e9, key="thumb", jku=verifier.JKU))
        card = (await get(mesh, "/agents/maps")).json
        (found,) = [one for one in card["capabilities"]["extensions"] if one["uri"] == PROVENANCE_URI]
        assert found["params"] == {
            "verdict": "verified",
            "cardHash": "ab" * 32,
            "since": "2027-01-15T08:00:00Z",
            "key": "thumb",
            "jku": verifier.JKU,
            "signatures": theirs["signatures"],
        }
        assert (found["required"], card["signatures"] != theirs["signatures"]) == (False, True)
        sdk_takes(card, await published(mesh))
