"""Lists of tasks from the agents that keep them: under the ids that callers know, at gateways that never saw them."""

from __future__ import annotations

import asyncio
import base64
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.codec.timestamps import seconds_of, timestamp_of
from meshgate.a2a.errors import InvalidAgentResponse, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.lists.page_token import place_in
from meshgate.a2a.lists.task_list import ListTasksResponse
from meshgate.a2a.mesh import headers
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import Task
from meshgate.gateway import Placed, Policies
from meshgate.registry.model import Switch, SwitchKind
from meshgate.sdk import Agent, Context, FileTasks
from meshgate.testing import LocalMesh, Script, fail, silent, task
from tests.gateway.calls import limits
from tests.gateway.meshes import add_lister, virtual_mesh
from tests.gateway.routing.test_task_list import Keeper, ask, begin
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("tasks.from_agents")
Tree = dict[str, Any]
WORKING, COMPLETED, ASKING = "TASK_STATE_WORKING", "TASK_STATE_COMPLETED", "TASK_STATE_INPUT_REQUIRED"


def make_agent(name: str) -> Agent:
    """An agent that repeats what it is told a second later, and asks."""
    clock: Callable[[], float] = asyncio.get_running_loop().time
    agent = Agent(name, clock=clock, now=clock)

    @agent.skill(default=True)
    async def say(text: str) -> str:
        await asyncio.sleep(1.0)
        return text

    @agent.skill
    async def quiz(text: str, ctx: Context) -> str:
        return str((await ctx.ask(text)).parts[0].text)

    return agent


@asynccontextmanager
async def after(mesh: LocalMesh) -> AsyncGenerator[LocalMesh, None]:
    """Another gateway of a mesh, which starts now and asks the first one for nothing."""
    async with virtual_mesh(join=mesh, gateway_id="later", seed=1) as later:
        for instance in mesh.gateway.table.entries:
            await later.seen(instance)
        yield later


async def told(mesh: LocalMesh, selector: str, key: str | None = None, **message: Any) -> Tree:
    """The task that a message begins."""
    said = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "hi"}], **message}
    found = await mesh.read(mesh.call_of({"message": said}, selector, key=key))
    made: Tree = found.events[0].tree()["task"]
    return made


async def read(mesh: LocalMesh, name: str, key: str | None = None) -> Tree:
    """A task by its id."""
    found = await mesh.read(mesh.call_of({"id": name}, method="GetTask", key=key))
    return found.events[0].tree()


async def walk(mesh: LocalMesh, size: int, selector: str = "", **params: Any) -> list[list[str]]:
    """The ids of a whole list, page by page."""
    pages: list[list[str]] = []
    token = ""
    while True:
        page, _ = await ask(mesh, selector, pageSize=size, **params, **({"pageToken": token} if token else {}))
        pages.append([one["id"] for one in page["tasks"]])
        token = page["nextPageToken"]
        if not token:
            return pages


class Lister:
    """An agent that keeps the labels that it is sent, and lists what a test wants."""

    def __init__(self, *pages: Tree) -> None:
        self.labels: list[str] = []
        self.asked: list[Tree] = []
        self.begun: list[str] = []
        self.pages = list(pages)

    def __call__(self, call: Call) -> Reply:
        if call.method.name == "ListTasks":
            self.asked.append(call.payload.tree())
            self.begun.append(call.headers[headers.TASKS_AFTER])
            page = self.pages.pop(0) if len(self.pages) > 1 else self.pages[0]
            return Reply.one(JsonPayload(ListTasksResponse, page))
        self.labels.append(call.headers[headers.TASK_LABEL])
        tree = listed("t0", at="2026-11-30T12:00:00Z")
        return Reply.one(JsonPayload(call.method.response, {"task": tree}))


def listed(name: str, label: Any = None, at: str = "2026-11-30T12:00:00Z", **more: Any) -> Tree:
    """A task as an agent lists it."""
    metadata = {} if label is None else {"metadata": {headers.LABEL_KEY: label}}
    return {"id": name, "contextId": "c", "status": {"state": WORKING, "timestamp": at}, **metadata, **more}


def page_of(*tasks: Tree, token: str = "", total: int | None = None) -> Tree:
    """A page of an agent's."""
    whole = len(tasks) if total is None else total
    return {"tasks": list(tasks), "nextPageToken": token, "pageSize": 50, "totalSize": whole}


@virtual_time
async def test_a_gateway_that_never_saw_a_task_lists_it_under_the_id_that_another_one_gave() -> None:
    async with virtual_mesh() as here:
        await here.add(make_agent("desk"))
        made = [await told(here, "desk", contextId=context) for context in ("", "trip", "x" * 65)]
        made.append(await told(here, "quiz@*", contextId="trip"))
        other = here.client("other")
        theirs = await told(here, "desk", other, contextId="trip")
        async with after(here) as there:
            page, said = await ask(there)
            assert len(there.gateway.known_tasks) == 0
            # The last two came to rest at one moment.
            first = sorted(made[2:], key=lambda one: one["id"].rpartition("~")[2])
            assert [one["id"] for one in page["tasks"]] == [one["id"] for one in [*first, made[1], made[0]]]
            assert (page["totalSize"], page["nextPageToken"], headers.PARTIAL in said) == (4, "", False)
            shown = {one["id"]: one["contextId"] for one in page["tasks"]}
            assert [shown[one["id"]] for one in (made[0], made[1], made[3])] == [made[0]["contextId"], "trip", "trip"]
            whole, _ = await ask(there, "desk", includeArtifacts=True)
            for one in whole["tasks"]:
                assert one == await read(there, one["id"])
                assert headers.LABEL_KEY not in one.get("metadata", {})
            assert [one["id"] for one in (await ask(there, key=other))[0]["tasks"]] == [theirs["id"]]


@virtual_time
async def test_the_filters_of_a_list_are_the_agents_and_a_context_is_its_callers() -> None:
    async with virtual_mesh() as here:
        await here.add(make_agent("desk"))
        none, trip, long = [await told(here, "desk", contextId=one) for one in ("", "trip", "x" * 65)]
        asking = await told(here, "quiz@*", contextId="trip")
        at = trip["status"]["timestamp"]
        async with after(here) as there:
            for params, found in (
                ({"contextId": "trip"}, {trip["id"], asking["id"]}),
                ({"contextId": "x" * 65}, {long["id"]}),
                ({"contextId": none["contextId"]}, {none["id"]}),
                ({"contextId": "tri"}, set[str]()),
                ({"status": ASKING}, {asking["id"]}),
                ({"statusTimestampAfter": at}, {trip["id"], long["id"], asking["id"]}),
            ):
                page, _ = await ask(there, **params)
                assert {one["id"] for one in page["tasks"]} == found
                assert page["totalSize"] == len(found)
            (shown,) = (await ask(there, contextId="x" * 65, historyLength=0, includeArtifacts=True))[0]["tasks"]
            assert (shown["contextId"], "history" in shown) == ("x" * 65, False)
            assert shown["artifacts"][0]["parts"] == [{"text": "hi"}]


@virtual_time
async def test_a_list_of_many_agents_is_walked_in_order_and_each_task_is_met_once() -> None:
    async with virtual_mesh() as mesh:
        for name in ("desk", "shelf"):
            await mesh.add(make_agent(name))
        loop = asyncio.get_running_loop()
        await mesh.add("echo", Keeper("echo", lambda: timestamp_of(loop.time())))
        made: list[str] = []
        for number in range(12):
            for name in ("desk", "echo", "shelf")[: 1 + number % 3]:
                made.append((await told(mesh, name))["id"])
                await asyncio.sleep(0.25)
        for size in (1, 4, 24, 100):
            pages = await walk(mesh, size)
            assert [one for page in pages for one in page] == made[::-1]
            assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
        assert [one for page in await walk(mesh, 3, "shelf") for one in page] == [
            one
            for one in made[::-1]
            if mesh.gateway.tags.read(one).agent == mesh.gateway.tags.agent("shelf")  # type: ignore[union-attr]
        ]


