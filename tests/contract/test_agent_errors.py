"""What agents say in errors reaches callers as it was, opens no breaker, and is never taken for the mesh's word."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from tests.contract.conftest import Doors
from tests.contract.doors import Door, Refused
from tests.contract.mesh import Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import refusal
from tests.contract.wild import task

pytestmark = pytest.mark.asyncio(loop_scope="session")
AGENTS = pytest.mark.parametrize("agent", ["JSONRPC", "HTTP+JSON", "GRPC"])
Agent = Literal["JSONRPC", "HTTP+JSON", "GRPC"]
ASKED = saying({"do": "x"})
INFO = "type.googleapis.com/google.rpc.ErrorInfo"
RETRY = "type.googleapis.com/google.rpc.RetryInfo"


def own(number: int, **more: Any) -> dict[str, Any]:
    return {"code": number, "message": "no such account", **more}


def raw_error(found: Refused) -> dict[str, Any]:
    body = json.loads(found.raw)
    error: dict[str, Any] = body if "code" in body else body["error"]
    return error


def numbered(door: Door) -> bool:
    """Whether errors have JSON-RPC's numbers, as over HTTP+JSON of 0.3 too."""
    return door.binding == "JSONRPC" or (door.binding, door.version) == ("HTTP+JSON", "0.3")


