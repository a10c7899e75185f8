"""The admin API about cards."""

from __future__ import annotations

import json

import msgspec
import pytest

from meshgate.registry import MemoryRegistry
from meshgate.registry.foreign.foreign_agent import foreign_instance, read_foreign
from meshgate.registry.model import HeldCard, Provenance
from tests.gateway.asgi import Answer, request
from tests.gateway.control_plane import control_plane
from tests.registry.virtual import until

FACE = {"url": "http://127.0.0.1:9/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}


def card(name: str) -> bytes:
    return json.dumps({"name": name, "version": "1.0.0", "supportedInterfaces": [FACE], "skills": []}).encode()


@pytest.mark.requirement("cards.rotated")
async def test_the_key_of_cards_is_rotated_by_who_has_an_admin_key_alone() -> None:
    async with control_plane(MemoryRegistry()) as at:
        path, headers = "/api/v1/cards/rotate", {"content-type": "application/json"}
        assert (await request(at.admin, "POST", path, headers=headers, body=b"{}")).status == 401
        assert at.gateway.card_keys.generation == 1
        headers |= {"authorization": f"Bearer {at.admin_key}"}
        for generation in (2, 3):
            answer = await request(at.admin, "POST", path, headers=headers, body=b"{}")
            assert (answer.status, answer.json) == (200, {"generation": generation})
            assert at.gateway.card_keys.generation == generation


@pytest.mark.requirement("trust.shown", "trust.held")
async def test_a_card_that_waits_is_shown_and_accepted_by_its_hash() -> None:
    registry = MemoryRegistry()
    read = read_foreign(card("Maps"), "maps")
    blob, origin = await registry.put_blob(card("Atlas")), Provenance("unsigned", "ab" * 32, 5.0)
    manifest = msgspec.structs.replace(
        read.manifest, held=HeldCard(origin, blob, 5.0, ("the name changed",), ("name",))
    )
    instance = foreign_instance(manifest, read.endpoints, "http://127.0.0.1:9/card")
    await registry.register(instance, manifest)
    async with control_plane(registry) as at:
        await until(lambda: instance.id in at.table.entries)
        headers = {"content-type": "application/json", "authorization": f"Bearer {at.admin_key}"}
        view = {
            "agent": "maps",
            "tenant": "default",
            "instance": instance.id,
            "accepted": "",
            "candidate": "ab" * 32,
            "since": 5.0,
            "reasons": ["the name changed"],
            "changes": ["name"],
        }
        assert (await request(at.admin, "GET", "/api/v1/cards/held", headers=headers)).json == [view]
        assert (await request(at.admin, "GET", "/api/v1/cards/held")).status == 401

        async def accept(**body: str) -> Answer:
            sent = json.dumps({"agent": "maps", **body}).encode()
            return await request(at.admin, "POST", "/api/v1/cards/accept", headers=headers, body=sent)

        for wrong in ({"candidate": "cd" * 32}, {"tenant": "acme"}, {"agent": "other"}):
            answer = await accept(**wrong)
            assert (answer.status, answer.json["code"]) == (404, "NO_HELD_CARD")
        assert (await accept(candidate="ab" * 32)).json == [view]
        assert at.table.entries[instance.id].manifest.card["name"] == "Atlas"
        assert (await request(at.admin, "GET", "/api/v1/cards/held", headers=headers)).json == []
