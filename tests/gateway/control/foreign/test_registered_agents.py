"""Foreign agents that operators registered: what changes on their cards is read, and what operators said stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from meshgate.a2a.errors import PermissionDenied, UpstreamUnavailable
from meshgate.a2a.signatures.jwk import thumbprint
from meshgate.gateway.control.foreign.registered_agents import RegisteredAgents
from meshgate.gateway.identity.credential_seal import CredentialSeal, sealed
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.net.addresses import AgentNetworks
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.foreign.agent_credential import AgentCredential
from meshgate.registry.foreign.card_places import CardAnswer
from meshgate.registry.foreign.foreign_agent import foreign_instance, read_foreign
from meshgate.registry.index import Index
from meshgate.registry.model import Entry, Instance, Manifest
from meshgate.registry.watcher import Watcher
from tests.a2a.signatures.test_card_verifier import JKU, public, signed
from tests.support.virtual_loop import settle, virtual_time

pytestmark = pytest.mark.requirement("foreign.kept")

URL = "http://127.0.0.1:9/card"
SEAL = CredentialSeal(MeshKey(bytes(range(32))))


def card(name: str = "Maps", version: str = "1.0.0", url: str = "http://127.0.0.1:9/rpc", **more: Any) -> bytes:
    face = {"url": url, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    skills: list[Any] = [{"id": "find", "name": "Find", "tags": []}]
    return json.dumps(
        {"name": name, "version": version, "supportedInterfaces": [face], "skills": skills, **more}
    ).encode()


class Mesh:
    """A registry, and a server that shows a card; it is the fetcher too."""

    def __init__(self) -> None:
        self.registry, self.index = MemoryRegistry(), Index()
        self.answer: CardAnswer | Exception = CardAnswer(200, card(), etag='"1"')
        self.answers: dict[str, CardAnswer | Exception] = {}
        """What is shown elsewhere than at the card's place."""
        self.asked: list[tuple[str, Mapping[str, str], str]] = []

    async def fetch(self, url: str, headers: Mapping[str, str], ca: str = "") -> CardAnswer:
        self.asked.append((url, headers, ca))
        if (other := self.answers.get(url)) is not None:
            if isinstance(other, Exception):
                raise other
            return other
        if isinstance(self.answer, Exception):
            raise self.answer
        if headers.get("if-none-match") == self.answer.etag and self.answer.etag:
            return CardAnswer(304, b"")
        return self.answer

    def keeper(self, own: frozenset[str] = frozenset()) -> RegisteredAgents:
        return RegisteredAgents(self.registry, self.index, AgentNetworks(), SEAL, own, wall=lambda: 1_000.0)

    async def register(self, name: str = "", credential: AgentCredential | None = None, **terms: Any) -> None:
        read = read_foreign(card(), name, **terms)
        instance, manifest = (
            foreign_instance(read.manifest, read.endpoints, URL, labels={"region": "eu"}),
            read.manifest,
        )
        if credential is not None:
            instance, manifest = sealed(instance, manifest, credential, SEAL)
        await self.registry.register(instance, manifest)
        await settle()

    async def look(self, keeper: RegisteredAgents, answer: CardAnswer | Exception | None = None) -> None:
        self.answer = answer if answer is not None else self.answer
        await keeper.look(self)  # type: ignore[arg-type]  # it only fetches
        await settle()

    @property
    def entry(self) -> Entry:
        (entry,) = self.index.entries.values()
        return entry


@asynccontextmanager
async def mesh() -> AsyncGenerator[Mesh, None]:
    made = Mesh()
    watching = asyncio.ensure_future(Watcher(made.registry, made.index).run())
    try:
        yield made
    finally:
        watching.cancel()


