"""What a gateway shows to a foreign agent: tokens of an OAuth 2 client, and a credential that cannot be opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.identity.credential_seal import BadSeal
from meshgate.gateway.upstream.agent_access import AgentAccess, ClosedAccess
from meshgate.gateway.upstream.transports.http import make_client
from meshgate.net.client import HttpClient
from meshgate.registry.foreign.agent_credential import AgentCredential, OAuth2Client
from tests.gateway.calls import Clock
from tests.gateway.upstream.transports.test_http import answering, serving
from tests.support.closed_agent import TokenServer

pytestmark = pytest.mark.requirement("foreign.credential")


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    made = make_client(DEFAULTS)
    yield made
    await made.aclose()


def access(client: HttpClient, url: str, clock: Any = None, secret: str = "secret") -> AgentAccess:
    credential = AgentCredential({"x-team": "t"}, oauth2=OAuth2Client(url, "id", secret))
    return AgentAccess(credential, client, clock=clock or Clock())


@pytest.mark.parametrize(("stands", "used"), [(100, 90.0), ('"100"', 90.0), (None, 54.0), (0, 1.0), (-5, 1.0)])
async def test_a_token_is_used_for_nine_tenths_of_its_time(client: HttpClient, stands: Any, used: float) -> None:
    tokens, clock = TokenServer("id", "secret", stands), Clock()
    async with tokens.serve() as url:
        one = access(client, url, clock)
        for ahead, token in [(0.0, "token-1"), (used - 0.01, "token-1"), (0.01, "token-2")]:
            clock.now += ahead
            assert await one.headers() == {"x-team": "t", "authorization": f"Bearer {token}"}


async def test_callers_share_one_question_and_one_that_leaves_does_not_end_it(client: HttpClient) -> None:
    tokens = TokenServer("id", "secret")
    async with tokens.serve() as url:
        one = access(client, url)
        asking = [asyncio.ensure_future(one.headers()) for _ in range(3)]
        await asyncio.sleep(0)
        asking[0].cancel()
        assert [each["authorization"] for each in await asyncio.gather(*asking[1:])] == ["Bearer token-1"] * 2
        one.refused()
        assert (await one.headers())["authorization"] == "Bearer token-2"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b"{}", "its server answered with HTTP 401"),
        (302, b"{}", "its server answered with HTTP 302"),
        (200, b"<html>", "its server's answer has none"),
        (200, b'{"token":"x"}', "its server's answer has none"),
        (200, b'{"access_token":"x","expires_in":"soon"}', "its server's answer has none"),
        (200, b'{"access_token":"x","token_type":"mac"}', "its server gives tokens of another type"),
        (200, b'{"access_token":"x\\r\\ny: z"}', "its server gives tokens of another type"),
        (200, b'{"access_token":"' + b"x" * 70_000 + b'"}', "its server's answer has none"),
    ],
)
async def test_no_token_is_no_call(client: HttpClient, status: int, body: bytes, told: str) -> None:
    async with serving(answering(status, body)) as url:
        with pytest.raises(UpstreamUnavailable) as refused:
            await access(client, url).headers()
    assert refused.value.message == f"no token can be had for the agent: {told}"
    assert refused.value.unsent


async def test_a_token_server_that_is_away_is_no_call(client: HttpClient) -> None:
    with pytest.raises(UpstreamUnavailable) as refused:
        await access(client, "http://127.0.0.1:9/token").headers()
    assert refused.value.unsent


async def test_a_credential_that_cannot_be_opened_is_never_left_out_in_silence() -> None:
    closed = ClosedAccess(BadSeal())
    with pytest.raises(UpstreamUnavailable) as refused:
        await closed.headers()
    assert refused.value.unsent
    assert refused.value.message == (
        "the agent's credential cannot be read: the credential was sealed with another mesh key, or for another agent"
    )
    closed.refused()
    assert (closed.query, closed.ca) == ("", "")


async def test_a_plain_credential_asks_nobody(client: HttpClient) -> None:
    one = AgentAccess(AgentCredential({"x": "y"}, "a=b"), client)
    assert (await one.headers(), one.query, one.ca, one.tls()) == ({"x": "y"}, "a=b", "", None)
