"""How push configurations are fed: what is told, in which order, how often it is asked, and when that ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
from a2a.compat.v0_3.types import Task as LegacyTask
from structlog.testing import capture_logs

from meshgate.a2a.call import Call, Principal
from meshgate.a2a.errors import (
    InvalidParams,
    MeshError,
    RateLimited,
    TaskNotFound,
    UnsupportedOperation,
    UpstreamUnavailable,
)
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.messages.push_config import TaskPushNotificationConfig
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.types import A2AMessage, StreamResponse, Task
from meshgate.gateway.push.configuration import Configuration
from meshgate.gateway.push.fed_task import FedTask
from meshgate.gateway.push.feeds import Feeds
from tests.gateway.calls import limits, make_call
from tests.gateway.push.receivers import HOOK, Receiver, make_feeds
from tests.support.virtual_loop import elapsed, settle, virtual_time

pytestmark = pytest.mark.requirement("push.fed")
Tree = dict[str, Any]
Step = Tree | float | MeshError
WORKING, COMPLETED, ASKS = "TASK_STATE_WORKING", "TASK_STATE_COMPLETED", "TASK_STATE_INPUT_REQUIRED"
AWAY = UpstreamUnavailable("away")


def whole(state: str = WORKING, at: str = "", **more: Any) -> Tree:
    return {"id": "task", "contextId": "c", "status": {"state": state, **({"timestamp": at} if at else {})}, **more}


def snapshot(state: str = WORKING, at: str = "") -> Tree:
    return {"task": whole(state, at)}


def update(state: str = WORKING, at: str = "") -> Tree:
    return {"statusUpdate": {"taskId": "task", "contextId": "c", "status": whole(state, at)["status"]}}


def artifact(name: str) -> Tree:
    made = {"artifactId": name, "parts": [{"text": name}]}
    return {"artifactUpdate": {"taskId": "task", "contextId": "c", "artifact": made}}


def about(task_id: str, **more: Any) -> Call:
    return make_call(task_id=task_id, **more)


class Agent:
    """What an agent says when its task is asked for: one list of steps for each stream, and then that it has none.

    A number in a stream is a pause in seconds; an error ends it. In ``stands`` is how the task stands, each time that
    it is asked for; the last of these for ever.
    """

    def __init__(self, *streams: Sequence[Step] | MeshError, stands: list[Tree | MeshError] | None = None) -> None:
        self.streams = list(streams)
        self.stands = stands or [TaskNotFound()]
        self.asked: list[tuple[str, float]] = []
        self.bases: list[Call] = []
        self.untils: list[float] = []
        self.open = 0

    async def __call__(self, base: Call, method: str, request: A2AMessage, until: float, /) -> Reply:
        self.asked.append((method, asyncio.get_running_loop().time()))
        self.bases.append(base)
        self.untils.append(until)
        assert getattr(request, "id", "") == "task"
        if method == "GetTask":
            await asyncio.sleep(0.5)
            stands = self.stands.pop(0) if len(self.stands) > 1 else self.stands[0]
            if isinstance(stands, MeshError):
                raise stands
            return Reply.one(JsonPayload(Task, stands))
        steps = self.streams.pop(0) if self.streams else TaskNotFound()
        if isinstance(steps, MeshError):
            raise steps
        return Reply(self._events(steps))

    async def _events(self, steps: Sequence[Step]) -> AsyncIterator[Payload]:
        self.open += 1
        try:
            for step in steps:
                if isinstance(step, MeshError):
                    raise step
                if isinstance(step, dict):
                    yield JsonPayload(StreamResponse, step)
                else:
                    await asyncio.sleep(step)
        finally:
            self.open -= 1

    def pauses(self, method: str = "SubscribeToTask") -> list[float]:
        """The seconds between what was asked."""
        times = [at for name, at in self.asked if name == method]
        return [later - sooner for sooner, later in itertools.pairwise(times)]


class Feeding:
    """Feeds with one agent behind them, and the receiver of their notifications."""

    def __init__(self, agent: Agent, receiver: Receiver | None = None, changed: Limits = DEFAULTS) -> None:
        self.agent, self.receiver = agent, receiver or Receiver()
        self.feeds: Feeds = make_feeds(self.receiver, changed)
        self.feeds.reads(agent)
        self.base = make_call()

    def add(self, name: str = "mine", *, task: str = "task", handle: str = "", legacy: bool = False) -> FedTask:
        fed = self.feeds.fed(task) or FedTask(self.base, task, f"{task}-up", "desk", handle, self.feeds.now())
        self.feeds.add(fed, Configuration(TaskPushNotificationConfig(f"{HOOK}&{name}", task, name), legacy))
        return fed

    async def to_the_end(self, **more: Any) -> list[Any]:
        """Add a configuration, and feed it until that is over; what was sent."""
        fed = self.add(**more)
        assert fed.work is not None
        await fed.work
        return self.receiver.bodies


# -- streams


@virtual_time
async def test_each_event_is_sent_in_order_and_the_next_is_read_when_that_has_ended() -> None:
    begun: list[float] = []

    async def slow_at_first(_: httpx.Request) -> None:
        begun.append(asyncio.get_running_loop().time())
        await asyncio.sleep(5.0 / len(begun))

    told = [snapshot(), artifact("a"), update(WORKING, "2026-11-30T00:00:01Z"), artifact("a"), update(COMPLETED)]
    feeding = Feeding(Agent(list(told)), Receiver(500, answer=slow_at_first))
    start = feeding.feeds.now()
    assert await feeding.to_the_end() == told
    assert [round(at - start, 6) for at in begun] == [0.0, 5.0, 7.5, 9.166667, 10.416667]
    assert [(base.id, base.principal) for base in feeding.agent.bases] == [(feeding.base.id, feeding.base.principal)]
    assert feeding.agent.untils == [start + 86_400.0]
    assert [one.config.id for one in feeding.feeds.of("task")] == ["mine"]


@virtual_time
async def test_each_configuration_gets_each_event_from_when_it_is_there() -> None:
    feeding = Feeding(Agent([snapshot(), 1.0, artifact("a"), 1.0, update(COMPLETED)]))
    fed = feeding.add("a")
    await asyncio.sleep(0.5)
    assert feeding.add("b") is fed
    await asyncio.sleep(1.0)
    assert feeding.feeds.remove("task", "a")
    assert fed.work is not None
    await fed.work
    sent = [request.url.query.decode().rpartition("&")[2] for request in feeding.receiver.requests]
    assert sent == ["a", "a", "b", "b"]
    assert len(feeding.agent.asked) == 1


@virtual_time
async def test_a_receiver_that_fails_costs_the_others_nothing() -> None:
    async def hang(request: httpx.Request) -> None:
        if str(request.url).endswith("&a"):
            await asyncio.Event().wait()

    feeding = Feeding(Agent([snapshot(), update(COMPLETED)]), Receiver(answer=hang))
    feeding.add("a")
    assert await elapsed(feeding.to_the_end(name="b")) == 20.0
    sent = [request.url.query.decode().rpartition("&")[2] for request in feeding.receiver.requests]
    assert sent == ["a", "b", "a", "b"]


@virtual_time
async def test_a_stream_that_breaks_is_read_again_and_what_was_told_is_not_told_again() -> None:
    first, later = "2026-11-30T00:00:01Z", "2026-11-30T00:00:02Z"
    agent = Agent(
        [snapshot(WORKING, first), artifact("a"), AWAY],
        [snapshot(WORKING, first), artifact("b")],
        [snapshot(WORKING, later), update(WORKING, later), AWAY],
        [snapshot(COMPLETED, later)],
    )
    feeding = Feeding(agent)
    with capture_logs() as logs:
        sent = await feeding.to_the_end()
    assert sent == [
        snapshot(WORKING, first),
        artifact("a"),
        artifact("b"),
        snapshot(WORKING, later),
        # An update is told as it comes: it may say more than the state.
        update(WORKING, later),
        snapshot(COMPLETED, later),
    ]
    assert agent.pauses() == [1.0, 1.0, 1.0]
    broke = {"event": "push_stream_broke", "task": "task", "agent": "desk", "code": "UPSTREAM_UNAVAILABLE"}
    assert [one for one in logs if one["event"] != "push"] == [{**broke, "log_level": "info"}] * 2


@virtual_time
async def test_where_nothing_new_is_told_it_is_asked_ever_less_often_up_to_once_a_minute() -> None:
    agent = Agent(AWAY, [snapshot()], AWAY, *([snapshot()] for _ in range(7)), [snapshot(ASKS)], AWAY)
    feeding = Feeding(agent)
    assert await feeding.to_the_end() == [snapshot(), snapshot(ASKS)]
    # After an attempt in vain; then from one second again, because there was news.
    assert agent.pauses() == [1.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0, 1.0, 2.0]


@pytest.mark.parametrize("state", [COMPLETED, "TASK_STATE_FAILED", "TASK_STATE_CANCELED", "TASK_STATE_REJECTED"])
@virtual_time
async def test_a_task_that_is_over_is_told_of_once_more_and_then_not_asked_for(state: str) -> None:
    agent = Agent([snapshot(), update(state), AWAY], [snapshot()])
    assert await Feeding(agent).to_the_end() == [snapshot(), update(state)]
    assert agent.asked == [("SubscribeToTask", 1000.0)]


@virtual_time
async def test_a_task_that_cannot_be_streamed_is_read_instead() -> None:
    no = UnsupportedOperation("it is over")
    agent = Agent(no, stands=[whole(COMPLETED)])
    assert await Feeding(agent).to_the_end() == [snapshot(COMPLETED)]
    assert [method for method, _ in agent.asked] == ["SubscribeToTask", "GetTask"]
    assert agent.untils[1] == 1005.0
    several = Agent(*[no] * 9, stands=[whole(), whole(), AWAY, whole(ASKS), whole(COMPLETED)])
    assert await Feeding(several).to_the_end() == [snapshot(), snapshot(ASKS), snapshot(COMPLETED)]
    # Half a second is what the answers take.
    assert several.pauses() == [1.5, 2.5, 4.5, 8.5]


@virtual_time
async def test_a_task_that_its_agent_does_not_know_is_not_asked_for_again() -> None:
    with capture_logs() as logs:
        for agent in (Agent(TaskNotFound()), Agent(UnsupportedOperation("no"), stands=[TaskNotFound()])):
            feeding = Feeding(agent)
            assert await feeding.to_the_end() == []
            assert len(feeding.feeds.of("task")) == 1
            assert [method for method, _ in agent.asked][:2] == ["SubscribeToTask", "GetTask"][: len(agent.asked)]
    assert logs == [{"event": "push_task_gone", "task": "task", "agent": "desk", "log_level": "info"}] * 2


@virtual_time
async def test_after_the_longest_time_a_task_is_given_up() -> None:
    agent = Agent([snapshot(), 1000.0])
    feeding = Feeding(agent, changed=limits(push_seconds=100.0))
    with capture_logs() as logs:
        assert await elapsed(feeding.to_the_end()) == 100.0
    assert (agent.untils, agent.open) == ([1100.0], 0)
    assert logs[-1] == {"event": "push_given_up", "task": "task", "agent": "desk", "log_level": "warning"}
    fed = feeding.feeds.fed("task")
    assert fed is not None
    assert (fed.ended, fed.seen) == (True, 1100.0)


# -- configurations


@virtual_time
async def test_what_is_deleted_is_fed_no_more_and_its_stream_is_closed() -> None:
    agent = Agent([snapshot(), 10.0, update(COMPLETED)])
    feeding = Feeding(agent)
    fed = feeding.add()
    await asyncio.sleep(5.0)
    assert (agent.open, feeding.receiver.bodies) == (1, [snapshot()])
    assert not feeding.feeds.remove("task", "other")
    assert not feeding.feeds.remove("other", "mine")
    assert feeding.feeds.remove("task", "mine")
    await settle()
    assert (agent.open, feeding.feeds.fed("task"), feeding.feeds.of("task")) == (0, None, [])
    await asyncio.sleep(50.0)
    assert feeding.receiver.bodies == [snapshot()]
    assert not feeding.feeds.remove("task", "mine")
    assert fed.work is not None
    assert fed.work.cancelled()


@pytest.mark.requirement("push.room")
@virtual_time
async def test_an_eleventh_configuration_has_no_room_and_one_in_place_of_another_has() -> None:
    feeding = Feeding(Agent([1000.0]))
    for number in range(10):
        feeding.feeds.check_room(about("task"), f"c{number}")
        feeding.add(f"c{number}")
    feeding.feeds.check_room(about("task"), "c9", elsewhere=9)
    with pytest.raises(InvalidParams) as full:
        feeding.feeds.check_room(about("task"), "c10")
    assert full.value.violations == (("id", "a task may have 10 push configurations: delete one"),)
    feeding.feeds.remove("task", "c9")
    feeding.feeds.check_room(about("task"), "c10")
    with pytest.raises(InvalidParams):
        feeding.feeds.check_room(about("task"), "c10", elsewhere=1)
    feeding.feeds.check_room(about("other"), "c10", elsewhere=1)
    await feeding.feeds.aclose()


@pytest.mark.requirement("push.room")
@virtual_time
async def test_a_gateway_that_is_full_drops_the_task_that_is_over_for_longest_or_takes_no_more() -> None:
    class Agents:
        """Tasks that are over after as many seconds as their names say."""

        async def __call__(self, base: Call, method: str, request: Any, until: float, /) -> Reply:
            del base, method, until
            await asyncio.sleep(float(request.id))
            raise TaskNotFound

    feeding = Feeding(Agent(), changed=limits(push_tasks=3))
    feeding.feeds.reads(Agents())
    for seconds in ("3", "2", "9"):
        feeding.feeds.check_room(about(seconds), "")
        feeding.add(task=seconds)
    await asyncio.sleep(1.0)
    with pytest.raises(RateLimited, match="of 3 tasks of all callers") as full:
        feeding.feeds.check_room(about("4"), "")
    assert full.value.retry_after == 60.0
    # One more configuration of a task that is there takes no room.
    feeding.feeds.check_room(about("3"), "other")
    await asyncio.sleep(3.0)
    feeding.feeds.check_room(about("4"), "")
    assert [feeding.feeds.fed(one) is not None for one in ("3", "2", "9")] == [True, False, True]
    # There is room now: nothing more is dropped.
    feeding.feeds.check_room(about("4"), "")
    feeding.add(task="4")
    feeding.feeds.check_room(about("5"), "")
    assert [feeding.feeds.fed(one) is not None for one in ("3", "9", "4")] == [False, True, True]
    await feeding.feeds.aclose()


@pytest.mark.requirement("push.room")
@virtual_time
async def test_one_caller_has_a_share_of_a_gateway_and_its_own_ended_tasks_give_way() -> None:
    feeding = Feeding(Agent([snapshot(COMPLETED)], [1000.0]), changed=limits(push_tasks=9, push_own_tasks=2))
    await feeding.to_the_end()
    feeding.add(task="task-2")
    other = Principal("user", "bob")
    feeding.feeds.check_room(about("task-3", principal=other), "")
    assert feeding.feeds.fed("task") is not None
    feeding.feeds.check_room(about("task-3"), "")
    assert feeding.feeds.fed("task") is None
    feeding.add(task="task-3")
    feeding.feeds.reads(feeding.agent)
    with pytest.raises(RateLimited, match="of 2 tasks of one caller"):
        feeding.feeds.check_room(about("task-4"), "")
    feeding.feeds.check_room(about("task-4", principal=other), "")
    await feeding.feeds.aclose()


@pytest.mark.requirement("push.room")
@virtual_time
async def test_a_task_whose_last_event_is_being_sent_is_not_dropped() -> None:
    async def slow(_: httpx.Request) -> None:
        await asyncio.sleep(5.0)

    feeding = Feeding(Agent([snapshot(COMPLETED)]), Receiver(answer=slow), limits(push_tasks=1))
    fed = feeding.add()
    await asyncio.sleep(1.0)
    assert fed.ended
    with pytest.raises(RateLimited):
        feeding.feeds.check_room(about("other"), "")
    await asyncio.sleep(5.0)
    feeding.feeds.check_room(about("other"), "")
    assert feeding.feeds.fed("task") is None


# -- versions


@pytest.mark.requirement("push.legacy")
@virtual_time
async def test_a_caller_of_0_3_gets_the_task_and_one_of_1_0_the_event() -> None:
    made = [{"artifactId": "a", "parts": [{"text": "hello"}]}]
    agent = Agent([snapshot(), artifact("a"), update(COMPLETED)], stands=[whole(artifacts=made), whole(COMPLETED)])
    feeding = Feeding(agent)
    feeding.add("new")
    await feeding.to_the_end(name="old", legacy=True)
    by_name: dict[str, list[Any]] = {"new": [], "old": []}
    for request, body in zip(feeding.receiver.requests, feeding.receiver.bodies, strict=True):
        by_name[request.url.query.decode().rpartition("&")[2]].append(body)
    assert by_name["new"] == [snapshot(), artifact("a"), update(COMPLETED)]
    read = [LegacyTask.model_validate(body) for body in by_name["old"]]
    assert [(one.kind, one.id, one.status.state.value) for one in read] == [
        ("task", "task", "working"),
        ("task", "task", "working"),
        ("task", "task", "completed"),
    ]
    assert [len(one.artifacts or ()) for one in read] == [0, 1, 0]
    # The task as it stood first was there already.
    assert [method for method, _ in agent.asked] == ["SubscribeToTask", "GetTask", "GetTask"]


@pytest.mark.requirement("push.legacy")
@pytest.mark.parametrize("error", [AWAY, TaskNotFound()])
@virtual_time
async def test_where_the_task_cannot_be_read_a_caller_of_0_3_is_told_nothing_and_others_are(error: MeshError) -> None:
    agent = Agent([artifact("a"), update(COMPLETED)], stands=[error])
    feeding = Feeding(agent)
    feeding.add("old", legacy=True)
    assert await feeding.to_the_end(name="new") == [artifact("a"), update(COMPLETED)]


# -- calls of agents


@pytest.mark.requirement("push.callbacks")
@virtual_time
async def test_a_call_that_comes_before_its_task_is_known_counts_once_it_is() -> None:
    for upstream, told in (("task-up", [snapshot()]), ("other", [])):
        feeding = Feeding(Agent(stands=[whole(), whole(COMPLETED)]))
        handle = feeding.feeds.expect()
        assert handle != feeding.feeds.expect()
        # 128 bits in base64: nobody guesses it.
        assert len(handle) == 22
        assert feeding.feeds.hear(handle, upstream)
        feeding.add(handle=handle)
        assert not feeding.feeds.hear(handle, "other")
        await asyncio.sleep(1.0)
        assert feeding.receiver.bodies == told
        await feeding.feeds.aclose()


@pytest.mark.requirement("push.callbacks")
@virtual_time
async def test_of_calls_before_a_task_is_known_eight_tasks_are_noted() -> None:
    for before, told in ((7, [snapshot()]), (8, [])):
        feeding = Feeding(Agent(stands=[whole()]))
        handle = feeding.feeds.expect()
        for number in range(before):
            assert feeding.feeds.hear(handle, f"other-{number}")
        assert feeding.feeds.hear(handle, "task-up")
        feeding.add(handle=handle)
        await asyncio.sleep(1.0)
        assert feeding.receiver.bodies == told
        await feeding.feeds.aclose()


@pytest.mark.requirement("push.callbacks")
@virtual_time
async def test_under_a_handle_that_got_no_task_nothing_is_heard() -> None:
    feeding = Feeding(Agent(stands=[whole()]))
    handle, kept = feeding.feeds.expect(), feeding.feeds.expect()
    feeding.feeds.unexpect(handle)
    feeding.feeds.unexpect("never")
    assert not feeding.feeds.hear(handle, "task-up")
    assert not feeding.feeds.hear("never", "task-up")
    feeding.add(handle=kept)
    feeding.feeds.unexpect(kept)
    assert feeding.feeds.hear(kept, "task-up")
    await feeding.feeds.aclose()


@pytest.mark.requirement("push.callbacks")
@virtual_time
async def test_several_calls_while_the_task_is_read_are_one_further_read() -> None:
    agent = Agent(stands=[whole(), whole(ASKS), whole(COMPLETED)])
    feeding = Feeding(agent)
    handle = feeding.feeds.expect()
    fed = feeding.add(handle=handle)
    await settle()
    assert agent.asked == []
    assert feeding.feeds.hear(handle, "task-up")
    await settle()
    for _ in range(5):
        assert feeding.feeds.hear(handle, "task-up")
        assert not feeding.feeds.hear(handle, "other")
    await asyncio.sleep(10.0)
    assert agent.asked == [("GetTask", 1000.0), ("GetTask", 1000.5)]
    assert agent.untils == [1005.0, 1005.5]
    assert feeding.receiver.bodies == [snapshot(), snapshot(ASKS)]
    assert feeding.feeds.hear(handle, "task-up")
    assert fed.work is not None
    await fed.work
    assert feeding.receiver.bodies[2:] == [snapshot(COMPLETED)]


@pytest.mark.requirement("push.callbacks")
@virtual_time
async def test_what_an_agent_made_is_told_though_its_state_is_the_same_and_nothing_is_told_twice() -> None:
    made = whole(artifacts=[{"artifactId": "a", "parts": [{"text": "hello"}]}])
    feeding = Feeding(Agent(stands=[whole(), whole(), made, made]))
    handle = feeding.feeds.expect()
    feeding.add(handle=handle)
    for _ in range(4):
        assert feeding.feeds.hear(handle, "task-up")
        await asyncio.sleep(1.0)
    assert feeding.receiver.bodies == [snapshot(), {"task": made}]
    assert len(feeding.agent.asked) == 4
    await feeding.feeds.aclose()


@pytest.mark.requirement("push.callbacks")
@virtual_time
async def test_a_task_that_could_not_be_read_when_its_agent_called_is_read_again() -> None:
    agent = Agent(stands=[AWAY, AWAY, whole(), AWAY, whole(COMPLETED)])
    feeding = Feeding(agent)
    handle = feeding.feeds.expect()
    fed = feeding.add(handle=handle)
    assert feeding.feeds.hear(handle, "task-up")
    await asyncio.sleep(100.0)
    assert feeding.feeds.hear(handle, "task-up")
    assert fed.work is not None
    await fed.work
    assert feeding.receiver.bodies == [snapshot(), snapshot(COMPLETED)]
    assert [at - 1000.0 for _, at in agent.asked] == [0.0, 1.5, 4.0, 100.0, 101.5]
    gone = Feeding(Agent(stands=[TaskNotFound()]))
    handle = gone.feeds.expect()
    fed = gone.add(handle=handle)
    gone.feeds.hear(handle, "task-up")
    assert fed.work is not None
    await fed.work
    assert (len(gone.agent.asked), gone.receiver.bodies) == (1, [])
    forever = Feeding(Agent(stands=[AWAY]), changed=limits(push_seconds=300.0))
    handle = forever.feeds.expect()
    fed = forever.add(handle=handle)
    forever.feeds.hear(handle, "task-up")
    assert fed.work is not None
    await fed.work
    assert forever.agent.pauses("GetTask") == [1.5, 2.5, 4.5, 8.5, 16.5, 32.5, 60.5, 60.5, 60.5]


@pytest.mark.requirement("push.callbacks")
@virtual_time
async def test_a_handle_is_good_as_long_as_its_task_is_there() -> None:
    feeding = Feeding(Agent(stands=[whole()]))
    handle = feeding.feeds.expect()
    feeding.add(handle=handle)
    feeding.feeds.remove("task", "mine")
    assert not feeding.feeds.hear(handle, "task-up")


# -- the end


@virtual_time
async def test_a_gateway_that_ends_closes_what_it_reads_and_lets_nobody_wait() -> None:
    agent = Agent([snapshot(), 1000.0])
    feeding = Feeding(agent)
    fed = feeding.add()
    await asyncio.sleep(1.0)
    assert agent.open == 1
    assert await elapsed(feeding.feeds.aclose()) == 0.0
    assert fed.work is not None
    assert (agent.open, fed.work.cancelled()) == (0, True)


@virtual_time
async def test_before_anyone_can_read_tasks_none_is_found() -> None:
    feeds = make_feeds()
    fed = FedTask(make_call(), "task", "up", "desk", "", feeds.now())
    feeds.add(fed, Configuration(TaskPushNotificationConfig(HOOK, "task", "mine")))
    assert fed.work is not None
    await fed.work
    assert (fed.ended, feeds.fed("task")) == (True, fed)
