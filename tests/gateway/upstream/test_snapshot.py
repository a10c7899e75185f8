"""A stream begins with its task, whatever an agent of 0.3 begins with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshgate.a2a.errors import InvalidAgentResponse
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import StreamResponse, Task
from meshgate.gateway.upstream.snapshot import with_snapshot

Tree = dict[str, Any]
WORKING = {"state": "TASK_STATE_WORKING"}
TASK: Tree = {
    "id": "t",
    "contextId": "c",
    "status": WORKING,
    "artifacts": [{"artifactId": "a", "parts": [{"text": "so far"}]}],
}
STATUS: Tree = {"statusUpdate": {"taskId": "t", "contextId": "c", "status": {"state": "TASK_STATE_INPUT_REQUIRED"}}}
PIECE: Tree = {"artifactUpdate": {"taskId": "t", "artifact": {"artifactId": "a", "parts": [{"text": "x"}]}}}
SAID: Tree = {"message": {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "x"}]}}


def replying(*events: Tree) -> Reply:
    async def all_events() -> AsyncIterator[Payload]:
        for event in events:
            yield JsonPayload(StreamResponse, event)

    return Reply(all_events())


async def seen(*events: Tree, task: Tree | None) -> tuple[list[Tree], list[str]]:
    """What a caller sees of a stream, and the tasks that were read for it."""
    asked: list[str] = []

    async def read(task_id: str) -> Payload | None:
        asked.append(task_id)
        return None if task is None else JsonPayload(Task, task)

    reply = await with_snapshot(replying(*events), read)
    return [event.tree() async for event in reply], asked


@pytest.mark.requirement("legacy.snapshot")
@pytest.mark.parametrize("first", [STATUS, PIECE])
async def test_an_update_comes_behind_the_task_that_is_read_for_it(first: Tree) -> None:
    events, asked = await seen(first, PIECE, task=TASK)
    assert events == [{"task": TASK}, first, PIECE]
    assert asked == ["t"]


@pytest.mark.requirement("legacy.snapshot")
async def test_a_task_that_cannot_be_read_is_what_the_update_tells_of_it() -> None:
    events, _ = await seen(STATUS, task=None)
    assert events == [{"task": {"id": "t", "contextId": "c", "status": STATUS["statusUpdate"]["status"]}}, STATUS]
    events, _ = await seen(PIECE, task=None)
    assert events[0] == {"task": {"id": "t", "status": WORKING}}


@pytest.mark.requirement("legacy.snapshot")
@pytest.mark.parametrize("first", [{"task": TASK}, SAID])
async def test_a_stream_that_begins_rightly_stays_as_it_is(first: Tree) -> None:
    assert await seen(first, PIECE, task=TASK) == ([first, PIECE], [])


async def test_a_stream_without_an_event_is_no_answer() -> None:
    with pytest.raises(InvalidAgentResponse):
        await seen(task=TASK)


async def test_who_leaves_ends_the_agents_stream() -> None:
    upstream = replying({"task": TASK}, PIECE)
    reply = await with_snapshot(upstream, lambda _: pytest.fail("nothing is read"))
    await anext(reply)
    await reply.aclose()
    assert [event async for event in upstream] == []
