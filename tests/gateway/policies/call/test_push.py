"""Push configurations that come with a message: what the agent sees of them, and when they are kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Handler, Route
from meshgate.a2a.errors import InvalidParams, PushNotificationNotSupported, RateLimited, UpstreamUnavailable
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.messages.push_config import AuthenticationInfo, TaskPushNotificationConfig
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import SendMessageRequest, StreamResponse
from meshgate.a2a.v0_3.form import JSON_FORM
from meshgate.a2a.v0_3.payload import LegacyPayload
from meshgate.gateway.policies.call.push import Push
from meshgate.gateway.push.callback_token import CallbackTokens
from meshgate.gateway.push.configuration import Configuration
from meshgate.gateway.routing.push_callbacks import PushCallbacks
from meshgate.registry.index import Index
from meshgate.registry.model import Delta
from meshgate.sdk import Agent
from meshgate.testing import LocalMesh
from tests.gateway.calls import ANN, ECHO, Behind, entry, limits, make_call
from tests.gateway.push.receivers import HOOK, listening, make_feeds
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("push.inline")
Tree = dict[str, Any]
TAGS = TaskTags(bytes(32))
BASE = "https://mesh.example/edge"
TASK = TAGS.tag("t1", tenant=ANN.tenant, owner=ANN.id, agent="echo", instance="echo-1")
OTHER = TAGS.tag("t2", tenant=ANN.tenant, owner=ANN.id, agent="echo", instance="echo-1")
PUSHES = {"capabilities": {"pushNotifications": True}}
STREAMS = {"capabilities": {"streaming": True}}
MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]}
GIVEN = {"url": HOOK, "token": "s3cr3t", "authentication": {"scheme": "Bearer", "credentials": "pa55"}}
KEPT = TaskPushNotificationConfig(HOOK, TASK, TASK, "s3cr3t", AuthenticationInfo("Bearer", "pa55"))


class Mesh:
    """The policy among what it needs, and one instance of an agent."""

    def __init__(self, base_url: str = "", *, most: int = 1000, **about: Any) -> None:
        self.feeds = make_feeds(limits=limits(push_tasks=most))
        self.tokens = CallbackTokens(TAGS, "gw1")
        index = Index()
        index.apply(Delta(put=(entry(**about),)))
        self.push = Push(self.feeds, PushCallbacks(self.feeds, self.tokens, base_url), TAGS, index)

    async def send(self, forward: Handler, push: Tree | None = None, **more: Any) -> Reply:
        return await self.push(asking(push, **more), forward)

    def handle_in(self, call: Call) -> str:
        """The handle in the URL that an agent got."""
        found = sent_config(call)
        assert found is not None
        url = str(found["url"])
        assert url.startswith(f"{BASE}/callbacks/")
        named = self.tokens.read(url.removeprefix(f"{BASE}/callbacks/"))
        assert named is not None
        assert (named[0], found) == ("gw1", {"url": url, "id": named[1]})
        return named[1]


def asking(push: Tree | None = None, task_id: str = "", **more: Any) -> Call:
    """A message with a configuration."""
    wishes: Tree = {"historyLength": 3, "x-own": 1, "taskPushNotificationConfig": push or GIVEN}
    message = {**MESSAGE, **({"taskId": task_id} if task_id else {})}
    tree: Tree = {"message": message, "configuration": wishes, "x-beside": 2}
    return with_payload(JsonPayload(SendMessageRequest, tree), route=ECHO, task_id=task_id, **more)


def with_payload(payload: Payload, **more: Any) -> Call:
    return msgspec.structs.replace(make_call(**more), payload=payload)


def sent_config(call: Call) -> Tree | None:
    """The configuration that a forwarded call has, whose rest must be as it was."""
    tree = dict(call.payload.tree())
    wishes = dict(tree.pop("configuration"))
    push: Tree | None = wishes.pop("taskPushNotificationConfig", None)
    assert wishes == {"historyLength": 3, "x-own": 1}
    assert (tree["x-beside"], tree["message"]["parts"]) == (2, [{"text": "hi"}])
    return push


def task_event(name: str = TASK, state: str = "TASK_STATE_WORKING") -> Tree:
    return {"task": {"id": name, "status": {"state": state}}}


class Answers(Behind):
    """Answers with these events."""

    def __init__(self, *events: Tree) -> None:
        super().__init__()
        self._trees = events

    async def __call__(self, call: Call) -> Reply:
        self.calls.append(call)

        async def all_events() -> AsyncIterator[Payload]:
            for tree in self._trees:
                yield JsonPayload(StreamResponse, tree)

        return Reply(all_events())


async def read(reply: Reply) -> list[Tree]:
    async with aclosing(reply):
        return [event.tree() async for event in reply]


@virtual_time
async def test_a_call_without_a_configuration_and_one_about_a_task_pass_as_they_are() -> None:
    mesh, behind = Mesh(BASE, foreign=True, card=PUSHES), Behind()
    calls = [
        make_call(),
        make_call("GetTask"),
        with_payload(JsonPayload(SendMessageRequest, {"message": MESSAGE, "configuration": {"historyLength": 1}})),
    ]
    for call in calls:
        await mesh.push(call, behind)
    assert behind.calls == calls


@pytest.mark.parametrize(
    ("about", "base_url"),
    [
        ({}, BASE),
        ({"card": PUSHES}, BASE),
        ({"foreign": True, "card": STREAMS}, BASE),
        ({"foreign": True, "card": {"capabilities": {"streaming": True, "pushNotifications": True}}}, ""),
        ({"foreign": True, "card": {"capabilities": {"streaming": True, "pushNotifications": "yes"}}}, BASE),
    ],
)
@virtual_time
async def test_an_agent_whose_stream_is_read_gets_no_configuration_and_the_gateway_keeps_it(
    about: Tree, base_url: str
) -> None:
    mesh, behind = Mesh(base_url, **about), Answers(task_event())
    call = asking()
    reply = await mesh.push(call, behind)
    assert sent_config(behind.last) is None
    assert msgspec.structs.replace(behind.last, payload=call.payload) == call
    assert mesh.feeds.of(TASK) == []
    assert await read(reply) == [task_event()]
    assert mesh.feeds.of(TASK) == [Configuration(KEPT)]
    fed = mesh.feeds.fed(TASK)
    assert fed is not None
    assert (fed.base.id, fed.base.principal, fed.base.headers) == (call.id, call.principal, call.headers)
    assert (fed.task_id, fed.upstream, fed.agent, fed.handle) == (TASK, "t1", "echo", "")


@virtual_time
async def test_an_agent_that_notifies_gets_the_gateways_url_alone() -> None:
    mesh, behind = Mesh(f"{BASE}/", foreign=True, card=PUSHES), Answers(task_event())
    reply = await mesh.send(behind, {**GIVEN, "id": "mine"})
    handle = mesh.handle_in(behind.last)
    assert mesh.feeds.hear(handle, "t9")
    await read(reply)
    assert not mesh.feeds.hear(handle, "t9")
    fed = mesh.feeds.fed(TASK)
    assert fed is not None
    assert fed.handle == handle
    assert mesh.feeds.of(TASK) == [Configuration(msgspec.structs.replace(KEPT, id="mine"))]
    assert mesh.feeds.hear(handle, "t1")
    assert not mesh.feeds.hear(handle, "t2")
    # A second configuration of the task makes no second way for the agent's calls.
    await read(await mesh.send(behind, {"url": HOOK, "id": "more"}, task_id=TASK))
    assert sent_config(behind.last) is None
    assert [one.config.id for one in mesh.feeds.of(TASK)] == ["mine", "more"]
    assert mesh.feeds.fed(TASK) is fed


@pytest.mark.parametrize(("state", "called"), [("TASK_STATE_COMPLETED", True), ("TASK_STATE_WORKING", False)])
@virtual_time
async def test_a_task_that_ends_with_its_answer_is_read_though_its_agent_does_not_call(
    state: str, called: bool
) -> None:
    mesh = Mesh(BASE, foreign=True, card=PUSHES)
    reply = await mesh.send(Answers(task_event(state=state)))
    async with aclosing(reply):
        await anext(reply)
        fed = mesh.feeds.fed(TASK)
        assert fed is not None
        assert fed.called.is_set() is called


@pytest.mark.parametrize(
    ("about", "base_url", "route"),
    [
        ({"foreign": True}, BASE, ECHO),
        ({"foreign": True, "card": {"capabilities": None}}, BASE, ECHO),
        ({"foreign": True, "card": {"capabilities": {"streaming": False}}}, BASE, ECHO),
        ({"foreign": True, "card": PUSHES}, "", ECHO),
        ({"foreign": True, "card": {"capabilities": {"streaming": "yes"}}}, BASE, ECHO),
        ({}, BASE, None),
        ({}, BASE, Route("echo", "say", "1.0.0", ("echo-2",))),
    ],
)
@virtual_time
async def test_where_nothing_can_tell_of_the_task_the_message_is_refused_and_not_sent(
    about: Tree, base_url: str, route: Route | None
) -> None:
    mesh, behind = Mesh(base_url, **about), Behind()
    with pytest.raises(PushNotificationNotSupported, match="neither streams nor sends push notifications"):
        await mesh.push(msgspec.structs.replace(asking(), route=route), behind)
    assert behind.calls == []


@pytest.mark.requirement("push.created")
@virtual_time
async def test_a_message_whose_url_may_not_be_called_is_refused_and_not_sent() -> None:
    mesh, behind = Mesh(BASE, foreign=True, card=PUSHES), Behind()
    for url in ("https://169.254.169.254/", "http://hook.example/"):
        with pytest.raises(InvalidParams, match="must be an https URL of a public host"):
            await mesh.send(behind, {"url": url})
    assert behind.calls == []


@virtual_time
async def test_a_message_is_refused_and_not_sent_where_there_is_no_room() -> None:
    mesh, behind = Mesh(most=1), Answers(task_event())
    for number in range(10):
        await read(await mesh.send(behind, {"url": HOOK, "id": f"c{number}"}, task_id=TASK))
    fed = mesh.feeds.fed(TASK)
    assert fed is not None
    assert [one.config.id for one in mesh.feeds.of(TASK)] == [f"c{number}" for number in range(10)]
    with pytest.raises(InvalidParams, match="may have 10 push configurations"):
        await mesh.send(behind, {"url": HOOK}, task_id=TASK)
    # One that has the name of another takes its place.
    await read(await mesh.send(behind, {"url": f"{HOOK}2", "id": "c9"}, task_id=TASK))
    assert mesh.feeds.of(TASK)[-1].config.url == f"{HOOK}2"
    busy = Mesh(most=1)
    busy.feeds.reads(_waits)
    await read(await busy.send(behind))
    sent = len(behind.calls)
    with pytest.raises(RateLimited, match="of 1 tasks of all callers"):
        await busy.send(behind)
    assert len(behind.calls) == sent
    await busy.feeds.aclose()


async def _waits(*_: object) -> Reply:
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets was set")


@virtual_time
async def test_the_first_task_of_a_reply_gets_the_configuration_once() -> None:
    mesh = Mesh()
    update = {"statusUpdate": {"taskId": TASK, "status": {"state": "TASK_STATE_COMPLETED"}}}
    words = {"message": {"messageId": "r", "role": "ROLE_AGENT", "parts": [{"text": "hello"}]}}
    untagged = task_event("t1")
    events = [words, untagged, task_event(), update, task_event(OTHER)]
    assert await read(await mesh.send(Answers(*events))) == events
    assert (mesh.feeds.of(TASK), mesh.feeds.of(OTHER), mesh.feeds.of("t1")) == ([Configuration(KEPT)], [], [])
    # Deleted while the stream goes on, it does not come back.
    streamed = await Mesh().send(Answers(task_event(), update))
    async with aclosing(streamed):
        await anext(streamed)
        mesh.feeds.remove(TASK, TASK)
        await anext(streamed)
    assert mesh.feeds.of(TASK) == []


@virtual_time
async def test_a_configuration_that_got_no_task_is_released_with_the_agents_url() -> None:
    mesh = Mesh(BASE, foreign=True, card=PUSHES)
    words = {"message": {"messageId": "r", "role": "ROLE_AGENT", "parts": [{"text": "hello"}]}}
    for behind in (Answers(words), Answers(), Answers(task_event("t1"))):
        reply = await mesh.send(behind)
        handle = mesh.handle_in(behind.last)
        assert mesh.feeds.hear(handle, "t9")
        await read(reply)
        assert not mesh.feeds.hear(handle, "t9")
    thrown = Answers(task_event())
    await (await mesh.send(thrown)).aclose()
    assert not mesh.feeds.hear(mesh.handle_in(thrown.last), "t9")
    assert mesh.feeds.of(TASK) == []


@pytest.mark.parametrize("error", [UpstreamUnavailable("away", unsent=True), asyncio.CancelledError()])
@virtual_time
async def test_a_send_that_fails_releases_the_agents_url(error: BaseException) -> None:
    mesh, behind = Mesh(BASE, foreign=True, card=PUSHES), Behind(error)
    with pytest.raises(type(error)):
        await mesh.send(behind)
    handle = mesh.handle_in(behind.last)
    assert not mesh.feeds.hear(handle, "t9")
    assert not mesh.feeds.hear(handle, "t1")


@virtual_time
async def test_a_caller_of_0_3_gets_notifications_of_0_3() -> None:
    mesh, behind = Mesh(), Answers(task_event())
    push = {"url": HOOK, "token": "s3cr3t", "authentication": {"schemes": ["Bearer"], "credentials": "pa55"}}
    native = {
        "message": {"kind": "message", "messageId": "m", "role": "user", "parts": [{"kind": "text", "text": "hi"}]},
        "configuration": {"historyLength": 3, "pushNotificationConfig": push},
    }
    payload = LegacyPayload.read(SendMessageRequest, JSON_FORM, native)
    await read(await mesh.push(with_payload(payload, route=ECHO), behind))
    assert behind.last.payload.tree() == {
        "message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}]},
        "configuration": {"historyLength": 3},
    }
    assert mesh.feeds.of(TASK) == [Configuration(KEPT, legacy=True)]


@pytest.mark.requirement("push.unseen")
async def test_on_the_whole_path_an_agent_of_the_sdk_sees_nothing_of_a_configuration() -> None:
    agent = Agent("echo")

    @agent.skill
    async def say(text: str) -> str:
        return text.upper()

    async with listening() as listener, LocalMesh(push_networks=("127.0.0.0/8",)) as mesh:
        await mesh.add(agent)
        push = {"url": f"{listener.url}/canary", "token": "canary-token", "id": "canary-id"}
        tree = {"message": MESSAGE, "configuration": {"taskPushNotificationConfig": push}}
        answer = (await mesh.read(mesh.call_of(tree, "echo"))).tree
        heard = (await listener.until(1))[0]
        assert (heard.line, heard.headers["x-a2a-notification-token"]) == ("POST /canary HTTP/1.1", "canary-token")
        told = msgspec.json.decode(heard.body)["task"]
        assert (told["id"], told["status"]["state"]) == (answer["task"]["id"], "TASK_STATE_COMPLETED")
        sent = [out.call.method.name for out in mesh.wire.sent]
        assert (sent[0], "SubscribeToTask" in sent) == ("SendMessage", True)
        assert [out for out in mesh.wire.sent if "canary" in repr(out.payload.tree()) + repr(out.headers)] == []


@pytest.mark.requirement("push.room")
@virtual_time
async def test_room_is_asked_for_under_the_name_that_the_configuration_will_have() -> None:
    mesh, behind = Mesh(), Answers(task_event())
    for number in range(9):
        await read(await mesh.send(behind, {"url": HOOK, "id": f"c{number}"}, task_id=TASK))
    for _ in range(2):
        # Without a name it has its task's, so the second takes the place of the first.
        await read(await mesh.send(behind, task_id=TASK))
    assert [one.config.id for one in mesh.feeds.of(TASK)][-1] == TASK
    assert len(mesh.feeds.of(TASK)) == 10
