"""Many watchers of a task are fed by one subscription at its agent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import OutcomeUnknown, TaskNotFound, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import StreamResponse
from meshgate.testing import LocalMesh
from tests.gateway.meshes import limits, virtual_mesh
from tests.support.virtual_loop import virtual_time

Tree = dict[str, Any]
pytestmark = pytest.mark.requirement("stream.shared")
WORKING: Tree = {"id": "t1", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}}


def chunk(words: str, *, append: bool = False, artifact: str = "a") -> Tree:
    """A piece of an artifact."""
    update = {"taskId": "t1", "contextId": "c", "artifact": {"artifactId": artifact, "parts": [{"text": words}]}}
    return {"artifactUpdate": {**update, "append": True} if append else update}


def status(state: str) -> Tree:
    return {"statusUpdate": {"taskId": "t1", "contextId": "c", "status": {"state": f"TASK_STATE_{state}"}}}


class Teller:
    """An agent whose subscriptions tell what the test puts in, and are counted."""

    def __init__(self) -> None:
        self.news: list[asyncio.Queue[Tree | BaseException | None]] = []
        self.closed = 0

    async def __call__(self, call: Call) -> Reply:
        if not call.method.streaming:
            whole = WORKING if call.method.name == "GetTask" else {"task": WORKING}
            return Reply.one(JsonPayload(call.method.response, whole))
        news = asyncio.Queue[Tree | BaseException | None]()
        news.put_nowait({"task": WORKING})
        self.news.append(news)
        return Reply(self._events(news))

    async def _events(self, news: asyncio.Queue[Tree | BaseException | None]) -> AsyncGenerator[Payload]:
        try:
            while True:
                event = await news.get()
                if event is None:
                    return
                if isinstance(event, BaseException):
                    raise event
                yield JsonPayload(StreamResponse, event)
        finally:
            self.closed += 1

    def say(self, *events: Tree | BaseException | None) -> None:
        for event in events:
            self.news[-1].put_nowait(event)


async def begun(mesh: LocalMesh, agent: Teller) -> str:
    """The id of a task of the agent's."""
    await mesh.add("teller", agent)
    task: str = (await mesh.call("teller")).tree["task"]["id"]
    return task


async def watch(mesh: LocalMesh, task: str, **headers: str) -> list[Tree]:
    """The events of a subscription, to its end."""
    reply = await mesh.send(mesh.make_call("", task, method="SubscribeToTask", **headers))
    async with aclosing(reply):
        return [event.tree() async for event in reply]


def words(events: list[Tree]) -> list[str]:
    """What events say, in short; of a task its artifacts and its state."""
    found: list[str] = []
    for event in events:
        if "artifactUpdate" in event:
            found.append(event["artifactUpdate"]["artifact"]["parts"][0]["text"])
        elif "statusUpdate" in event:
            found.append(event["statusUpdate"]["status"]["state"].rpartition("_")[2])
        else:
            parts = [part["text"] for one in event["task"].get("artifacts", ()) for part in one["parts"]]
            found.append("+".join([event["task"]["status"]["state"].rpartition("_")[2], *parts]))
    return found


@virtual_time
async def test_watchers_share_a_subscription_and_a_later_one_begins_with_the_task_as_it_is() -> None:
    async with virtual_mesh() as mesh:
        agent = Teller()
        task = await begun(mesh, agent)
        first = asyncio.ensure_future(watch(mesh, task))
        await asyncio.sleep(1.0)
        agent.say(chunk("one"), chunk(" two", append=True), chunk("other", artifact="b"))
        await asyncio.sleep(1.0)
        second = asyncio.ensure_future(watch(mesh, task))
        await asyncio.sleep(1.0)
        agent.say(chunk(" three", append=True), chunk("anew"), status("COMPLETED"))
        assert words(await first) == ["WORKING", "one", " two", "other", " three", "anew", "COMPLETED"]
        assert words(await second) == ["WORKING+one+ two+other", " three", "anew", "COMPLETED"]
        await asyncio.sleep(2 * DEFAULTS.stream_linger)
        assert (len(agent.news), agent.closed) == (1, 1)
        # What is over is begun anew.
        third = asyncio.ensure_future(watch(mesh, task))
        await asyncio.sleep(1.0)
        agent.say(status("COMPLETED"))
        assert words(await third) == ["WORKING", "COMPLETED"]
        assert len(agent.news) == 2


@virtual_time
async def test_who_leaves_ends_no_other_stream_and_the_last_one_ends_the_subscription() -> None:
    async with virtual_mesh() as mesh:
        agent = Teller()
        task = await begun(mesh, agent)
        first, second = (asyncio.ensure_future(watch(mesh, task)) for _ in range(2))
        await asyncio.sleep(1.0)
        first.cancel()
        await asyncio.sleep(1.0)
        agent.say(chunk("on"))
        await asyncio.sleep(1.0)
        assert (len(agent.news), agent.closed) == (1, 0)
        second.cancel()
        await asyncio.sleep(1.0)
        assert agent.closed == 1
        assert (first.cancelled(), second.cancelled()) == (True, True)


@virtual_time
async def test_a_deadline_ends_its_own_watcher_alone() -> None:
    async with virtual_mesh() as mesh:
        agent = Teller()
        task = await begun(mesh, agent)
        hasty = asyncio.ensure_future(watch(mesh, task, meshgate_deadline="2"))
        patient = asyncio.ensure_future(watch(mesh, task, meshgate_deadline="60"))
        await asyncio.sleep(5.0)
        agent.say(status("COMPLETED"))
        assert words(await patient) == ["WORKING", "COMPLETED"]
        with pytest.raises(UpstreamDeadline):
            await hasty
        assert len(agent.news) == 1


@virtual_time
async def test_what_the_agent_refuses_or_breaks_is_told_to_everybody() -> None:
    async with virtual_mesh() as mesh:
        agent = Teller()
        task = await begun(mesh, agent)
        both = [asyncio.ensure_future(watch(mesh, task)) for _ in range(2)]
        await asyncio.sleep(1.0)
        agent.say(UpstreamUnavailable("gone"))
        for each in both:
            with pytest.raises(OutcomeUnknown, match="broke before its task did"):
                await each

        both = [asyncio.ensure_future(watch(mesh, task)) for _ in range(2)]
        await asyncio.sleep(1.0)
        agent.say(chunk("half"), None)
        for each in both:
            with pytest.raises(OutcomeUnknown, match="ended before its task did"):
                await each

        async def refuse(_: Call) -> Reply:
            raise TaskNotFound

        await mesh.add("refuser", lambda call: Reply.one(JsonPayload(call.method.response, {"task": WORKING})))
        refused = (await mesh.call("refuser")).tree["task"]["id"]
        mesh.wire.scripts.update({url: refuse for url in mesh.wire.scripts if "refuser" in url})
        for each in [asyncio.ensure_future(watch(mesh, refused)) for _ in range(2)]:
            with pytest.raises(TaskNotFound):
                await each


@virtual_time
async def test_who_reads_too_slowly_is_left_behind_and_holds_nobody_up() -> None:
    async with virtual_mesh(limits=limits(watch_backlog=4)) as mesh:
        agent = Teller()
        task = await begun(mesh, agent)
        slow = await mesh.send(mesh.make_call("", task, method="SubscribeToTask"))
        quick = asyncio.ensure_future(watch(mesh, task))
        await asyncio.sleep(1.0)
        for number in range(3):
            agent.say(chunk(str(number)))
            await asyncio.sleep(1.0)
        agent.say(status("COMPLETED"))
        assert words(await quick) == ["WORKING", *map(str, range(3)), "COMPLETED"]
        async with aclosing(slow):
            with pytest.raises(OutcomeUnknown, match="broke"):
                async for _ in slow:
                    pass


@virtual_time
async def test_a_watcher_may_be_as_far_behind_as_the_limit_says() -> None:
    async with virtual_mesh(limits=limits(watch_backlog=4)) as mesh:
        agent = Teller()
        task = await begun(mesh, agent)
        slow = await mesh.send(mesh.make_call("", task, method="SubscribeToTask"))
        quick = asyncio.ensure_future(watch(mesh, task))
        await asyncio.sleep(1.0)
        for event in (chunk("1"), chunk("2"), status("COMPLETED")):
            agent.say(event)
            await asyncio.sleep(1.0)
        assert words(await quick) == ["WORKING", "1", "2", "COMPLETED"]
        async with aclosing(slow):
            assert words([event.tree() async for event in slow]) == ["WORKING", "1", "2", "COMPLETED"]


@virtual_time
async def test_what_the_subscription_hears_its_watchers_hear() -> None:
    async with virtual_mesh(limits=limits(silence=2.0)) as mesh:
        agent = Teller()
        task = await begun(mesh, agent)
        mesh.wire.hung.update(mesh.wire.scripts)
        both = [asyncio.ensure_future(watch(mesh, task)) for _ in range(2)]
        for number in range(20):
            await asyncio.sleep(1.0)
            agent.say(chunk(str(number)))
        agent.say(status("COMPLETED"))
        for each in both:
            assert len(await each) == 22


@virtual_time
async def test_an_agent_waits_for_a_slow_reader_that_is_alone() -> None:
    async with virtual_mesh(limits=limits(watch_backlog=2)) as mesh:
        agent = Teller()
        task = await begun(mesh, agent)
        alone = await mesh.send(mesh.make_call("", task, method="SubscribeToTask"))
        agent.say(*(chunk(str(number)) for number in range(8)), status("COMPLETED"))
        await asyncio.sleep(20.0)
        assert agent.news[0].qsize() > 0
        async with aclosing(alone):
            assert words([event.tree() async for event in alone]) == ["WORKING", *map(str, range(8)), "COMPLETED"]
