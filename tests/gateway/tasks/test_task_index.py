"""The index of tasks: whose each is, where it stands, how long it is remembered, and what several gateways know."""

from __future__ import annotations

from typing import Any

import pytest

from meshgate.a2a.codec.timestamps import seconds_of, timestamp_of
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.types import StreamResponse, Task
from meshgate.gateway.tasks.known_task import KnownTask, KnownTasks, TaskQuery, merged
from meshgate.gateway.tasks.task_index import TaskIndex
from tests.gateway.calls import Clock, limits

pytestmark = pytest.mark.requirement("tasks.listed")
TAGS = TaskTags(bytes(32))
ANN, BEN = TAGS.owner("ann"), TAGS.owner("ben")
WORKING, COMPLETED = "TASK_STATE_WORKING", "TASK_STATE_COMPLETED"
EVERY = TaskQuery(("desk", "echo"))


def task_id(upstream: str, owner: str = "ann", tenant: str = "acme") -> str:
    return TAGS.tag(upstream, tenant=tenant, owner=owner, agent="echo", instance="echo-1")


def told(name: str, state: str = WORKING, context: str = "c", at: str = "", form: str = "task") -> JsonPayload:
    """An event of a task: a whole one, in a stream or not, or a new status."""
    status = {"state": state, **({"timestamp": at} if at else {})}
    body: dict[str, Any] = {"status": status, **({"contextId": context} if context else {})}
    if form == "answer":
        return JsonPayload(Task, {"id": name, **body})
    if form == "task":
        return JsonPayload(StreamResponse, {"task": {"id": name, **body}})
    return JsonPayload(StreamResponse, {"statusUpdate": {"taskId": name, **body}})


class Indexed:
    """An index on a clock that is moved by hand."""

    def __init__(self, **more: Any) -> None:
        self.clock = Clock(1000.0)
        self.index = TaskIndex(TAGS, self.clock, limits(**more))

    def note(self, name: str, *more: Any, tenant: str = "acme", agent: str = "echo", **rest: Any) -> None:
        self.index.note(told(name, *more, **rest), tenant, agent)

    def ids(self, query: TaskQuery = EVERY, owner: bytes = ANN, tenant: str = "acme") -> list[str]:
        return [row.id for row in self.index.of(tenant, owner, query).rows]

    def only(self) -> KnownTask:
        (row,) = self.index.of("acme", ANN, EVERY).rows
        return row


@pytest.mark.parametrize("form", ["task", "answer", "update"])
def test_a_task_is_its_owners_and_stands_where_the_last_event_says(form: str) -> None:
    indexed = Indexed()
    name = task_id("t1")
    indexed.note(name, form=form)
    assert indexed.only() == KnownTask(name, "echo", "c", WORKING, "1970-01-01T00:16:40.000Z", 1000.0)
    indexed.note(name, COMPLETED, at="2026-11-30T12:00:00.25Z", form=form)
    assert indexed.only() == KnownTask(name, "echo", "c", COMPLETED, "2026-11-30T12:00:00.25Z", 1796040000.25)
    assert (indexed.ids(owner=BEN), indexed.ids(tenant="bolt"), len(indexed.index)) == ([], [], 1)


def test_an_agent_that_says_no_time_has_been_in_a_state_since_it_was_seen_there_first() -> None:
    indexed = Indexed()
    name = task_id("t1")
    for now, state, since in ((1000.0, WORKING, 1000.0), (1005.0, WORKING, 1000.0), (1009.0, COMPLETED, 1009.0)):
        indexed.clock.now = now
        indexed.note(name, state)
        assert (indexed.only().time, indexed.only().timestamp) == (since, timestamp_of(since))
    indexed.note(name, COMPLETED, at="nonsense")
    assert indexed.only().time == 1009.0
    indexed.note(name, COMPLETED, at=timestamp_of(1007.0))
    assert indexed.only().time == 1007.0


