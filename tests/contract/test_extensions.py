"""Extensions, on each binding at each end: what caller and agent are told of each other's, and of Meshgate's own."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from meshgate.a2a.mesh.extensions import BY_AGENTS, BY_GATEWAYS
from tests.contract.conftest import Doors
from tests.contract.mesh import Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import refusal

pytestmark = pytest.mark.asyncio(loop_scope="session")

INFO = "type.googleapis.com/google.rpc.ErrorInfo"
THEIRS = "https://x.test/theirs"
ECHO = saying({"do": "echo"})


def named(headers: Any) -> set[str]:
    """The extensions that the headers of a call, or of an answer, name in its version of A2A."""
    said = headers.get("a2a-extensions", "") or headers.get("x-a2a-extensions", "")
    return {each.strip() for each in said.split(",") if each.strip()}


@pytest.mark.requirement("path.extensions", "extensions.activated")
@pytest.mark.parametrize("agent", ["clerk", "porter", "desk"])
async def test_the_agent_hears_what_was_asked_for_and_the_caller_what_of_it_is_followed(
    doors: Doors, key: str, agent: str
) -> None:
    ours = {one.uri for one in (*BY_GATEWAYS, *BY_AGENTS)}
    asked = {"a2a-extensions": ", ".join([THEIRS, *sorted(ours)])}
    answer = await doors.here.ask("SendMessage", ECHO, agent, key=key, headers=asked)
    assert named(answer.heard["headers"]) == {THEIRS, *ours}
    assert named(answer.head) == (ours if agent == "desk" else {one.uri for one in BY_GATEWAYS})


@pytest.mark.requirement("extensions.activated")
async def test_who_asks_for_no_extension_is_told_of_none(doors: Doors, key: str) -> None:
    for asked in ({}, {"a2a-extensions": THEIRS}):
        answer = await doors.here.ask("SendMessage", ECHO, "desk", key=key, headers=asked)
        assert not named(answer.head)


@pytest.mark.requirement("path.extensions")
@pytest.mark.parametrize("agent", ["JSONRPC", "HTTP+JSON", "GRPC"])
async def test_an_extension_that_an_agent_requires_is_its_error_to_make(
    mesh: Mesh, doors: Doors, key: str, agent: Literal["JSONRPC", "HTTP+JSON", "GRPC"], unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    info = {"@type": INFO, "reason": "EXTENSION_SUPPORT_REQUIRED", "domain": "a2a-protocol.org"}
    error = {"code": -32008, "message": f"declare {THEIRS}", "data": [info]}
    wild.say(error=error, status=200 if agent == "JSONRPC" else "FAILED_PRECONDITION")
    found = await refusal(doors.here, "SendMessage", ECHO, wild.name, key=key)
    assert found.means("EXTENSION_SUPPORT_REQUIRED")
    assert (found.domain, found.message) == ("a2a-protocol.org", f"declare {THEIRS}")
