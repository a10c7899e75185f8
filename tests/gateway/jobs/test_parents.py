"""The possible parents of a call without a token: in flight here, in flight elsewhere, answered."""

from __future__ import annotations

import random

import pytest

from meshgate.a2a.call import Principal, Route
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.account import Grant
from meshgate.gateway.jobs.accounts import MemoryAccounts
from meshgate.gateway.jobs.in_flight import InFlight
from meshgate.gateway.jobs.open_call import OpenCall
from meshgate.gateway.jobs.parents import PossibleParents
from meshgate.telemetry.context import TraceContext
from tests.gateway.calls import Clock, limits, make_call

pytestmark = pytest.mark.requirement("path.after")


class Others:
    live = 2

    def __init__(self, *flights: Flight) -> None:
        self.asked, self._flights = 0, flights

    async def in_flight(self, agent: str, tenant: str) -> list[Flight]:
        self.asked += 1
        return list(self._flights)

    async def lease(self, job: str, calls: int) -> Grant | None:
        return None


class Place:
    def __init__(self, *elsewhere: Flight) -> None:
        self.clock = Clock(0.0)
        self.others = Others(*elsewhere)
        self.accounts = MemoryAccounts("gw", self.others, limits(), self.clock, random.Random(7))
        self.in_flight = InFlight(limits(), self.clock, self.clock)
        self.parents = PossibleParents(self.in_flight, self.accounts, self.others, self.clock)

    async def fly(
        self, call_id: str, *, calls: int = 9, seconds: float = 100.0, trace: str = ""
    ) -> tuple[str, OpenCall]:
        self.clock.now += 1.0
        job = await self.accounts.open(calls=calls, seconds=seconds, concurrency=9)
        call = make_call(
            id=call_id,
            principal=Principal("user", "ann"),
            lineage=Lineage(job, "", (Step("user", "x"),)),
            route=Route("front", "work", "1", ()),
            deadline=self.clock.now + 5.0,
        )
        if trace:
            call = call.with_fact(TraceContext(trace, "b" * 16, sampled=False))
        return job, self.in_flight.open(call)

    async def answer(self, call_id: str, *, sent: bool = True, **more: object) -> str:
        job, entry = await self.fly(call_id, **more)  # type: ignore[arg-type]
        self.in_flight.close(entry, sent=sent)
        return job

    async def ids(self, trace: str = "") -> list[str]:
        return [flight.id for flight in await self.parents.find("front", "default", trace)]


def away(call_id: str, *, started: float = 0.0, answered: float | None = None, trace: str = "") -> Flight:
    return Flight(call_id, "gw2.1", (), 9.0, started, trace, answered=answered)


async def test_a_call_in_flight_here_counts_alone_and_nobody_is_asked() -> None:
    place = Place(away("d1"))
    await place.answer("c1")
    await place.fly("c2")
    assert (await place.ids(), place.others.asked) == (["c2"], 0)


async def test_one_in_flight_elsewhere_counts_before_those_that_were_answered() -> None:
    place = Place(away("d2", started=2.0), away("d3", answered=0.1), away("d1", started=1.0))
    await place.answer("c1")
    assert await place.ids() == ["d1", "d2"]


async def test_of_those_that_were_answered_at_any_gateway_the_last_one_is_the_likeliest() -> None:
    place = Place(away("d1", answered=3.0), away("d2", answered=0.5))
    await place.answer("c1")
    place.clock.now += 1.0
    await place.answer("c2")
    place.clock.now += 0.25
    assert await place.ids() == ["d1", "c1", "d2", "c2"]


async def test_a_call_that_was_answered_this_moment_is_the_likeliest() -> None:
    place = Place(away("d1", answered=0.0), away("d2", answered=0.5))
    assert await place.ids() == ["d2", "d1"]


async def test_an_answered_call_has_its_own_visit_on_the_path_and_the_time_of_its_job() -> None:
    place = Place()
    job = await place.answer("c1", seconds=100.0)
    place.clock.now += 30.0
    (found,) = await place.parents.find("front", "default")
    assert (found.job, found.path, found.remaining) == (job, (Step("user", "x"), Step("front", "work")), 70.0)
    assert found.answered == 30.0


async def test_a_call_of_which_nothing_was_sent_is_no_parent() -> None:
    place = Place()
    await place.answer("c1", sent=False)
    assert await place.ids() == []


async def test_a_call_is_no_parent_once_its_job_has_no_time_or_no_calls() -> None:
    place = Place()
    await place.answer("c1", seconds=10.0)
    spent = await place.answer("c2", calls=2)
    assert await place.ids() == ["c1", "c2"]
    place.clock.now += 9.0 - 1e-6
    assert await place.ids() == ["c1", "c2"]
    place.clock.now += 1e-6
    assert await place.ids() == ["c2"]
    await place.accounts.spend(spent, str)
    assert await place.ids() == ["c2"]
    await place.accounts.spend(spent, str)
    assert await place.ids() == []


async def test_of_a_job_whose_home_has_told_nothing_only_the_time_is_known() -> None:
    place = Place()
    await place.accounts.adopt("gw2.1", 5.0)
    for call_limit, used, left in [(0, 0, 5.0), (1, 0, 5.0), (1, 1, 0.0), (2, 1, 5.0)]:
        account = place.accounts.account("gw2.1")
        assert account is not None
        account.call_limit, account.used = call_limit, used
        assert account.time_left(0.0) == left


async def test_a_call_is_no_parent_once_its_job_is_forgotten() -> None:
    place = Place()
    await place.answer("c1")
    place.accounts = place.parents._accounts = MemoryAccounts("gw")  # pyright: ignore[reportPrivateUsage]
    assert await place.ids() == []


async def test_a_call_of_the_agents_own_trace_counts_before_all_others() -> None:
    one, two = "1" * 32, "2" * 32
    place = Place(away("d1", trace=one), away("d2", answered=0.0, trace=two))
    await place.answer("c1", trace=one)
    await place.answer("c2")
    assert (await place.ids(one), place.others.asked) == (["c1"], 0)
    assert (await place.ids(two), place.others.asked) == (["d2"], 1)
    assert await place.ids("3" * 32) == ["d1"]
    await place.fly("c3")
    assert (await place.ids(one), await place.ids("3" * 32)) == (["c1"], ["c3"])
    await place.fly("c4", trace=one)
    assert (await place.ids(one), await place.ids()) == (["c4"], ["c3", "c4"])


async def test_what_one_gateway_says_to_another_are_those_in_flight_or_else_those_answered() -> None:
    place = Place()
    await place.answer("c1")
    assert [flight.id for flight in place.parents.here("front", "default")] == ["c1"]
    await place.fly("c2")
    assert [flight.id for flight in place.parents.here("front", "default")] == ["c2"]


async def test_a_call_whose_task_goes_on_counts_as_one_in_flight_and_as_an_answered_one_once_the_task_has_ended() -> (
    None
):
    place = Place()
    _, entry = await place.fly("c1")
    entry.task, entry.state = "t1", "TASK_STATE_WORKING"
    place.in_flight.close(entry)
    await place.answer("c2")
    (found,) = await place.parents.find("front", "default")
    assert (found.id, found.answered) == ("c1", None)
    seen = place.in_flight.open(make_call("GetTask", route=Route("front", "", "", ())))
    seen.task, seen.state = "t1", "TASK_STATE_COMPLETED"
    place.in_flight.close(seen)
    assert await place.ids() == ["c1", "c2"]
