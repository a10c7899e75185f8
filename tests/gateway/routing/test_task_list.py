"""``ListTasks`` through a gateway: what is read, what is shown where an agent does not answer, and what it costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.codec.timestamps import timestamp_of
from meshgate.a2a.errors import InvalidParams, NoRoute, RateLimited, TaskNotFound, UpstreamUnavailable
from meshgate.a2a.mesh import headers
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import Task
from meshgate.gateway.routing.agent_lists import AgentLists
from meshgate.gateway.routing.list_reader import ListReader
from meshgate.gateway.routing.task_list import ListTasks
from meshgate.gateway.routing.task_sources import TaskSources
from meshgate.gateway.tasks.known_task import KnownTask, KnownTasks, TaskQuery
from meshgate.testing import LocalMesh, fail, silent, task
from tests.gateway.calls import ANN, Behind, limits
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("tasks.listed")
Tree = dict[str, Any]
WORKING, COMPLETED, FAILED = "TASK_STATE_WORKING", "TASK_STATE_COMPLETED", "TASK_STATE_FAILED"


class Keeper:
    """An agent that begins a task with each message, and says of it what a test wants."""

    def __init__(self, name: str, times: Callable[[], str] = lambda: "") -> None:
        self.name, self._times = name, times
        self.tasks: dict[str, Tree] = {}
        self.reads: list[str] = []
        self.lengths: list[Any] = []

    def __call__(self, call: Call) -> Reply:
        if call.method.name == "GetTask":
            view = call.payload.view()
            self.reads.append(view.id)
            self.lengths.append(view.history_length)
            return Reply.one(JsonPayload(Task, self.tasks[view.id]))
        name = f"{self.name}-{len(self.tasks)}"
        status = {"state": WORKING, **({"timestamp": self._times()} if self._times() else {})}
        self.tasks[name] = {"id": name, "contextId": "c", "status": status}
        return Reply.one(JsonPayload(call.method.response, {"task": self.tasks[name]}))


async def ask(mesh: LocalMesh, selector: str = "", key: str | None = None, **params: Any) -> tuple[Tree, Tree]:
    """The answer to a ListTasks, and its headers."""
    found = await mesh.read(mesh.call_of(params, selector, method="ListTasks", key=key))
    (event,) = found.events
    return event.tree(), dict(found.head.headers)


async def begin(mesh: LocalMesh, agent: str, key: str | None = None) -> str:
    """Begin a task; the id that its caller is told."""
    found = await mesh.read(mesh.make_call(agent, key=key))
    return str(found.events[0].tree()["task"]["id"])


@virtual_time
async def test_each_task_is_shown_as_its_agent_says_it_stands_now() -> None:
    async with virtual_mesh() as mesh:
        keeper = Keeper("echo", lambda: "2026-11-30T12:00:00Z")
        await mesh.add("echo", keeper)
        name = await begin(mesh, "echo")
        said = {"artifacts": [{"artifactId": "a", "parts": [{"text": "x"}]}], "metadata": {"k": 1}}
        keeper.tasks["echo-0"] |= {"status": {"state": COMPLETED, "timestamp": "2026-11-30T12:00:09Z"}, **said}
        page, told = await ask(mesh, historyLength=3)
        (shown,) = page["tasks"]
        assert (shown["id"], shown["status"]["state"], shown["metadata"]) == (name, COMPLETED, {"k": 1})
        assert "artifacts" not in shown
        assert (page["nextPageToken"], page["pageSize"], page["totalSize"], keeper.lengths) == ("", 50, 1, [3])
        assert headers.PARTIAL not in told
        assert (told[headers.TASKS_SINCE][:2], bool(told[headers.CALL])) == ("20", True)
        (whole,) = (await ask(mesh, "echo", includeArtifacts=True))[0]["tasks"]
        assert whole["artifacts"] == said["artifacts"]
        # What a page showed is known from then on.
        assert [one["id"] for one in (await ask(mesh, status=COMPLETED))[0]["tasks"]] == [name]
        # What went on since it was heard of last is in the list that it is in now.
        keeper.tasks["echo-0"]["status"] = {"state": FAILED, "timestamp": "2026-11-30T12:00:10Z"}
        assert (await ask(mesh, status=COMPLETED))[0]["tasks"] == []
        assert [one["id"] for one in (await ask(mesh, status=FAILED))[0]["tasks"]] == [name]


@pytest.mark.parametrize("away", ["refuses", "silent", "left", "off"])
@virtual_time
async def test_of_an_agent_that_does_not_answer_the_last_known_state_is_shown(away: str) -> None:
    async with virtual_mesh() as mesh:
        keeper = Keeper("echo")
        instance = await mesh.add("echo", keeper)
        await mesh.add("echo", Keeper("other"))
        names: list[str] = []
        while len(keeper.tasks) == 0:
            names.append(await begin(mesh, "echo"))
        name = names[-1]
        url = f"local://{instance}"
        if away == "left":
            await mesh.registry.deregister(instance)
            await mesh.seen(instance, there=False)
        elif away == "silent":
            mesh.wire.scripts[url] = silent
        else:
            error = UpstreamUnavailable("away", unsent=True) if away == "refuses" else TaskNotFound()
            mesh.wire.scripts[url] = fail(error)
        begun = asyncio.get_running_loop().time()
        page, _ = await ask(mesh)
        assert asyncio.get_running_loop().time() - begun == (5.0 if away == "silent" else 0.0)
        (shown,) = [one for one in page["tasks"] if one["id"] == name]
        assert (shown["status"]["state"], shown["contextId"].endswith("~c"), page["totalSize"]) == (
            WORKING,
            True,
            len(names),
        )
        assert shown["status"]["timestamp"]
        assert keeper.reads == []


@virtual_time
async def test_a_page_ends_early_where_its_tasks_are_large_and_reads_eight_at_once() -> None:
    async with virtual_mesh(limits=limits(task_page=4000, burst=100)) as mesh:
        keeper = Keeper("echo")
        await mesh.add("echo", keeper)
        made = [await begin(mesh, "echo") for _ in range(20)]
        for number, kept in enumerate(keeper.tasks.values()):
            kept["status"] = {"state": WORKING, "timestamp": timestamp_of(2000.0 + number)}
        small, _ = await ask(mesh)
        assert (len(small["tasks"]), small["nextPageToken"], len(keeper.reads)) == (20, "", 20)
        for kept in keeper.tasks.values():
            kept["metadata"] = {"k": "x" * 1500}
        keeper.reads.clear()
        found: list[str] = []
        token = ""
        sizes: list[int] = []
        while True:
            page, _ = await ask(mesh, pageToken=token)
            sizes.append(len(page["tasks"]))
            found += [one["id"] for one in page["tasks"]]
            token = page["nextPageToken"]
            if not token:
                break
        assert (found, max(sizes), len(keeper.reads) <= 8 * len(sizes)) == (made[::-1], 2, True)
        for kept in keeper.tasks.values():
            kept["metadata"] = {"k": "x" * 5000}
        assert len((await ask(mesh))[0]["tasks"]) == 1


@virtual_time
async def test_a_page_of_the_largest_size_is_shown_and_nothing_is_read_behind_it() -> None:
    async with virtual_mesh(limits=limits(burst=100)) as mesh:
        keeper = Keeper("echo")
        instance = await mesh.add("echo", keeper)
        made = [await begin(mesh, "echo") for _ in range(9)]
        for number, kept in enumerate(keeper.tasks.values()):
            kept["status"] = {"state": WORKING, "timestamp": timestamp_of(2000.0 + number)}
        whole = (await ask(mesh))[0]["tasks"]
        size = sum(len(msgspec.json.encode(one)) for one in whole[:8])
        async with virtual_mesh(limits=limits(burst=100, task_page=size), join=mesh, gateway_id="two") as small:
            await small.seen(instance)
            for name in made:
                await small.read(small.call_of({"id": name}, method="GetTask"))
            keeper.reads.clear()
            page, _ = await ask(small)
            assert page["tasks"] == whole[:8]
            assert len(keeper.reads) == 8


@virtual_time
async def test_eight_tasks_are_read_at_once() -> None:
    async with virtual_mesh(limits=limits(burst=100)) as mesh:
        keeper = Keeper("echo")
        at_work, most = 0, 0

        async def script(call: Call) -> Reply:
            nonlocal at_work, most
            if call.method.name == "GetTask":
                at_work += 1
                most = max(most, at_work)
                await asyncio.sleep(1.0)
                at_work -= 1
            return keeper(call)

        await mesh.add("echo", script)
        for _ in range(20):
            await begin(mesh, "echo")
        begun = asyncio.get_running_loop().time()
        assert len((await ask(mesh))[0]["tasks"]) == 20
        assert (most, asyncio.get_running_loop().time() - begun) == (8, 3.0)


@virtual_time
async def test_a_page_is_one_call_to_each_agent_on_it_and_an_empty_one_is_one_to_nobody() -> None:
    async with virtual_mesh(limits=limits(burst=4, rate=1.0)) as mesh:
        key = mesh.client("lister")
        for name in ("echo", "desk"):
            await mesh.add(name, Keeper(name))
        for name in ("echo", "echo", "desk"):
            await begin(mesh, name, key)
        assert (await ask(mesh, "desk", key))[0]["totalSize"] == 1
        for _ in range(2):
            assert (await ask(mesh, "echo", key))[0]["totalSize"] == 2
        with pytest.raises(RateLimited, match="may call echo"):
            await ask(mesh, "", key)
        for _ in range(4):
            assert (await ask(mesh, "", key, contextId="none"))[0]["tasks"] == []
        with pytest.raises(RateLimited, match="ask for what is not here"):
            await ask(mesh, "", key, contextId="none")


@virtual_time
async def test_only_agents_that_the_caller_may_use_are_listed() -> None:
    async with virtual_mesh() as mesh:
        for name in ("echo", "desk"):
            await mesh.add(name, Keeper(name))
        narrow = mesh.client("narrow", agents=("echo",))
        mine = await begin(mesh, "echo", narrow)
        page, _ = await ask(mesh, key=narrow)
        assert [one["id"] for one in page["tasks"]] == [mine]
        for selector in ("desk", "nobody"):
            with pytest.raises(NoRoute):
                await ask(mesh, selector, narrow)
        admin = mesh.client("boss", roles=("admin",))
        assert (await ask(mesh, key=admin))[0]["tasks"] == []


@pytest.mark.parametrize(
    ("params", "field"),
    [({"statusTimestampAfter": "yesterday"}, "statusTimestampAfter"), ({"pageToken": "made-up"}, "pageToken")],
)
@virtual_time
async def test_what_cannot_be_asked_is_named(params: Tree, field: str) -> None:
    async with virtual_mesh() as mesh:
        with pytest.raises(InvalidParams) as refused:
            await ask(mesh, **params)
        assert [name for name, _ in refused.value.violations] == [field]


@virtual_time
async def test_what_other_gateways_know_is_listed_and_who_does_not_answer_is_named() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", task("t9", WORKING))
        g = mesh.gateway
        name = g.tags.tag("t9", tenant="default", owner="ann", agent="echo", instance="echo-1")
        asked: list[tuple[str, str, TaskQuery]] = []

        async def others(tenant: str, owner: str, query: TaskQuery) -> dict[str, KnownTasks | None]:
            asked.append((tenant, owner, query))
            known = KnownTask(name, "echo", "c", WORKING, timestamp_of(1000.0), 1000.0)
            return {"gw2": KnownTasks([known], 5, 4.0e9), "gw3": None, "gw\u00e9": None}

        lists = AgentLists(TaskSources(g.table, g.tags), Behind(), g.clock, g.limits)
        reader = ListReader(g.task_owner, Behind(TaskNotFound()), Behind(), g.clock, g.limits)
        listing = ListTasks(g.known_tasks, others, g.routes, lists, reader, g.rates)
        call = msgspec.structs.replace(mesh.call_of({}, method="ListTasks"), principal=ANN, id="c1")
        reply = await listing(call, Behind())
        page = (await reply.answer()).tree()
        assert ([one["id"] for one in page["tasks"]], page["totalSize"]) == ([name], 5)
        assert reply.head.headers == {
            headers.CALL: "c1",
            headers.PARTIAL: "gateway gw3, gateway gw%C3%A9",
            headers.TASKS_SINCE: timestamp_of(4.0e9),
        }
        assert asked == [("default", g.tags.owner("ann").hex(), TaskQuery(("echo",)))]
        behind = Behind()
        await listing(mesh.make_call("echo"), behind)
        assert len(behind.calls) == 1
