"""Calls by name and by skill, unary and streamed: the same in every layout and on both bindings."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.contract.conftest import CHAIN, Doors
from tests.contract.doors import Door, Refused, RpcDoor, soon, text_of
from tests.contract.mesh import Mesh
from tests.contract.scripts import inner, saying

pytestmark = pytest.mark.asyncio(loop_scope="session")

AGENTS = ["clerk", "porter", "desk"]
"""A foreign one on JSON-RPC, a foreign one on gRPC, and one of the SDK's."""


async def refusal(door: Door, method: str, params: dict[str, Any], to: str = "", **more: Any) -> Refused:
    """What a unary call is refused with."""
    with pytest.raises(Refused) as refused:
        await door.ask(method, params, to, **more)
    return refused.value


async def broken(events: AsyncGenerator[dict[str, Any]]) -> Refused:
    """What a stream ends with."""
    with pytest.raises(Refused) as refused:
        [event async for event in events]
    return refused.value


# -- by name


@pytest.mark.requirement("contract.by_name")
@pytest.mark.parametrize("agent", AGENTS)
async def test_an_agent_is_called_by_name(doors: Doors, key: str, agent: str) -> None:
    answer = await doors.here.ask("SendMessage", saying({"do": "echo", "text": "ümlaut"}), agent, key=key)
    assert answer.task["status"]["state"] == "TASK_STATE_COMPLETED"
    assert (answer.heard["text"], answer.heard["agent"]) == ("ümlaut", agent)


@pytest.mark.requirement("contract.message_reply")
@pytest.mark.parametrize("agent", ["clerk", "porter"])
async def test_an_agent_may_answer_with_a_plain_message(doors: Doors, key: str, agent: str) -> None:
    answer = await doors.there.ask("SendMessage", saying({"do": "message"}), agent, key=key)
    assert answer.tree["message"]["parts"] == [{"text": "no task"}]


@pytest.mark.requirement("contract.credentials")
async def test_an_agent_never_sees_its_callers_key(doors: Doors, key: str) -> None:
    answer = await doors.here.ask("SendMessage", saying({"do": "echo"}), "clerk", key=key)
    assert {"authorization", "x-api-key"}.isdisjoint(answer.heard["headers"])
    assert key not in answer.text


@pytest.mark.requirement("contract.api_key_header")
async def test_a_key_may_come_as_x_api_key(doors: Doors, key: str) -> None:
    answer = await doors.here.ask("SendMessage", saying({"do": "echo"}), "clerk", key="", headers={"x-api-key": key})
    assert answer.heard["agent"] == "clerk"


# -- by skill

CHOICES = {
    "sum@1": "sum-old",
    "sum@2": "sum-new",
    "sum@1.4": "sum-old",
    "sum@2.1.0": "sum-new",
    "sum@*": "sum-new",
    "sum@^1.2": "sum-old",
    "sum@>=1,<3": "sum-new",
    "sum@*,region=eu": "sum-old",
    "sum@*,slow": "sum-old",
    "sum@2,fast,region=us": "sum-new",
    "sum@3.0.0-rc.1": "sum-next",
    "write@1": "clerk",
    "carry@1": "porter",
    "file@1.4": "desk",
}


@pytest.mark.requirement("contract.by_skill")
async def test_a_skill_is_called_at_the_best_version_in_the_range(doors: Doors, key: str) -> None:
    for selector, agent in CHOICES.items():
        answer = await doors.here.ask("SendMessage", saying({"do": "echo"}), selector, key=key)
        assert (selector, answer.heard["agent"]) == (selector, agent)


@pytest.mark.requirement("routing.skill_named")
@pytest.mark.cells("routing.skill_named")
async def test_a_message_says_which_skill_it_is_for_at_the_agents_url_and_at_the_gateways(
    doors: Doors, key: str
) -> None:
    named = saying({"do": "echo"}, metadata={"meshgate/skill": "write"})
    for to in ("", "clerk", "write@1"):
        answer = await doors.here.ask("SendMessage", named, to, key=key)
        assert (to, answer.heard["agent"]) == (to, "clerk")
    best = await doors.there.ask("SendMessage", saying({"do": "echo"}, metadata={"meshgate/skill": "sum"}), key=key)
    assert best.heard["agent"] == "sum-new"


@pytest.mark.requirement("routing.skill_agrees")
async def test_a_skill_that_is_not_there_or_not_the_urls_is_told_with_what_to_do(doors: Doors, key: str) -> None:
    named = saying({"do": "echo"}, metadata={"meshgate/skill": "write"})
    found = await refusal(doors.here, "SendMessage", named, "sum@*", key=key)
    assert found.means("INVALID_PARAMS")
    assert found.message.endswith("they must agree")
    other = saying({"do": "echo"}, metadata={"meshgate/skill": "dance"})
    found = await refusal(doors.here, "SendMessage", other, "clerk", key=key)
    assert found.means("NO_ROUTE")
    assert found.message == "agent 'clerk' has no skill 'dance': there are write"
    found = await refusal(doors.here, "SendMessage", other, key=key)
    assert found.means("NO_ROUTE")
    assert found.message.startswith("no agent here has a skill 'dance': there are ")


