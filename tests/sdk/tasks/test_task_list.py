"""``ListTasks`` at an agent: its callers find their own tasks, page by page, and nobody else's. In virtual time."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from meshgate.a2a.errors import InvalidParams, UnsupportedOperation
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.lists.page_token import place_of, place_text
from meshgate.a2a.lists.task_list import ListTasksResponse
from meshgate.a2a.mesh import headers
from meshgate.a2a.types import Task, TaskState
from meshgate.sdk import Agent, Context, MemoryTasks, TaskStore
from tests.sdk.calls import answer, cancel, make_call, saying, text_of
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("sdk.tasks_listed")

ANN = {headers.PRINCIPAL: "ann", headers.TENANT: "acme"}
BEN = {headers.PRINCIPAL: "ben", headers.TENANT: "acme"}
OTHER_ANN = {headers.PRINCIPAL: "ann", headers.TENANT: "umbrella"}


def make_agent(limits: Limits = DEFAULTS, store: TaskStore | None = None) -> Agent:
    """An agent that echoes, works for so many seconds, and asks."""
    clock: Callable[[], float] = asyncio.get_running_loop().time
    agent = Agent("demo", limits=limits, clock=clock, now=clock, store=store)

    @agent.skill(default=True)
    async def work(text: str) -> str:
        await asyncio.sleep(float(text))
        return f"{text} s"

    @agent.skill
    async def quiz(text: str, ctx: Context) -> str:
        return str((await ctx.ask(text)).parts[0].text)

    return agent


async def begin(agent: Agent, who: dict[str, str], text: str = "1", *, skill: str = "work", **said: Any) -> Task:
    """A task of somebody's, at the time at which it rests or, with a configuration, is begun."""
    sent = {**who, headers.SKILL: skill}
    task: Task = (await answer(agent, make_call("SendMessage", saying(text, **said), **sent))).task
    return task


async def listed(agent: Agent, who: dict[str, str], **params: Any) -> ListTasksResponse:
    """One page."""
    page: ListTasksResponse = await answer(agent, make_call("ListTasks", params, **who))
    return page


def ids(page: ListTasksResponse) -> list[str]:
    return [task.id for task in page.tasks]


AT_ONCE = {"returnImmediately": True}


@virtual_time
async def test_a_caller_finds_its_tasks_at_work_and_ended_the_youngest_state_first() -> None:
    agent = make_agent()
    first, second = await begin(agent, ANN), await begin(agent, ANN)
    asking = await begin(agent, ANN, "how many?", skill="quiz")
    working = await begin(agent, ANN, "60", configuration=AT_ONCE)
    await asyncio.sleep(1)
    last = await begin(agent, ANN)
    page = await listed(agent, ANN)
    # The question was asked and the work begun at the moment at which the second task ended.
    assert ids(page) == [last.id, *sorted([second.id, asking.id, working.id]), first.id]
    assert (page.page_size, page.total_size, page.next_page_token) == (50, 5, "")
    assert {task.id: task.status.state for task in page.tasks} == {
        first.id: TaskState.COMPLETED,
        second.id: TaskState.COMPLETED,
        asking.id: TaskState.INPUT_REQUIRED,
        working.id: TaskState.WORKING,
        last.id: TaskState.COMPLETED,
    }
    await agent.aclose()


@virtual_time
async def test_nobody_finds_a_task_of_somebody_else() -> None:
    agent = make_agent()
    callers: list[dict[str, str]] = [ANN, BEN, OTHER_ANN, {}]
    made = [[await begin(agent, who), await begin(agent, who, "60", configuration=AT_ONCE)] for who in callers]
    for who, own in zip(callers, made, strict=True):
        page = await listed(agent, who)
        assert sorted(ids(page)) == sorted(task.id for task in own)
        assert page.total_size == 2
    await agent.aclose()


@virtual_time
async def test_a_task_stays_its_beginners_whoever_answers_its_question() -> None:
    agent = make_agent()
    asking = await begin(agent, ANN, "how many?", skill="quiz")
    await begin(agent, BEN, "four", skill="", taskId=asking.id)
    assert ids(await listed(agent, ANN)) == [asking.id]
    assert ids(await listed(agent, BEN)) == []


