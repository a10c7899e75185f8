"""Foreign agents that answer nobody without a credential: a stock server over TLS, each kind of credential, each way to
give it, and who never sees it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshgate.cli import main
from meshgate.registry.home import Run
from tests.registry.virtual import until
from tests.support.closed_agent import Authority, ClosedAgent, Lets, TokenServer
from tests.support.whole import whole_gateway

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120), pytest.mark.requirement("foreign.credential")]

SECRET = "s3cr3t-0f-the-agent"
BEARER: Lets = lambda headers, query: headers.get("authorization") == f"Bearer {SECRET}"  # noqa: E731
OF_HEADER: Lets = lambda headers, query: headers.get("x-maps-key") == SECRET  # noqa: E731
OF_QUERY: Lets = lambda headers, query: query == f"maps%20key={SECRET}"  # noqa: E731
OF_COOKIE: Lets = lambda headers, query: headers.get("cookie") == f"session={SECRET}"  # noqa: E731
HTTP = {"key": {"httpAuthSecurityScheme": {"scheme": "Bearer"}}}


def api_key(location: str, name: str) -> dict[str, Any]:
    return {"key": {"apiKeySecurityScheme": {"location": location, "name": name}}}


KINDS: dict[str, tuple[Lets, Mapping[str, Any], list[str], dict[str, Any]]] = {
    "bearer": (BEARER, HTTP, ["--bearer-file", "SECRET_FILE"], {"bearer": "file:SECRET_FILE"}),
    "header": (
        OF_HEADER,
        {},
        ["--header", "X-Maps-Key=env:MAPS_KEY"],
        {"headers": {"X-Maps-Key": "env:MAPS_KEY"}},
    ),
    "key in a header": (
        OF_HEADER,
        api_key("header", "X-Maps-Key"),
        ["--api-key", "env:MAPS_KEY"],
        {"api_key": "env:MAPS_KEY"},
    ),
    "key in the query": (
        OF_QUERY,
        api_key("query", "maps key"),
        ["--api-key", "env:MAPS_KEY"],
        {"api_key": "env:MAPS_KEY"},
    ),
    "key in a cookie": (
        OF_COOKIE,
        api_key("cookie", "session"),
        ["--api-key", "file:SECRET_FILE"],
        {"api_key": "file:SECRET_FILE"},
    ),
}
"""By the kind of credential: who is let in, the card's schemes, the flags, and the settings."""


class Place:
    """A gateway on real ports, and what an operator has: files, an environment, a command line."""

    def __init__(self, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.run = folder, run
        monkeypatch.setenv("MESHGATE_HOME", str(folder / "home"))
        monkeypatch.setenv("MAPS_KEY", SECRET)

    async def register(self, *arguments: str) -> int:
        return await asyncio.to_thread(main, ["register", *(_filled(each, self.folder) for each in arguments)])

    async def call(self, agent: str = "closed", *, stream: bool = False) -> Any:
        method = "SendStreamingMessage" if stream else "SendMessage"
        message = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "you"}]}
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"message": message}}
        headers = {"authorization": f"Bearer {self.run.client_key}", "a2a-version": "1.0"}
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(f"{self.run.gateway}/agents/{agent}", json=body, headers=headers)
        if stream:
            return json.loads(answer.text.partition("data: ")[2].partition("\n")[0])
        return answer.json()

    async def admin(self, path: str) -> str:
        headers = {"authorization": f"Bearer {self.run.admin_key}"}
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"{self.run.admin}/api/v1/{path}", headers=headers)).text


