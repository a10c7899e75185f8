"""Which transport sends a call: the one of the first address whose binding and version are spoken here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from meshgate.a2a.bindings.table import ROWS
from meshgate.a2a.limits import DEFAULTS
from meshgate.gateway.upstream.transports.table import make_transports
from meshgate.registry.model import Endpoint
from tests.gateway.upstream.transports.agents import Agents

HERE = frozenset(row.key for row in ROWS)
URL = "http://127.0.0.1:1/"


async def test_there_is_a_transport_for_each_row_and_they_close_more_than_once() -> None:
    made = make_transports(DEFAULTS, asyncio.get_running_loop().time)
    assert set(made) == HERE
    for transport in [*made.values(), *made.values()]:
        await transport.aclose()


@pytest.mark.parametrize(
    "unknown",
    [
        Endpoint("HTTP+JSON", URL),
        Endpoint("JSONRPC", URL, "0.2"),
        Endpoint("JSONRPC", URL, "2.0"),
        Endpoint("JSONRPC", URL, ""),
        Endpoint("jsonrpc", URL),
        Endpoint("https://example.com/bindings/own", URL, "7"),
    ],
)
async def test_an_address_that_is_not_spoken_here_is_passed_over(unknown: Endpoint) -> None:
    known = Endpoint("JSONRPC", "http://127.0.0.1:2/")
    agents = Agents()
    both = agents.instances.get(agents.start(unknown, known))
    alone = agents.instances.get(agents.start(unknown))
    assert both is not None
    assert alone is not None
    assert both.endpoint(HERE) is known
    assert alone.endpoint(HERE) is None


@pytest.mark.parametrize("version", ["1.0", "1.0.1", "1.0.17"])
async def test_a_patch_release_of_a_version_is_that_version(version: str) -> None:
    agents = Agents()
    instance: Any = agents.instances.get(agents.start(Endpoint("GRPC", "127.0.0.1:1", version)))
    assert instance.endpoint(HERE) is not None