@virtual_time
async def test_a_list_is_narrowed_by_context_state_and_time() -> None:
    agent = make_agent()
    nothing: list[Task] = []
    trip = await begin(agent, ANN, contextId="trip")
    fair = await begin(agent, ANN, contextId="fair")
    asking = await begin(agent, ANN, "?", skill="quiz", contextId="trip")
    working = await begin(agent, ANN, "60", configuration=AT_ONCE, contextId="fair")
    at = {task.id: task.status.timestamp for task in (trip, fair)}
    for params, found in (
        ({"contextId": "trip"}, [trip, asking]),
        ({"contextId": "tri"}, nothing),
        ({"status": "TASK_STATE_COMPLETED"}, [trip, fair]),
        ({"status": "TASK_STATE_WORKING"}, [working]),
        ({"status": "TASK_STATE_INPUT_REQUIRED", "contextId": "fair"}, nothing),
        ({"statusTimestampAfter": at[trip.id]}, [trip, fair, asking, working]),
        ({"statusTimestampAfter": "1970-01-01T00:16:41.001Z"}, [fair, asking, working]),
        ({"statusTimestampAfter": "2999-01-01T01:00:00+01:00"}, nothing),
    ):
        page = await listed(agent, ANN, **params)
        assert sorted(ids(page)) == sorted(task.id for task in found)
        assert page.total_size == len(found)
    assert at[trip.id] == "1970-01-01T00:16:41.000Z"
    await agent.aclose()


@virtual_time
async def test_a_cancelled_task_is_listed_as_cancelled() -> None:
    agent = make_agent()
    working = await begin(agent, ANN, "60", configuration=AT_ONCE)
    await cancel(agent, working.id)
    (task,) = (await listed(agent, ANN)).tasks
    assert (task.id, task.status.state) == (working.id, TaskState.CANCELED)


@virtual_time
async def test_artifacts_come_where_they_are_asked_for_and_history_as_long_as_asked() -> None:
    agent = make_agent()
    made = await begin(agent, ANN)
    (plain,) = (await listed(agent, ANN)).tasks
    assert (plain.artifacts, plain.history) == ([], made.history)
    (whole,) = (await listed(agent, ANN, includeArtifacts=True, historyLength=0)).tasks
    assert (text_of(whole), whole.history) == ("1 s", [])


@virtual_time
async def test_a_list_is_read_page_by_page_though_it_grows_meanwhile() -> None:
    agent = make_agent()
    made = [(await begin(agent, ANN)).id for _ in range(5)]
    found: list[str] = []
    token, sizes = "", list[int]()
    while True:
        page = await listed(agent, ANN, pageSize=2, **({"pageToken": token} if token else {}))
        found += ids(page)
        sizes.append(len(page.tasks))
        await begin(agent, ANN)
        token = page.next_page_token
        if not token:
            break
    assert (found, sizes) == (list(reversed(made)), [2, 2, 1])


@virtual_time
async def test_a_page_ends_early_where_its_tasks_are_large() -> None:
    agent = make_agent(msgspec.structs.replace(DEFAULTS, task_page=1000))
    made = [(await begin(agent, ANN, "1", metadata={"note": "x" * 600})).id for _ in range(3)]
    page = await listed(agent, ANN)
    assert (ids(page), page.total_size) == (made[2:], 3)
    page = await listed(agent, ANN, pageToken=page.next_page_token)
    assert ids(page) == [made[1]]


@virtual_time
@pytest.mark.requirement("tasks.page_token")
async def test_a_token_is_good_for_its_question_and_its_caller_alone() -> None:
    agent = make_agent()
    for _ in range(3):
        await begin(agent, ANN, contextId="trip")
        await begin(agent, BEN, contextId="trip")
    token = (await listed(agent, ANN, pageSize=1)).next_page_token
    assert len((await listed(agent, ANN, pageSize=100, pageToken=token)).tasks) == 2
    other = "B" if token[0] != "B" else "C"
    for who, params in (
        (BEN, {"pageToken": token}),
        ({}, {"pageToken": token}),
        (ANN, {"pageToken": token, "contextId": "trip"}),
        (ANN, {"pageToken": token, "status": "TASK_STATE_COMPLETED"}),
        (ANN, {"pageToken": token, "statusTimestampAfter": "1970-01-01T00:00:00Z"}),
        (ANN, {"pageToken": other + token[1:]}),
        (ANN, {"pageToken": "made-up"}),
        (ANN, {"pageToken": "é"}),
    ):
        with pytest.raises(InvalidParams) as refused:
            await listed(agent, who, **params)
        assert [path for path, _ in refused.value.violations] == ["pageToken"]