@virtual_time
async def test_tasks_of_one_moment_are_met_once_each_whoever_they_are_of() -> None:
    async with virtual_mesh() as mesh:
        for name in ("desk", "shelf", "door"):
            await mesh.add(make_agent(name))
        at = timestamp_of(asyncio.get_running_loop().time() + 1.0)
        await mesh.add("echo", Keeper("echo", lambda: at))
        names = ("desk", "shelf", "door", "echo") * 3
        made = [one["id"] for one in await asyncio.gather(*(told(mesh, name) for name in names))]
        for size in (1, 2, 5):
            found = [one for page in await walk(mesh, size) for one in page]
            assert sorted(found) == sorted(made)
        whole = (await walk(mesh, 100))[0]
        assert found == whole


@virtual_time
async def test_a_task_that_goes_on_while_its_list_is_walked_hides_no_other() -> None:
    async with virtual_mesh() as mesh:
        await mesh.add(make_agent("desk"))
        made = [(await told(mesh, "desk"))["id"] for _ in range(3)]
        asking = (await told(mesh, "quiz@*"))["id"]
        page, _ = await ask(mesh, pageSize=2)
        assert page["totalSize"] == 4
        await told(mesh, "desk", taskId=asking)
        rest, _ = await ask(mesh, pageSize=10, pageToken=page["nextPageToken"])
        seen = [one["id"] for one in (*page["tasks"], *rest["tasks"])]
        assert set(made) <= set(seen)
        assert len(seen) == len(set(seen))


@virtual_time
async def test_each_instance_is_asked_and_of_one_that_is_gone_what_the_gateway_knows_is_shown() -> None:
    async with virtual_mesh() as mesh:
        instances = [await mesh.add(make_agent("desk")) for _ in range(2)]
        kept: dict[str, list[str]] = {name: [] for name in instances}
        while not all(kept.values()):
            one = (await told(mesh, "desk"))["id"]
            tag = mesh.gateway.tags.read(one)
            assert tag is not None
            kept[next(name for name in instances if mesh.gateway.tags.instance(name) == tag.instance)].append(one)
        total = sum(map(len, kept.values()))
        page, _ = await ask(mesh)
        assert (len(page["tasks"]), page["totalSize"]) == (total, total)
        await mesh.registry.deregister(instances[0])
        await mesh.seen(instances[0], there=False)
        page, said = await ask(mesh)
        assert sorted(one["id"] for one in page["tasks"]) == sorted(kept[instances[0]] + kept[instances[1]])
        assert (page["totalSize"], headers.PARTIAL in said) == (total, False)
        gone = [one for one in page["tasks"] if one["id"] in kept[instances[0]]]
        assert all("history" not in one and one["status"]["state"] == COMPLETED for one in gone)


@pytest.mark.parametrize("how", ["refuses", "silent"])
@virtual_time
async def test_an_agent_that_does_not_tell_is_named_at_the_root_and_an_error_where_it_is_meant(how: str) -> None:
    async with virtual_mesh() as mesh:
        await mesh.add("echo", Keeper("echo"))
        other = await begin(mesh, "echo")
        instance = await mesh.add(make_agent("desk"))
        await told(mesh, "desk")
        await told(mesh, "say@*")
        refusal = fail(UpstreamUnavailable("away", unsent=True))
        mesh.wire.scripts[f"local://{instance}"] = silent if how == "silent" else refusal
        begun = asyncio.get_running_loop().time()
        page, said = await ask(mesh)
        assert ([one["id"] for one in page["tasks"]], page["totalSize"]) == ([other], 1)
        assert said[headers.PARTIAL] == "agent desk"
        if how == "silent":
            assert asyncio.get_running_loop().time() - begun == DEFAULTS.task_read
        with pytest.raises(UpstreamDeadline if how == "silent" else UpstreamUnavailable):
            await ask(mesh, "desk")
        by_skill, said = await ask(mesh, "say@*")
        assert (by_skill["tasks"], said[headers.PARTIAL]) == ([], "agent desk")


