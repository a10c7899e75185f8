"""The counts of calls: one for each call that ended, under its agent, binding and outcome, with how long it took."""

from __future__ import annotations

import asyncio

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import NoRoute, RateLimited, Unauthenticated, UpstreamDeadline
from meshgate.a2a.reply import Reply
from meshgate.gateway import Policies
from meshgate.gateway.facts import Arrived
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.policies.arrival.metrics import CallMetrics
from meshgate.testing import stream, text
from tests.gateway.calls import ECHO, Behind, Clock, make_call
from tests.gateway.meshes import virtual_mesh
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("metrics.calls")


class Counted:
    def __init__(self) -> None:
        self.clock, self.metrics = Clock(), Metrics()
        self.policy = CallMetrics(self.metrics, self.clock)

    def lines(self) -> list[str]:
        return calls_in(self.metrics)


def calls_in(metrics: Metrics) -> list[str]:
    """The series of calls and of their seconds, without buckets."""
    wanted = ("meshgate_calls_total{", "meshgate_call_seconds_sum{", "meshgate_call_seconds_count{")
    return [line for line in metrics.render().decode().splitlines() if line.startswith(wanted)]


def series(agent: str, outcome: str, *, method: str = "SendMessage", binding: str = "JSONRPC", task: str = "") -> str:
    """One call of an agent's."""
    labels = f'agent="{agent}",binding="{binding}",method="{method}",outcome="{outcome}",task="{task}"'
    return f"meshgate_calls_total{{{labels}}} 1.0"


@pytest.mark.parametrize("seconds", [0.0, 0.25, 2.5])
async def test_a_call_is_counted_for_its_agent_when_its_reply_has_been_read(seconds: float) -> None:
    counted = Counted()
    call = make_call().with_fact(Arrived("GRPC"))
    reply = await counted.policy(call, Behind())
    counted.policy.saw(call)
    counted.policy.saw(make_call(route=ECHO))
    counted.clock.now += seconds
    assert counted.lines() == []
    await reply.answer()
    assert counted.lines() == [
        series("echo", "done", binding="GRPC"),
        'meshgate_call_seconds_count{agent="echo"} 1.0',
        f'meshgate_call_seconds_sum{{agent="echo"}} {seconds}',
    ]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (NoRoute("nobody"), "refused"),
        (RateLimited("slow down"), "refused"),
        (Unauthenticated("who?"), "refused"),
        (UpstreamDeadline("late"), "failed"),
        (asyncio.CancelledError(), "cancelled"),
        (RuntimeError("private"), "failed"),
    ],
)
async def test_a_call_that_has_no_reply_is_counted_by_what_ended_it(error: BaseException, outcome: str) -> None:
    counted = Counted()

    async def forward(_: Call) -> Reply:
        counted.clock.now += 0.5
        raise error

    with pytest.raises(type(error)):
        await counted.policy(make_call(), forward)
    assert counted.lines() == [
        series("", outcome, binding=""),
        'meshgate_call_seconds_count{agent=""} 1.0',
        'meshgate_call_seconds_sum{agent=""} 0.5',
    ]


async def test_a_caller_that_leaves_has_cancelled() -> None:
    counted = Counted()
    reply = await counted.policy(make_call(), Behind())
    await reply.aclose()
    assert counted.lines()[0] == series("", "cancelled", binding="")


async def test_what_is_told_of_a_call_that_is_not_open_changes_nothing() -> None:
    counted = Counted()
    counted.policy.saw(make_call(route=ECHO))
    with pytest.raises(NoRoute):
        await counted.policy(make_call(), Behind(NoRoute("nobody")))
    counted.policy.saw(make_call(route=ECHO))
    assert counted.lines()[0] == series("", "refused", binding="")


@virtual_time
@pytest.mark.parametrize("without", [frozenset[str](), frozenset({"record", "record_attempt"})], ids=["record", "none"])
async def test_calls_are_counted_on_record_or_not(without: frozenset[str]) -> None:
    async with virtual_mesh(policies=Policies(without=without)) as mesh:
        await mesh.add("echo", text("hello"))
        await mesh.add("count", stream({"message": {"messageId": "r", "role": "ROLE_AGENT", "parts": [{"text": "1"}]}}))
        await mesh.call("echo")
        await mesh.call("count", method="SendStreamingMessage")
        with pytest.raises(NoRoute):
            await mesh.call("nobody")
        with pytest.raises(Unauthenticated):
            await mesh.call("echo", method="SendStreamingMessage", key="nonsense")
        assert [line for line in calls_in(mesh.gateway.metrics) if "calls_total" in line] == [
            series("echo", "done"),
            series("count", "done", method="SendStreamingMessage"),
            series("", "refused"),
            series("", "refused", method="SendStreamingMessage"),
        ]
