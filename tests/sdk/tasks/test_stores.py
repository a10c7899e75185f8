"""Stores of tasks: the two keep the same promises, and a file's instances answer for each other."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from meshgate.a2a.errors import TaskNotCancelable, UnsupportedOperation
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.types import (
    Artifact,
    Message,
    Part,
    Role,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from meshgate.sdk import Agent, Context, FileTasks, MemoryTasks, OwnedTasks, SharedTasks, TaskEntry, TaskStore
from meshgate.sdk.tasks.task_state import TaskProjection
from tests.sdk.calls import answer, cancel, get, make_call, read, send, stream, subscribe

LIMITS = msgspec.structs.replace(DEFAULTS, tasks=3, task_seconds=100.0)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def task_of(name: str, state: TaskState = TaskState.COMPLETED) -> Task:
    said = Message("m", Role.USER, [Part(text="hé"), Part(data={"n": [1, None]})], task_id=name)
    return Task(name, TaskStatus(state), "c", [Artifact("a", [Part(raw="AA==")])], [said], {"k": {"v": 1.5}})


def timed(task: Task, timestamp: str) -> Task:
    status = msgspec.structs.replace(task.status, timestamp=timestamp)
    return msgspec.structs.replace(task, status=status)


def working(name: str, text: str) -> StreamResponse:
    said = Message(text, Role.AGENT, [Part(text=text)])
    return StreamResponse(status_update=TaskStatusUpdateEvent(name, TaskStatus(TaskState.WORKING, said), "c"))


def chunk(name: str, text: str, *, append: bool = True) -> StreamResponse:
    artifact = Artifact("a", [Part(text=text)])
    return StreamResponse(artifact_update=TaskArtifactUpdateEvent(name, artifact, "c", append))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "file"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[TaskStore]:
    memory = request.param == "memory"
    made: TaskStore = MemoryTasks(LIMITS, clock) if memory else FileTasks(tmp_path / "tasks.db", LIMITS, clock)
    yield made
    await made.aclose()


# -- both


async def test_a_task_is_loaded_as_it_was_saved(store: TaskStore) -> None:
    await store.save(task_of("t1"))
    await store.save(task_of("t2", TaskState.INPUT_REQUIRED))
    assert await store.load("t1") == task_of("t1")
    assert await store.load("t2") == task_of("t2", TaskState.INPUT_REQUIRED)
    assert await store.load("t3") is None


async def test_saving_again_replaces(store: TaskStore) -> None:
    await store.save(task_of("t1", TaskState.INPUT_REQUIRED))
    await store.save(task_of("t1", TaskState.FAILED))
    assert await store.load("t1") == task_of("t1", TaskState.FAILED)


async def ids_of(store: OwnedTasks, owner: str) -> list[str]:
    return sorted(entry.id for entry in await store.owned(owner))


@pytest.mark.requirement("sdk.tasks_listed")
async def test_an_owner_finds_its_tasks_and_where_they_stand(store: TaskStore) -> None:
    assert isinstance(store, OwnedTasks)
    for name, owner in (("t1", "ann"), ("t2", "ben"), ("t3", "ann")):
        await store.own(name, owner)
        await store.save(timed(task_of(name, TaskState.INPUT_REQUIRED), "2026-01-01T00:00:00Z"))
    await store.save(timed(task_of("t1"), "2026-01-01T00:00:01Z"))
    assert sorted(await store.owned("ann"), key=lambda entry: entry.id) == [
        TaskEntry("t1", "c", TaskState.COMPLETED, "2026-01-01T00:00:01Z"),
        TaskEntry("t3", "c", TaskState.INPUT_REQUIRED, "2026-01-01T00:00:00Z"),
    ]
    assert (await ids_of(store, "ben"), await ids_of(store, "")) == (["t2"], [])


@pytest.mark.requirement("tasks.from_agents")
async def test_a_label_stays_with_its_task(store: TaskStore) -> None:
    assert isinstance(store, OwnedTasks)
    await store.own("t1", "ann", "label")
    await store.save(task_of("t1", TaskState.INPUT_REQUIRED))
    await store.own("t2", "ann")
    await store.save(task_of("t2"))
    for name in ("t1", "t2"):
        await store.own(name, "ben", "another")
        await store.save(task_of(name))
    assert {entry.id: entry.label for entry in await store.owned("ann")} == {"t1": "label", "t2": ""}


@pytest.mark.requirement("sdk.tasks_listed")
async def test_a_task_has_one_owner_for_good_and_without_one_is_nobodys(store: TaskStore) -> None:
    assert isinstance(store, OwnedTasks)
    await store.save(task_of("t1"))
    await store.own("t2", "ann")
    await store.save(task_of("t2"))
    await store.own("t2", "ben")
    await store.save(task_of("t2"))
    assert (await ids_of(store, "ann"), await ids_of(store, "ben"), await ids_of(store, "")) == (["t2"], [], [])


async def test_an_owners_old_tasks_in_memory_are_over_for_its_list_too(clock: Clock) -> None:
    store = MemoryTasks(LIMITS, clock)
    await store.own("t", "ann")
    await store.save(task_of("t"))
    clock.now += 99.0
    assert await ids_of(store, "ann") == ["t"]
    clock.now += 1.0
    assert (await ids_of(store, "ann"), await store.load("t")) == ([], None)


def test_only_a_store_that_is_made_for_it_is_shared(tmp_path: Path) -> None:
    assert isinstance(FileTasks(tmp_path / "tasks.db"), SharedTasks)
    assert not isinstance(MemoryTasks(), SharedTasks)
    assert Agent("a", store=FileTasks(tmp_path / "tasks.db")).manifest().shared_tasks
    assert not Agent("a").manifest().shared_tasks
    with pytest.raises(ValueError, match="FileTasks"):
        Agent("a", shared_tasks=True)


# -- the file


@pytest.fixture
async def pair(tmp_path: Path, clock: Clock) -> AsyncIterator[tuple[FileTasks, FileTasks]]:
    """Two instances' stores on one file."""
    one, two = FileTasks(tmp_path / "tasks.db", LIMITS, clock), FileTasks(tmp_path / "tasks.db", LIMITS, clock)
    yield one, two
    await one.aclose()
    await two.aclose()


class CountedTasks(MemoryTasks):
    """A store that says how much it holds, so that an empty one is false."""

    def __len__(self) -> int:
        return 0


async def test_a_store_that_is_still_empty_is_used() -> None:
    store = CountedTasks()
    agent = Agent("a", store=store)

    @agent.skill
    async def say(text: str) -> str:
        return text

    task = await send(agent, "hi")
    assert await store.load(task.id) == task


async def test_a_file_outlives_its_instances(tmp_path: Path) -> None:
    first = FileTasks(tmp_path / "deep" / "tasks.db")
    await first.save(task_of("t1"))
    await first.aclose()
    second = FileTasks(tmp_path / "deep" / "tasks.db")
    assert await second.load("t1") == task_of("t1")
    await second.aclose()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["tasks.db"]


async def test_a_task_at_work_is_seen_from_elsewhere_as_it_stands(pair: tuple[FileTasks, FileTasks]) -> None:
    one, two = pair
    await one.begin(task_of("t", TaskState.WORKING))
    await one.append("t", chunk("t", "x", append=False))
    await one.append("t", chunk("t", "y"))
    loaded = await two.load("t")
    assert loaded is not None
    assert loaded.artifacts[0].parts == [Part(text="xy")]


async def test_a_follower_sees_the_task_then_every_event_once(pair: tuple[FileTasks, FileTasks]) -> None:
    one, two = pair
    await one.begin(task_of("t", TaskState.WORKING))
    await one.append("t", working("t", "early"))
    following = two.follow("t")
    first = await anext(following)
    assert first.task is not UNSET
    assert first.task.status.message is not None
    sent = [working("t", "1"), chunk("t", "2")]
    sent.append(StreamResponse(status_update=TaskStatusUpdateEvent("t", TaskStatus(TaskState.COMPLETED), "c")))
    for event in sent:
        await one.append("t", event)
    await one.save(task_of("t"))
    assert [event async for event in following] == sent


async def test_a_wish_to_cancel_reaches_the_instance_that_works_and_no_other(
    pair: tuple[FileTasks, FileTasks],
) -> None:
    one, two = pair
    await one.begin(task_of("t", TaskState.WORKING))
    await two.ask_cancel("t")
    assert await two.cancels() == []
    assert await one.cancels() == ["t"]
    assert await one.cancels() == []


async def test_a_file_keeps_so_many_tasks_for_so_long(tmp_path: Path, clock: Clock) -> None:
    store = FileTasks(tmp_path / "tasks.db", LIMITS, clock)
    await store.save(task_of("asked", TaskState.INPUT_REQUIRED))
    for number in range(501):
        clock.now += 0.01
        await store.save(task_of(f"t{number}"))
    kept = [number for number in range(501) if await store.load(f"t{number}") is not None]
    assert len(kept) <= 2 * LIMITS.tasks
    assert kept[-1] == 500
    assert await store.load("asked") is not None
    await store.aclose()