@virtual_time
async def test_a_task_with_a_label_of_somebody_elses_is_dropped_and_counted() -> None:
    async with virtual_mesh() as mesh:
        lister, stranger = Lister(page_of()), Lister(page_of())
        await add_lister(mesh, "desk", lister)
        await add_lister(mesh, "shelf", stranger)
        name = await begin(mesh, "desk")
        other = mesh.client("other")
        await begin(mesh, "desk", other)
        await begin(mesh, "shelf")
        mine, theirs = lister.labels
        (elsewhere,) = stranger.labels
        wrong = [theirs, elsewhere, mine[:-1] + ("A" if mine[-1] != "A" else "B"), mine + ".1.0.0", mine + ".l", "", 7]
        lister.pages = [page_of(listed("t0", mine), *(listed(f"w{at}", label) for at, label in enumerate(wrong)))]
        page, _ = await ask(mesh, "desk")
        assert [one["id"] for one in page["tasks"]] == [name]
        assert "metadata" not in page["tasks"][0]
        text = mesh.gateway.metrics.render().decode()
        assert f'meshgate_listed_tasks_dropped_total{{agent="desk"}} {len(wrong)}.0' in text


@virtual_time
async def test_a_task_without_a_label_has_the_plain_id_and_its_agents_context() -> None:
    async with virtual_mesh() as mesh:
        lister = Lister(page_of(listed("t7", metadata={"note": 1})))
        await add_lister(mesh, "desk", lister)
        (shown,) = (await ask(mesh, "desk"))[0]["tasks"]
        g = mesh.gateway
        name = g.tags.tag("t7", tenant="default", owner="user", agent="desk", instance="desk-1")
        context = g.contexts.made_by_agent("c", tenant="default", owner=g.tags.owner("user"), agent="desk")
        assert (shown["id"], shown["contextId"], shown["metadata"]) == (name, context, {"note": 1})


@virtual_time
async def test_an_agent_is_asked_for_pages_of_its_share_until_the_page_is_full() -> None:
    async with virtual_mesh() as mesh:
        one = Lister(
            page_of(listed("a"), token="A", total=3), page_of(token="B", total=3), page_of(listed("b"), total=3)
        )
        two = Lister(page_of(*(listed(f"c{at}", at="2026-11-30T11:00:00Z") for at in range(9))))
        await add_lister(mesh, "one", one)
        await add_lister(mesh, "two", two)
        page, _ = await ask(mesh, pageSize=10, contextId="trip", status=WORKING, historyLength=2)
        assert [name["id"].partition("~")[2] for name in page["tasks"]] == ["a", "b", *(f"c{at}" for at in range(8))]
        assert (page["totalSize"], bool(page["nextPageToken"])) == (12, True)
        assert [(asked["pageSize"], asked.get("pageToken", "")) for asked in one.asked] == [
            (10, ""),
            (9, "A"),
            (9, "B"),
        ]
        assert [asked["pageSize"] for asked in two.asked] == [10]
        assert (one.asked[0]["status"], one.asked[0]["historyLength"], one.begun[0]) == (WORKING, 2, "first")
        assert one.asked[0]["contextId"] not in ("", "trip")
        await ask(mesh, pageSize=10, contextId="trip", status=WORKING, pageToken=page["nextPageToken"])
        last = seconds_of("2026-11-30T11:00:00Z")
        assert last is not None
        assert place_in(two.begun[-1]) == (-last, "c7")
        # The other one is told no id of an agent's that is not its own.
        hashes = [base64.urlsafe_b64encode(mesh.gateway.tags.agent(name)) for name in ("one", "two")]
        whole = hashes[0] > hashes[1]
        assert place_in(one.begun[-1]) == ((-last, "") if whole else (math.nextafter(-last, math.inf), ""))


