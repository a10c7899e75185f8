"""A call is in flight from before it goes on until its reply ends, and its task after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshgate.a2a.call import Call, Route
from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.a2a.mesh.lineage import Lineage
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.gateway.jobs.in_flight import InFlight
from meshgate.gateway.policies.call.in_flight import KeepInFlight
from tests.gateway.calls import Behind, Clock, make_call

pytestmark = pytest.mark.requirement("path.inferred", "path.in_flight")
CALL = make_call(lineage=Lineage("g.1", ""), route=Route("front", "work", "1.0.0", ()), deadline=1060.0)


class Flying:
    def __init__(self) -> None:
        self.in_flight = InFlight(clock=Clock())
        self.policy = KeepInFlight(self.in_flight)

    @property
    def parents(self) -> list[str]:
        return [flight.id for flight in self.in_flight.find("front", "default")]


def task_in(*states: str) -> Any:
    async def forward(call: Call) -> Reply:
        async def events() -> AsyncIterator[Payload]:
            for state in states:
                status = {"taskId": "t1", "status": {"state": state}}
                yield JsonPayload(call.method.response, {"statusUpdate": status})
            yield JsonPayload(call.method.response, {"artifactUpdate": {"taskId": "t1"}})

        return Reply(events())

    return forward


async def test_a_call_is_a_possible_parent_while_it_is_forwarded_and_until_its_reply_ends() -> None:
    flying = Flying()

    async def forward(call: Call) -> Reply:
        assert (flying.parents, flying.in_flight.count) == (["c1"], 1)
        return await Behind()(call)

    reply = await flying.policy(CALL, forward)
    assert (flying.parents, flying.in_flight.count) == (["c1"], 1)
    await reply.answer()
    assert (flying.parents, flying.in_flight.count) == ([], 0)


@pytest.mark.parametrize("error", [UpstreamUnavailable(), asyncio.CancelledError()])
async def test_a_call_that_fails_is_in_flight_no_more(error: BaseException) -> None:
    flying = Flying()
    with pytest.raises(type(error)):
        await flying.policy(CALL, Behind(error))
    assert (flying.parents, flying.in_flight.count) == ([], 0)


@pytest.mark.parametrize(
    ("states", "parents"),
    [
        (["TASK_STATE_SUBMITTED", "TASK_STATE_WORKING"], ["c1"]),
        (["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"], []),
        (["TASK_STATE_WORKING", "TASK_STATE_INPUT_REQUIRED"], []),
        ([], []),
    ],
)
async def test_the_last_state_of_its_task_says_whether_it_goes_on_as_a_parent(
    states: list[str], parents: list[str]
) -> None:
    flying = Flying()
    reply = await flying.policy(CALL, task_in(*states))
    assert len([event async for event in reply]) == len(states) + 1
    assert (flying.parents, flying.in_flight.count) == (parents, 0)


@pytest.mark.requirement("path.after")
@pytest.mark.parametrize(
    ("error", "kept"),
    [(UpstreamUnavailable(), ["c1"]), (UpstreamUnavailable(unsent=True), []), (asyncio.CancelledError(), ["c1"])],
)
async def test_a_call_that_reached_its_agent_is_remembered_after_its_end(error: BaseException, kept: list[str]) -> None:
    flying = Flying()
    with pytest.raises(type(error)):
        await flying.policy(CALL, Behind(error))
    assert [flight.id for flight in flying.in_flight.answered("front", "default")] == kept