async def test_owners_go_with_their_tasks(tmp_path: Path, clock: Clock) -> None:
    store = FileTasks(tmp_path / "tasks.db", LIMITS, clock)
    for number in range(501):
        await store.own(f"t{number}", "ann", "label")
        await store.save(task_of(f"t{number}"))
    with closing(sqlite3.connect(tmp_path / "tasks.db")) as database:
        (left,) = database.execute("SELECT count(*) FROM owned").fetchone()
        (labels,) = database.execute("SELECT count(*) FROM labels").fetchone()
    assert left == labels == len(await store.owned("ann")) <= 2 * LIMITS.tasks
    await store.aclose()


@pytest.mark.requirement("sdk.tasks_listed")
async def test_an_owner_finds_its_tasks_at_every_instance_as_they_stand_there(
    pair: tuple[FileTasks, FileTasks],
) -> None:
    one, two = pair
    await one.own("t", "ann")
    await one.begin(timed(task_of("t", TaskState.WORKING), "2026-01-01T00:00:00Z"))
    said = TaskStatus(TaskState.WORKING, timestamp="2026-01-01T00:00:05Z")
    await one.append("t", StreamResponse(status_update=TaskStatusUpdateEvent("t", said, "c")))
    assert await two.owned("ann") == [TaskEntry("t", "c", TaskState.WORKING, "2026-01-01T00:00:05Z")]
    await one.aclose()
    (gone,) = await two.owned("ann")
    assert (gone.state, gone.timestamp) == (TaskState.FAILED, "1970-01-01T00:16:40.000Z")
    assert await two.load("t") is not None


_FORMER = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, sequence INTEGER NOT NULL, body BLOB NOT NULL, ended REAL
) WITHOUT ROWID;
CREATE INDEX ended ON tasks (ended) WHERE ended IS NOT NULL;
CREATE TABLE events (
    task TEXT NOT NULL, sequence INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (task, sequence)
) WITHOUT ROWID;
CREATE TABLE cancels (task TEXT PRIMARY KEY) WITHOUT ROWID;
"""


@pytest.mark.requirement("sdk.tasks_listed")
async def test_a_file_of_an_older_release_keeps_what_it_holds_and_learns_owners(tmp_path: Path) -> None:
    insert = "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?)"
    with closing(sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)) as former:
        former.executescript(_FORMER)
        former.execute(insert, ("old", "", 0, msgspec.json.encode(task_of("old")), 1.0))
        store = FileTasks(tmp_path / "tasks.db")
        assert await store.load("old") == task_of("old")
        await store.own("new", "ann")
        await store.save(task_of("new"))
        assert (await ids_of(store, "ann"), await ids_of(store, "")) == (["new"], [])
        # An instance of that release goes on with the file.
        former.execute(insert, ("late", "", 0, msgspec.json.encode(task_of("late")), 1.0))
        assert await store.load("late") == task_of("late")
        await store.aclose()


@pytest.mark.requirement("tasks.from_agents")
async def test_a_file_that_knows_owners_and_no_labels_is_read_and_learns_them(tmp_path: Path) -> None:
    texts = ("caller", "context", "state", "timestamp")
    columns = ("task TEXT PRIMARY KEY", *(f"{name} TEXT NOT NULL" for name in texts))
    with closing(sqlite3.connect(tmp_path / "tasks.db", isolation_level=None)) as former:
        former.executescript(f"{_FORMER} CREATE TABLE owned ({', '.join(columns)}) WITHOUT ROWID;")
        row = ("old", "", 0, msgspec.json.encode(task_of("old")), time.time())
        former.execute("INSERT INTO tasks VALUES (?, ?, ?, ?, ?)", row)
        former.execute("INSERT INTO owned VALUES ('old', 'ann', 'c', 'TASK_STATE_COMPLETED', '')")
    store = FileTasks(tmp_path / "tasks.db")
    await store.own("new", "ann", "label")
    await store.save(task_of("new"))
    assert {entry.id: entry.label for entry in await store.owned("ann")} == {"old": "", "new": "label"}
    await store.aclose()


async def test_an_instance_that_closed_answers_for_nothing_any_more(pair: tuple[FileTasks, FileTasks]) -> None:
    one, two = pair
    await one.begin(task_of("t", TaskState.WORKING))
    await one.aclose()
    loaded = await two.load("t")
    assert loaded is not None
    assert loaded.status.state == TaskState.FAILED


_WORKER = """
import asyncio, sys
from meshgate.sdk import FileTasks
from meshgate.a2a.types import Task, TaskState, TaskStatus

