"""A suspicious card is held in the registry beside the one that is used, until an operator accepts it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from meshgate.a2a.errors import PermissionDenied, UpstreamUnavailable
from meshgate.a2a.signatures.jwk import thumbprint
from meshgate.gateway.control.foreign.card_acceptance import CardAcceptance, NoHeldCard
from meshgate.gateway.control.foreign.card_trust import RECENT, CardTrust
from meshgate.gateway.control.foreign.registered_agents import RegisteredAgents
from meshgate.gateway.control.switches import WrittenNotSeen
from meshgate.net.addresses import AgentNetworks
from meshgate.registry.foreign.agent_credential import AgentCredential
from meshgate.registry.foreign.card_places import CardAnswer
from meshgate.registry.index import Index
from meshgate.registry.model import Capability, HeldCard
from meshgate.testing import text
from tests.a2a.signatures.test_card_verifier import JKU, public, signed
from tests.gateway.control.foreign.test_registered_agents import SEAL, Mesh, card, keys, mesh
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("trust.held")

DRAW: list[Any] = [{"id": "draw", "name": "Draw", "tags": []}]


class Callers:
    """Says which skills were called; a test changes it."""

    def __init__(self, *skills: str) -> None:
        self.skills = frozenset(skills)
        self.asked: list[tuple[str, str]] = []

    async def __call__(self, agent: str, tenant: str) -> frozenset[str]:
        self.asked.append((agent, tenant))
        return self.skills


def keeper(at: Mesh, called: Callers | None = None, now: float = 1_000.0) -> RegisteredAgents:
    trust = CardTrust(at.registry, called or Callers(), lambda: now)
    own: frozenset[str] = frozenset()
    return RegisteredAgents(at.registry, at.index, AgentNetworks(), SEAL, own, trust=trust, wall=lambda: now)


def acceptance(at: Mesh, index: Index | None = None) -> CardAcceptance:
    return CardAcceptance(at.registry, at.index if index is None else index, AgentNetworks(), SEAL, 0.5)


def held(at: Mesh) -> HeldCard | None:
    return at.entry.manifest.held


@virtual_time
async def test_a_suspicious_card_waits_and_the_accepted_one_is_used() -> None:
    async with mesh() as at:
        await at.register("maps")
        keep = keeper(at)
        await at.look(keep)
        before = at.entry
        with capture_logs() as logs:
            for _ in range(3):
                await at.look(keep, CardAnswer(200, card("Atlas", "2.0.0", "http://127.0.0.1:9/new")))
        found = held(at)
        assert found is not None
        assert (found.reasons, found.at) == (("the name changed",), 1_000.0)
        assert "version: '1.0.0' -> '2.0.0'" in found.changes
        assert [one["event"] for one in logs].count("card_held") == 1
        now = at.entry
        assert (now.manifest.card, now.instance.endpoints, now.manifest.version) == (
            before.manifest.card, before.instance.endpoints, "1.0.0"
        )  # fmt: skip
        assert now.manifest.provenance == before.manifest.provenance
        # Another process, which has not seen it before, decides the same, and it is held since the same time.
        await at.look(keeper(at, now=9_000.0))
        assert held(at) == found
        assert await at.registry.get_blob(found.blob) == card("Atlas", "2.0.0", "http://127.0.0.1:9/new")


@virtual_time
async def test_an_accepted_card_is_used_with_the_operators_terms() -> None:
    async with mesh() as at:
        await at.register("maps", AgentCredential({"x-key": "k"}), tell_caller=True)
        keep, accepting = keeper(at), acceptance(at)
        await at.look(keep)
        terms = at.entry.manifest.terms
        await at.look(keep, CardAnswer(200, card("Atlas", "2.0.0", "http://127.0.0.1:9/new")))
        (view,) = accepting.held
        assert (view.agent, view.tenant, view.since, view.reasons) == (
            "maps",
            "default",
            1_000.0,
            ("the name changed",),
        )
        assert view.accepted != view.candidate
        with pytest.raises(NoHeldCard):
            await accepting.accept("maps", "default", view.accepted)
        with pytest.raises(NoHeldCard):
            await accepting.accept("maps", "acme")
        assert await accepting.accept("maps", "default", view.candidate) == [view]
        now = at.entry
        assert (now.instance.agent, now.manifest.version, held(at)) == ("maps", "2.0.0", None)
        assert [one.url for one in now.instance.endpoints] == ["http://127.0.0.1:9/new"]
        assert (now.manifest.terms, now.manifest.tell_caller) == (terms, True)
        assert now.manifest.provenance is not None
        assert now.manifest.provenance.hash == view.candidate
        await at.look(keep)
        assert (at.entry, accepting.held) == (now, [])
        with pytest.raises(NoHeldCard):
            await accepting.accept("maps", "default")


@virtual_time
async def test_a_card_that_turns_back_is_held_no_longer_and_another_one_anew() -> None:
    async with mesh() as at:
        await at.register("maps")
        keep = keeper(at)
        await at.look(keep)
        used = at.entry
        await at.look(keep, CardAnswer(200, card("Atlas")))
        first = held(at)
        await at.look(keep, CardAnswer(200, card("Globe")))
        second = held(at)
        assert first is not None
        assert second is not None
        assert first.origin.hash != second.origin.hash
        await at.look(keep, CardAnswer(200, card()))
        assert at.entry == used


@pytest.mark.requirement("trust.skills")
@virtual_time
async def test_a_skill_that_is_called_does_not_vanish() -> None:
    async with mesh() as at:
        await at.register("maps")
        callers = Callers("find")
        keep = keeper(at, callers)
        await at.look(keep)
        assert callers.asked == []
        await at.look(keep, CardAnswer(200, card(skills=DRAW)))
        assert [one.skill for one in at.entry.manifest.skills] == ["find"]
        assert callers.asked == [("maps", "default")]
        # It is an operator's to let it go, not time's.
        callers.skills = frozenset()
        await at.look(keeper(at, callers))
        assert held(at) is not None
        await at.look(keep, CardAnswer(200, card(skills=DRAW, version="1.1.0")))
        assert ([one.skill for one in at.entry.manifest.skills], held(at)) == (["draw"], None)


@pytest.mark.requirement("trust.signature")
@virtual_time
async def test_a_signature_that_goes_is_noticed_although_the_rest_of_the_card_is_the_same() -> None:
    async with mesh() as at:
        await at.register("maps")
        at.answers[JKU] = keys()
        keep, tree = keeper(at), json.loads(card())
        await at.look(keep, CardAnswer(200, json.dumps(signed(tree)).encode()))
        await at.look(keep, CardAnswer(200, json.dumps(tree).encode()))
        found = held(at)
        assert found is not None
        assert found.reasons == ("the signature is gone",)
        assert found.origin.hash == at.entry.manifest.provenance.hash  # type: ignore[union-attr]


@pytest.mark.requirement("trust.signature")
@virtual_time
async def test_a_card_that_could_not_be_checked_is_used_as_soon_as_it_can_be() -> None:
    async with mesh() as at:
        await at.register("maps")
        at.answers[JKU] = keys()
        keep = keeper(at)
        await at.look(keep, CardAnswer(200, json.dumps(signed(json.loads(card()))).encode()))
        at.answers[JKU] = UpstreamUnavailable("nobody is there")
        newer = json.dumps(signed(json.loads(card(version="1.1.0")))).encode()
        await at.look(keep, CardAnswer(200, newer))
        assert (at.entry.manifest.version, held(at) is not None) == ("1.0.0", True)
        at.answers[JKU] = keys()
        await at.look(keep)
        assert (at.entry.manifest.version, held(at)) == ("1.1.0", None)


@pytest.mark.requirement("trust.signature")
@virtual_time
async def test_a_new_key_is_taken_without_a_word_while_the_old_one_signs_too() -> None:
    async with mesh() as at:
        await at.register("maps")
        both = {"keys": [public("ES256"), public("ES384", kid="new")]}
        at.answers[JKU] = CardAnswer(200, json.dumps(both).encode())
        keep, tree = keeper(at), json.loads(card())
        await at.look(keep, CardAnswer(200, json.dumps(signed(tree)).encode()))
        newer = {**tree, "version": "1.1.0"}
        await at.look(keep, CardAnswer(200, json.dumps(signed(signed(newer, "ES384", kid="new"))).encode()))
        assert (at.entry.manifest.version, held(at)) == ("1.1.0", None)
        assert at.entry.manifest.provenance is not None
        assert at.entry.manifest.provenance.key == thumbprint(public("ES256"))
        newest = {**tree, "version": "1.2.0"}
        await at.look(keep, CardAnswer(200, json.dumps(signed(newest, "ES384", kid="new")).encode()))
        assert at.entry.manifest.version == "1.1.0"
        assert held(at) is not None


@virtual_time
async def test_a_card_that_can_no_longer_be_used_is_refused_when_it_is_accepted() -> None:
    async with mesh() as at:
        await at.register("maps")
        keep = keeper(at)
        await at.look(keep)
        await at.look(keep, CardAnswer(200, card("Atlas", url="http://127.0.0.1:9/new")))
        narrow = CardAcceptance(at.registry, at.index, AgentNetworks(("10.0.0.0/8",)), SEAL, 0.5)
        with pytest.raises(PermissionDenied):
            await narrow.accept("maps", "default")
        found = held(at)
        assert found is not None
        stamp = await at.registry.stamp(found.blob)
        assert stamp is not None
        assert await at.registry.discard(found.blob, stamp)
        with pytest.raises(NoHeldCard, match="the registry has lost the card"):
            await acceptance(at).accept("maps", "default")


@virtual_time
async def test_what_the_registry_does_not_show_is_not_acknowledged() -> None:
    async with mesh() as at:
        await at.register("maps")
        keep = keeper(at)
        await at.look(keep)
        await at.look(keep, CardAnswer(200, card("Atlas")))
        still = Index()
        for entry in at.index.entries.values():
            still._add(entry)  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(WrittenNotSeen):
            await acceptance(at, still).accept("maps", "default")


@pytest.mark.requirement("trust.skills")
@virtual_time
async def test_a_gateway_knows_which_skills_of_an_agent_were_called() -> None:
    async with virtual_mesh() as at:
        skills = (Capability("find", "1.0.0"), Capability("draw", "1.0.0"))
        await at.add("maps", text("here"), skills=skills, foreign=True)
        assert at.gateway.answers.called("maps", "default", RECENT) == []
        await at.call("find@1")
        assert at.gateway.answers.called("maps", "default", RECENT) == ["find"]
        await at.call("maps")
        assert at.gateway.answers.called("maps", "default", RECENT) == ["*", "find"]
        await asyncio.sleep(RECENT + 1.0)
        assert at.gateway.answers.called("maps", "default", RECENT) == []
