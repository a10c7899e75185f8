"""Which instance takes a call, and what is learnt of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter

import pytest

from meshgate.a2a.call import Call, Route
from meshgate.a2a.errors import AgentError, UpstreamDeadline, UpstreamUnavailable
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import TaskRoute
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.routing.balance import Balance
from meshgate.gateway.upstream.attempt import Chosen
from meshgate.gateway.upstream.instance import Instance
from meshgate.gateway.upstream.instances import Instances
from meshgate.registry.model import Delta, Endpoint
from tests.gateway.calls import NEXT_TO_NONE, Behind, Clock, entry, limits, make_call
from tests.support.virtual_loop import virtual_time


class Scale:
    """The balancer over some instances, all of one release."""

    def __init__(self, *names: str, seed: int = 0, weights: dict[str, float] | None = None) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        changed = limits(breaker_backoff=2.0, breaker_jitter=NEXT_TO_NONE)
        self.instances = Instances(lambda _: "", changed, self.clock, random.Random(1))
        given = weights or {}
        self.instances.apply(Delta(put=tuple(entry(name, weight=given.get(name, 1.0)) for name in names)))
        self.names = names
        self.balance = Balance(
            self.instances, self.metrics, frozenset({("JSONRPC", "1.0")}), changed, self.clock, random.Random(seed)
        )

    def at(self, name: str) -> Instance:
        found = self.instances.get(name)
        assert found is not None
        return found

    def call(self, *, avoid: str = "", keeper: str = "", deadline: float = float("inf")) -> Call:
        route = Route("echo", "say", "1.0.0", self.names)
        call = make_call(route=route, avoid=frozenset(avoid.split()), deadline=deadline)
        return call.with_fact(TaskRoute("t", keeper)) if keeper else call

    async def pick(self, *, avoid: str = "", keeper: str = "") -> tuple[str, str]:
        """The instance that a call goes to, and the reason."""
        behind = Behind()
        await (await self.balance(self.call(avoid=avoid, keeper=keeper), behind)).answer()
        fact = behind.last.fact(Chosen)
        assert fact is not None
        return fact.attempt.instance.id, fact.reason

    async def picks(self, times: int = 60, **more: str) -> Counter[str]:
        return Counter([(await self.pick(**more))[0] for _ in range(times)])

    async def refusal(self) -> UpstreamUnavailable:
        with pytest.raises(UpstreamUnavailable) as refused:
            await self.balance(self.call(), Behind())
        return refused.value


# -- the choice


async def test_of_two_the_less_loaded_one_takes_every_call() -> None:
    scale = Scale("a", "b")
    scale.at("a").observe(0.2)
    scale.at("b").observe(0.1)
    assert await scale.picks() == {"b": 60}
    scale.at("b").observe(0.3)
    assert await scale.picks() == {"a": 60}


async def test_of_many_two_are_compared_and_the_most_loaded_one_gets_nothing() -> None:
    scale = Scale("a", "b", "c")
    for latency, name in enumerate("abc", 1):
        scale.at(name).observe(latency / 10)
    found = await scale.picks(600)
    assert set(found) == {"a", "b"}  # not "a" alone: then all gateways would run to the same instance
    assert found["a"] == pytest.approx(400, abs=40)


async def test_equals_share_the_calls() -> None:
    found = await Scale("a", "b").picks(600)
    assert found["a"] == pytest.approx(300, abs=50)


async def test_the_reason_says_what_there_was_to_choose_from() -> None:
    scale = Scale("a", "b", "c", "d")
    scale.at("d").healthy = False
    assert (await scale.pick())[1] == "the less loaded of two, 3 of 4 ready"
    for name in "ab":
        scale.at(name).healthy = False
    assert await scale.pick() == ("c", "the only one ready of 4")


@pytest.mark.requirement("path.retry")
async def test_what_failed_this_call_is_avoided_as_long_as_there_is_another() -> None:
    scale = Scale("a", "b", "c")
    assert set(await scale.picks(avoid="a")) == {"b", "c"}
    assert await scale.picks(avoid="a b") == {"c": 60}
    assert set(await scale.picks(avoid="a b c")) == {"a", "b", "c"}
    scale.at("c").healthy = False
    assert set(await scale.picks(avoid="a b")) == {"a", "b"}


@pytest.mark.requirement("instance.weight")
async def test_an_instance_of_weight_0_takes_calls_only_when_no_other_is_ready() -> None:
    scale = Scale("a", "b", "c", weights={"a": 0.0})
    assert set(await scale.picks()) == {"b", "c"}
    assert await scale.picks(avoid="c") == {"b": 60}
    assert set(await scale.picks(avoid="b c")) == {"b", "c"}
    scale.at("b").healthy = False
    assert await scale.picks() == {"c": 60}
    scale.at("c").healthy = False
    assert await scale.picks() == {"a": 60}
    assert (await scale.pick(keeper="a"))[0] == "a"


@pytest.mark.requirement("instance.weight")
async def test_instances_that_all_have_weight_0_are_equals() -> None:
    scale = Scale("a", "b", weights={"a": 0.0, "b": 0.0})
    assert set(await scale.picks()) == {"a", "b"}
    scale.at("a").observe(0.5)
    assert await scale.picks() == {"b": 60}


@pytest.mark.requirement("instance.weight")
async def test_a_task_is_asked_for_at_the_instance_that_keeps_it_whatever_its_weight() -> None:
    scale = Scale("a", "b", weights={"a": 0.0})
    assert await scale.pick(keeper="a") == ("a", "it keeps the task")


async def test_what_is_not_ready_or_not_there_is_passed_over() -> None:
    scale = Scale("a", "b", "c", "d")
    scale.at("a").healthy = False
    scale.at("b").hung = True
    scale.at("c").breaker.trip()
    assert await scale.picks() == {"d": 60}
    scale.instances.apply(Delta(gone=("d",)))
    scale.clock.now += 2.0
    assert await scale.pick() == ("c", "the only one ready of 3")


async def test_the_instance_that_keeps_the_task_is_asked_first() -> None:
    scale = Scale("a", "b", "c")
    scale.at("b").observe(9.0)
    assert await scale.pick(keeper="b") == ("b", "it keeps the task")
    assert "b" not in await scale.picks(keeper="b", avoid="b")
    assert set(await scale.picks(keeper="x")) == {"a", "c"}
    scale.at("b").healthy = False
    assert set(await scale.picks(keeper="b")) == {"a", "c"}


@pytest.mark.requirement("path.breaker")
async def test_when_none_answers_the_refusal_says_when_the_next_probe_goes() -> None:
    scale = Scale("a", "b", "c")
    scale.at("a").breaker.trip()
    scale.at("c").healthy = False
    scale.clock.now += 0.5
    scale.at("b").breaker.trip()
    scale.at("c").breaker.trip()
    refused = await scale.refusal()
    assert refused.message == "none of the 3 instances of echo answers now"
    assert (refused.retry_after, refused.unsent, refused.endpoint) == (1.5, True, None)
    scale.clock.now += 1.45
    assert (await scale.refusal()).retry_after == 0.1
    for name in "ab":
        scale.at(name).healthy = False
    assert (await scale.refusal()).retry_after is None


async def test_an_instance_whose_bindings_are_not_spoken_here_is_told_so_that_another_is_tried() -> None:
    scale = Scale("a")
    scale.instances.apply(Delta(put=(entry("a", endpoints=(Endpoint("GRPC", "a:1"),)),)))
    refused = await scale.refusal()
    assert refused.message == "a has no address in a binding that this gateway speaks"
    assert (refused.endpoint, refused.unsent, scale.at("a").pending) == ("a", True, 0)


# -- the attempt


@pytest.mark.requirement("path.deadline")
@pytest.mark.parametrize("left", [0.0, -1.0])
async def test_a_call_whose_time_is_over_goes_nowhere(left: float) -> None:
    scale, behind = Scale("a"), Behind()
    with pytest.raises(UpstreamDeadline):
        await scale.balance(scale.call(deadline=1000.0 + left), behind)
    assert (behind.calls, scale.at("a").pending) == ([], 0)


async def test_an_attempt_is_open_until_its_reply_ends_and_the_first_event_says_how_fast_the_instance_is() -> None:
    scale = Scale("a")

    async def forward(call: Call) -> Reply:
        assert scale.at("a").pending == 1
        scale.clock.now += 0.25
        return await Behind()(call)

    reply = await scale.balance(scale.call(), forward)
    (attempt,) = scale.at("a").attempts
    assert (attempt.begun, attempt.heard, scale.at("a").latency) == (True, 1000.0, 0.25)
    scale.clock.now += 5.0
    await reply.answer()
    assert (scale.at("a").pending, scale.at("a").latency) == (0, 0.25)
    assert b'meshgate_attempts_total{agent="echo",outcome="done"} 1.0' in scale.metrics.render()


@pytest.mark.parametrize(
    ("error", "outcome"), [(UpstreamUnavailable(), "failed"), (asyncio.CancelledError(), "cancelled")]
)
async def test_an_attempt_that_fails_is_closed_and_says_nothing_of_the_instances_speed(
    error: BaseException, outcome: str
) -> None:
    scale = Scale("a")
    with pytest.raises(type(error)):
        await scale.balance(scale.call(), Behind(error))
    assert (scale.at("a").pending, scale.at("a").latency) == (0, 0.0)
    assert f'outcome="{outcome}"}} 1.0'.encode() in scale.metrics.render()


async def test_a_reply_that_its_caller_leaves_closes_the_attempt_as_cancelled() -> None:
    scale = Scale("a")
    await (await scale.balance(scale.call(), Behind())).aclose()
    assert scale.at("a").pending == 0
    assert b'outcome="cancelled"} 1.0' in scale.metrics.render()


@pytest.mark.requirement("path.deadline")
@virtual_time
async def test_the_attempt_ends_at_the_calls_deadline_and_its_timer_with_the_reply() -> None:
    loop = asyncio.get_running_loop()
    scale = Scale("a")
    scale.clock.now = loop.time()
    began = loop.time()

    async def silent(call: Call) -> Reply:
        fact = call.fact(Chosen)
        assert fact is not None
        with fact.attempt.guard():
            await asyncio.Event().wait()
        raise AssertionError("nobody sets the event")

    with pytest.raises(UpstreamDeadline):
        await scale.balance(scale.call(deadline=began + 3.0), silent)
    assert loop.time() - began == 3.0

    behind = Behind()
    await (await scale.balance(scale.call(deadline=began + 9.0), behind)).answer()
    await asyncio.sleep(20.0)
    fact = behind.last.fact(Chosen)
    assert fact is not None
    assert fact.attempt.aborted is None


# -- an instance that fails at once


@pytest.mark.requirement("instance.own_errors")
async def test_an_instance_that_fails_at_once_draws_no_more_calls_than_one_that_works() -> None:
    scale = Scale("works", "fails")
    taken: Counter[str] = Counter()

    async def forward(call: Call) -> Reply:
        fact = call.fact(Chosen)
        assert fact is not None
        name = fact.attempt.instance.id
        taken[name] += 1
        scale.clock.now += 0.1 if name == "works" else 0.001
        if name == "fails":
            raise AgentError("out of order", internal=True)
        return await Behind()(call)

    for _ in range(400):
        with contextlib.suppress(AgentError):
            await (await scale.balance(scale.call(), forward)).answer()
    assert 150 < taken["fails"] < 250


@pytest.mark.requirement("instance.own_errors")
async def test_a_fast_failure_counts_as_what_the_others_take_and_a_slow_one_as_nothing() -> None:
    usual = (0.25, 0.75)
    for took, others, sample in [(0.75, usual, 0.0), (0.5, usual, 0.0), (0.25, usual, 0.5), (0.25, (), 0.0)]:
        names = [f"o{number}" for number in range(len(others))]
        scale = Scale("a", *names, "idle")
        for name, latency in zip(names, others, strict=True):
            scale.at(name).observe(latency)

        async def forward(call: Call, scale: Scale = scale, took: float = took) -> Reply:
            scale.clock.now += took
            raise AgentError

        for name in names:
            scale.at(name).healthy = False
        scale.at("idle").healthy = False
        with pytest.raises(AgentError):
            await scale.balance(scale.call(), forward)
        assert scale.at("a").latency == pytest.approx(sample)


@pytest.mark.requirement("instance.own_errors")
async def test_what_was_not_sent_and_who_left_say_nothing_of_the_speed() -> None:
    for error in (UpstreamUnavailable(unsent=True), asyncio.CancelledError()):
        scale = Scale("a", "b")
        with pytest.raises(type(error)):
            await scale.balance(scale.call(), Behind(error))
        assert (scale.at("a").latency, scale.at("b").latency) == (0.0, 0.0)


@pytest.mark.requirement("instance.own_errors")
async def test_the_choice_says_whether_another_instance_takes_calls() -> None:
    scale, behind = Scale("a", "b"), Behind()
    for ready, alone in [(True, False), (False, True)]:
        scale.at("b").healthy = ready
        await (await scale.balance(scale.call(), behind)).answer()
        fact = behind.last.fact(Chosen)
        assert fact is not None
        assert fact.alone is alone
