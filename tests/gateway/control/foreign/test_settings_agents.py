"""Agents of the settings: what their cards may change, and what they may not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest
from structlog.testing import capture_logs

from meshgate.gateway.config import ForeignAgent
from meshgate.gateway.control.foreign.card_acceptance import CardAcceptance
from meshgate.gateway.control.foreign.settings_agents import SettingsAgents
from meshgate.gateway.identity.credential_seal import CredentialSeal
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.net.addresses import AgentNetworks
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.index import Index
from meshgate.registry.model import Endpoint, Entry, ForeignTerms, Instance, Manifest
from meshgate.registry.watcher import Watcher
from tests.a2a.signatures.test_card_verifier import signed
from tests.gateway.calls import limits
from tests.registry.virtual import until

SEALING = CredentialSeal(MeshKey(bytes(range(32))))
QUICK = limits(card_refresh=0.02, card_retry=0.02)


class Host:
    """A server that shows a card; the test changes it."""

    def __init__(self) -> None:
        self.name = "Weather"
        self.asked = 0
        self.card: dict[str, object] = {}
        self.path = "/card.json"
        self._server: asyncio.Server

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)

    @property
    def url(self) -> str:
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"http://{host}:{port}{self.path}"

    async def stop(self) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = b""
        with suppress(asyncio.IncompleteReadError):
            asked = await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        path = asked.split()[1].decode() if asked else ""
        face = {"url": "http://127.0.0.1:9/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        card = {"name": self.name, "version": "1.0.0", "supportedInterfaces": [face], **self.card}
        body, status = (json.dumps(card).encode(), b"200 OK") if path == self.path else (b"{}", b"404 Not Found")
        head = b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % (status, len(body))
        writer.write(head + body)
        await writer.drain()
        writer.close()


class Settings:
    """A registry, and the agents of the settings in it."""

    def __init__(self) -> None:
        self.registry, self.index, self.host = MemoryRegistry(), Index(), Host()

    async def join(self, agent: str) -> None:
        manifest = Manifest(agent, "1.0.0")
        where = (Endpoint("JSONRPC", "http://127.0.0.1:9/"),)
        await self.registry.register(Instance(f"{agent}-sdk", agent, manifest.digest(), where), manifest)
        await until(lambda: f"{agent}-sdk" in self.index.entries)

    @property
    def agents(self) -> set[str]:
        return {entry.instance.agent for entry in self.index.entries.values()}

    async def looked(self, times: int = 3) -> None:
        """Wait until the card was looked at a few more times, and what came of it has been taken in."""
        enough = self.host.asked + times
        await until(lambda: self.host.asked >= enough)

    @asynccontextmanager
    async def kept(
        self, name: str = "", card: str = "", home: str = "home", protocol: str = ""
    ) -> AsyncGenerator[SettingsAgents, None]:
        listed = msgspec.convert({"card": card or self.host.url, "name": name, "protocol": protocol}, ForeignAgent)
        keeper = SettingsAgents(
            [listed], self.registry, self.index, AgentNetworks(), SEALING, home=home, limits=QUICK, wall=lambda: 1_000.0
        )
        task = asyncio.ensure_future(keeper.run())
        try:
            yield keeper
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def settings() -> AsyncGenerator[Settings, None]:
    made = Settings()
    await made.host.start()
    watching = asyncio.ensure_future(Watcher(made.registry, made.index).run())
    try:
        yield made
    finally:
        watching.cancel()
        await made.host.stop()


@pytest.mark.requirement("foreign.versions")
@pytest.mark.parametrize("protocol", ["1.0", "0.3"])
async def test_the_settings_may_pin_the_version_that_an_agent_is_spoken_to_in(protocol: str) -> None:
    face = {"url": "http://127.0.0.1:9/", "protocolBinding": "JSONRPC"}
    async with settings() as mesh:
        mesh.host.card = {"supportedInterfaces": [{**face, "protocolVersion": each} for each in ("1.0", "0.3")]}
        async with mesh.kept("weather", protocol=protocol):
            await until(lambda: "weather" in mesh.agents)
            (entry,) = mesh.index.instances_of("weather")
            assert [endpoint.version for endpoint in entry.instance.endpoints] == [protocol]


@pytest.mark.requirement("join.card_name")
async def test_a_card_that_changes_its_name_keeps_the_one_that_it_was_listed_under() -> None:
    async with settings() as mesh:
        await mesh.join("planner")
        with capture_logs() as logs:
            async with mesh.kept():
                await until(lambda: "weather" in mesh.agents)
                for name in ("Planner", "Forecast"):
                    mesh.host.name = name
                    await mesh.looked()
                    assert mesh.agents == {"planner", "weather"}
                    assert len(mesh.index.instances_of("planner")) == 1
            # Also after a restart, which remembers nothing but the registry.
            async with mesh.kept():
                await mesh.looked()
                assert mesh.agents == {"planner", "weather"}
        reasons = {line["reason"] for line in logs if line["event"] == "foreign_agent_refused"}
        assert any("gives the name 'forecast', and it is listed as 'weather-" in reason for reason in reasons)


@pytest.mark.requirement("join.card_name")
async def test_a_card_whose_name_an_agent_has_is_listed_under_the_name_in_the_settings_alone() -> None:
    async with settings() as mesh:
        await mesh.join("weather")
        with capture_logs() as logs:
            async with mesh.kept():
                await mesh.looked()
                assert set(mesh.index.entries) == {"weather-sdk"}
        reason = next(line["reason"] for line in logs if line["event"] == "foreign_agent_refused")
        assert reason == (
            "its card gives the name 'weather', which is that of 'weather-sdk': write name = in the settings"
        )
        async with mesh.kept("weather"):
            await until(lambda: len(mesh.index.instances_of("weather")) == 2)
        async with mesh.kept("forecast"):
            await until(lambda: "forecast" in mesh.agents)


@pytest.mark.requirement("join.gateways")
async def test_a_card_that_calls_itself_gateway_is_not_listed() -> None:
    async with settings() as mesh:
        mesh.host.name = "Gateway"
        with capture_logs() as logs:
            async with mesh.kept():
                await mesh.looked()
        assert not mesh.index.entries
        reason = next(line["reason"] for line in logs if line["event"] == "foreign_agent_refused")
        assert "'gateway', and what begins with 'gw', are names of gateways" in reason


@pytest.mark.requirement("cards.found")
@pytest.mark.parametrize("path", ["/card.json", "/.well-known/agent-card.json", "/a/.well-known/agent-card.json"])
async def test_an_agent_is_found_by_its_own_url_or_its_cards(path: str) -> None:
    async with settings() as mesh:
        mesh.host.path = path
        given = mesh.host.url.removesuffix("/.well-known/agent-card.json")
        async with mesh.kept(card=given) as keeper:
            await until(lambda: "weather" in mesh.agents)
            await mesh.looked()
            assert keeper.refused == []
        (entry,) = mesh.index.entries.values()
        assert entry.instance.check is not None
        assert entry.instance.check.url == mesh.host.url


@pytest.mark.requirement("cards.refused")
async def test_a_refused_agent_is_shown_with_its_reason_until_it_is_taken() -> None:
    async with settings() as mesh:
        mesh.host.card = {"supportedInterfaces": None, "url": "http://127.0.0.1:9/", "protocolVersion": "0.2.6"}
        async with mesh.kept("weather") as keeper:
            await until(lambda: keeper.refused != [])
            (refused,) = keeper.refused
            assert (refused.card, refused.name, refused.since) == (mesh.host.url, "weather", 1_000.0)
            assert "it is one of A2A 0.2.6: serve the agent with an SDK of A2A 1.0 or 0.3" in refused.reason
            await mesh.host.stop()
            await until(lambda: "cannot be reached: is the agent running?" in keeper.refused[0].reason)
            assert mesh.agents == set()


@pytest.mark.requirement("cards.refused")
async def test_a_card_that_is_taken_is_refused_no_longer() -> None:
    async with settings() as mesh:
        path, mesh.host.path = mesh.host.path, "/nowhere"
        async with mesh.kept(card=mesh.host.url.replace("/nowhere", path)) as keeper:
            await until(lambda: keeper.refused != [])
            assert keeper.refused[0].reason.startswith("no agent card: ")
            assert "answers with HTTP 404" in keeper.refused[0].reason
            mesh.host.path = path
            await until(lambda: "weather" in mesh.agents)
            await until(lambda: keeper.refused == [])


@pytest.mark.requirement("cards.refused")
async def test_the_log_tells_of_a_refusal_ever_more_seldom() -> None:
    async with settings() as mesh:
        mesh.host.card = {"supportedInterfaces": None}
        with capture_logs() as logs:
            async with mesh.kept():
                await mesh.looked(9)
        tries = [line["tries"] for line in logs if line["event"] == "foreign_agent_refused"]
        assert tries == [1, 2, 4, 8]


@pytest.mark.requirement("foreign.settings")
async def test_an_agent_that_the_settings_call_otherwise_now_is_listed_under_that_name_alone() -> None:
    async with settings() as mesh:
        async with mesh.kept("old"):
            await until(lambda: "old" in mesh.agents)
        async with mesh.kept("new"):
            await until(lambda: mesh.agents == {"new"})
        # Another home's settings may list the same card under a name of theirs, and so may an operator.
        async with mesh.kept("theirs", home="another"):
            await until(lambda: mesh.agents == {"new", "theirs"})
            await mesh.looked()
            assert mesh.agents == {"new", "theirs"}


@pytest.mark.requirement("foreign.settings")
async def test_an_agent_that_the_settings_list_no_longer_is_taken_off() -> None:
    async with settings() as mesh:
        await mesh.join("planner")
        async with mesh.kept("weather"):
            await until(lambda: mesh.agents == {"planner", "weather"})
        async with mesh.kept(card="http://127.0.0.1:9/other", home="another") as keeper:
            await until(lambda: keeper.refused != [])
            assert mesh.agents == {"planner", "weather"}
        async with mesh.kept(card="http://127.0.0.1:9/other"):
            await until(lambda: mesh.agents == {"planner"})


@pytest.mark.requirement("foreign.verified")
async def test_what_is_known_of_a_cards_origin_is_listed_and_looked_for_again_until_it_is_settled() -> None:
    async with settings() as mesh:
        face = {"url": "http://127.0.0.1:9/", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        card = {"name": "Weather", "version": "1.0.0", "supportedInterfaces": [face]}
        mesh.host.card = signed(card, jku="https://127.0.0.1:1/jwks.json")

        def verdict() -> str:
            (entry,) = mesh.index.instances_of("weather")
            return entry.manifest.provenance.verdict if entry.manifest.provenance is not None else ""

        with capture_logs() as logs:
            async with mesh.kept():
                await until(lambda: "weather" in mesh.agents)
                assert verdict() == "unverified"
                await until(lambda: len([one for one in logs if one["event"] == "card_keys_not_had"]) > 2)
                assert [one["event"] for one in logs].count("foreign_agent_registered") == 1


@pytest.mark.requirement("trust.held")
async def test_a_suspicious_card_of_the_settings_waits_under_the_settings_of_today() -> None:
    async with settings() as mesh:

        def listed() -> Entry:
            (entry,) = mesh.index.instances_of("forecast")
            return entry

        async with mesh.kept("forecast"):
            await until(lambda: "forecast" in mesh.agents)
            mesh.host.name = "Storm"
            mesh.host.card = {"version": "2.0.0"}
            await until(lambda: listed().manifest.held is not None)
            assert (listed().manifest.card["name"], listed().manifest.version) == ("Weather", "1.0.0")
        # After a restart with other settings too.
        async with mesh.kept("forecast", protocol="1.0"):
            await until(lambda: (listed().manifest.terms or ForeignTerms()).protocol == "1.0")
            found = listed().manifest
            assert found.held is not None
            assert (found.held.reasons, found.card["name"]) == (("the name changed",), "Weather")
            accepting = CardAcceptance(mesh.registry, mesh.index, AgentNetworks(), SEALING, 5.0)
            await accepting.accept("forecast", "default")
            await mesh.looked()
            assert (listed().manifest.card["name"], listed().manifest.held) == ("Storm", None)
            assert listed().manifest.terms == found.terms