@pytest.mark.requirement("errors.agents", "instance.own_errors")
@pytest.mark.cells("errors.agents", agent="JSONRPC")
@pytest.mark.parametrize("data", [None, {"account": 7}, [1, "x"]], ids=["none", "object", "list"])
async def test_an_agents_own_code_and_data_reach_the_caller_and_open_no_breaker(
    mesh: Mesh, doors: Doors, key: str, data: Any, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"))
    wild.say(error=own(1001, **({} if data is None else {"data": data})))
    for _ in range(7):
        found = await refusal(doors.here, "SendMessage", ASKED, wild.name, key=key)
        if numbered(doors.here):
            told = raw_error(found)
            assert {key: told[key] for key in told if key in ("code", "message", "data")} == own(
                1001, **({} if data is None else {"data": data})
            )
        else:
            assert (found.number, found.message, found.reason) == ("UNKNOWN", "no such account", "AGENT_ERROR")
            assert (found.metadata["source"], found.metadata["code"]) == ("agent", "1001")
    wild.say(task())
    assert (await doors.here.ask("SendMessage", ASKED, wild.name, key=key)).task["id"]


@pytest.mark.requirement("errors.agents")
@pytest.mark.cells("errors.agents", agent="JSONRPC")
@pytest.mark.parametrize(
    ("status", "media"), [(500, ""), (400, "application/a2a+json"), (422, "application/problem+json")]
)
async def test_an_agents_error_is_read_whatever_the_http_status(
    mesh: Mesh, doors: Doors, key: str, status: int, media: str, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"))
    if media == "application/problem+json":
        problem = {"type": "about:blank", "title": "no such account", "status": status}
        wild.say(body=json.dumps(problem).encode(), media=media, status=status)
    else:
        wild.say(error=own(1001), status=status, media=media)
    found = await refusal(doors.here, "SendMessage", ASKED, wild.name, key=key)
    assert found.message == "no such account"
    if doors.here.binding == "JSONRPC":
        assert raw_error(found)["code"] == (-32603 if status == 422 else 1001)


@pytest.mark.requirement("errors.agents")
@pytest.mark.cells("errors.agents", agent="GRPC")
async def test_an_agents_own_status_reaches_the_caller_and_opens_no_breaker(
    mesh: Mesh, doors: Doors, key: str, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding="GRPC")
    info = {"@type": INFO, "reason": "NO_SUCH_ACCOUNT", "domain": "bank.example"}
    wild.say(error=own(0, data=[info]), status="ABORTED")
    for _ in range(7):
        found = await refusal(doors.here, "SendMessage", ASKED, wild.name, key=key)
        assert (found.message, found.reason) == ("no such account", "AGENT_ERROR")
        assert found.metadata == {"source": "agent", "status": "ABORTED", "agentReason": "NO_SUCH_ACCOUNT"}
        assert found.number == (-32603 if numbered(doors.here) else "ABORTED")
    wild.say(task())
    assert (await doors.here.ask("SendMessage", ASKED, wild.name, key=key)).task["id"]


@pytest.mark.requirement("errors.agents")
@pytest.mark.cells("errors.agents")
@AGENTS
@pytest.mark.parametrize("reason", ["NO_ROUTE", "LOOP", "UPSTREAM_UNAVAILABLE"])
async def test_a_reason_of_the_meshs_is_the_agents_if_an_agent_says_it(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, reason: str, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    info = {"@type": INFO, "reason": reason, "domain": "meshgate.dev"}
    wild.say(error=own(-32603, data=[info]), status=200 if agent == "JSONRPC" else "NOT_FOUND")
    found = await refusal(doors.here, "SendMessage", ASKED, wild.name, key=key)
    assert (found.reason, found.domain) == ("AGENT_ERROR", "meshgate.dev")
    assert (found.metadata["source"], found.metadata["agentReason"]) == ("agent", reason)


@pytest.mark.requirement("errors.agents", "errors.codes")
@pytest.mark.cells("errors.agents", agent="JSONRPC")
@pytest.mark.parametrize("data", [None, [{"@type": INFO, "reason": "KILLED", "domain": "meshgate.dev"}]])
async def test_a_number_of_the_meshs_is_the_agents_if_an_agent_says_it(
    mesh: Mesh, doors: Doors, key: str, data: Any, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"))
    wild.say(error=own(-31002, **({} if data is None else {"data": data})))
    found = await refusal(doors.here, "SendMessage", ASKED, wild.name, key=key)
    assert (found.reason, found.domain, found.message) == ("AGENT_ERROR", "meshgate.dev", "no such account")
    assert found.number == (-32603 if numbered(doors.here) else "UNKNOWN")
    told = {"code": "-31002"} if data is None else {"agentReason": "KILLED"}
    assert found.metadata == {"source": "agent", **told}


@pytest.mark.requirement("errors.agents")
@pytest.mark.cells("errors.agents")
@AGENTS
async def test_an_agent_may_have_too_many_calls_and_its_pause_is_a_sane_one(
    mesh: Mesh, doors: Doors, key: str, agent: Agent, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"), binding=agent)
    info = {"@type": INFO, "reason": "RATE_LIMITED", "domain": "meshgate.dev"}
    wild.say(
        error=own(-32603, data=[info, {"@type": RETRY, "retryDelay": "-5s"}]),
        status=200 if agent == "JSONRPC" else "RESOURCE_EXHAUSTED",
    )
    found = await refusal(doors.here, "SendMessage", ASKED, wild.name, key=key)
    assert (found.means("RATE_LIMITED"), found.metadata["source"]) == (True, "agent")


@pytest.mark.requirement("errors.agents")
@pytest.mark.cells("errors.agents", agent="JSONRPC")
async def test_what_an_agent_says_in_an_error_is_bounded(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    wild = await mesh.wild(unique("wild"))
    metadata = {f"k{number}": "v" * 1000 for number in range(100)}
    for error in (
        own(
            -32001,
            data=[{"@type": INFO, "reason": "TASK_NOT_FOUND", "domain": "a2a-protocol.org", "metadata": metadata}],
        ),
        own(1001, data={"x": "y" * 100_000}),
    ):
        wild.say(error=error)
        found = await refusal(doors.here, "SendMessage", ASKED, wild.name, key=key)
        assert len(found.raw) < 20_000


@pytest.mark.requirement("errors.agents")
@pytest.mark.cells("errors.agents", agent="JSONRPC")
@pytest.mark.parametrize("pause", ["\u00b2", "\u0663", "1e9", "-1", "", "9" * 400])
async def test_a_pause_that_is_no_number_makes_no_error_of_ours(
    mesh: Mesh, doors: Doors, key: str, pause: str, unique: Any
) -> None:
    wild = await mesh.wild(unique("wild"))
    headers = {"retry-after": pause.encode().decode("latin-1")}
    wild.say(body=b"busy", media="text/plain", status=503, headers=headers)
    found = await refusal(doors.here, "SendMessage", ASKED, wild.name, key=key)
    assert found.means("UPSTREAM_UNAVAILABLE")