@virtual_time
async def test_what_changes_on_a_card_is_listed_and_what_the_operator_said_stays() -> None:
    async with mesh() as at:
        await at.register("atlas", reentrant={"find": 2}, tell_caller=True, any_references=True, shared_contexts=True)
        keeper = at.keeper()
        await at.look(keeper)
        before = at.entry
        await at.look(keeper)
        assert at.entry == before
        more = [{"id": "find", "name": "Find"}, {"id": "draw", "name": "Draw"}]
        changed = card("Maps", "2.0.0", "http://127.0.0.1:9/new", skills=more)
        await at.look(keeper, CardAnswer(200, changed))
        instance, manifest = at.entry.instance, at.entry.manifest
        assert (instance.id, instance.agent, instance.labels) == (before.instance.id, "atlas", {"region": "eu"})
        assert [endpoint.url for endpoint in instance.endpoints] == ["http://127.0.0.1:9/new"]
        assert (manifest.version, [(one.skill, one.reentrant) for one in manifest.skills]) == (
            "2.0.0",
            [("find", 2), ("draw", 1)],
        )
        rules = (manifest.tell_caller, manifest.any_references, manifest.shared_contexts)
        assert (manifest.terms, rules) == (before.manifest.terms, (True, True, True))


@pytest.mark.requirement("foreign.versions")
@pytest.mark.parametrize(("protocol", "spoken"), [("", ["1.0", "0.3"]), ("1.0", ["1.0"]), ("0.3", ["0.3"])])
@virtual_time
async def test_the_version_that_an_operator_pinned_holds_when_the_card_is_read_again(
    protocol: str, spoken: list[str]
) -> None:
    face = {"url": "http://127.0.0.1:9/rpc", "protocolBinding": "JSONRPC"}
    both = [{**face, "protocolVersion": version} for version in ("0.3", "1.0")]
    async with mesh() as at:
        read = read_foreign(card(supportedInterfaces=both), "atlas", protocol=protocol)
        await at.registry.register(foreign_instance(read.manifest, read.endpoints, URL), read.manifest)
        await settle()
        assert [endpoint.version for endpoint in at.entry.instance.endpoints] == spoken
        await at.look(at.keeper(), CardAnswer(200, card(version="2.0.0", supportedInterfaces=both)))
        assert at.entry.manifest.version == "2.0.0"
        assert [endpoint.version for endpoint in at.entry.instance.endpoints] == spoken


@virtual_time
async def test_a_card_is_asked_for_by_its_validator_and_one_that_is_the_same_changes_nothing() -> None:
    async with mesh() as at:
        await at.register()
        keeper = at.keeper()
        for _ in range(3):
            await at.look(keeper)
        assert [headers for _, headers, _ in at.asked] == [{}, {"if-none-match": '"1"'}, {"if-none-match": '"1"'}]
        await at.look(keeper, CardAnswer(200, card(version="1.1.0"), etag='"2"'))
        assert at.entry.manifest.version == "1.1.0"
        await at.look(keeper)
        assert at.asked[-1][1] == {"if-none-match": '"2"'}


@virtual_time
async def test_a_closed_agents_card_is_read_with_its_credential_which_stays_sealed() -> None:
    async with mesh() as at:
        credential = AgentCredential({"x-key": "k"})
        await at.register(credential=credential)
        terms = at.entry.manifest.terms
        keeper = at.keeper()
        await at.look(keeper, CardAnswer(200, card(version="1.1.0")))
        assert at.asked == [(URL, {"x-key": "k"}, "")]
        assert (at.entry.manifest.version, at.entry.manifest.terms) == ("1.1.0", terms)
        # It may not lead the credential to another host.
        await at.look(keeper, CardAnswer(200, card(version="1.2.0", url="http://localhost.evil:9/")))
        assert at.entry.manifest.version == "1.1.0"
        assert "if that is meant, give the agent's URL" in keeper.refused[0].reason


@pytest.mark.requirement("cards.refused")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (CardAnswer(200, card(supportedInterfaces=[])), "the agent offers none"),
        (CardAnswer(200, b"<html>"), "this is no agent card of A2A 1.0 or 0.3"),
        (CardAnswer(200, card(url="http://10.0.0.1/")), "agents may not listen at 10.0.0.1"),
        (CardAnswer(200, card(skills=[{"id": "draw"}])), "reentrant: there is no skill 'find'"),
        (UpstreamUnavailable("it cannot be reached"), "it cannot be reached"),
        (PermissionDenied("it may not be asked"), "it may not be asked"),
    ],
)
@virtual_time
async def test_a_card_that_is_refused_changes_nothing_and_is_shown(answer: Any, reason: str) -> None:
    async with mesh() as at:
        await at.register(reentrant={"find": 2})
        before, keeper = at.entry, at.keeper()
        with capture_logs() as logs:
            for _ in range(4):
                await at.look(keeper, answer)
        assert at.entry == before
        (refused,) = keeper.refused
        assert (refused.card, refused.name, refused.since, refused.settings) == (URL, "maps", 1_000.0, False)
        assert reason in refused.reason
        assert [line["tries"] for line in logs if line["event"] == "foreign_agent_refused"] == [1, 2, 4]
        await at.look(keeper, CardAnswer(200, card()))
        assert keeper.refused == []