def _filled(text: str, folder: Path) -> str:
    return text.replace("SECRET_FILE", str(folder / "secret")).replace("CA_FILE", str(folder / "ca.pem"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    (tmp_path / "secret").write_text(SECRET + "\n")
    (tmp_path / "secret").chmod(0o600)
    return Authority(tmp_path)


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    async with whole_gateway(tmp_path) as (run, _):
        yield Place(tmp_path, run, monkeypatch)


def text_of(answer: Any) -> str:
    return str(answer["result"]["message"]["parts"][0]["text"])


@pytest.mark.parametrize("kind", list(KINDS))
async def test_an_agent_that_wants_a_credential_is_called_with_it_and_nobody_else_sees_it(
    place: Place, authority: Authority, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    lets, schemes, flags, _ = KINDS[kind]
    agent = ClosedAgent(lets, schemes, authority)
    async with agent.serve() as url:
        assert await place.register("--card", url, "--ca", "CA_FILE", *flags, "--name", "closed") == 0
        assert text_of(await place.call()) == "Hello, you!"
        assert text_of(await place.call(stream=True)) == "Hello, you!"
        assert agent.refused == 0
    said = capfd.readouterr()
    assert SECRET not in said.out + said.err
    for path in ("agents", "instances", "explain?selector=closed", "jobs"):
        assert SECRET not in await place.admin(path)
    kept = [file.read_bytes() for file in (place.folder / "home").rglob("*") if file.is_file()]
    assert not any(SECRET.encode() in data for data in kept)


@pytest.mark.parametrize("binding", ["JSONRPC", "GRPC"])
async def test_without_its_credential_an_agent_is_not_called_and_the_reason_is_told(
    place: Place, authority: Authority, binding: str
) -> None:
    agent = ClosedAgent(BEARER, HTTP, authority)
    serving: AbstractAsyncContextManager[str] = agent.serve() if binding == "JSONRPC" else agent.serve_grpc()
    async with serving as url:
        assert await place.register("--card", url, "--ca", "CA_FILE", "--header", "X-Other=1") == 0
        error = (await place.call())["error"]
        assert error["data"][0]["reason"] == "UPSTREAM_UNAVAILABLE"
        assert "did not accept the gateway's credential" in error["message"]
        assert agent.refused > 0
        # Registering it again gives the credential.
        assert await place.register("--card", url, "--ca", "CA_FILE", "--bearer-file", "SECRET_FILE") == 0
        assert text_of(await place.call()) == "Hello, you!"


async def test_over_grpc_the_credential_is_metadata_and_tls_is_checked_with_the_ca(
    place: Place, authority: Authority
) -> None:
    agent = ClosedAgent(BEARER, HTTP, authority)
    async with agent.serve_grpc() as url:
        assert await place.register("--card", url, "--ca", "CA_FILE", "--bearer-file", "SECRET_FILE") == 0
        assert text_of(await place.call()) == "Hello, you!"
        assert text_of(await place.call(stream=True)) == "Hello, you!"
        assert "unhealthy" not in await place.admin("agents")


async def test_a_card_that_is_shown_with_a_credential_alone_is_fetched_and_watched_with_it(
    place: Place, authority: Authority, capfd: pytest.CaptureFixture[str]
) -> None:
    agent = ClosedAgent(BEARER, HTTP, authority, card_closed=True)
    async with agent.serve() as url:
        assert await place.register("--card", url, "--ca", "CA_FILE") == 4
        assert "is shown with a credential only: give one (--bearer-file, --header" in capfd.readouterr().err
        assert await place.register("--card", url, "--ca", "CA_FILE", "--bearer-file", "SECRET_FILE") == 0
        before = len(agent.shown)
        await until(lambda: len(agent.shown) > before)  # the gateway looks at its health
        assert text_of(await place.call()) == "Hello, you!"
        assert '"healthy":true' in await place.admin("agents")


async def test_a_certificate_that_is_not_accepted_is_told_in_words(
    place: Place, authority: Authority, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    agent = ClosedAgent(BEARER, HTTP, authority)
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other").ca
    async with agent.serve() as url:
        for ca in ([], ["--ca", str(other)]):
            assert await place.register("--card", url, *ca) == 3
            said = capfd.readouterr().err
            assert "shows a certificate that is not accepted (" in said
            assert "give its authority's certificate as the CA" in said


@pytest.mark.parametrize("binding", ["JSONRPC", "GRPC"])
async def test_a_call_to_an_agent_whose_certificate_is_not_accepted_says_so(
    place: Place, authority: Authority, tmp_path: Path, binding: str
) -> None:
    agent = ClosedAgent(BEARER, HTTP, authority)
    serving: AbstractAsyncContextManager[str] = agent.serve() if binding == "JSONRPC" else agent.serve_grpc()
    async with serving as url:
        assert await place.register("--card", url, "--ca", "CA_FILE", "--bearer-file", "SECRET_FILE") == 0
        (tmp_path / "other").mkdir()
        await _trust(place, url, Authority(tmp_path / "other").ca.read_text())
        error = (await place.call())["error"]
        assert "cannot be reached: its certificate is not accepted" in error["message"]
        assert "127.0.0.1" not in error["message"]


async def _trust(place: Place, url: str, ca: str) -> None:
    """List the agent of a card again, with an authority that did not sign its certificate."""
    from meshgate.registry.foreign.agent_credential import AgentCredential
    from meshgate.registry.foreign.card_fetcher import CardFetcher
    from meshgate.registry.foreign.card_places import find_card
    from meshgate.registry.foreign.foreign_agent import foreign_instance, read_foreign
    from meshgate.sdk.client.access import Access
    from meshgate.sdk.client.sender import make_client
    from meshgate.sdk.server.membership import JoinClient

    async with CardFetcher() as fetcher:
        trusted = (place.folder / "ca.pem").read_text()
        found = await find_card(url, lambda place: fetcher.fetch(place, {}, trusted))
    read = read_foreign(found.body, "closed")
    instance = foreign_instance(read.manifest, read.endpoints, found.url)
    credential = AgentCredential({"authorization": f"Bearer {SECRET}"}, ca=ca)
    async with make_client() as client:
        join = JoinClient(Access((place.run.join,), place.run.join_key), client)
        await join.register(instance, read.manifest, credential=credential)


async def test_an_oauth2_clients_token_is_asked_for_once_and_again_when_it_is_refused_or_over(
    place: Place, authority: Authority
) -> None:
    tokens = TokenServer("planner", "pl%26nner")
    valid = {"token": "token-1"}
    agent = ClosedAgent(
        lambda headers, query: headers.get("authorization") == f"Bearer {valid['token']}", {}, authority
    )
    async with agent.serve() as url, tokens.serve() as token_url:
        flags = ["--oauth2-client", "planner", "--oauth2-secret", "env:CLIENT", "--oauth2-scope", "greet all"]
        monkey = pytest.MonkeyPatch()
        monkey.setenv("CLIENT", "pl&nner")
        try:
            given = ["--ca", "CA_FILE", *flags, "--oauth2-token-url", token_url]
            assert await place.register("--card", url, *given) == 0
        finally:
            monkey.undo()
        answers = await asyncio.gather(*(place.call() for _ in range(5)))
        assert [text_of(each) for each in answers] == ["Hello, you!"] * 5
        assert tokens.asked == [{"grant_type": ["client_credentials"], "scope": ["greet all"]}]
        valid["token"] = "token-2"
        await place.call()  # it is refused, and so another is asked for
        assert text_of(await place.call()) == "Hello, you!"
        assert tokens.given == ["token-1", "token-2"]


async def test_a_client_that_gets_no_token_calls_nobody(place: Place, authority: Authority) -> None:
    tokens = TokenServer("planner", "right")
    agent = ClosedAgent(BEARER, {}, authority)
    async with agent.serve() as url, tokens.serve() as token_url:
        flags = ["--oauth2-client", "planner", "--oauth2-secret", "env:MAPS_KEY", "--oauth2-token-url", token_url]
        assert await place.register("--card", url, "--ca", "CA_FILE", *flags) == 0
        error = (await place.call())["error"]
        assert error["message"] == "no token can be had for the agent: its server answered with HTTP 401"
        assert (agent.shown, agent.refused) == ([], 0)


async def test_a_url_of_the_operators_goes_before_the_cards(place: Place, authority: Authority) -> None:
    agent, other = ClosedAgent(BEARER, HTTP, authority), ClosedAgent(BEARER, HTTP, authority)
    async with agent.serve() as url, other.serve() as elsewhere:
        given = ["--ca", "CA_FILE", "--bearer-file", "SECRET_FILE"]
        assert await place.register("--card", url, "--url", f"{elsewhere}/", *given) == 0
        assert text_of(await place.call()) == "Hello, you!"
        assert (len(agent.shown), len(other.shown)) == (0, 1)


@pytest.mark.parametrize("kind", list(KINDS))
async def test_the_settings_take_the_same_credentials(
    tmp_path: Path, authority: Authority, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lets, schemes, _, settings = KINDS[kind]
    agent = ClosedAgent(lets, schemes, authority)
    filled = json.loads(_filled(json.dumps(settings), tmp_path))
    monkeypatch.setenv("MAPS_KEY", SECRET)
    async with agent.serve() as url:
        listed = {"card": url, "name": "closed", "ca": str(authority.ca), **filled}
        async with whole_gateway(tmp_path, agents=[listed]) as (run, plane):
            place = Place(tmp_path, run, monkeypatch)
            await until(lambda: bool(plane.gateway.table.instances_of("closed")))
            assert text_of(await place.call()) == "Hello, you!"
            kept = [file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file()]
            assert not any(SECRET.encode() in data for data in kept)
