"""An instance that hangs: silence, two health questions that are missed, and what happens to the calls there."""

# pyright: reportPrivateUsage=false
# How early a timer may fire is decided inside; no timer of a loop can be made to.

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, OutcomeUnknown, UpstreamUnavailable
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.gateway.policies.attempt.hang_detection import HangDetection
from meshgate.gateway.upstream.attempt import Attempt, Chosen
from meshgate.gateway.upstream.instance import Health, Instance
from meshgate.gateway.upstream.send import guarded
from tests.gateway.calls import Behind, Clock, instance, limits, make_call
from tests.support.virtual_loop import settle, virtual_time

pytestmark = pytest.mark.requirement("path.hang")


_HEALTH = {"y": Health.WELL, "n": Health.SILENT, "r": Health.FAILED}


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
    """The policy, with an instance that answers its health questions (y), is silent (n), or refuses (r);
    the last answer goes on.
    """

    def __init__(self, answers: str, **changes: float) -> None:
        self.clock = LoopClock()
        self.where = instance(self.clock)
        self.asked: list[float] = []
        self._answers = list(answers)
        self.policy = HangDetection(self._ask, limits(**changes), self.clock)

    async def _ask(self, _: Instance) -> Health:
        self.asked.append(round(self.clock.passed, 6))
        return _HEALTH[self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]]

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
    await ward.call(ward.attempt(), answer_after=2.75)
    await asyncio.sleep(5.0)
    assert ward.asked == [0.5, 0.5, 1.0, 1.0, 1.5, 2.5]
    assert (ward.where.breaker.state, ward.where.hung, ward.where.probing) == ("closed", False, None)


@virtual_time
async def test_an_agent_that_thinks_and_answers_its_health_is_left_to_think() -> None:
    ward = Ward("y")
    await ward.call(ward.attempt(), answer_after=49.75)
    assert ward.asked == [0.5, 1.0, 2.0, 4.0, 8.0, *(13.0 + 5 * number for number in range(8))]
    assert (ward.where.breaker.state, ward.where.health) == ("closed", Health.WELL)


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
    policy = HangDetection(lambda _: asyncio.sleep(0, result=Health.WELL), limits(), clock)
    where.attempts.add(Attempt(make_call(), where, where.entry.instance.endpoints[0], clock()))
    assert not policy._quiet(where)
    clock.now += before
    assert bool(policy._quiet(where)) is asked
    (attempt,) = where.attempts
    attempt.heard = clock.now - 0.5 * 0.9
    assert policy._quiet(where)


@virtual_time
async def test_messages_wait_for_their_deadline_and_quiet_streams_end_as_unknown() -> None:
    ward = Ward("n")
    ward.where.warm = True
    send, stream = ward.attempt("SendMessage"), ward.attempt("SendStreamingMessage")
    begun, safe = ward.attempt("SendStreamingMessage"), ward.attempt("SubscribeToTask")
    begun.begun, begun.task = True, "TAG~t1"
    waiting = [asyncio.ensure_future(ward.call(attempt)) for attempt in (send, stream, begun, safe)]
    await asyncio.sleep(5.0)
    nothing = type(None)
    assert [type(await ended(one)) for one in waiting] == [nothing, nothing, OutcomeUnknown, UpstreamUnavailable]
    unknown = await ended(waiting[2])
    assert unknown is not None
    assert (unknown.endpoint, unknown.metadata) == ("echo-1", {"task": "TAG~t1", "retryable": "SubscribeToTask"})
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
    assert (ward.where.breaker.state, ward.where.ready()) == ("closed", True)  # silence alone had opened it
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
    assert ward.asked == [0.5, 1.0, 2.0]
    for one in waiting:
        one.cancel()


@virtual_time
async def test_a_call_that_goes_to_no_instance_goes_on() -> None:
    ward, behind = Ward("n"), Behind()
    await ward.policy(make_call(), behind)
    assert len(behind.calls) == 1


# -- streams