@virtual_time
async def test_eight_agents_are_asked_at_once_each_for_a_share_of_the_page() -> None:
    async with virtual_mesh() as mesh:
        listers = [Lister(page_of()) for _ in range(20)]
        at_work, most = 0, 0

        def slow(lister: Lister) -> Script:
            async def script(call: Call) -> Reply:
                nonlocal at_work, most
                at_work += 1
                most = max(most, at_work)
                await asyncio.sleep(1.0)
                at_work -= 1
                return lister(call)

            return script

        for number, lister in enumerate(listers):
            await add_lister(mesh, f"desk{number}", slow(lister))
        begun = asyncio.get_running_loop().time()
        page, _ = await ask(mesh, pageSize=100)
        assert (page["tasks"], most, asyncio.get_running_loop().time() - begun) == ([], 8, 3.0)
        assert {lister.asked[0]["pageSize"] for lister in listers} == {10}
        await ask(mesh)
        assert {lister.asked[1]["pageSize"] for lister in listers} == {8}


@pytest.mark.parametrize("pages", [[page_of(token="on")], [page_of(listed("a"), token="x" * 5000)]])
@virtual_time
async def test_an_agent_whose_list_does_not_end_is_not_asked_for_ever(pages: list[Tree]) -> None:
    async with virtual_mesh() as mesh:
        lister = Lister(*pages)
        await add_lister(mesh, "desk", lister)
        with pytest.raises(InvalidAgentResponse, match="without end"):
            await ask(mesh, "desk")
        assert len(lister.asked) == (9 if pages[0]["nextPageToken"] == "on" else 1)


@pytest.mark.parametrize("kind", ["agent", "skill"])
@virtual_time
async def test_an_agent_that_is_switched_off_is_not_asked_and_what_is_known_is_shown(kind: SwitchKind) -> None:
    async with virtual_mesh() as mesh:
        lister = Lister(page_of())
        await add_lister(mesh, "desk", lister)
        name = await begin(mesh, "desk")
        mesh.gateway.table.switches = (Switch("agent", "shelf"), Switch(kind, "desk"))
        page, said = await ask(mesh)
        assert [one["id"] for one in page["tasks"]] == [name]
        assert (lister.asked, headers.PARTIAL in said) == ([], False)
        mesh.gateway.table.switches = (Switch("agent", "shelf"),)
        assert ((await ask(mesh))[0]["tasks"], len(lister.asked)) == ([], 1)


@virtual_time
async def test_agents_that_list_nothing_get_no_label_and_are_not_asked() -> None:
    async with virtual_mesh() as mesh:
        sent: list[dict[str, str]] = []

        def script(call: Call) -> Reply:
            sent.append(dict(call.headers))
            return task("t1", WORKING)(call)

        await mesh.add("echo", script)
        name = await begin(mesh, "echo")
        page, _ = await ask(mesh)
        assert [one["id"] for one in page["tasks"]] == [name]
        assert [one for one in sent if headers.TASK_LABEL in one or headers.TASKS_AFTER in one] == []


@virtual_time
async def test_a_message_on_a_task_brings_no_label() -> None:
    async with virtual_mesh() as mesh:
        sent: list[dict[str, str]] = []
        agent = make_agent("desk")
        instance = await mesh.add(agent)
        serve = mesh.wire.scripts[f"local://{instance}"]

        def script(call: Call) -> Any:
            sent.append(dict(call.headers))
            return serve(call)

        mesh.wire.scripts[f"local://{instance}"] = script
        asking = await told(mesh, "quiz@*")
        await told(mesh, "desk", taskId=asking["id"])
        await read(mesh, asking["id"])
        assert [headers.TASK_LABEL in one for one in sent] == [True, False, False]


@virtual_time
async def test_who_lists_pays_one_call_to_each_agent_that_is_asked() -> None:
    async with virtual_mesh(limits=limits(burst=4, rate=1.0)) as mesh:
        lister = Lister(page_of())
        await add_lister(mesh, "desk", lister)
        for _ in range(4):
            assert (await ask(mesh))[0]["tasks"] == []
        with pytest.raises(Exception, match="may call desk"):
            await ask(mesh)
        assert len(lister.asked) == 4


