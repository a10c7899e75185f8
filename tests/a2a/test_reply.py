import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from structlog.testing import capture_logs

from meshgate.a2a.errors import InvalidAgentResponse, TaskNotFound
from meshgate.a2a.outcome import DONE, Head, Outcome
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import SubscribeToTaskRequest
from tests.support.virtual_loop import settle, virtual_time


def event(name: str = "e") -> Payload:
    return JsonPayload(SubscribeToTaskRequest, {"id": name})


def name_of(payload: Payload) -> str:
    return str(payload.tree()["id"])


def renamed(suffix: str) -> Callable[[Payload], Payload]:
    def rename(payload: Payload) -> Payload:
        return event(name_of(payload) + suffix)

    return rename


class Source:
    """Events that know whether they were closed; an exception among them is raised."""

    def __init__(self, *events: str | BaseException) -> None:
        self._events = list(events)
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[Payload]:
        return self

    async def __anext__(self) -> Payload:
        if not self._events:
            raise StopAsyncIteration
        following = self._events.pop(0)
        if isinstance(following, BaseException):
            raise following
        if following == "wait":
            await asyncio.Event().wait()
        return event(following)

    async def aclose(self) -> None:
        self.closed += 1


async def read(reply: Reply) -> list[str]:
    return [name_of(each) async for each in reply]


@virtual_time
async def test_events_pass_in_order_and_the_reply_is_done() -> None:
    source, ends = Source("a", "b"), list[Outcome]()
    assert await read(Reply(source).on_end(ends.append)) == ["a", "b"]
    assert ends == [DONE]
    assert source.closed == 0


@virtual_time
async def test_map_before_and_on_end_run_in_the_order_registered() -> None:
    seen = list[str]()

    def look(mark: str) -> Any:
        async def wait(payload: Payload) -> None:
            seen.append(mark + name_of(payload))

        return wait

    reply = Reply(Source("e")).map(renamed("1")).map(renamed("2")).before(look("x")).before(look("y"))
    reply.on_end(lambda _: seen.append("inner")).on_end(lambda _: seen.append("outer"))
    assert await read(reply) == ["e12"]
    assert seen == ["xe12", "ye12", "inner", "outer"]


@virtual_time
async def test_a_unary_reply_is_done_with_its_event() -> None:
    ends = list[Outcome]()
    reply = Reply.one(event("a"), Head({"meshgate-job": "j"})).on_end(ends.append)
    assert reply.unary
    assert name_of(await anext(reply)) == "a"
    assert ends == [DONE]
    assert await read(reply) == []
    await reply.aclose()
    assert ends == [DONE]


@virtual_time
@pytest.mark.requirement("a2a.reply_ends")
async def test_a_reply_that_is_never_read_ends_as_cancelled() -> None:
    for reply, source in ((Reply.one(event()), None), (Reply(held := Source("a")), held)):
        ends = list[Outcome]()
        async with aclosing(reply.on_end(ends.append)):
            pass
        assert [end.state for end in ends] == ["cancelled"]
        assert source is None or source.closed == 1
        assert await read(reply) == []


@virtual_time
@pytest.mark.requirement("a2a.reply_ends")
async def test_closing_in_the_middle_ends_as_cancelled_once_and_closes_upstream() -> None:
    source, ends, closed = Source("a", "b"), list[Outcome](), list[str]()

    async def close() -> None:
        closed.append("feed")

    reply = Reply(source, close=close).on_end(ends.append)
    assert name_of(await anext(reply)) == "a"
    await reply.aclose()
    await reply.aclose()
    assert [end.state for end in ends] == ["cancelled"]
    assert (source.closed, closed) == (1, ["feed"])
    assert await read(reply) == []


@virtual_time
async def test_what_upstream_raises_ends_the_reply_as_failed() -> None:
    error, ends = TaskNotFound(), list[Outcome]()
    reply = Reply(Source("a", error)).on_end(ends.append)
    with pytest.raises(TaskNotFound):
        await read(reply)
    assert ends == [Outcome("failed", error)]


def fails(_: Payload) -> Payload:
    raise TaskNotFound


async def fails_later(_: Payload) -> None:
    await asyncio.sleep(1)
    raise TaskNotFound


