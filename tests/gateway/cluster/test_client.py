"""Asking other gateways: over real sockets, with an answer, without one, and with one that cannot be read."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from meshgate.gateway.cluster.client import NOT_KNOWN, PeerClient
from meshgate.gateway.cluster.questions import END_CALLS, LEND, STATUS, Question
from meshgate.gateway.cluster.server import InspectApp
from meshgate.gateway.jobs.account import Grant
from meshgate.net.server import HttpServer, bind
from tests.gateway.calls import limits

PATIENCE = 30.0
"""Seconds that an answer may take on a loaded machine; what answers at once does not wait for them."""
GRANT = Grant(4, 1.0, 2, 3, 4)


@asynccontextmanager
async def served(app: Any) -> AsyncGenerator[str, None]:
    server = HttpServer(app, bind("127.0.0.1", 0, "--inspect-port"), limits())
    await server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop()


@asynccontextmanager
async def client(secret: str = "s3cret") -> AsyncGenerator[PeerClient, None]:
    made = PeerClient(secret)
    try:
        yield made
    finally:
        await made.aclose()


def lender(lend: Callable[..., Any]) -> InspectApp:
    return InspectApp({"lend": lend}, "s3cret", limits())


async def test_a_question_is_asked_with_its_arguments_and_the_answer_has_its_type() -> None:
    asked: list[tuple[str, int]] = []

    def lend(job: str, calls: int) -> Grant | None:
        asked.append((job, calls))
        return GRANT if job == "gw.1" else None

    async with served(lender(lend)) as url, client() as peer:
        assert await peer.ask(url, LEND, "gw.1", 4, patience=PATIENCE) == GRANT
        assert await peer.ask(url, LEND, "gw.2", 1, patience=PATIENCE) is None
    assert asked == [("gw.1", 4), ("gw.2", 1)]


async def test_a_gateway_that_does_not_know_the_question_is_told_from_one_that_does_not_answer() -> None:
    def lend(_job: str, _calls: int) -> Grant:
        return GRANT

    async with served(lender(lend)) as url, client() as peer, client("wrong") as stranger:
        assert await peer.ask(url, STATUS, patience=PATIENCE) is NOT_KNOWN
        assert await peer.ask(url, Question[int]("newer", int), patience=PATIENCE) is NOT_KNOWN
        assert await stranger.ask(url, LEND, "gw.1", 4, patience=PATIENCE) is None
        assert await peer.ask(url, LEND, "gw.1", patience=PATIENCE) is None


async def test_an_answer_of_another_type_is_none() -> None:
    async with served(InspectApp({"end_calls": "many {} {} {}".format}, "s3cret", limits())) as url, client() as peer:
        assert await peer.ask(url, END_CALLS, "job", "gw.1", "", patience=PATIENCE) is None


async def test_a_gateway_that_is_away_or_silent_is_none_after_the_patience() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}"
        release = asyncio.Event()

        async def lend(*_: Any) -> Grant:
            await release.wait()
            return GRANT

        async with served(lender(lend)) as silent, client() as peer:
            assert await peer.ask(nowhere, LEND, "gw.1", 4, patience=PATIENCE) is None
            assert await peer.ask(silent, LEND, "gw.1", 4, patience=0.05) is None
            release.set()
            assert await peer.ask(silent, LEND, "gw.1", 4, patience=PATIENCE) == GRANT


async def test_all_are_asked_at_once_and_each_answer_stands_under_its_gateway() -> None:
    both_asked = asyncio.Barrier(2)

    async def lend(*_: Any) -> Grant:
        await both_asked.wait()  # passes only if the other one is asked meanwhile
        return GRANT

    async with served(lender(lend)) as one, served(lender(lend)) as two, client() as peer:
        answers = await peer.ask_all({"gw1": one, "gw2": two}, LEND, "gw.1", 4, patience=PATIENCE)
        assert answers == {"gw1": GRANT, "gw2": GRANT}
        assert await peer.ask_all({}, LEND, "gw.1", 4, patience=PATIENCE) == {}


@pytest.mark.parametrize("status", [301, 500])
async def test_a_redirect_or_a_failure_is_no_answer_and_the_secret_goes_nowhere_else(status: int) -> None:
    visited: list[str] = []

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        visited.append(scope["path"])
        headers = [(b"location", b"/elsewhere"), (b"content-length", b"1")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"1"})

    async with served(app) as url, client() as peer:
        assert await peer.ask(url, END_CALLS, "job", "gw.1", "", patience=PATIENCE) is None
    assert visited == ["/end_calls"]
