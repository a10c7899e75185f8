"""What bounds a job, and who its calls are, over both gateways: budgets, open calls, loops, depth, lineage, traces."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest

from tests.contract.conftest import CHAIN, Doors
from tests.contract.doors import Door, soon
from tests.contract.mesh import Mesh
from tests.contract.scripts import Script, inner, saying
from tests.contract.test_calls import refusal
from tests.contract.test_tasks import AT_ONCE

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEADERS = pytest.mark.parametrize("keep", [True, False], ids=["with-headers", "headers-dropped"])
"""Whether the agents hand the headers that they were called with back to the gateway."""


def nodes(tree: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The calls in a job's tree."""
    waiting = list(tree["roots"])
    while waiting:
        node = waiting.pop()
        yield node["call"]
        waiting += node["children"]


LEASED = 4
"""What one gateway leases of another at a time counts as spent."""


def calling(to: str, say: Script, *, keep: bool, do: str = "call", count: int = 1) -> Script:
    """A script that calls on."""
    return {"do": do, "to": to, "say": say, "keep": keep, "count": count}


def spent(outcome: dict[str, Any]) -> int:
    """The calls in the price of a refusal."""
    calls, _, seconds = outcome["error"]["metadata"]["price"].partition("/256 calls, ")
    assert seconds.endswith("/900 s")
    return int(calls)


# -- budgets


@pytest.mark.requirement("path.budget")
@HEADERS
async def test_a_job_over_its_calls_is_refused_with_path_and_price(
    mesh: Mesh, doors: Doors, key: str, keep: bool, unique: Any
) -> None:
    name = unique("spender")
    await mesh.join(name, where=1)
    await mesh.known(name)
    script = calling("clerk", {"do": "echo"}, keep=keep, do="calls", count=6)
    answer = await doors.here.ask("SendMessage", saying(script), name, key=key, headers={"meshgate-budget": "calls=4"})
    outcomes = inner(answer.text)
    passed = [one for one in outcomes if "text" in one]
    refused = [one["error"] for one in outcomes if "error" in one]
    # Workers share a port, so the agent's calls go to either; what one of them has leased the other cannot spend.
    assert len(passed) == 3 or (mesh.layout == "workers" and 1 <= len(passed) < 3)
    assert {one["reason"] for one in refused} == {"BUDGET_EXHAUSTED"}
    assert {one["metadata"]["path"] for one in refused} == {f"{name}.* → clerk.*"}
    assert all(one["metadata"]["price"].startswith("4/4 calls, ") for one in refused)
    tree = await mesh.tree(answer.head["meshgate-job"], lambda found: found["refused"] == len(refused), where=1)
    assert tree["job"]["call_limit"] == 4
    assert len(list(nodes(tree))) == 7