def test_an_event_that_leaves_the_context_out_takes_nothing_away() -> None:
    indexed = Indexed()
    name = task_id("t1")
    indexed.note(name)
    indexed.note(name, COMPLETED, context="", form="update")
    assert (indexed.only().context, indexed.only().state) == ("c", COMPLETED)
    indexed.note(name, WORKING, context="d")
    assert indexed.only().context == "d"


def test_what_tells_no_state_or_has_no_owner_is_not_noted() -> None:
    indexed = Indexed()
    indexed.note("bare")
    message = {"messageId": "m", "role": "ROLE_AGENT", "parts": [{"text": "x"}], "taskId": task_id("t1")}
    indexed.index.note(JsonPayload(StreamResponse, {"message": message}), "acme", "echo")
    assert len(indexed.index) == 0


def test_a_list_is_filtered_and_begins_with_the_youngest() -> None:
    indexed = Indexed()
    for number, (agent, context, state) in enumerate(
        [("echo", "c", WORKING), ("desk", "d", WORKING), ("echo", "c", COMPLETED), ("gone", "c", WORKING)]
    ):
        name = task_id(f"t{number}")
        indexed.note(name, state, context, timestamp_of(1000.0 + number), agent=agent)
    first, second, third = (task_id(f"t{number}") for number in range(3))
    for query, found in (
        (EVERY, [third, second, first]),
        (TaskQuery(("echo",)), [third, first]),
        (TaskQuery(("desk", "echo"), context="d"), [second]),
        (TaskQuery(("desk", "echo"), state=COMPLETED), [third]),
        (TaskQuery(("desk", "echo"), after=1001.0), [third, second]),
        (TaskQuery(("desk", "echo"), after=1001.5), [third]),
    ):
        assert indexed.ids(query) == found
    same = [task_id(upstream) for upstream in "ab"]
    for name in same:
        indexed.note(name, WORKING, "z", timestamp_of(2000.0))
    assert indexed.ids(TaskQuery(("echo",), context="z")) == same


def test_tasks_are_forgotten_that_nothing_was_heard_of_for_longest() -> None:
    indexed = Indexed(known_tasks=2, known_task_seconds=100.0)
    names = [task_id(f"t{number}") for number in range(3)]
    assert indexed.index.of("acme", ANN, EVERY).since == 1000.0
    for number, name in enumerate(names[:2]):
        indexed.clock.now = 1010.0 + number
        indexed.note(name)
    indexed.clock.now = 1020.0
    indexed.note(names[0])
    indexed.clock.now = 1030.0
    indexed.note(names[2])
    known = indexed.index.of("acme", ANN, EVERY)
    assert ({row.id for row in known.rows}, known.since) == ({names[0], names[2]}, 1011.0)
    indexed.clock.now = 1120.0
    assert len(indexed.ids()) == 2
    indexed.clock.now = 1120.5
    assert (indexed.ids(), indexed.index.of("acme", ANN, EVERY).since) == ([names[2]], 1020.0)
    indexed.clock.now = 1200.0
    assert (indexed.ids(), len(indexed.index)) == ([], 0)
    assert indexed.index._owned == {}  # pyright: ignore[reportPrivateUsage]


def row(name: str, time: float, state: str = WORKING) -> KnownTask:
    return KnownTask(name, "echo", "c", state, timestamp_of(time), time)


def test_of_what_two_gateways_know_the_younger_state_counts_and_the_shorter_memory() -> None:
    here = KnownTasks([row("b", 5.0), row("a", 3.0)], 4, 100.0)
    there = KnownTasks([row("a", 6.0, COMPLETED), row("b", 2.0)], 2, 90.0)
    for several in ([here, there], [there, here]):
        assert merged(several) == KnownTasks([row("a", 6.0, COMPLETED), row("b", 5.0)], 4, 100.0)
    assert merged([]) == KnownTasks([], 0, 0.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("1969-12-31T23:59:59.750Z", -0.25),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_is_read_to_the_fraction(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds
