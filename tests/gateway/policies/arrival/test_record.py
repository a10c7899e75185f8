"""The record of a call: opened before anything can refuse it, closed once, in one word and with its error's code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import NoRoute, PermissionDenied, RateLimited, TaskNotFound, Unauthenticated, UpstreamDeadline
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import parse_selector
from meshgate.gateway.facts import Arrived
from meshgate.gateway.observe.call_record import CallRecord
from meshgate.gateway.observe.records import Records
from meshgate.gateway.policies.arrival.record import Record
from meshgate.telemetry.context import TraceContext
from tests.gateway.calls import ECHO, Behind, Clock, make_call

pytestmark = pytest.mark.requirement("path.record")


class Book:
    def __init__(self) -> None:
        self.clock = Clock()
        self.records = Records("gw", clock=self.clock, wall=lambda: 1.8e9)
        self.policy = Record(self.records)

    @property
    def record(self) -> CallRecord:
        found = self.records.call("c1")
        assert found is not None
        return found


async def test_the_record_is_open_before_the_call_goes_on() -> None:
    book = Book()
    call = make_call(target=parse_selector("echo@^1")).with_fact(Arrived("GRPC"))

    async def forward(_: Call) -> Reply:
        record = book.record
        assert (record.outcome, record.duration, record.started, record.began) == ("open", None, 1.8e9, 1000.0)
        assert (record.method, record.binding, record.selector) == ("SendMessage", "GRPC", "echo@^1")
        raise NoRoute

    with pytest.raises(NoRoute):
        await book.policy(call, forward)


ENDS: list[tuple[BaseException, tuple[str, str, str]]] = [
    (NoRoute("nobody"), ("refused", "NO_ROUTE", "nobody")),
    (RateLimited("slow down"), ("refused", "RATE_LIMITED", "slow down")),
    (Unauthenticated("who?"), ("refused", "UNAUTHENTICATED", "who?")),
    (PermissionDenied("no"), ("refused", "PERMISSION_DENIED", "no")),
    (TaskNotFound("where?"), ("failed", "TASK_NOT_FOUND", "where?")),
    (UpstreamDeadline("late"), ("failed", "UPSTREAM_DEADLINE", "late")),
    (asyncio.CancelledError("private"), ("cancelled", "", "")),
    (RuntimeError("private"), ("failed", "INTERNAL_ERROR", "the server failed at this: its log has the reason")),
]


@pytest.mark.parametrize(("error", "said"), ENDS)
async def test_what_ends_a_call_stands_in_its_record(error: BaseException, said: tuple[str, str, str]) -> None:
    book = Book()
    with pytest.raises(type(error)):
        await book.policy(make_call(), Behind(error))
    record = book.record
    assert (record.outcome, record.code, record.message) == said


@pytest.mark.parametrize(("error", "said"), ENDS)
async def test_what_ends_a_reply_that_had_begun_stands_there_alike(
    error: BaseException, said: tuple[str, str, str]
) -> None:
    book = Book()

    def break_off(_: Any) -> Any:
        raise error

    reply = (await book.policy(make_call(), Behind())).map(break_off)
    with pytest.raises(type(error)):
        await reply.answer()
    record = book.record
    assert (record.outcome, record.code, record.message) == said


async def test_a_call_lasts_until_its_reply_has_been_read() -> None:
    book = Book()
    reply = await book.policy(make_call(), Behind())
    book.clock.now += 2.5
    assert book.record.outcome == "open"
    await reply.answer()
    assert (book.record.outcome, book.record.code, book.record.duration) == ("done", "", 2.5)


async def test_a_caller_that_leaves_has_cancelled() -> None:
    book = Book()
    reply = await book.policy(make_call(), Behind())
    await reply.aclose()
    assert (book.record.outcome, book.record.code, book.record.message) == ("cancelled", "", "")


async def test_the_task_and_the_usage_of_the_last_event_stand_in_the_record() -> None:
    book = Book()

    async def forward(call: Call) -> Reply:
        async def events() -> AsyncIterator[Payload]:
            for state, cost in (("TASK_STATE_WORKING", 0.25), ("TASK_STATE_COMPLETED", 0.5)):
                status = {"taskId": "t7", "status": {"state": state}, "metadata": {"meshgate/usage": {"costUsd": cost}}}
                yield JsonPayload(call.method.response, {"statusUpdate": status})
            yield JsonPayload(call.method.response, {"message": {"messageId": "r"}})

        return Reply(events())

    reply = await book.policy(make_call("SendStreamingMessage"), forward)
    assert len([event async for event in reply]) == 3
    record = book.record
    assert (record.task, record.task_state) == ("t7", "TASK_STATE_COMPLETED")
    assert record.usage is not None
    assert record.usage.cost_usd == 0.5


async def test_what_the_other_policies_found_is_noted_and_the_job_is_filed_once() -> None:
    book = Book()
    book.records.open("c1", "SendMessage", "JSONRPC", "")
    lineage = Lineage("g.1", "c0", (Step("front", "work"),), inferred="open", links=("c8",))
    call = make_call(lineage=lineage, route=ECHO, deadline=1060.0, target=parse_selector("echo"))
    call = call.with_fact(TraceContext("a" * 32, "b" * 16, sampled=True))
    book.policy.saw(call)
    book.policy.saw(call)

    record = book.record
    assert (record.principal, record.tenant, record.selector, record.deadline) == ("ann", "default", "echo", 1060.0)
    assert (record.job, record.parent, record.inferred, record.links) == ("g.1", "c0", "open", ("c8",))
    assert (record.agent, record.skill, record.version) == ("echo", "say", "1.0.0")
    assert record.path == (Step("front", "work"), Step("echo", "say"))
    assert (record.trace_id, record.span_id, record.sampled) == ("a" * 32, "b" * 16, True)
    job = book.records.job("g.1")
    assert job is not None
    assert (len(job.calls), job.open) == (1, 1)


async def test_an_operation_on_a_task_has_no_path() -> None:
    book = Book()
    await book.policy(make_call(), Behind())
    book.policy.saw(make_call(route=ECHO))
    assert (book.record.agent, book.record.path) == ("echo", ())


async def test_a_call_without_a_deadline_has_none_in_its_record_and_one_without_a_record_is_passed_over() -> None:
    book = Book()
    book.records.open("c1", "SendMessage", "JSONRPC", "")
    book.policy.saw(make_call())
    book.policy.saw(make_call(id="c2"))
    assert book.record.deadline == 0.0
    assert book.records.call("c2") is None