@virtual_time
async def test_what_a_list_cannot_be_asked_for_is_named() -> None:
    agent = make_agent()
    for field, value in (
        ("pageSize", 0),
        ("pageSize", 101),
        ("historyLength", -1),
        ("statusTimestampAfter", "yesterday"),
        ("statusTimestampAfter", "2026-01-01T00:00:00"),
    ):
        with pytest.raises(InvalidParams) as refused:
            await listed(agent, ANN, **{field: value})
        assert [path for path, _ in refused.value.violations] == [field]


FIRST = {**ANN, headers.TASKS_AFTER: "first"}


@virtual_time
@pytest.mark.requirement("tasks.from_agents")
async def test_a_gateway_is_given_back_the_labels_that_it_sent_and_nobody_else_is() -> None:
    agent = make_agent()
    working = await begin(agent, {**ANN, headers.TASK_LABEL: "one"}, "60", configuration=AT_ONCE)
    ended = await begin(agent, {**ANN, headers.TASK_LABEL: "two"})
    plain = await begin(agent, ANN)
    asking = await begin(agent, {**ANN, headers.TASK_LABEL: "three"}, "?", skill="quiz")
    await begin(agent, {**ANN, headers.TASK_LABEL: "other"}, "!", skill="", taskId=asking.id)
    page = await listed(agent, FIRST)
    assert {task.id: task.metadata for task in page.tasks} == {
        working.id: {headers.LABEL_KEY: "one"},
        ended.id: {headers.LABEL_KEY: "two"},
        plain.id: {},
        asking.id: {headers.LABEL_KEY: "three"},
    }
    assert [task.metadata for task in (await listed(agent, ANN)).tasks] == [{}] * 4
    await agent.aclose()


@virtual_time
@pytest.mark.requirement("tasks.from_agents")
async def test_what_a_skill_puts_in_a_labels_place_is_none() -> None:
    store = MemoryTasks()
    agent = make_agent(store=store)
    made = await begin(agent, ANN)
    await store.save(msgspec.structs.replace(made, metadata={headers.LABEL_KEY: "made up", "note": 1}))
    (task,) = (await listed(agent, FIRST)).tasks
    assert task.metadata == {"note": 1}
    (task,) = (await listed(agent, ANN)).tasks
    assert task.metadata == {headers.LABEL_KEY: "made up", "note": 1}


@virtual_time
@pytest.mark.requirement("tasks.from_agents")
async def test_a_gateway_says_where_the_list_begins_and_pages_go_on_from_there() -> None:
    agent = make_agent()
    made = [await begin(agent, ANN) for _ in range(5)]
    second = made[3]
    assert second.status.timestamp is not None
    place = place_of(second.status.timestamp, f"{second.id}~tag")
    page = await listed(agent, {**ANN, headers.TASKS_AFTER: place_text(place)}, pageSize=2)
    assert (ids(page), page.total_size) == ([made[2].id, made[1].id], 5)
    rest = await listed(agent, {**ANN, headers.TASKS_AFTER: place_text(place)}, pageToken=page.next_page_token)
    assert ids(rest) == [made[0].id]
    # Behind another task of the same moment, whose id comes first, stands the whole moment.
    page = await listed(agent, {**ANN, headers.TASKS_AFTER: place_text((place[0], "!~tag"))})
    assert ids(page) == [task.id for task in made[3::-1]]
    for wrong in ("", "last", "%5B1%5D"):
        asked = listed(agent, {**ANN, headers.TASKS_AFTER: wrong})
        if not wrong:
            assert len((await asked).tasks) == 5
            continue
        with pytest.raises(InvalidParams, match="meshgate-tasks-after"):
            await asked


class OwnStore:
    """A store of an author's own that knows no owners."""

    def __init__(self) -> None:
        self._kept = MemoryTasks()

    async def load(self, task_id: str) -> Task | None:
        return await self._kept.load(task_id)

    async def save(self, task: Task) -> None:
        await self._kept.save(task)

    async def aclose(self) -> None:
        await self._kept.aclose()


@virtual_time
async def test_a_store_that_knows_no_owners_is_named_as_the_reason() -> None:
    agent = make_agent(store=OwnStore())
    made = await begin(agent, ANN)
    assert made.status.state == TaskState.COMPLETED
    with pytest.raises(UnsupportedOperation, match="OwnedTasks"):
        await listed(agent, ANN)
    # Gateways do not ask it, then.
    assert (agent.manifest().lists_tasks, make_agent().manifest().lists_tasks) == (False, True)
