"""The record of an attempt: where it went and why, and how it ended."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.errors import TaskNotFound, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.reply import Reply
from meshgate.gateway.observe.call_record import AttemptRecord
from meshgate.gateway.observe.records import Records
from meshgate.gateway.policies.attempt.record_attempt import RecordAttempt
from tests.gateway.calls import Behind, Clock, chosen, instance, make_call

pytestmark = pytest.mark.requirement("path.record", "path.attempts")


class Notes:
    def __init__(self) -> None:
        self.clock = Clock()
        self.records = Records("gw", clock=self.clock, wall=lambda: 0.0)
        self.record = self.records.open("c1", "SendMessage", "JSONRPC", "echo")
        self.policy = RecordAttempt(self.records)

    async def attempt(self, *errors: BaseException, name: str = "echo-1") -> Reply:
        call = chosen(make_call(), instance(self.clock, name), self.clock)
        return await self.policy(call, Behind(*errors))


async def test_an_attempt_is_on_record_from_its_beginning_to_the_end_of_its_reply() -> None:
    notes = Notes()
    notes.clock.now += 0.5
    reply = await notes.attempt()
    (note,) = notes.record.attempts
    assert note == AttemptRecord("echo-1", "JSONRPC", 0.5, reason="the only one ready of 1")
    notes.clock.now += 2.0
    await reply.answer()
    assert (note.duration, note.outcome, note.code) == (2.0, "done", "")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UpstreamUnavailable(), ("failed", "UPSTREAM_UNAVAILABLE")),
        (TaskNotFound(), ("answered", "TASK_NOT_FOUND")),
        (UpstreamDeadline(), ("failed", "UPSTREAM_DEADLINE")),
        (asyncio.CancelledError(), ("cancelled", "")),
    ],
)
async def test_an_attempt_without_a_reply_says_how_it_ended(error: BaseException, said: tuple[str, str]) -> None:
    notes = Notes()
    with pytest.raises(type(error)):
        await notes.attempt(error)
    (note,) = notes.record.attempts
    assert (note.outcome, note.code) == said


async def test_each_attempt_has_a_record_and_the_last_instance_stands_in_the_calls() -> None:
    notes = Notes()
    with pytest.raises(UpstreamUnavailable):
        await notes.attempt(UpstreamUnavailable())
    await (await notes.attempt(name="echo-2")).aclose()
    assert [(note.instance, note.outcome) for note in notes.record.attempts] == [
        ("echo-1", "failed"),
        ("echo-2", "cancelled"),
    ]
    assert notes.record.instance == "echo-2"


async def test_a_call_without_a_record_or_an_instance_goes_on() -> None:
    notes, behind = Notes(), Behind()
    unknown = chosen(make_call(id="c2"), instance(notes.clock), notes.clock)
    await notes.policy(make_call(), behind)
    await notes.policy(unknown, behind)
    assert len(behind.calls) == 2
    with pytest.raises(UpstreamUnavailable):
        await notes.policy(unknown, Behind(UpstreamUnavailable()))
    assert notes.record.attempts == []
