"""Keys before bodies, on every port: of a request without a genuine key nothing is read but its head."""

from __future__ import annotations

import pytest

from meshgate.gateway.cluster.server import InspectApp
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.join import wire
from meshgate.sdk import Agent
from tests.gateway.asgi import request
from tests.gateway.calls import limits
from tests.gateway.control_plane import ControlPlane
from tests.support.virtual_loop import virtual_time

PLACES = {
    "data": "/agents/echo",
    "join: Register": wire.SERVICE_PATH + "Register",
    "join: Renew": wire.SERVICE_PATH + "Renew",
    "admin: kill": "/api/v1/kill",
    "admin: check": "/api/v1/schemas/a/b/check",
    "inspect": "/flights",
    "agent": "/",
}
SENT = {"content-type": "application/json", "a2a-version": "1.0"}


def app_of(plane: ControlPlane, place: str) -> object:
    """The app that serves the place."""
    agent = Agent("echo", environ={})
    agent.skill(name="say")(_say)
    return {
        "data": plane.gateway.ingress,
        "join": plane.join,
        "admin": plane.admin,
        "inspect": InspectApp({}, "secret", limits()),
        "agent": agent.app("secret"),
    }[place.partition(":")[0]]


async def _say(text: str) -> str:
    """Say it again."""
    return text


@pytest.mark.requirement("edge.key_first", "edge.skipped")
@pytest.mark.parametrize("key", ["", "Bearer made-up", "Bearer mg_admin_0_made-up"])
@pytest.mark.parametrize("place", PLACES)
@virtual_time
async def test_nothing_of_a_body_is_read_without_a_key_and_a_large_one_closes_its_connection(
    place: str, key: str
) -> None:
    app = app_of(ControlPlane(MemoryRegistry()), place)
    sent = {**SENT, **({"authorization": key} if key else {})}
    for body, closes in ((b"[" * 65_536, False), (b"[" * 65_537, True)):
        answer = await request(app, "POST", PLACES[place], headers=sent, body=body)
        assert (answer.status, answer.chunks_read) == (401, 0)
        assert answer.headers.get("connection") == ("close" if closes else None)
    endless = {**sent, "transfer-encoding": "chunked"}
    answer = await request(app, "POST", PLACES[place], headers=endless, chunks=[b"["] * 10)
    assert (answer.status, answer.chunks_read, answer.headers["connection"]) == (401, 0, "close")