@pytest.mark.requirement("contract.by_skill", "contract.no_route")
async def test_what_nobody_answers_to_has_no_route(doors: Doors, key: str) -> None:
    for selector in ("sum@4", "sum@3", "sum@1,region=us", "sum@2,slow", "sing@*", "nobody"):
        found = await refusal(doors.here, "SendMessage", saying({"do": "echo"}), selector, key=key)
        assert found.means("NO_ROUTE"), selector
        assert found.domain == "meshgate.dev"


@pytest.mark.requirement("contract.by_skill")
async def test_a_selector_that_cannot_be_read_is_refused(doors: Doors, key: str) -> None:
    for selector in ("sum@latest", "sum@1..2", "sum@>2,<1", "sum@*,=x"):
        found = await refusal(doors.here, "SendMessage", saying({"do": "echo"}), selector, key=key)
        assert found.means("INVALID_PARAMS"), selector


@pytest.mark.requirement("path.scope", "contract.no_route")
@pytest.mark.parametrize(
    ("who", "there", "absent", "method"),
    [
        ("narrow", "desk", "disk", "SendMessage"),
        ("narrow", "file@1", "fold@1", "SendStreamingMessage"),
        ("skilled", "porter", "portal", "SendStreamingMessage"),
        ("skilled", "sum@*", "sun@*", "SendMessage"),
        ("elsewhere", "clerk", "clown", "SendMessage"),
    ],
)
async def test_denied_looks_like_absent_byte_for_byte(
    mesh: Mesh, doors: Doors, who: str, there: str, absent: str, method: str
) -> None:
    seen: list[bytes] = []
    for name in (there, absent):
        echo, key = saying({"do": "echo"}), mesh.key(who)
        if method == "SendMessage":
            found = await refusal(doors.here, method, echo, name, key=key)
        else:
            found = await broken(doors.here.stream(method, echo, name, key=key))
        assert found.means("NO_ROUTE")
        # The caller's own words come back to it, and nothing else differs.
        seen.append(found.raw.replace(name.encode(), b"NAME"))
    assert seen[0] == seen[1]


@pytest.mark.requirement("errors.origin")
async def test_an_error_names_its_call_and_its_job(mesh: Mesh, doors: Doors, key: str, unique: Any) -> None:
    gate = unique("origin")
    events = doors.there.stream("SendStreamingMessage", saying({"do": "hold", "key": gate}), "clerk", key=key)
    await anext(events)
    (received,) = await mesh.stage.reached(gate)
    job = received.headers["meshgate-job"]
    await mesh.admin("POST", "kill", {"kind": "job", "name": job})
    ended = await broken(events)
    assert (ended.reason, ended.job, ended.call) == ("KILLED", job, received.headers["meshgate-call"])
    await mesh.admin("POST", "lift", {"kind": "job", "name": job})

    for to in ("clerk", "nobody"):
        sent = saying({"do": "echo"}, referenceTaskIds=["made up"])
        refused = await refusal(doors.here, "SendMessage", sent, to, key=key)
        streamed = await broken(doors.here.stream("SendStreamingMessage", sent, to, key=key))
        for found in (refused, streamed):
            assert found.call
            assert (await mesh.record(found.call))["job"] == found.job


# -- streams