async def streaming(ward: Ward, *waits: float) -> tuple[Attempt, list[float], asyncio.Future[None]]:
    """Open a stream that says something after each wait; its attempt, when its events came, and its reader."""
    attempt, heard = ward.attempt("SendStreamingMessage"), list[float]()

    async def events() -> AsyncIterator[Payload]:
        for wait in waits:
            await asyncio.sleep(wait)
            yield JsonPayload(attempt.call.method.response, {"task": {"id": "t1", "status": {"state": "WORKING"}}})

    async def forward(_: Call) -> Reply:
        return Reply(guarded(attempt, events(), ward.clock))

    ward.where.attempts.add(attempt)
    reply = await ward.policy(attempt.call.with_fact(Chosen(attempt, "")), forward)
    attempt.begun, attempt.task = True, "TAG~t1"

    async def read() -> None:
        try:
            async for _ in reply:
                heard.append(round(ward.clock.passed, 6))
        finally:
            ward.where.attempts.discard(attempt)

    return attempt, heard, asyncio.ensure_future(read())


@pytest.mark.requirement("stream.quiet")
@virtual_time
async def test_a_stream_that_is_quiet_for_two_minutes_goes_on_while_the_health_route_answers() -> None:
    ward = Ward("y")
    _, heard, reading = await streaming(ward, 120.0, 0.1, 120.0)
    await reading
    assert heard == [120.0, 120.1, 240.1]
    assert ward.asked[:8] == [0.5, 1.0, 2.0, 4.0, 8.0, 13.0, 18.0, 23.0]
    assert len(ward.asked) == 2 * 27
    await asyncio.sleep(10.0)
    assert (ward.where.breaker.state, ward.where.probing) == ("closed", None)


@pytest.mark.requirement("stream.quiet")
@virtual_time
async def test_a_quiet_stream_ends_with_the_second_question_that_is_missed() -> None:
    ward = Ward("yyyyyn")
    _, heard, reading = await streaming(ward, 1000.0)
    with pytest.raises(OutcomeUnknown) as unknown:
        await reading
    assert (heard, ward.asked) == ([], [0.5, 1.0, 2.0, 4.0, 8.0, 13.0, 13.0])
    assert unknown.value.metadata == {"task": "TAG~t1", "retryable": "SubscribeToTask"}
    assert (ward.where.breaker.state, ward.where.hung) == ("open", True)