@virtual_time
async def test_what_a_map_raises_fails_the_reply_and_closes_upstream() -> None:
    source, ends = Source("a", "b"), list[Outcome]()
    reply = Reply(source).map(fails).on_end(ends.append)
    with pytest.raises(TaskNotFound):
        await anext(reply)
    assert [end.state for end in ends] == ["failed"]
    assert source.closed == 1
    assert await read(reply) == []


@virtual_time
async def test_what_a_before_raises_fails_the_reply_and_closes_upstream() -> None:
    source, ends = Source("a", "b"), list[Outcome]()
    reply = Reply(source).before(fails_later).on_end(ends.append)
    with pytest.raises(TaskNotFound):
        await anext(reply)
    assert [end.state for end in ends] == ["failed"]
    assert source.closed == 1


@virtual_time
async def test_a_map_that_fails_on_a_unary_reply_fails_it() -> None:
    ends = list[Outcome]()
    with pytest.raises(TaskNotFound):
        await anext(Reply.one(event()).map(fails).on_end(ends.append))
    assert [end.state for end in ends] == ["failed"]


@virtual_time
async def test_what_on_end_raises_is_logged_and_keeps_nobody_else_from_being_told() -> None:
    told = list[Outcome]()

    def breaks(_: Outcome) -> None:
        raise ValueError("a policy's mistake")

    reply = Reply(Source("a")).on_end(breaks).on_end(told.append)
    with capture_logs() as logs:
        assert await read(reply) == ["a"]
    assert told == [DONE]
    assert [entry["event"] for entry in logs] == ["on_end_failed"]


@virtual_time
async def test_who_registers_after_the_end_is_told_at_once() -> None:
    reply, ends = Reply(Source()), list[Outcome]()
    await read(reply)
    reply.on_end(ends.append)
    assert ends == [DONE]


@virtual_time
async def test_a_reader_that_is_cancelled_while_it_waits_ends_the_reply_as_cancelled() -> None:
    source, ends = Source("a", "wait"), list[Outcome]()
    reply = Reply(source).on_end(ends.append)
    reading = asyncio.ensure_future(read(reply))
    await settle()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert [end.state for end in ends] == ["cancelled"]
    assert source.closed == 1


@virtual_time
async def test_a_cancel_reaches_a_generator_that_waits() -> None:
    seen = list[str]()

    async def events() -> AsyncGenerator[Payload, None]:
        try:
            await asyncio.Event().wait()
            yield event()
        finally:
            seen.append("cleaned")

    reading = asyncio.ensure_future(read(Reply(events())))
    await settle()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert seen == ["cleaned"]


@virtual_time
async def test_a_close_that_fails_is_logged_and_hides_nothing() -> None:
    async def close() -> None:
        raise OSError("the connection is gone")

    ends = list[Outcome]()
    reply = Reply(Source(TaskNotFound()), close=close).on_end(ends.append)
    with capture_logs() as logs, pytest.raises(TaskNotFound):
        await read(reply)
    assert [end.state for end in ends] == ["failed"]
    assert [entry["event"] for entry in logs] == ["reply_close_failed"]


def test_a_reader_that_is_thrown_away_leaves_an_ended_reply() -> None:
    ends = list[Outcome]()
    waiting = Reply(Source("a")).before(_suspend).on_end(ends.append).__anext__()
    waiting.send(None)
    waiting.close()
    assert [end.state for end in ends] == ["cancelled"]


class _Suspension:
    def __await__(self) -> Any:
        yield None


async def _suspend(_: Payload) -> None:
    await _Suspension()


@virtual_time
async def test_the_answer_of_a_unary_call_ends_the_reply() -> None:
    for reply in (Reply.one(event("a")), Reply(Source("a")), Reply(Source("a", "b"))):
        ends = list[Outcome]()
        assert name_of(await reply.on_end(ends.append).answer()) == "a"
        await reply.aclose()
        assert ends == [DONE]


@virtual_time
async def test_an_answer_without_an_event_is_no_valid_answer() -> None:
    with pytest.raises(InvalidAgentResponse):
        await Reply(Source()).answer()
    spent = Reply.one(event())
    await anext(spent)
    with pytest.raises(InvalidAgentResponse):
        await spent.answer()


@virtual_time
async def test_an_answer_passes_the_maps_and_what_they_raise() -> None:
    assert name_of(await Reply.one(event("a")).map(renamed("1")).answer()) == "a1"
    with pytest.raises(TaskNotFound):
        await Reply.one(event("a")).map(fails).answer()