@pytest.mark.requirement("path.budget")
async def test_a_job_over_its_time_is_refused(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    hold = saying({"do": "hold", "key": unique("slow")})
    found = await refusal(doors.here, "SendMessage", hold, "clerk", key=key, headers={"meshgate-budget": "seconds=0.2"})
    assert found.means("BUDGET_EXHAUSTED")
    assert found.metadata["path"] == "clerk.*"
    assert found.metadata["price"].startswith("1/256 calls, ")


@pytest.mark.requirement("path.budget")
async def test_a_budget_that_cannot_be_read_is_refused(doors: Doors, key: str) -> None:
    for budget in ("calls=many", "euros=3", "calls=0", "seconds=-1"):
        headers = {"meshgate-budget": budget}
        found = await refusal(doors.here, "SendMessage", saying({"do": "echo"}), "clerk", key=key, headers=headers)
        assert found.means("INVALID_PARAMS"), budget


@pytest.mark.requirement("path.budget")
@HEADERS
async def test_a_job_with_too_many_calls_open_at_once_is_refused(
    mesh: Mesh, doors: Doors, key: str, keep: bool, unique: Any
) -> None:
    name, gate = unique("fan"), unique("fan")
    await mesh.join(name, where=1)
    await mesh.known(name)
    # One agent alone would have no more than the share of a rate that a worker gives out: the ports choose the worker.
    to = ["clerk", CHAIN[0]]
    script = {"do": "burst", "to": to, "say": {"do": "hold", "key": gate}, "keep": keep, "count": 24}
    answer = await doors.here.ask("SendMessage", {**saying(script), **AT_ONCE}, name, key=key)
    job = answer.head["meshgate-job"]
    held = await mesh.stage.reached(gate, 24)
    assert {received.headers["meshgate-job"] for received in held} == {job}
    mesh.stage.open(gate)

    async def whole() -> Any:
        found = await doors.there.ask("GetTask", {"id": answer.task["id"]}, key=key)
        return found if found.tree["status"]["state"] == "TASK_STATE_COMPLETED" else None

    outcomes = inner((await soon(whole)).text)
    refused = [one["error"] for one in outcomes if "error" in one]
    assert len(refused) == 24 - len(held)
    assert 8 <= len(refused) <= 16
    assert {one["reason"] for one in refused} == {"FAN_OUT"}
    assert {one["metadata"]["path"] for one in refused} <= {f"{name}.* → {agent}.*" for agent in to}
    assert all("/256 calls, " in one["metadata"]["price"] for one in refused)
    tree = await mesh.tree(job, lambda found: found["refused"] == len(refused))
    assert len(list(nodes(tree))) == 25
    assert {call["code"] for call in nodes(tree) if call.get("outcome") == "refused"} == {"FAN_OUT"}


# -- loops and depth


@pytest.mark.requirement("path.loop", "path.lineage", "path.inferred")
@HEADERS
async def test_a_loop_is_refused_with_path_and_price(
    mesh: Mesh, doors: Doors, key: str, keep: bool, unique: Any
) -> None:
    first, second = CHAIN[:2]
    again = calling(second, calling(first, {"do": "echo"}, keep=keep), keep=keep)
    answer = await doors.here.ask("SendMessage", saying(again), first, key=key)
    (outcome,) = inner(answer.text)
    assert outcome["error"]["reason"] == "LOOP"
    path = f"{first}.* → {second}.* → {first}.*"
    assert outcome["error"]["metadata"]["path"] == path
    assert 2 <= spent(outcome) < 2 + LEASED
    tree = await mesh.tree(answer.head["meshgate-job"], lambda found: found["refused"] == 1)
    calls = sorted(nodes(tree), key=lambda call: len(call["path"]))
    assert [call["agent"] for call in calls] == [first, second, first]
    assert [call.get("code", "") for call in calls] == ["", "", "LOOP"]
    assert [call.get("inferred", "") for call in calls] == ["", *(2 * ["" if keep else "open"])]
    assert [call.get("parent", "") for call in calls] == ["", calls[0]["id"], calls[1]["id"]]


@pytest.mark.requirement("path.after")
@pytest.mark.cells("path.after")
@pytest.mark.parametrize("agent", ["JSONRPC", "HTTP+JSON", "GRPC"])
async def test_agents_that_call_each_other_after_their_answers_are_refused_as_a_loop(
    mesh: Mesh, doors: Doors, key: str, agent: Literal["JSONRPC", "HTTP+JSON", "GRPC"], unique: Any
) -> None:
    first, second = unique("first"), unique("second")
    await mesh.join(first, binding=agent)
    await mesh.join(second, where=1, binding=agent)
    await mesh.known(first, second)
    gates = unique("gate"), unique("gate")
    back = {"do": "later", "key": gates[1], "to": first, "say": {"do": "echo"}}
    script = {"do": "later", "key": gates[0], "to": second, "say": back}
    answer = await doors.here.ask("SendMessage", saying(script), first, key=key)
    assert await mesh.stage.outcome(gates[0]) == {"text": "answered"}
    error = (await mesh.stage.outcome(gates[1]))["error"]
    assert (error["reason"], error["metadata"]["path"]) == ("LOOP", f"{first}.* → {second}.* → {first}.*")
    tree = await mesh.tree(answer.head["meshgate-job"], lambda found: found["refused"] == 1)
    calls = sorted(nodes(tree), key=lambda call: len(call["path"]))
    assert [call.get("inferred", "") for call in calls] == ["", "after", "after"]
    assert [call.get("parent", "") for call in calls] == ["", calls[0]["id"], calls[1]["id"]]


@pytest.mark.requirement("path.onward")
@pytest.mark.cells("path.onward")
@pytest.mark.parametrize("agent", ["JSONRPC", "HTTP+JSON", "GRPC"])
async def test_an_agent_calls_on_while_its_task_is_polled_subscribed_to_and_seen_by_a_second_viewer(
    mesh: Mesh, doors: Doors, key: str, agent: Literal["JSONRPC", "HTTP+JSON", "GRPC"], unique: Any
) -> None:
    name, gate = unique("onward"), unique("gate")
    await mesh.join(name, where=1, binding=agent)
    await mesh.known(name)
    script = {**calling("clerk", {"do": "echo"}, keep=False, do="calls", count=4), "key": gate}
    answer = await doors.here.ask("SendMessage", {**saying(script), **AT_ONCE}, name, key=key)
    await mesh.stage.reached(gate)
    task = {"id": answer.task["id"]}

    async def watch(door: Door) -> str:
        while True:
            found = await door.ask("GetTask", task, key=key)
            if found.tree["status"]["state"] != "TASK_STATE_WORKING":
                return found.text
            await asyncio.sleep(0.1)

    async def subscribe() -> None:
        async for _ in doors.there.stream("SubscribeToTask", task, key=key):
            mesh.stage.open(gate)

    _, *seen = await asyncio.gather(subscribe(), watch(doors.here), watch(doors.there))
    for text in seen:
        assert [list(outcome) for outcome in inner(text)] == [["text"]] * 4
    tree = await mesh.tree(answer.head["meshgate-job"], lambda found: len(list(nodes(found))) == 5)
    children = [call for call in nodes(tree) if call["agent"] == "clerk"]
    assert [(call["inferred"], call["parent"]) for call in children] == [("open", tree["roots"][0]["call"]["id"])] * 4


@pytest.mark.requirement("path.loop")
async def test_an_agent_that_calls_itself_is_refused(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    name = CHAIN[1]
    answer = await doors.here.ask("SendMessage", saying(calling(name, {"do": "echo"}, keep=False)), name, key=key)
    (outcome,) = inner(answer.text)
    assert outcome["error"]["reason"] == "LOOP"


@pytest.mark.requirement("path.loop", "path.lineage")
async def test_agents_of_the_sdk_cannot_loop_either(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    again = calling("delta", calling("gamma", {"do": "echo"}, keep=True), keep=True)
    answer = await doors.there.ask("SendMessage", saying(again), "gamma", key=key)
    (outcome,) = inner(answer.text)
    assert outcome["error"]["reason"] == "LOOP"
    assert outcome["error"]["metadata"]["path"] == "gamma.gaze → delta.dig → gamma.gaze"
    assert 2 <= spent(outcome) < 2 + LEASED


@pytest.mark.requirement("path.depth", "path.inferred")
@HEADERS
async def test_a_chain_deeper_than_the_limit_is_refused(
    mesh: Mesh, doors: Doors, key: str, keep: bool, unique: Any
) -> None:
    script: Script = {"do": "echo"}
    for name in reversed(CHAIN[1:]):
        script = calling(name, script, keep=keep)
    answer = await doors.here.ask("SendMessage", saying(script), CHAIN[0], key=key)
    (outcome,) = inner(answer.text)
    assert outcome["error"]["reason"] == "DEPTH"
    assert outcome["error"]["metadata"]["limit"] == "8"
    assert outcome["error"]["metadata"]["path"] == " → ".join(f"{name}.*" for name in CHAIN)
    assert 8 <= spent(outcome) < 8 + LEASED
    tree = await mesh.tree(answer.head["meshgate-job"], lambda found: found["refused"] == 1)
    assert len(list(nodes(tree))) == 9
    assert len(tree["roots"]) == 1


# -- one trace


@pytest.mark.requirement("path.trace")
@HEADERS
async def test_one_job_is_one_trace(mesh: Mesh, doors: Doors, key: str, keep: bool, unique: Any) -> None:
    name, trace = CHAIN[1], "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await doors.here.ask(
        "SendMessage",
        saying(calling("clerk", {"do": "echo"}, keep=keep)),
        name,
        key=key,
        headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"},
    )
    (outcome,) = inner(answer.text)
    assert json.loads(outcome["text"])["headers"]["traceparent"].split("-")[1] == trace
    tree = await mesh.tree(answer.head["meshgate-job"], lambda found: len(list(nodes(found))) == 2)
    assert {call["trace_id"] for call in nodes(tree)} == {trace}


# -- what people see


@pytest.mark.requirement("contract.tree_shown")
async def test_the_command_line_shows_the_refusal_in_the_tree(mesh: Mesh, key: str) -> None:
    first, second = CHAIN[:2]
    again = calling(second, calling(first, {"do": "echo"}, keep=False), keep=False)
    answer = await mesh.doors["GRPC"][0].ask("SendMessage", saying(again), first, key=key)
    job = answer.head["meshgate-job"]
    await mesh.tree(job, lambda found: found["refused"] == 1)
    shown = await mesh.command("job", job, where=1)
    assert "LOOP" in shown
    assert shown.count(first) >= 2
    assert second in shown