@pytest.mark.requirement("stream.first")
@virtual_time
async def test_a_first_call_that_holds_up_its_agent_for_seconds_goes_on_and_one_that_never_ends_is_ended() -> None:
    # The agent imports what it works with for three seconds, and answers its health route then.
    ward = Ward("nnnnnny")
    _, heard, reading = await streaming(ward, 4.0)
    await reading
    assert (heard, ward.asked[:7]) == ([4.0], [0.5, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    assert (ward.where.warm, ward.where.hung, ward.where.ready()) == (True, False, True)

    cold = Ward("n", patience=3.0)
    _, heard, reading = await streaming(cold, 1000.0)
    with pytest.raises(OutcomeUnknown):
        await reading
    assert (heard, round(cold.clock.passed, 6), cold.where.warm) == ([], 3.5, False)


@pytest.mark.requirement("stream.first")
@virtual_time
async def test_an_instance_that_hung_is_warm_as_soon_as_it_answers_a_question() -> None:
    ward = Ward("nny")
    woken: list[bool] = []
    waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.add_done_callback(lambda _: woken.append(ward.where.warm))
    ward.where.waiting.add(waiting)
    with pytest.raises(UpstreamUnavailable):
        await ward.call(ward.attempt())
    await asyncio.sleep(1.0)
    assert woken == [True]


@pytest.mark.requirement("stream.first")
@virtual_time
async def test_an_instance_that_has_answered_a_call_or_a_question_is_no_longer_forgiven() -> None:
    for warm in ("call", "question"):
        ward = Ward("yn" if warm == "question" else "n")
        if warm == "call":
            ward.where.observe(0.1)
        _, _, reading = await streaming(ward, 1000.0)
        with pytest.raises(OutcomeUnknown):
            await reading
        assert round(ward.clock.passed, 6) == (0.5 if warm == "call" else 1.0)


@pytest.mark.requirement("stream.quiet")
@virtual_time
async def test_a_stream_that_says_something_at_least_each_half_second_asks_nothing() -> None:
    ward = Ward("n")
    _, heard, reading = await streaming(ward, *[0.4] * 20)
    await reading
    assert (len(heard), ward.asked) == (20, [])
    await asyncio.sleep(1.0)
    assert ward.where.probing is None


@pytest.mark.requirement("stream.quiet")
@virtual_time
async def test_a_call_that_falls_silent_is_asked_about_at_once_however_long_the_pause_is_by_now() -> None:
    ward = Ward("y")
    _, _, reading = await streaming(ward, 1000.0)
    await asyncio.sleep(10.25)
    waiting = asyncio.ensure_future(ward.call(ward.attempt()))
    await asyncio.sleep(2.0)
    assert ward.asked == [0.5, 1.0, 2.0, 4.0, 8.0, 11.0, 11.5]
    waiting.cancel()
    reading.cancel()


@pytest.mark.requirement("stream.quiet")
@virtual_time
async def test_a_stream_of_a_hung_instance_that_falls_silent_later_ends_then() -> None:
    ward = Ward("n")
    ward.where.warm = True
    _, heard, talking = await streaming(ward, 0.4, 0.4, 0.4, 1000.0)
    waiting = asyncio.ensure_future(ward.call(ward.attempt()))
    await asyncio.sleep(0.75)
    assert (isinstance(await ended(waiting), UpstreamUnavailable), talking.done()) == (True, False)
    with pytest.raises(OutcomeUnknown):
        await talking
    assert (heard, round(ward.clock.passed, 6)) == ([0.4, 0.8, 1.2], 2.0)


@pytest.mark.requirement("stream.quiet")
@virtual_time
async def test_a_call_that_was_heard_just_before_a_question_is_asked_about_when_it_falls_silent() -> None:
    ward = Ward("y")
    _, _, reading = await streaming(ward, 1000.0)
    await asyncio.sleep(7.9)
    waiting = asyncio.ensure_future(ward.call(ward.attempt()))
    await asyncio.sleep(2.0)
    assert ward.asked == [0.5, 1.0, 2.0, 4.0, 8.0, 8.5, 9.0]
    waiting.cancel()
    reading.cancel()


@pytest.mark.requirement("path.hang")
@virtual_time
async def test_an_instance_that_hangs_again_is_noticed_again_by_the_message_that_waits_there() -> None:
    ward = Ward("nnynn")
    waiting = asyncio.ensure_future(ward.call(ward.attempt("SendMessage")))
    await asyncio.sleep(2.25)
    assert ward.asked[:5] == [0.5, 0.5, 1.0, 1.0, 1.0]
    assert ward.where.hung
    waiting.cancel()


@pytest.mark.requirement("path.hang")
@virtual_time
async def test_an_instance_that_left_while_it_hung_is_asked_no_more_though_a_message_waits_there() -> None:
    ward = Ward("n")
    waiting = asyncio.ensure_future(ward.call(ward.attempt("SendMessage")))
    await asyncio.sleep(0.75)
    ward.where.listed = False
    await asyncio.sleep(10.0)
    assert (ward.asked, ward.where.probing) == ([0.5, 0.5, 1.0], None)
    waiting.cancel()


# -- what is silent, and what failed


@pytest.mark.requirement("stream.quiet")
@pytest.mark.parametrize(
    ("answers", "failed", "back"), [("nny", False, True), ("nny", True, False), ("rry", False, False)]
)
@virtual_time
async def test_the_breaker_closes_with_the_first_answer_only_if_silence_alone_had_opened_it(
    answers: str, failed: bool, back: bool
) -> None:
    ward = Ward(answers)
    if failed:
        ward.where.breaker.leave(ward.where.breaker.enter() or 0, success=False)
    with pytest.raises(UpstreamUnavailable):
        await ward.call(ward.attempt())
    assert ward.where.silent() is (answers == "nny" and not failed)
    await asyncio.sleep(0.6)
    assert (ward.where.hung, ward.where.breaker.state) == (False, "closed" if back else "open")
    assert (ward.where.ready(), ward.where.silent()) == (back, False)
