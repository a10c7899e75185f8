"""An instance that hangs: silence, two health questions that are missed, and what happens to the calls there."""

# pyright: reportPrivateUsage=false
# How early a timer may fire is decided inside; no timer of a loop can be made to.

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, UpstreamUnavailable
from meshgate.a2a.reply import Reply
from meshgate.gateway.policies.attempt.hang_detection import HangDetection
from meshgate.gateway.upstream.attempt import Attempt, Chosen
from meshgate.gateway.upstream.instance import Instance
from tests.gateway.calls import Behind, Clock, instance, limits, make_call
from tests.support.virtual_loop import settle, virtual_time

pytestmark = pytest.mark.requirement("path.hang")


class LoopClock(Clock):
    """The running loop's time."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.began = self._loop.time()

    def __call__(self) -> float:
        return self._loop.time()

    @property
    def passed(self) -> float:
        return self._loop.time() - self.began


class Ward:
    """The policy, with an instance that answers its health questions (y) or not (n); the last answer goes on."""

    def __init__(self, answers: str, **changes: float) -> None:
        self.clock = LoopClock()
        self.where = instance(self.clock)
        self.asked: list[float] = []
        self._answers = list(answers)
        self.policy = HangDetection(self._ask, limits(**changes), self.clock)

    async def _ask(self, _: Instance) -> bool:
        self.asked.append(round(self.clock.passed, 6))
        return (self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]) == "y"

    def attempt(self, method: str = "GetTask") -> Attempt:
        call = make_call(method)
        return Attempt(call, self.where, self.where.entry.instance.endpoints[0], self.clock())

    async def call(self, attempt: Attempt, answer_after: float = 1000.0) -> Reply:
        self.where.attempts.add(attempt)

        async def forward(call: Call) -> Reply:
            with attempt.guard():
                await asyncio.sleep(answer_after)
            return await Behind()(call)

        try:
            return await self.policy(attempt.call.with_fact(Chosen(attempt, "")), forward)
        finally:
            self.where.attempts.discard(attempt)


async def ended(waiting: asyncio.Future[Reply]) -> MeshError | None:
    """What a call ended with by now; None while it goes on."""
    await settle()
    error = waiting.exception() if waiting.done() else None
    assert error is None or isinstance(error, MeshError)
    return error


@virtual_time
async def test_after_the_silence_two_missed_questions_open_the_breaker_and_end_a_safe_call() -> None:
    ward = Ward("n")
    with pytest.raises(UpstreamUnavailable) as gone:
        await ward.call(ward.attempt())
    assert ward.asked == [0.5, 0.5]
    assert (gone.value.endpoint, gone.value.unsent) == ("echo-1", False)
    assert (ward.where.breaker.state, ward.where.hung, ward.where.ready()) == ("open", True, False)


@virtual_time
async def test_an_answer_before_the_silence_is_over_asks_nothing() -> None:
    ward = Ward("n")
    for _ in range(10):
        await ward.call(ward.attempt(), answer_after=0.499)
    assert ward.policy._silences.running == 0
    await asyncio.sleep(5.0)
    assert ward.asked == []


@virtual_time
async def test_one_missed_question_is_none_and_an_answer_gives_another_silence() -> None:
    ward = Ward("nynyy")
    await ward.call(ward.attempt(), answer_after=1.75)
    await asyncio.sleep(5.0)
    assert ward.asked == [0.5, 0.5, 1.0, 1.0, 1.5]
    assert (ward.where.breaker.state, ward.where.hung, ward.where.probing) == ("closed", False, None)


@virtual_time
async def test_an_agent_that_thinks_and_answers_its_health_is_left_to_think() -> None:
    ward = Ward("y")
    await ward.call(ward.attempt(), answer_after=49.75)
    assert ward.asked == [0.5 * number for number in range(1, 100)]
    assert (ward.where.breaker.state, ward.where.answering) == ("closed", True)


@virtual_time
async def test_the_silence_is_a_limit() -> None:
    ward = Ward("n", silence=3.0)
    with pytest.raises(UpstreamUnavailable):
        await ward.call(ward.attempt())
    assert ward.asked == [3.0, 3.0]


@virtual_time
async def test_how_many_missed_questions_open_the_breaker_is_a_limit() -> None:
    ward = Ward("n", health_misses=1)
    waiting = asyncio.ensure_future(ward.call(ward.attempt()))
    await asyncio.sleep(0.75)
    assert isinstance(await ended(waiting), UpstreamUnavailable)
    assert ward.asked == [0.5]


@virtual_time
async def test_an_attempt_that_was_heard_lately_is_not_silent() -> None:
    ward = Ward("n")
    attempt = ward.attempt()
    waiting = asyncio.ensure_future(ward.call(attempt))
    await asyncio.sleep(0.1)
    attempt.heard = ward.clock()
    await asyncio.sleep(1.0)
    assert ward.asked == []
    waiting.cancel()


@pytest.mark.parametrize(("before", "asked"), [(0.449, False), (0.451, True)])
def test_a_timer_that_fires_a_little_early_counts(before: float, asked: bool) -> None:
    clock = Clock()
    where = instance(clock)
    policy = HangDetection(lambda _: asyncio.sleep(0, result=True), limits(), clock)
    where.attempts.add(Attempt(make_call(), where, where.entry.instance.endpoints[0], clock()))
    assert not policy._silent(where)
    clock.now += before
    assert policy._silent(where) is asked
    (attempt,) = where.attempts
    attempt.heard = clock.now - 0.5 * 0.9
    assert policy._silent(where)


@virtual_time
async def test_an_unsafe_call_and_a_stream_that_has_begun_wait_for_their_own_end() -> None:
    ward = Ward("n")
    send, begun, safe = ward.attempt("SendMessage"), ward.attempt("SubscribeToTask"), ward.attempt("SubscribeToTask")
    begun.begun = True
    waiting = [asyncio.ensure_future(ward.call(attempt)) for attempt in (send, begun, safe)]
    await asyncio.sleep(5.0)
    assert [type(await ended(one)) for one in waiting] == [type(None), type(None), UpstreamUnavailable]
    for one in waiting:
        one.cancel()


@virtual_time
async def test_a_hung_instance_is_asked_once_a_silence_until_it_answers() -> None:
    ward = Ward("nnnny")
    with pytest.raises(UpstreamUnavailable):
        await ward.call(ward.attempt())
    await asyncio.sleep(1.4)
    assert (ward.asked, ward.where.hung) == ([0.5, 0.5, 1.0, 1.5], True)
    await asyncio.sleep(0.2)
    assert (ward.asked, ward.where.hung, ward.where.probing) == ([0.5, 0.5, 1.0, 1.5, 2.0], False, None)
    await asyncio.sleep(5.0)
    assert len(ward.asked) == 5


@virtual_time
async def test_a_hung_instance_that_the_registry_lists_no_more_is_not_asked_for_ever() -> None:
    ward = Ward("n")
    with pytest.raises(UpstreamUnavailable):
        await ward.call(ward.attempt())
    ward.where.listed = False
    await asyncio.sleep(5.0)
    assert ward.asked == [0.5, 0.5, 1.0]
    assert ward.where.probing is None


@virtual_time
async def test_many_silent_calls_are_one_watch() -> None:
    ward = Ward("y")
    waiting = [asyncio.ensure_future(ward.call(ward.attempt())) for _ in range(20)]
    await asyncio.sleep(2.25)
    assert ward.asked == [0.5, 1.0, 1.5, 2.0]
    for one in waiting:
        one.cancel()


@virtual_time
async def test_a_call_that_goes_to_no_instance_goes_on() -> None:
    ward, behind = Ward("n"), Behind()
    await ward.policy(make_call(), behind)
    assert len(behind.calls) == 1