@pytest.mark.parametrize("status", [304, 404, 500])
@virtual_time
async def test_an_agent_that_is_away_is_left_to_the_health_checks(status: int) -> None:
    async with mesh() as at:
        await at.register()
        before, keeper = at.entry, at.keeper()
        await at.look(keeper, CardAnswer(status, b"{}"))
        assert (at.entry, keeper.refused) == (before, [])


@virtual_time
async def test_agents_of_the_settings_and_of_the_sdk_are_kept_by_others() -> None:
    async with mesh() as at:
        await at.register()
        sdk = Manifest("echo", "1.0.0")
        await at.registry.register(Instance("echo-1", "echo", sdk.digest()), sdk)
        await settle()
        await at.look(at.keeper(frozenset({URL})))
        assert at.asked == []


@virtual_time
async def test_an_agent_that_leaves_while_its_card_is_read_stays_gone() -> None:
    async with mesh() as at:
        await at.register("atlas")
        name, keeper, fetch = at.entry.instance.id, at.keeper(), at.fetch

        async def leaving(url: str, headers: Mapping[str, str], ca: str = "") -> CardAnswer:
            await at.registry.deregister(name)
            await settle()
            return await fetch(url, headers, ca)

        at.fetch = leaving  # type: ignore[method-assign]
        await at.look(keeper, CardAnswer(200, card(version="2.0.0")))
        assert at.index.entries == {}


@virtual_time
async def test_an_agent_that_left_is_forgotten() -> None:
    async with mesh() as at:
        await at.register()
        keeper = at.keeper()
        await at.look(keeper, UpstreamUnavailable("away"))
        assert len(keeper.refused) == 1
        await at.registry.deregister(at.entry.instance.id)
        await settle()
        await at.look(keeper)
        assert keeper.refused == []


def keys() -> CardAnswer:
    return CardAnswer(200, json.dumps({"keys": [public("ES256")]}).encode())


@pytest.mark.requirement("foreign.verified")
@virtual_time
async def test_the_signature_of_a_card_is_checked_and_what_came_of_it_is_listed() -> None:
    async with mesh() as at:
        await at.register(credential=AgentCredential({"x-key": "k"}))
        tree = json.loads(card())
        at.answers[JKU] = keys()
        keeper = at.keeper()
        await at.look(keeper, CardAnswer(200, json.dumps(signed(tree)).encode()))
        found = at.entry.manifest.provenance
        assert found is not None
        assert (found.verdict, found.key, found.jku, found.at) == (
            "verified", thumbprint(public("ES256")), JKU, 1_000.0
        )  # fmt: skip
        # The agent's credential is for the agent.
        assert at.asked[-1] == (JKU, {}, "")
        asked = len(at.asked)
        await at.look(keeper)
        assert len(at.asked) == asked + 1


@pytest.mark.requirement("foreign.verified")
@virtual_time
async def test_keys_that_were_away_are_asked_for_again_until_they_are_there() -> None:
    async with mesh() as at:
        await at.register()
        keeper = at.keeper()
        body = json.dumps(signed(json.loads(card()))).encode()
        at.answers[JKU] = UpstreamUnavailable("nobody is there")
        await at.look(keeper, CardAnswer(200, body, etag='"2"'))

        def verdict() -> str:
            found = at.entry.manifest.provenance
            return found.verdict if found is not None else ""

        for _ in range(2):
            assert verdict() == "unverified"
            await at.look(keeper)
        at.answers[JKU] = keys()
        await at.look(keeper)
        assert verdict() == "verified"
        assert at.asked[-2][1] == {"if-none-match": '"2"'}