@pytest.mark.requirement("contract.stream_order")
@pytest.mark.parametrize("agent", AGENTS)
async def test_a_stream_keeps_the_order_of_its_events(doors: Doors, key: str, agent: str) -> None:
    events = doors.here.stream("SendStreamingMessage", saying({"do": "count", "to": 5}), agent, key=key)
    seen = [event async for event in events]
    assert "task" in seen[0]
    texts = [text_of({"artifacts": [e["artifactUpdate"]["artifact"]]}) for e in seen if "artifactUpdate" in e]
    assert texts == ["0", "1", "2", "3", "4", "counted"]
    assert seen[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    ids = {event[kind].get("taskId", event[kind].get("id")) for event in seen for kind in event}
    assert len(ids) == 1
    assert "~" in ids.pop()


@pytest.mark.requirement("contract.heartbeat")
async def test_a_quiet_stream_is_kept_alive_by_comments(mesh: Mesh, key: str, unique: Any) -> None:
    door, gate = mesh.doors["JSONRPC"][0], unique("quiet")
    assert isinstance(door, RpcDoor)
    comments = 0
    lines = door.lines("SendStreamingMessage", saying({"do": "hold", "key": gate}), "clerk", key=key)
    async for line in lines:
        comments += line.startswith(":")
        if comments == 2:
            mesh.stage.open(gate)
    assert comments >= 2


# -- labels, versions, records


@pytest.mark.requirement("contract.tenant_label")
@pytest.mark.parametrize("target", ["clerk", "sum@1"])
async def test_a_tenant_label_routes_as_a_selector_does(doors: Doors, key: str, target: str) -> None:
    params = {**saying({"do": "echo"}), "tenant": target}
    for to in ("", target):
        answer = await doors.here.ask("SendMessage", params, to, key=key)
        assert answer.heard["agent"] == {"clerk": "clerk", "sum@1": "sum-old"}[target]


@pytest.mark.requirement("contract.tenant_label")
async def test_a_tenant_label_that_contradicts_the_address_is_refused(doors: Doors, key: str) -> None:
    params = {**saying({"do": "echo"}), "tenant": "porter"}
    assert (await refusal(doors.here, "SendMessage", params, "clerk", key=key)).means("INVALID_PARAMS")


@pytest.mark.requirement("contract.tenant_label")
async def test_a_call_that_names_nothing_is_refused(doors: Doors, key: str) -> None:
    assert (await refusal(doors.here, "SendMessage", saying({"do": "echo"}), key=key)).means("INVALID_PARAMS")


@pytest.mark.requirement("contract.record", "path.record")
@pytest.mark.parametrize("selector", ["clerk", "sum@2", "file@1"])
async def test_the_record_of_a_call_says_how_it_came_and_where_it_went(
    mesh: Mesh, doors: Doors, key: str, selector: str
) -> None:
    answer = await doors.here.ask("SendMessage", saying({"do": "echo"}), selector, key=key)
    record = await mesh.record(answer.head["meshgate-call"], where=1)
    heard = answer.heard
    assert (record["binding"], record["selector"]) == (doors.here.binding, selector)
    assert (record["instance"], record["agent"]) == (heard["instance"], heard["agent"])
    assert record["instance"] == answer.head["meshgate-instance"]
    assert (record["outcome"], record["principal"]) == ("done", mesh.names[key])
    assert record["gateway"] == doors.here.gateway
    assert record["job"] == answer.head["meshgate-job"] == heard["headers"]["meshgate-job"]
    assert record["call"] if "call" in record else record["id"] == heard["headers"]["meshgate-call"]


# -- deadlines


@pytest.mark.requirement("path.deadline")
@pytest.mark.parametrize("agent", AGENTS)
async def test_a_deadline_is_enforced(mesh: Mesh, doors: Doors, key: str, agent: str, unique: Any) -> None:
    hold = saying({"do": "hold", "key": unique("late")})
    found = await refusal(doors.here, "SendMessage", hold, agent, key=key, headers={"meshgate-deadline": "0.2"})
    assert found.means("UPSTREAM_DEADLINE")


@pytest.mark.requirement("path.deadline")
@pytest.mark.parametrize("keep", [True, False])
async def test_every_hop_has_less_time_than_the_one_before(
    mesh: Mesh, doors: Doors, key: str, keep: bool, unique: Any
) -> None:
    script = {"do": "call", "to": "clerk", "say": {"do": "echo"}, "keep": keep}
    answer = await doors.here.ask("SendMessage", saying(script), CHAIN[1], key=key, headers={"meshgate-deadline": "20"})
    (outcome,) = inner(answer.text)
    assert 0 < float(json.loads(outcome["text"])["headers"]["meshgate-deadline"]) < 20


@pytest.mark.requirement("bounds.deadline")
@pytest.mark.cells("bounds.deadline")
async def test_a_caller_that_asks_for_more_time_than_there_is_is_told_what_it_got(doors: Doors, key: str) -> None:
    for asked, got in (("100000", "900.000000"), ("900", None)):
        answer = await doors.here.ask(
            "SendMessage", saying({"do": "echo"}), "clerk", key=key, headers={"meshgate-deadline": asked}
        )
        assert answer.head.get("meshgate-deadline") == got
        assert float(answer.heard["headers"]["meshgate-deadline"]) <= 900


@pytest.mark.requirement("path.deadline")
async def test_a_deadline_that_is_none_or_over_is_refused(doors: Doors, key: str) -> None:
    wrong = {"soon": "INVALID_PARAMS", "nan": "INVALID_PARAMS", "0": "UPSTREAM_DEADLINE", "-1": "UPSTREAM_DEADLINE"}
    for value, reason in wrong.items():
        headers = {"meshgate-deadline": value}
        found = await refusal(doors.here, "SendMessage", saying({"do": "echo"}), "clerk", key=key, headers=headers)
        assert found.means(reason), value


# -- weights


@pytest.mark.requirement("instance.weight")
@pytest.mark.cells("instance.weight")
async def test_an_instance_of_weight_0_gets_no_calls_until_no_other_is_there(
    mesh: Mesh, doors: Doors, key: str, unique: Any
) -> None:
    name = unique("pair")
    usual, spare = await mesh.wild(name), await mesh.wild(name, weight=0.0)

    async def both() -> bool:
        listed = await mesh.admin("GET", "instances", where=1)
        return {usual.instance, spare.instance} <= {each["id"] for each in listed}

    await soon(both)
    for _ in range(8):
        await doors.here.ask("SendMessage", saying({"do": "x"}), name, key=key)
    assert (len(usual.arrived), len(spare.arrived)) == (8, 0)
    await mesh.leave(usual)

    async def taken() -> bool:
        # Each look is another caller's: how many there are must not come up against a rate.
        await doors.here.ask("SendMessage", saying({"do": "x"}), name, key=mesh.caller())
        return bool(spare.arrived)

    await soon(taken)