@virtual_time
async def test_a_few_empty_pages_and_the_longest_token_are_followed() -> None:
    async with virtual_mesh() as mesh:
        empty = [page_of(token="on", total=2)] * 8
        lister = Lister(*empty, page_of(listed("a"), token="x" * 4096, total=2), *empty, page_of(listed("b"), total=2))
        await add_lister(mesh, "desk", lister)
        page, _ = await ask(mesh)
        assert [one["id"].partition("~")[2] for one in page["tasks"]] == ["a", "b"]
        assert lister.asked[9]["pageToken"] == "x" * 4096


@virtual_time
async def test_a_task_whose_time_nobody_knows_comes_last_and_has_none() -> None:
    async with virtual_mesh() as mesh:
        early, unknown = listed("a", at="1970-01-01T00:00:00.500Z"), listed("b")
        del unknown["status"]["timestamp"]
        await add_lister(mesh, "desk", Lister(page_of(unknown)))
        await add_lister(mesh, "shelf", Lister(page_of(early)))
        page, _ = await ask(mesh)
        assert [one["id"].partition("~")[2] for one in page["tasks"]] == ["a", "b"]
        first, _ = await ask(mesh, pageSize=1)
        assert first["tasks"] == page["tasks"][:1]


class Redact:
    """Shows no artifacts."""

    name = "redact"

    def admit(self, call: Call, /) -> Call:
        return call

    def replied(self, call: Call, reply: Reply, /) -> None:
        def change(event: Payload) -> Payload:
            kept = {key: value for key, value in event.tree().items() if key != "artifacts"}
            return JsonPayload(event.kind, kept) if event.kind is Task else event

        reply.map(change)


@virtual_time
async def test_what_a_policy_changes_of_a_task_is_changed_in_lists() -> None:
    for policies, shown in ((Policies(), True), (Policies(call=(Placed(Redact()),)), False)):
        async with virtual_mesh(policies=policies) as mesh:
            await mesh.add(make_agent("desk"))
            await told(mesh, "desk")
            (one,) = (await ask(mesh, includeArtifacts=True))[0]["tasks"]
            assert ("artifacts" in one) == shown


@virtual_time
async def test_a_list_leaves_what_the_gateway_remembers_as_it_is() -> None:
    async with virtual_mesh() as here:
        await here.add(make_agent("desk"))
        await told(here, "desk")
        async with after(here) as there:
            assert len((await ask(there))[0]["tasks"]) == 1
            assert len(there.gateway.known_tasks) == 0


def sharing(path: Path) -> Agent:
    """An instance of an agent that keeps its tasks in a file."""
    agent = Agent("desk", store=FileTasks(path))

    @agent.skill(default=True)
    async def say(text: str) -> str:
        return text

    return agent


async def test_instances_that_share_a_store_are_asked_once_and_know_the_ids_of_all(tmp_path: Path) -> None:
    async with LocalMesh() as here, LocalMesh(join=here, gateway_id="there") as there:
        old = [await here.add(sharing(tmp_path / "tasks.db")) for _ in range(2)]
        made: dict[str, bytes] = {}
        while len(set(made.values())) < 2:
            name = (await told(here, "desk", contextId="trip"))["id"]
            tag = here.gateway.tags.read(name)
            assert tag is not None
            made[name] = tag.instance
        await there.seen(old[1])
        before = len(here.wire.sent)
        page, _ = await ask(there)
        assert ({one["id"] for one in page["tasks"]}, page["totalSize"]) == (set(made), len(made))
        assert [out.call.method.name for out in here.wire.sent[before:]] == ["ListTasks"]
        # The store outlives both: an instance that never saw the tasks tells of them.
        for instance in old:
            await here.registry.deregister(instance)
            await there.seen(instance, there=False)
        await there.seen(await here.add(sharing(tmp_path / "tasks.db")))
        page, _ = await ask(there)
        assert {one["id"] for one in page["tasks"]} == set(made)
        for name in made:
            assert (await read(there, name))["status"]["state"] == COMPLETED
        # The gateway that began them remembers them too, and counts each once.
        assert (await ask(here))[0]["totalSize"] == len(made)
