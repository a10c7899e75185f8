"""Where a search is sent, under which key, and what is made of its answer."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec
import pytest

from meshgate.cli.catalogue_client import Found, search_agents
from meshgate.cli.exits import CliError, Exit
from meshgate.registry.home import Home, Run
from meshgate.sdk.client.discovery import NotConfigured

RUN = Run(1, "http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3", client_key="local", admin_key="admin")
FOUND = (
    b'{"results":[{"identifier":"urn:air:a.example:acme:legal","displayName":"Legal","type":"x","score":80,'
    b'"source":"http://127.0.0.1:1/ard","capabilities":["compare"],"mood":"new"}]}'
)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    Home(tmp_path / "home").write(RUN)
    return {"MESHGATE_HOME": str(tmp_path / "home")}


def answering(status: int, body: bytes, seen: list[httpx.Request] | None = None) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        if request.url.host == "away.example":
            raise httpx.ConnectError("refused")
        return httpx.Response(status, content=body)

    return httpx.MockTransport(answer)


@pytest.mark.requirement("cli.search")
def test_the_gateway_of_this_home_is_asked_with_the_key_of_a_caller(environ: dict[str, str]) -> None:
    seen: list[httpx.Request] = []
    answer = search_agents("compare contracts", 3, environ, answering(200, FOUND, seen))
    assert (str(seen[0].url), seen[0].headers["authorization"]) == ("http://127.0.0.1:1/ard/search", "Bearer local")
    assert msgspec.json.decode(seen[0].content) == {"query": {"text": "compare contracts"}, "pageSize": 3}
    assert answer.results == (Found("urn:air:a.example:acme:legal", "Legal", capabilities=("compare",), score=80),)
    assert (answer.results[0].agent, bytes(answer.raw)) == ("legal", FOUND)


@pytest.mark.requirement("cli.search")
def test_the_first_gateway_that_answers_is_asked_and_the_local_key_goes_nowhere_else(environ: dict[str, str]) -> None:
    seen: list[httpx.Request] = []
    remote = {**environ, "MESHGATE_URL": "https://away.example,https://mesh.example/x/", "MESHGATE_KEY": "remote"}
    search_agents("x", 1, remote, answering(200, FOUND, seen))
    assert [str(one.url) for one in seen] == ["https://away.example/ard/search", "https://mesh.example/x/ard/search"]
    assert {one.headers["authorization"] for one in seen} == {"Bearer remote"}
    with pytest.raises(NotConfigured):
        search_agents("x", 1, {**environ, "MESHGATE_URL": "https://mesh.example"}, answering(200, FOUND))


@pytest.mark.requirement("cli.search", "cli.exit_codes")
@pytest.mark.parametrize(
    ("status", "body", "code", "told"),
    [
        (401, b'{"errorCode":"UNAUTHENTICATED","message":"a key is needed"}', Exit.DENIED, "a key is needed"),
        (429, b'{"errorCode":"RATE_LIMIT_EXCEEDED","message":"too often"}', Exit.LIMIT, "too often"),
        (400, b'{"errorCode":"INVALID_ARGUMENT","message":"query.text is empty"}', Exit.USAGE, "query.text is empty"),
        (500, b'{"errorCode":"INTERNAL_ERROR","message":"it failed"}', Exit.FAILED, "it failed"),
        (404, b'{"error":"not found: POST JSON-RPC to /agents/NAME"}', Exit.FAILED, "has no catalogue"),
        (200, b"<html>", Exit.FAILED, "is no Meshgate gateway"),
        (200, b"{}", Exit.FAILED, "is no Meshgate gateway"),
        (502, b"bad gateway", Exit.FAILED, "is no Meshgate gateway"),
    ],
)
def test_a_refusal_is_an_exit_code(environ: dict[str, str], status: int, body: bytes, code: Exit, told: str) -> None:
    with pytest.raises(CliError) as refused:
        search_agents("x", 1, environ, answering(status, body))
    assert (refused.value.code, told in refused.value.message) == (code, True)


@pytest.mark.requirement("cli.search")
def test_gateways_that_do_not_answer_are_unreachable(environ: dict[str, str]) -> None:
    away = {**environ, "MESHGATE_URL": "http://away.example", "MESHGATE_KEY": "k"}
    with pytest.raises(CliError) as refused:
        search_agents("x", 1, away, answering(200, FOUND))
    assert (refused.value.code, refused.value.message) == (
        Exit.UNREACHABLE,
        "no gateway answers at http://away.example",
    )
