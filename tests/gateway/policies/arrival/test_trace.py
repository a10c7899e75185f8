"""The span of a call: in which trace it stands, whether there is one, and what it says."""

# pyright: reportPrivateUsage=false
# The bounds of what is kept inside cannot be seen from outside.

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.a2a.mesh.lineage import Lineage
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import Arrived, Flight, Parents
from meshgate.gateway.policies.arrival.trace import Trace
from meshgate.telemetry import semconv
from meshgate.telemetry.context import TraceContext
from meshgate.telemetry.ids import Ids
from meshgate.telemetry.sampler import Sampler
from meshgate.telemetry.tracing import AttributeValue, Kind
from tests.gateway.calls import ECHO, Behind, Clock, chosen, instance, make_call

pytestmark = pytest.mark.requirement("path.trace")
A, B, SPAN = "a" * 32, "b" * 32, "5" * 16
ROOT, CHILD = Lineage("g.1", ""), Lineage("g.1", "c0")


class KeptSpan:
    def __init__(self, parent: TraceContext | None, context: TraceContext, set_: dict[str, AttributeValue]) -> None:
        self.parent, self.context, self.attributes = parent, context, set_
        self.ended: list[tuple[str | None, str]] = []
        self.name = ""

    def set(self, key: str, value: AttributeValue) -> None:
        self.attributes[key] = value

    def rename(self, name: str) -> None:
        self.name = name

    def link(self, context: TraceContext) -> None:
        raise AssertionError(f"no span of a call links to {context}")

    def end(self, error_type: str | None = None, message: str = "") -> None:
        self.ended.append((error_type, message))


class Kept:
    """A policy whose spans are kept in a list."""

    def __init__(self, rate: float = 100.0) -> None:
        self.spans: list[KeptSpan] = []
        self.policy = Trace(self, Sampler(rate, Clock(), 0), Ids(random.Random(3)))

    def begin(
        self,
        _name: str,
        _kind: Kind,
        parent: TraceContext | None,
        context: TraceContext,
        attributes: Mapping[str, AttributeValue],
        /,
    ) -> KeptSpan | None:
        self.spans.append(KeptSpan(parent, context, dict(attributes)))
        return self.spans[-1]

    def close(self) -> None:
        pass

    async def context(self, call: Call) -> TraceContext:
        behind = Behind()
        await self.policy(call, behind)
        found = behind.last.fact(TraceContext)
        assert found is not None
        return found


def sent(trace: str = A, flags: str = "01", **more: Any) -> Call:
    return make_call(headers={"traceparent": f"00-{trace}-{SPAN}-{flags}"}, **more)


def flying(call: Call, trace: str = B, *, sampled: bool = True) -> Call:
    return call.with_fact(Parents(((),), Flight("c0", "g.1", (), 9.0, 1.0, trace, "6" * 16, sampled)))


async def test_a_job_begins_a_trace_if_the_sampler_says_so() -> None:
    kept = Kept()
    context = await kept.context(make_call(lineage=ROOT))
    assert context.sampled
    assert [(span.parent, span.context) for span in kept.spans] == [(None, context)]

    off = Kept(rate=0.0)
    context = await off.context(make_call(lineage=ROOT))
    assert (context.sampled, len(context.trace_id), off.spans) == (False, 32, [])


async def test_a_set_bit_from_outside_is_a_wish_and_the_trace_is_kept() -> None:
    kept, off = Kept(), Kept(rate=0.0)
    context = await kept.context(sent(lineage=ROOT))
    assert (context.trace_id, context.sampled) == (A, True)
    assert context.span_id != SPAN
    assert kept.spans[0].parent == TraceContext(A, SPAN, sampled=True)

    context = await off.context(sent(lineage=ROOT))
    assert (context.trace_id, context.sampled, off.spans) == (A, False, [])


async def test_a_bit_that_is_not_set_stays_so() -> None:
    kept = Kept()
    assert not (await kept.context(sent(flags="00", lineage=ROOT))).sampled
    assert not (await kept.context(sent(flags="00", lineage=CHILD))).sampled
    assert kept.spans == []


async def test_inside_a_job_the_decision_was_made_at_its_start() -> None:
    off = Kept(rate=0.0)
    assert (await off.context(sent(lineage=CHILD))).sampled
    assert not (await off.context(sent(lineage=ROOT))).sampled


async def test_a_child_is_in_the_trace_of_its_parent_whatever_its_agent_sent() -> None:
    for call in (make_call(lineage=CHILD), sent(A, lineage=CHILD)):
        kept = Kept()
        context = await kept.context(flying(call))
        assert (context.trace_id, context.sampled) == (B, True)
        assert kept.spans[0].parent == TraceContext(B, "6" * 16, sampled=True)
    kept = Kept()
    assert not (await kept.context(flying(sent(A, lineage=CHILD), sampled=False))).sampled


async def test_an_agent_in_the_trace_keeps_its_own_span_as_the_parent() -> None:
    kept = Kept()
    await kept.context(flying(sent(B, lineage=CHILD)))
    assert kept.spans[0].parent == TraceContext(B, SPAN, sampled=True)


