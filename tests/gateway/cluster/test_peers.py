"""The other gateways, as they stand in the registry."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from meshgate.gateway.cluster.peers import RemotePeers
from meshgate.gateway.cluster.questions import FLIGHTS
from meshgate.gateway.cluster.server import InspectApp
from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.account import Grant
from meshgate.registry.index import Index
from meshgate.registry.model import Delta, Endpoint, Entry
from tests.gateway.calls import entry, limits
from tests.gateway.cluster.test_client import PATIENCE, served


class Other:
    """Another gateway, which answers under its own name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[tuple[Any, ...]] = []
        self.app = InspectApp({"flights": self.flights, "lend": self.lend}, "s3cret", limits())

    def flights(self, agent: str, tenant: str) -> list[Flight]:
        self.asked.append((agent, tenant))
        return [Flight(f"of {self.name}", f"{self.name}.1", (), 9.0, 1.0)]

    def lend(self, job: str, calls: int) -> Grant:
        self.asked.append((job, calls))
        return Grant(calls, 1.0, 2, 3, 4)


def listed(name: str, url: str = "") -> Entry:
    endpoints = (Endpoint("JSONRPC", url),) if url else ()
    return entry(name, "gateway", kind="gateway", endpoints=endpoints)


@asynccontextmanager
async def mesh(*others: Other) -> AsyncGenerator[tuple[RemotePeers, Index], None]:
    """The gateway ``me`` among others."""
    index = Index()
    patient = limits(peer_patience=PATIENCE, lease_patience=PATIENCE, peer_answer=PATIENCE)
    peers = RemotePeers(index, "me", "s3cret", patient)
    async with AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(served(other.app)) for other in others]
        stack.push_async_callback(peers.aclose)
        put = [listed(other.name, url) for other, url in zip(others, urls, strict=True)]
        index.apply(Delta(put=(listed("me", "http://me"), entry(), *put)))
        yield peers, index


async def test_the_gateways_that_live_are_counted_this_one_included_whether_it_is_listed_or_not() -> None:
    async with mesh() as (peers, index):
        assert peers.live == 1
        index.apply(Delta(put=(listed("gw1"), listed("gw2"))))
        assert peers.live == 3
        index.apply(Delta(gone=("me", "gw1")))
        assert peers.live == 2
        index.apply(Delta(reset=True))
        assert peers.live == 1


async def test_only_other_gateways_with_an_address_are_asked() -> None:
    async with mesh() as (peers, index):
        index.apply(Delta(put=(listed("gw1", "http://gw1"), listed("gw2"))))
        assert peers.urls() == {"gw1": "http://gw1"}


async def test_calls_in_flight_are_those_of_all_that_answer() -> None:
    one, two = Other("gw1"), Other("gw2")
    deaf = Other("gw3")
    deaf.app = InspectApp({}, "s3cret", limits())  # an older one, which does not know the question
    async with mesh(one, two, deaf) as (peers, _):
        assert [flight.id for flight in await peers.in_flight("echo", "acme")] == ["of gw1", "of gw2"]
    assert (one.asked, two.asked) == ([("echo", "acme")], [("echo", "acme")])


async def test_alone_nobody_is_asked() -> None:
    async with mesh() as (peers, _):
        assert await peers.in_flight("echo", "default") == []


async def test_calls_are_borrowed_from_the_home_that_stands_in_the_jobs_id() -> None:
    one, two = Other("gw1"), Other("gw2")
    async with mesh(one, two) as (peers, _):
        assert await peers.lease("gw2.77", 4) == Grant(4, 1.0, 2, 3, 4)
        assert await peers.lease("me.77", 4) is None
        assert await peers.lease("gw9.77", 4) is None
    assert (one.asked, two.asked) == ([], [("gw2.77", 4)])


async def test_a_home_that_does_not_know_the_question_lends_nothing() -> None:
    old = Other("gw1")
    old.app = InspectApp({}, "s3cret", limits())
    async with mesh(old) as (peers, _):
        assert await peers.lease("gw1.77", 4) is None


async def test_a_question_goes_to_one_or_to_all() -> None:
    one, two = Other("gw1"), Other("gw2")
    async with mesh(one, two) as (peers, _):
        assert set(await peers.ask_all(FLIGHTS, "a", "b", patience=PATIENCE)) == {"gw1", "gw2"}
        assert set(await peers.ask_all(FLIGHTS, "a", "b", patience=PATIENCE, only="gw2")) == {"gw2"}
        assert await peers.ask_all(FLIGHTS, "a", "b", patience=PATIENCE, only="gw9") == {}
        assert set(await peers.ask_all(FLIGHTS, "a", "b", only="gw1")) == {"gw1"}
    assert (len(one.asked), len(two.asked)) == (2, 2)
