"""The operations on push configurations: whose they are, what is asked of the agent, and what other gateways have."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call, Principal
from meshgate.a2a.errors import (
    InternalError,
    InvalidParams,
    MeshError,
    PushNotificationNotSupported,
    RateLimited,
    TaskNotFound,
)
from meshgate.a2a.limits import Limits
from meshgate.a2a.mesh import headers
from meshgate.a2a.payload import Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import A2AMessage
from meshgate.a2a.v0_3.form import JSON_FORM
from meshgate.a2a.v0_3.payload import LegacyPayload
from meshgate.gateway.push.configuration import Configuration
from meshgate.gateway.push.feeds import Feeds
from meshgate.gateway.routing.push_callbacks import PushCallbacks
from meshgate.gateway.routing.push_operations import PushOperations
from meshgate.testing import LocalMesh
from tests.gateway.asgi import request
from tests.gateway.calls import Behind, limits
from tests.gateway.meshes import virtual_mesh
from tests.gateway.push.desk import Desk, begin, join
from tests.gateway.push.receivers import HOOK, Receiver, make_feeds
from tests.support.virtual_loop import settle, virtual_time

pytestmark = pytest.mark.requirement("push.operations")
Tree = dict[str, Any]
BASE = "https://mesh.example"
NAMES = {"create": "Create{}Config", "get": "Get{}Config", "list": "List{}Configs", "delete": "Delete{}Config"}
NOTIFIES = {"pushNotifications": True}
USER = Principal("user", "user", agents=("*",), skills=("*",))


class Beside:
    """The feeds of another gateway, without a network between."""

    def __init__(self) -> None:
        self.feeds: Feeds | None = None

    async def of(self, task_id: str) -> list[Configuration]:
        return self.feeds.of(task_id) if self.feeds is not None else []

    async def remove(self, task_id: str, config_id: str) -> None:
        if self.feeds is not None:
            self.feeds.remove(task_id, config_id)


class Operations:
    """The operations as one gateway serves them."""

    def __init__(self, mesh: LocalMesh, base_url: str = "", changed: Limits | None = None) -> None:
        g = mesh.gateway
        self.mesh, self.receiver, self.others = mesh, Receiver(), Beside()
        self.feeds = make_feeds(self.receiver, changed or limits())
        self.feeds.reads(g.feeds.read)
        self.tokens = g.callback_tokens
        callbacks = PushCallbacks(self.feeds, self.tokens, base_url)
        self.serve = PushOperations(self.feeds, self.others, g.task_owner, g.table, g.rates, callbacks, g.clock)

    def call(self, what: str, tree: Tree, principal: Principal = USER) -> Call:
        call = self.mesh.call_of(tree, method=NAMES[what].format("TaskPushNotification"))
        return msgspec.structs.replace(call, id="c1", principal=principal)

    async def ask(self, what: str, principal: Principal = USER, **tree: Any) -> Any:
        reply = await self.serve(self.call(what, tree, principal), Behind())
        assert reply.head.headers == {headers.CALL: "c1"}
        return msgspec.to_builtins((await reply.answer()).view())

    async def fails(self, kind: type[MeshError], what: str, principal: Principal = USER, **tree: Any) -> MeshError:
        with pytest.raises(kind) as failed:
            await self.ask(what, principal, **tree)
        return failed.value


@asynccontextmanager
async def one(
    desk: Desk,
    base_url: str = "",
    *,
    foreign: bool = False,
    changed: Limits | None = None,
    can: Mapping[str, bool] = NOTIFIES,
) -> AsyncGenerator[tuple[Operations, str], None]:
    """The operations on a task that the user began at a desk."""
    async with virtual_mesh() as mesh:
        await join(mesh, desk, foreign=foreign, can=can)
        operations = Operations(mesh, base_url, changed)
        try:
            yield operations, await begin(mesh)
        finally:
            await operations.feeds.aclose()


@virtual_time
async def test_a_configuration_is_made_got_listed_and_deleted() -> None:
    async with one(Desk()) as (ops, task):
        auth = {"scheme": "Bearer", "credentials": "pa55"}
        sent: Tree = {
            "url": HOOK,
            "taskId": task,
            "id": "mine",
            "token": "t0k",
            "authentication": auth,
            "tenant": "desk",
        }
        assert await ops.ask("create", **sent) == sent
        assert await ops.ask("get", taskId=task, id="mine") == sent
        assert await ops.ask("list", taskId=task) == {"configs": [sent]}
        second = await ops.ask("create", url=f"{HOOK}2", taskId=task)
        assert second == {"url": f"{HOOK}2", "taskId": task, "id": task}
        assert await ops.ask("list", taskId=task, pageSize=1) == {"configs": [sent, second]}
        # Made again it is replaced, in its place.
        again = await ops.ask("create", url=f"{HOOK}3", taskId=task, id="mine")
        assert await ops.ask("list", taskId=task) == {"configs": [again, second]}
        for _ in range(2):
            assert await ops.ask("delete", taskId=task, id="mine") == {}
        assert await ops.ask("list", taskId=task) == {"configs": [second]}
        await ops.fails(TaskNotFound, "get", taskId=task, id="mine")
        assert await ops.ask("delete", taskId=task, id=task) == {}
        assert await ops.ask("list", taskId=task) == {}
        assert ops.feeds.fed(task) is None


@virtual_time
async def test_without_an_id_the_first_configuration_is_meant_as_in_0_3() -> None:
    async with one(Desk()) as (ops, task):
        assert str(await ops.fails(TaskNotFound, "get", taskId=task)) == "the task has no such push configuration"
        first = await ops.ask("create", url=HOOK, taskId=task, id="b")
        await ops.ask("create", url=HOOK, taskId=task, id="a")
        assert await ops.ask("get", taskId=task) == first


@virtual_time
async def test_what_is_no_operation_on_push_configurations_is_passed_on() -> None:
    async with one(Desk()) as (ops, _):
        behind = Behind()
        call = ops.mesh.make_call("desk")
        await ops.serve(call, behind)
        assert behind.calls == [call]


@virtual_time
async def test_an_agent_of_the_meshs_own_is_asked_for_its_stream_and_told_of_no_configuration() -> None:
    desk = Desk()
    async with one(desk) as (ops, task):
        await ops.ask("create", url=HOOK, taskId=task, token="canary")
        await ops.receiver.heard.wait()
        assert [told["task"]["id"] for told in ops.receiver.bodies] == [task]
        await ops.ask("delete", taskId=task, id=task)
        assert [name for name, _ in desk.asked] == ["SendMessage", "SubscribeToTask"]
        assert "canary" not in repr(desk.asked)
        assert HOOK not in repr(desk.asked)


@pytest.mark.requirement("push.callbacks", "push.unseen")
@virtual_time
async def test_a_foreign_agent_that_notifies_is_given_the_gateways_url_until_the_last_is_deleted() -> None:
    desk = Desk()
    async with one(desk, f"{BASE}/", foreign=True) as (ops, task):
        for name in ("a", "b"):
            await ops.ask("create", url=HOOK, taskId=task, id=name, token="canary")
        fed = ops.feeds.fed(task)
        assert fed is not None
        token = ops.tokens.make(fed.handle)
        given = {"url": f"{BASE}/callbacks/{token}", "taskId": "t0", "id": fed.handle}
        assert desk.of("CreateTaskPushNotificationConfig") == [given]
        assert ops.receiver.requests == []
        assert ops.feeds.hear(fed.handle, "t0")
        await ops.receiver.heard.wait()
        await settle()
        assert [told["task"]["id"] for told in ops.receiver.bodies] == [task, task]
        await ops.ask("delete", taskId=task, id="a")
        assert desk.of("DeleteTaskPushNotificationConfig") == []
        desk.refuses = InternalError("not now")
        await ops.ask("delete", taskId=task, id="b")
        assert desk.of("DeleteTaskPushNotificationConfig") == [{"taskId": "t0", "id": fed.handle}]
        assert not ops.feeds.hear(fed.handle, "t0")
        assert "canary" not in repr(desk.asked)
        assert HOOK not in repr(desk.asked)


@virtual_time
async def test_an_agent_has_ten_seconds_for_a_url_and_no_more_than_its_caller_has() -> None:
    async with one(Desk(), BASE, foreign=True) as (ops, task):
        read, untils = ops.feeds.read, list[tuple[str, float]]()

        async def noting(base: Call, method: str, request: A2AMessage, until: float, /) -> Reply:
            untils.append((method, until))
            return await read(base, method, request, until)

        ops.feeds.reads(noting)
        for deadline in (float("inf"), 1003.0):
            for what, tree in (("create", {"url": HOOK}), ("delete", {"id": task})):
                call = ops.call(what, {"taskId": task, **tree})
                await ops.serve(msgspec.structs.replace(call, deadline=deadline), Behind())
        create, delete = (NAMES[what].format("TaskPushNotification") for what in ("create", "delete"))
        assert untils == [(create, 1010.0), (delete, 1010.0), (create, 1003.0), (delete, 1003.0)]


@virtual_time
async def test_an_agent_that_does_not_take_the_gateways_url_is_told_to_the_caller_and_nothing_is_kept() -> None:
    desk = Desk()
    desk.refuses = PushNotificationNotSupported("never")
    async with one(desk, BASE, foreign=True) as (ops, task):
        refused = await ops.fails(PushNotificationNotSupported, "create", url=HOOK, taskId=task)
        assert "never" in str(refused)
        handle = desk.of("CreateTaskPushNotificationConfig")[0]["id"]
        assert not ops.feeds.hear(handle, "t0")
        assert await ops.ask("list", taskId=task) == {}


@pytest.mark.parametrize(
    ("base_url", "can"), [(BASE, {}), ("", {"pushNotifications": True}), (BASE, {"streaming": False})]
)
@virtual_time
async def test_where_nothing_can_tell_of_the_task_a_configuration_is_refused(
    base_url: str, can: dict[str, bool]
) -> None:
    async with one(Desk(), base_url, foreign=True, can=can) as (ops, task):
        await ops.fails(PushNotificationNotSupported, "create", url=HOOK, taskId=task)
        assert await ops.ask("list", taskId=task) == {}
        assert await ops.ask("delete", taskId=task, id=task) == {}


@pytest.mark.requirement("push.created")
@virtual_time
async def test_a_url_that_may_not_be_called_is_refused_when_it_is_given() -> None:
    desk = Desk()
    async with one(desk, BASE, foreign=True) as (ops, task):
        for url in ("http://hook.example/", "https://metadata.internal/", "https://hook.example:22/"):
            refused = await ops.fails(InvalidParams, "create", url=url, taskId=task)
            assert [name for name, _ in refused.violations] == ["url"]
        assert ops.feeds.fed(task) is None
        assert [name for name, _ in desk.asked] == ["SendMessage"]


@pytest.mark.requirement("push.owner")
@pytest.mark.parametrize("what", NAMES)
@virtual_time
async def test_the_configurations_of_anothers_task_look_as_if_there_were_no_task(what: str) -> None:
    async with one(Desk()) as (ops, task):
        await ops.ask("create", url=HOOK, taskId=task, id="mine")
        more: Tree = {"create": {"url": HOOK}, "list": {}}.get(what, {"id": "mine"})
        absent = await ops.fails(TaskNotFound, what, taskId="t0", **more)
        for thief in (
            Principal("user", "eve", agents=("*",), skills=("*",)),
            msgspec.structs.replace(USER, tenant="acme"),
        ):
            for given in (task, f"{task}x", "t0"):
                refused = await ops.fails(TaskNotFound, what, thief, taskId=given, **more)
                assert (str(refused), refused.metadata, refused.violations) == (
                    str(absent),
                    absent.metadata,
                    absent.violations,
                )
        assert len(ops.feeds.of(task)) == 1
        admin = Principal("user", "root", agents=("*",), skills=("*",), roles=frozenset({"admin"}))
        assert (await ops.ask("list", admin, taskId=task))["configs"][0]["id"] == "mine"


@pytest.mark.requirement("push.owner")
async def test_on_the_whole_path_anothers_task_and_none_get_the_same_answer_to_the_byte() -> None:
    async with LocalMesh(push_networks=("127.0.0.0/8",)) as mesh:
        for tenant in ("default", "acme"):
            await join(mesh, Desk(), name=f"desk{tenant}", tenant=tenant)
        task = await begin(mesh, "deskdefault")
        kept = {"url": "http://127.0.0.1:9/x", "taskId": task, "id": "mine"}
        keys = (mesh.client("bob"), mesh.client("eve", tenant="acme"))

        async def ask(what: str, task_id: str, key: str) -> tuple[int, bytes]:
            name = NAMES[what].format("TaskPushNotification")
            params = {**(kept if what == "create" else {"id": "mine"} if what != "list" else {}), "taskId": task_id}
            body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": name, "params": params})
            shown = {"authorization": f"Bearer {key}", "a2a-version": "1.0", "content-type": "application/json"}
            answer = await request(mesh.gateway.app, "POST", "/", headers=shown, body=body)
            return answer.status, answer.body

        for what in NAMES:
            absent = await ask(what, "no-such-task", mesh.key)
            assert msgspec.json.decode(absent[1])["error"]["code"] == -32001
            for key in keys:
                assert await ask(what, task, key) == absent
        assert msgspec.json.decode((await ask("list", task, mesh.key))[1])["result"] == {}


@virtual_time
async def test_guesses_are_bounded_as_calls_are() -> None:
    async with virtual_mesh(limits=limits(burst=3, rate=0.01)) as mesh:
        await join(mesh, Desk())
        ops = Operations(mesh)
        for _ in range(3):
            await ops.fails(TaskNotFound, "list", taskId="t0")
        await ops.fails(RateLimited, "list", taskId="t0")
        task = await begin(mesh)
        for _ in range(2):
            await ops.ask("list", taskId=task)
        assert "may call desk" in str(await ops.fails(RateLimited, "list", taskId=task))


@pytest.mark.requirement("push.room")
@virtual_time
async def test_a_task_has_at_most_ten_configurations_over_all_gateways_and_a_gateway_some_tasks() -> None:
    async with one(Desk(), changed=limits(push_tasks=1)) as (ops, task):
        other = ops.others.feeds = make_feeds()
        for number in range(7):
            await ops.ask("create", url=HOOK, taskId=task, id=f"c{number}")
        for number in range(3):
            config = msgspec.structs.replace(ops.feeds.of(task)[0].config, id=f"d{number}")
            fed = ops.feeds.fed(task)
            assert fed is not None
            other.add(type(fed)(fed.base, task, "t0", "desk", "", 0.0), Configuration(config))
        full = await ops.fails(InvalidParams, "create", url=HOOK, taskId=task, id="c7")
        assert full.violations == (("id", "a task may have 10 push configurations: delete one"),)
        # One that replaces another takes no room, wherever that one is.
        for name in ("c6", "d2"):
            await ops.ask("create", url=f"{HOOK}2", taskId=task, id=name)
        assert [one.config.id for one in other.of(task)] == ["d0", "d1"]
        assert len(ops.feeds.of(task)) == 8
        second = await begin(ops.mesh)
        limited = await ops.fails(RateLimited, "create", url=HOOK, taskId=second)
        assert (limited.retry_after, "1 tasks of all callers" in str(limited)) == (60.0, True)
        await other.aclose()


@pytest.mark.requirement("push.gateways")
@virtual_time
async def test_two_gateways_know_each_others_configurations() -> None:
    async with one(Desk()) as (ops, task):
        second = Operations(ops.mesh)
        ops.others.feeds, second.others.feeds = second.feeds, ops.feeds
        made = [
            await where.ask("create", url=HOOK, taskId=task, id=name) for where, name in ((ops, "a"), (second, "b"))
        ]
        assert await ops.ask("list", taskId=task) == {"configs": made}
        assert await second.ask("list", taskId=task) == {"configs": made[::-1]}
        assert [await ops.ask("get", taskId=task, id=name) for name in ("a", "b")] == made
        # The same name at another gateway is the same configuration: it moves there.
        moved = await second.ask("create", url=f"{HOOK}2", taskId=task, id="a")
        assert (await ops.ask("list", taskId=task), ops.feeds.of(task)) == ({"configs": [made[1], moved]}, [])
        for name in ("a", "b"):
            assert await ops.ask("delete", taskId=task, id=name) == {}
        assert await second.ask("list", taskId=task) == {}
        await second.feeds.aclose()


@virtual_time
async def test_a_configuration_of_0_3_is_kept_as_one() -> None:
    async with one(Desk()) as (ops, task):
        call = ops.call("create", {"url": HOOK, "taskId": task, "id": "mine"})
        native = {"taskId": task, "pushNotificationConfig": {"url": HOOK, "id": "mine"}}
        payload: Payload = LegacyPayload.read(call.method.request, JSON_FORM, native)
        await (await ops.serve(msgspec.structs.replace(call, payload=payload), Behind())).answer()
        await ops.ask("create", url=HOOK, taskId=task)
        assert [one.legacy for one in ops.feeds.of(task)] == [True, False]


@virtual_time
async def test_a_configuration_made_for_a_task_that_a_message_has_one_for_is_fed_with_it() -> None:
    desk = Desk()
    async with one(desk) as (ops, task):
        await ops.ask("create", url=HOOK, taskId=task, id="a")
        fed = ops.feeds.fed(task)
        assert fed is not None
        assert (fed.task_id, fed.upstream, fed.agent, fed.handle) == (task, "t0", "desk", "")
        await ops.ask("create", url=HOOK, taskId=task, id="b")
        assert ops.feeds.fed(task) is fed
        await settle()
        assert len(desk.of("SubscribeToTask")) == 1