async def main():
    store = FileTasks(sys.argv[1])
    await store.begin(Task("t", TaskStatus(TaskState.WORKING), "c"))
    print("begun", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that works on task t in this file."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", _WORKER, str(tmp_path / "tasks.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
        process.kill()


async def test_a_task_whose_process_was_killed_is_failed_for_all_who_ask_or_watch(
    tmp_path: Path, worker: subprocess.Popen[str]
) -> None:
    store = FileTasks(tmp_path / "tasks.db")
    loaded = await store.load("t")
    assert loaded is not None
    assert loaded.status.state == TaskState.WORKING
    following = store.follow("t")
    assert (await anext(following)).task is not UNSET
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    seen = [event async for event in following]
    assert seen[-1].status_update is not UNSET
    assert seen[-1].status_update.status.state == TaskState.FAILED
    loaded = await store.load("t")
    assert loaded is not None
    assert loaded.status.state == TaskState.FAILED
    await store.aclose()


# -- two instances of an agent


def make_agent(path: Path, gate: asyncio.Event) -> Agent:
    agent = Agent("demo", store=FileTasks(path))

    @agent.skill(default=True)
    async def slow(text: str, ctx: Context) -> str:
        await ctx.progress("begun")
        if text != "at once":
            await gate.wait()
        return "done"

    return agent


@pytest.fixture
def gate() -> asyncio.Event:
    """What the agents' work waits for."""
    return asyncio.Event()


@pytest.fixture
async def agents(tmp_path: Path, gate: asyncio.Event) -> AsyncIterator[tuple[Agent, Agent]]:
    one, two = (make_agent(tmp_path / "tasks.db", gate) for _ in range(2))
    yield one, two
    await one.aclose()
    await two.aclose()


@pytest.mark.requirement("sdk.shared_tasks")
async def test_any_instance_answers_for_a_task_of_another(agents: tuple[Agent, Agent]) -> None:
    one, two = agents
    task = await send(one, "at once")
    assert await get(two, task.id) == task
    with pytest.raises(TaskNotCancelable):
        await cancel(two, task.id)
    with pytest.raises(UnsupportedOperation):
        await subscribe(two, task.id)


@pytest.mark.requirement("sdk.tasks_listed")
async def test_any_instance_lists_the_tasks_of_all(agents: tuple[Agent, Agent], gate: asyncio.Event) -> None:
    one, two = agents
    ended = await send(one, "at once")
    working = await send(one, "later", configuration={"returnImmediately": True})
    for agent in agents:
        page = await answer(agent, make_call("ListTasks", {"pageSize": 1}))
        rest = await answer(agent, make_call("ListTasks", {"pageToken": page.next_page_token}))
        found = [*page.tasks, *rest.tasks]
        assert sorted(task.id for task in found) == sorted([ended.id, working.id])
        assert page.total_size == 2
    (at_work,) = (await answer(two, make_call("ListTasks", {"status": "TASK_STATE_WORKING"}))).tasks
    assert at_work.status.message is not None
    gate.set()


async def test_a_task_can_be_watched_at_another_instance(agents: tuple[Agent, Agent], gate: asyncio.Event) -> None:
    one, two = agents
    reply = await stream(one, "later")
    task_id = (await anext(reply)).view().task.id
    watched = await subscribe(two, task_id)
    assert (await anext(watched)).view().task.id == task_id
    gate.set()
    assert (await read(watched))[-1] == (await read(reply))[-1]


@pytest.mark.requirement("sdk.shared_tasks")
async def test_a_task_can_be_cancelled_at_another_instance(agents: tuple[Agent, Agent]) -> None:
    one, two = agents
    task = await send(one, "later", configuration={"returnImmediately": True})
    assert (await get(two, task.id)).status.state == TaskState.WORKING
    ended = await cancel(two, task.id)
    assert ended.status.state == TaskState.CANCELED
    assert (await cancel(one, task.id)).status.state == TaskState.CANCELED


# -- folding

_texts = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text(max_size=3), st.booleans()), max_size=12)


@given(_texts, st.integers(0, 12))
def test_a_task_is_the_same_wherever_one_begins_to_watch(chunks: list[tuple[str, str, bool]], cut: int) -> None:
    start = Task("t", TaskStatus(TaskState.WORKING), "c")
    events = [
        StreamResponse(artifact_update=TaskArtifactUpdateEvent("t", Artifact(name, [Part(text=text)]), "c", append))
        for name, text, append in chunks
    ]
    whole = TaskProjection(start)
    for event in events[:cut]:
        whole.apply(event)
    late = TaskProjection(msgspec.convert(msgspec.to_builtins(whole.snapshot()), Task))
    for event in events[cut:]:
        whole.apply(event)
        late.apply(event)
    assert whole.snapshot() == late.snapshot()
    expected: dict[str, str] = {}
    for name, text, append in chunks:
        expected[name] = expected.get(name, "") + text if append else text
    assert {
        made.artifact_id: "".join(str(part.text) for part in made.parts) for made in whole.snapshot().artifacts
    } == expected
