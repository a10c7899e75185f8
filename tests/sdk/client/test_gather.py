"""Many calls at once: bounded, in order, tried again where it may help, and ended together or each by itself."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from meshgate.a2a.errors import MeshError, NoRoute, RateLimited, UpstreamUnavailable
from meshgate.a2a.types import Message, Part, Role
from meshgate.sdk import Agent, Context, Mesh, Result
from meshgate.sdk.client.gather import gather
from meshgate.testing import LocalMesh
from tests.gateway.meshes import virtual_mesh
from tests.sdk.ports import DONE, Gateways
from tests.support.virtual_loop import elapsed, virtual_time

pytestmark = pytest.mark.requirement("sdk.gather")


class Calling:
    """Calls that take a second each, and fail as their text says."""

    def __init__(self, **errors: list[MeshError]) -> None:
        self.errors, self.now, self.most, self.asked, self.cancelled = errors, 0, 0, list[str](), 0

    async def __call__(self, selector: str, **arguments: Any) -> Result:
        self.asked.append(selector)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(arguments.get("deadline") or 1.0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.now -= 1
        if self.errors.get(selector):
            raise self.errors[selector].pop(0)
        return Result(message=Message("m", Role.AGENT, [Part(text=f"{selector}: {arguments['text']}")]))


def calls(*selectors: str, **more: Any) -> list[Any]:
    return [(one, {"text": "x", **more}) for one in selectors]


async def run(calling: Calling, given: Any, **more: Any) -> list[Result | MeshError]:
    options: dict[str, Any] = {"at_once": 8, "retries": 0, "fail": "first", **more}
    return await gather(calling, given, rng=random.Random(3), **options)


@virtual_time
async def test_results_come_in_the_order_given_and_no_more_run_than_at_once() -> None:
    calling = Calling()
    given = [(f"a{n}", {"text": str(n), "deadline": 10.0 - n}) for n in range(6)]
    found = await run(calling, given, at_once=2)
    assert [one.text for one in found if isinstance(one, Result)] == [f"a{n}: {n}" for n in range(6)]
    assert calling.most == 2
    assert await elapsed(run(Calling(), calls(*"abcdef"), at_once=3)) == pytest.approx(2.0)
    assert await run(Calling(), []) == []


@virtual_time
async def test_the_first_error_ends_the_others_and_none_starts_any_more() -> None:
    calling = Calling(b=[NoRoute("nobody")])
    with pytest.raises(NoRoute, match="nobody"):
        await run(calling, [*calls("b"), *calls("a", "c", deadline=60), *calls("d")], at_once=3)
    assert (calling.asked, calling.cancelled, calling.now) == (["b", "a", "c"], 2, 0)


@virtual_time
async def test_errors_may_stand_where_results_would() -> None:
    first, second, third = await run(Calling(b=[NoRoute("nobody")]), calls("a", "b", "c"), fail="never")
    assert isinstance(first, Result)
    assert isinstance(second, NoRoute)
    assert isinstance(third, Result)


@virtual_time
async def test_what_may_help_is_tried_again_after_the_pause_that_was_asked_for() -> None:
    calling = Calling(a=[RateLimited(retry_after=7.0), UpstreamUnavailable("away")], b=[NoRoute("nobody")])
    took = await elapsed(run(calling, calls("a", "b"), retries=2, fail="never", at_once=1))
    assert calling.asked == ["a", "b", "a", "a"], "who waits holds up nobody, and what is no use is not tried again"
    assert 7.0 + 3.0 + 0.1 <= took <= 7.0 + 3.0 + 0.2
    again = Calling(a=[UpstreamUnavailable("away"), UpstreamUnavailable("away")])
    (error,) = await run(again, calls("a"), retries=1, fail="never")
    assert isinstance(error, UpstreamUnavailable)
    assert len(again.asked) == 2


@pytest.mark.parametrize(
    ("given", "options", "told"),
    [
        (["a"], {}, "calls[0] is a selector and its arguments"),
        ([("a", {"text": "x"}), ("b",)], {}, "calls[1] is a selector and its arguments"),
        ([("a", {"text": "x"}), ("b", {"txt": "x"})], {}, "calls[1] has no option 'txt': did you mean 'text'?"),
        ([("a", {"deadline": "x"})], {}, "deadline is a number of seconds, not 'x'"),
        ([], {"at_once": 0}, "at_once is a whole number of 1 or more, not 0"),
        ([], {"retries": -1}, "retries is a whole number of 0 or more, not -1"),
        ([], {"retries": True}, "retries is a whole number of 0 or more, not True"),
        ([], {"fail": "last"}, "fail is 'first' or 'never', not 'last'"),
    ],
)
async def test_what_cannot_be_meant_is_refused_and_nothing_is_sent(given: Any, options: Any, told: str) -> None:
    gateways = Gateways(one=DONE)
    with pytest.raises((TypeError, ValueError)) as refused:
        await Mesh("http://one", "key", transport=gateways).gather(given, **options)
    assert told in str(refused.value)
    assert gateways.seen == []


async def test_calls_from_inside_a_skill_are_its_children() -> None:
    agent = Agent("planner")

    @agent.skill
    async def plan(text: str, ctx: Context) -> str:
        results = await ctx.gather([("shout@*", {"text": word}) for word in text.split()], at_once=2)
        return " ".join(result.text for result in results)

    other = Agent("writer")

    @other.skill
    async def shout(text: str) -> str:
        return text.upper()

    async with LocalMesh() as mesh, mesh.caller() as caller:
        await mesh.add(agent)
        await mesh.add(other)
        result = await caller.call("planner", text="a b c")
        assert result.text == "A B C"
        job = mesh.gateway.answers.job(result.job)
        assert job is not None
        assert [(call.agent, call.principal) for call in job.calls] == [
            ("planner", "user"),
            *[("writer", "agent:planner")] * 3,
        ]
        outside = await caller.gather([("writer", {"text": "x"}), ("nobody", {"text": "x"})], fail="never")
        assert isinstance(outside[1], NoRoute)


@virtual_time
async def test_who_is_cancelled_cancels_its_calls() -> None:
    async with virtual_mesh():
        calling = Calling()
        task = asyncio.ensure_future(run(calling, calls("a", "b", deadline=60)))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (calling.cancelled, calling.now) == (2, 0)