async def test_a_flight_without_a_trace_gives_none() -> None:
    kept = Kept()
    assert (await kept.context(flying(sent(A, lineage=CHILD), trace=""))).trace_id == A


async def test_a_span_ends_with_the_reply_and_says_what_was_known() -> None:
    kept, clock = Kept(), Clock()
    call = make_call(lineage=CHILD, message_id="m", context_id="x").with_fact(Arrived("GRPC"))
    reply = await kept.policy(call, Behind())
    kept.policy.saw(chosen(msgspec.structs.replace(call, route=ECHO), instance(clock), clock))
    kept.policy.saw(call)  # an outer list, which knows less
    (span,) = kept.spans
    assert span.ended == []
    await reply.answer()
    assert span.ended == [(None, "")]
    assert span.attributes[semconv.BINDING] == "GRPC"
    assert span.attributes[semconv.CALL] == "c1"
    assert (span.attributes[semconv.AGENT_NAME], span.attributes[semconv.SKILL]) == ("echo", "say")
    assert (span.attributes[semconv.INSTANCE], span.attributes[semconv.JOB]) == ("echo-1", "g.1")
    assert (span.attributes[semconv.MESSAGE_ID], span.attributes[semconv.CONVERSATION_ID]) == ("m", "x")
    assert semconv.INFERRED not in span.attributes
    assert kept.policy._open == {}


async def test_a_span_says_why_the_instance_was_chosen_which_release_and_that_the_parent_was_worked_out() -> None:
    kept, clock = Kept(), Clock()
    call = make_call(lineage=msgspec.structs.replace(CHILD, inferred="open"))
    reply = await kept.policy(call, Behind())
    kept.policy.saw(chosen(msgspec.structs.replace(call, route=ECHO), instance(clock), clock))
    kept.policy.saw(make_call(id="c2"))
    await reply.answer()
    attributes = kept.spans[0].attributes
    assert (attributes[semconv.AGENT_VERSION], attributes[semconv.REASON]) == ("1.0.0", "the only one ready of 1")
    assert attributes[semconv.INFERRED] == "open"
    assert {semconv.TASK_ID, semconv.COST_USD, semconv.MESSAGE_ID} & set(attributes) == set()


async def test_a_call_without_a_route_and_a_job_says_nothing_of_either() -> None:
    kept = Kept()
    await (await kept.policy(make_call(), Behind())).answer()
    assert set(kept.spans[0].attributes) == {semconv.METHOD, semconv.BINDING, semconv.CALL}


async def test_a_span_says_what_the_events_told_last_of_the_task_and_its_usage() -> None:
    kept = Kept()

    async def forward(call: Call) -> Reply:
        async def events() -> AsyncIterator[Payload]:
            for state, cost in (("TASK_STATE_WORKING", 0.25), ("TASK_STATE_COMPLETED", 0.5)):
                usage = {"costUsd": cost, "inputTokens": 3, "outputTokens": 4}
                status = {"taskId": "t7", "status": {"state": state}, "metadata": {"meshgate/usage": usage}}
                yield JsonPayload(call.method.response, {"statusUpdate": status})
            yield JsonPayload(call.method.response, {"message": {"messageId": "r"}})

        return Reply(events())

    reply = await kept.policy(make_call("SendStreamingMessage"), forward)
    assert len([event async for event in reply]) == 3
    said = kept.spans[0].attributes
    assert (said[semconv.TASK_ID], said[semconv.TASK_STATE]) == ("t7", "TASK_STATE_COMPLETED")
    assert (said[semconv.COST_USD], said[semconv.INPUT_TOKENS], said[semconv.OUTPUT_TOKENS]) == (0.5, 3, 4)


async def test_a_call_that_fails_ends_its_span_with_the_errors_code() -> None:
    for error, code in ((UpstreamUnavailable("away"), "UPSTREAM_UNAVAILABLE"), (KeyError("x"), "KeyError")):
        kept = Kept()
        with pytest.raises(type(error)):
            await kept.policy(make_call(lineage=ROOT), Behind(error))
        assert kept.spans[0].ended == [(code, str(error))]
        assert kept.policy._open == {}


@pytest.mark.parametrize(
    ("method", "skill", "name"),
    [
        ("SendMessage", "say", "echo.say"),
        ("SendStreamingMessage", "say", "echo.say"),
        ("SendMessage", "*", "echo"),
        ("GetTask", "say", "GetTask echo"),
        ("CancelTask", "*", "CancelTask echo"),
    ],
)
async def test_a_span_is_named_by_the_agent_and_the_skill_that_its_call_went_to(
    method: str, skill: str, name: str
) -> None:
    kept = Kept()
    routed = msgspec.structs.replace(ECHO, skill=skill)
    reply = await kept.policy(make_call(method, lineage=ROOT, route=routed), Behind())
    async for _ in reply:
        pass
    assert [span.name for span in kept.spans] == [name]
