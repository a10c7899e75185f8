"""What operators and limits do, at every gateway: rates, kill switches, drain, failover."""

from __future__ import annotations

import socket
from collections.abc import Generator
from typing import Any

import pytest

from tests.contract.conftest import Doors
from tests.contract.doors import Door, Refused, RpcDoor, soon
from tests.contract.mesh import LIMITS, Mesh
from tests.contract.scripts import saying
from tests.contract.test_calls import broken, refusal

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def outcome(door: Door, to: str, key: str) -> Refused | None:
    """How one call ends: well, or refused."""
    try:
        await door.ask("SendMessage", saying({"do": "message"}), to, key=key)
    except Refused as refused:
        return refused
    return None


@pytest.mark.requirement("path.rate")
async def test_each_gateway_gives_out_its_share_of_a_rate(mesh: Mesh, doors: Doors, key: str) -> None:
    gateways = 1 if mesh.layout == "one" else 2
    share = LIMITS["burst"] // gateways
    for door in doors if gateways == 2 else [doors.here]:
        passed, refused = 0, None
        while refused is None and passed < LIMITS["burst"] * 5:
            refused = await outcome(door, "clerk", key)
            passed += 1
        assert refused is not None
        assert passed > share
        assert refused.means("RATE_LIMITED")
        assert refused.retries
        rate = LIMITS["rate"]
        assert refused.metadata == {"share": f"{rate / gateways:g}/s", "limit": f"{rate:g}/s"}
    # The limit is the caller's and the agent's: another agent, or another caller, is not held up.
    assert await outcome(doors.here, "porter", key) is None
    assert await outcome(doors.here, "clerk", mesh.caller()) is None


@pytest.mark.requirement("path.kill")
@pytest.mark.parametrize("kind", ["agent", "skill", "key"])
async def test_a_kill_switch_holds_at_every_gateway_until_it_is_lifted(
    mesh: Mesh, doors: Doors, key: str, kind: str, unique: Any
) -> None:
    agent, skill = unique("doomed"), unique("doom")
    await mesh.join(agent, skills={skill: {}})
    await mesh.known(agent)
    named = {"agent": agent, "skill": skill, "key": mesh.names[key]}[kind]
    to = f"{skill}@1"
    await mesh.admin("POST", "kill", {"kind": kind, "name": named, "reason": "a test"}, where=1)

    async def everywhere(reason: str) -> bool:
        found = [await outcome(door, to, key) for door in doors]
        return [refused.reason if refused else "" for refused in found] == [reason] * 2

    await soon(lambda: everywhere("KILLED"))
    refused = await refusal(doors.here, "SendMessage", saying({"do": "message"}), to, key=key)
    assert refused.means("KILLED")
    assert "a test" in refused.message
    await mesh.admin("POST", "lift", {"kind": kind, "name": named})
    await soon(lambda: everywhere(""))


@pytest.mark.requirement("path.kill")
async def test_killing_a_job_ends_what_runs_of_it(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    gate = unique("killed")
    events = doors.there.stream("SendStreamingMessage", saying({"do": "hold", "key": gate}), "clerk", key=key)
    first = await anext(events)
    (received,) = await mesh.stage.reached(gate)
    job = received.headers["meshgate-job"]
    await mesh.admin("POST", "kill", {"kind": "job", "name": job})
    assert (await broken(events)).means("KILLED")
    await mesh.admin("POST", "lift", {"kind": "job", "name": job})

    async def cancelled() -> bool:
        found = await doors.here.ask("GetTask", {"id": first["task"]["id"]}, key=key)
        return bool(found.tree["status"]["state"] == "TASK_STATE_CANCELED")

    await soon(cancelled)


@pytest.mark.requirement("contract.drain")
async def test_a_gateway_that_drains_says_so_and_serves_on(mesh: Mesh, key: str) -> None:
    here, there = mesh.doors["JSONRPC"]
    await mesh.admin("POST", "drain", {"gateway": here.gateway}, where=1)
    try:
        assert await ready(here) == 503
        assert await ready(there) == (503 if there.gateway == here.gateway else 200)
        assert await outcome(here, "clerk", key) is None
    finally:
        await mesh.admin("POST", "drain", {"gateway": here.gateway, "on": False}, where=1)
    assert await ready(here) == 200


@pytest.mark.requirement("metrics.calls")
async def test_a_call_is_counted_by_its_gateway(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    name = unique("counted")
    await mesh.join(name)
    await mesh.known(name)
    assert await outcome(doors.here, name, key) is None
    labels = f'agent="{name}",binding="{doors.here.binding}",method="SendMessage",outcome="done",task=""}} 1.0'

    async def counted() -> bool:
        return labels in await mesh.metrics()

    await soon(counted)


async def ready(door: Door) -> int:
    """The status of a gateway's readiness."""
    assert isinstance(door, RpcDoor)
    async with door.connection() as client:
        return (await client.get(f"{door.url}/readyz")).status_code


@pytest.mark.requirement("path.breaker")
async def test_callers_in_a_hurry_do_not_take_a_slow_agent_from_others(
    mesh: Mesh, doors: Doors, key: str, unique: Any
) -> None:
    name = unique("slow")
    await mesh.join(name)
    await mesh.known(name)
    hold = saying({"do": "hold", "key": unique("slow")})
    for _ in range(6):
        refused = await refusal(doors.here, "SendMessage", hold, name, key=key, headers={"meshgate-deadline": "0.05"})
        assert refused.means("UPSTREAM_DEADLINE")
    assert await outcome(doors.here, name, mesh.caller()) is None


@pytest.fixture
def closed() -> Generator[str]:
    """A URL where nobody listens, and nobody else will."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/"


@pytest.mark.requirement("path.retry", "contract.failover")
async def test_a_call_goes_elsewhere_when_an_instance_cannot_be_reached(
    mesh: Mesh, doors: Doors, key: str, closed: str, unique: Any
) -> None:
    name = unique("pair")
    alive = await mesh.join(name)
    dead = await mesh.join(name, url=closed, where=1)
    await mesh.known(name)

    async def tried_both() -> Any:
        answer = await doors.here.ask("SendMessage", saying({"do": "echo"}), name, key=key)
        assert answer.heard["instance"] == answer.head["meshgate-instance"] == alive.instance
        record = await mesh.record(answer.head["meshgate-call"])
        return record if len(record["attempts"]) == 2 else None

    record = await soon(tried_both)
    assert [attempt["instance"] for attempt in record["attempts"]] == [dead.instance, alive.instance]
    assert record["attempts"][0]["code"] == "UPSTREAM_UNAVAILABLE"
    assert record["outcome"] == "done"


@pytest.mark.requirement("contract.failover")
async def test_an_agent_without_an_instance_that_answers_is_unavailable(
    mesh: Mesh, doors: Doors, key: str, closed: str, unique: Any
) -> None:
    name = unique("dead")
    await mesh.join(name, url=closed)
    await mesh.known(name)
    refused = await refusal(doors.there, "SendMessage", saying({"do": "echo"}), name, key=key)
    assert refused.means("UPSTREAM_UNAVAILABLE")
