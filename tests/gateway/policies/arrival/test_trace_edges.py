"""What a span says when more is known of its call step by step."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Route
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.telemetry import semconv
from tests.gateway.calls import ECHO, Behind, make_call
from tests.gateway.policies.arrival.test_trace import ROOT, Kept

pytestmark = pytest.mark.requirement("path.trace")


async def test_what_is_known_before_there_is_a_route_stands_in_the_span() -> None:
    kept = Kept()
    call = make_call()
    reply = await kept.policy(call, Behind())
    kept.policy.saw(msgspec.structs.replace(call, lineage=ROOT))
    await reply.answer()
    assert kept.spans[0].attributes[semconv.JOB] == "g.1"


async def test_the_route_that_was_taken_last_stands_in_the_span() -> None:
    kept = Kept()
    call = make_call(lineage=ROOT)
    reply = await kept.policy(call, Behind())
    kept.policy.saw(msgspec.structs.replace(call, route=ECHO))
    kept.policy.saw(msgspec.structs.replace(call, route=Route("echo", "say", "2.0.0", ("echo-2",))))
    await reply.answer()
    assert kept.spans[0].attributes[semconv.AGENT_VERSION] == "2.0.0"


async def test_the_usage_that_was_told_last_stands_in_the_span() -> None:
    kept = Kept()

    async def forward(call: Call) -> Reply:
        async def events() -> AsyncIterator[Payload]:
            for told in ({"costUsd": 0.25}, {"costUsd": 0.5}, None):
                metadata: dict[str, Any] = {"meshgate/usage": told} if told else {}
                status = {"taskId": "t7", "status": {"state": "TASK_STATE_WORKING"}, "metadata": metadata}
                yield JsonPayload(call.method.response, {"statusUpdate": status})

        return Reply(events())

    reply = await kept.policy(make_call("SendStreamingMessage", lineage=ROOT), forward)
    assert len([event async for event in reply]) == 3
    assert kept.spans[0].attributes[semconv.COST_USD] == 0.5
