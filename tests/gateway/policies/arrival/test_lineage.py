"""Whose child a call is: by its token, by the calls in flight to the agent that makes it, or nobody's."""

from __future__ import annotations

import random

import msgspec
import pytest

from meshgate.a2a.call import Call, Principal, Route
from meshgate.a2a.errors import DepthExceeded, InvalidParams, LoopDetected, RateLimited, UpstreamDeadline
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.mesh.lineage import Lineage, Step
from meshgate.a2a.mesh.lineage_tokens import mint
from meshgate.gateway.facts import Flight, Parents
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.jobs.account import Grant
from meshgate.gateway.jobs.accounts import MemoryAccounts
from meshgate.gateway.jobs.in_flight import InFlight
from meshgate.gateway.jobs.open_call import OpenCall
from meshgate.gateway.jobs.parents import PossibleParents
from meshgate.gateway.jobs.rates import Rates, root_words
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.policies.arrival.lineage import Lineages, read_budget
from meshgate.telemetry.context import TraceContext
from tests.gateway.calls import ANN, Behind, Clock, front, limits, make_call

MESH = MeshKey(bytes(range(32)))
FRONT, BACK = Step("front", "work"), Step("back", "work")


class Others:
    """Other gateways that know some calls in flight, and no job."""

    live = 2

    def __init__(self, *flights: Flight) -> None:
        self.asked: list[tuple[str, str]] = []
        self._flights = flights

    async def in_flight(self, agent: str, tenant: str) -> list[Flight]:
        self.asked.append((agent, tenant))
        return list(self._flights)

    async def lease(self, job: str, calls: int) -> Grant | None:
        return None


class Place:
    """The policy with what it needs; ``at`` says what it makes of a call."""

    def __init__(self, others: Others | None = None, **changes: float) -> None:
        self.clock = Clock()
        self.started = self.wall = 1.8e9
        self.metrics = Metrics()
        self.limits = limits(**changes)
        self.others = others or Others()
        self.accounts = MemoryAccounts("gw", self.others, self.limits, self.clock, random.Random(7))
        self.in_flight = InFlight(self.limits, self.clock, lambda: self.started)
        self.parents = PossibleParents(self.in_flight, self.accounts, self.others, self.clock)
        self.roots = Rates(
            self.limits.agent_roots, self.limits.agent_roots_burst, lambda: 1, self.clock, words=root_words
        )
        self.policy = Lineages(
            self.accounts, self.parents, self.roots, MESH, self.metrics, self.limits, lambda: self.wall
        )

    def flies(self, call_id: str, *before: Step, seconds: float = 60.0, job: str = "gw.1", **more: str) -> OpenCall:
        """A call is in flight to front; each begins a second after the one before."""
        self.started += 1.0
        call = make_call(
            id=call_id,
            principal=Principal("user", "ann", more.get("tenant", "default")),
            lineage=Lineage(job, "", before),
            route=Route("front", "work", "1.0.0", ()),
            deadline=self.clock.now + seconds,
        )
        if "trace" in more:
            call = call.with_fact(TraceContext(more["trace"], "b" * 16, sampled=True))
        return self.in_flight.open(call)

    async def answers(self, call_id: str, *before: Step, trace: str = "") -> str:
        """A call to front is answered; its job."""
        job = await self.accounts.open(calls=9, seconds=100.0, concurrency=9)
        traced = {"trace": trace} if trace else {}
        self.in_flight.close(self.flies(call_id, *before, job=job, seconds=60.0, **traced))
        self.clock.now += 1.0
        return job

    async def at(self, principal: Principal = ANN, **headers: str) -> Call:
        behind = Behind()
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.policy(make_call(id="c9", principal=principal, headers=sent), behind)
        return behind.last

    async def lineage(self, principal: Principal = ANN, **headers: str) -> Lineage:
        found = (await self.at(principal, **headers)).lineage
        assert found is not None
        return found

    @property
    def counted(self) -> tuple[bool, bool]:
        """Whether a token was counted as invalid, and a parent as unknown: once each."""
        text = self.metrics.render()
        return b"lineage_invalid_total 1.0" in text, b"lineage_unknown_total 1.0" in text


def token(audience: str = "front", **changes: object) -> str:
    lineage = Lineage("gw2.77", "c1", (FRONT,), 12.5, audience, minted=1.8e9)
    return mint(msgspec.structs.replace(lineage, **changes), MESH.secret, MESH.id)


# -- a call from outside


async def test_a_call_from_outside_opens_a_job_of_its_own_with_the_limits() -> None:
    place = Place()
    call = await place.at()
    job = f"gw.{random.Random(7).getrandbits(64):016x}"
    assert call.lineage == Lineage(job, "", (), 900.0)
    assert call.fact(Parents) == Parents(((),))
    account = place.accounts.account(job)
    assert account is not None
    assert (account.home, account.call_limit, account.concurrency) == (True, 256, 64)
    assert (account.began, account.deadline, account.used) == (1000.0, 1900.0, 0)
    assert place.others.asked == []


@pytest.mark.requirement("path.budget")
async def test_the_caller_may_want_a_smaller_budget() -> None:
    place = Place()
    lineage = await place.lineage(meshgate_budget="calls=20, seconds=30.5")
    account = place.accounts.account(lineage.job)
    assert account is not None
    assert (account.call_limit, account.deadline, lineage.remaining) == (20, 1030.5, 30.5)


@pytest.mark.requirement("path.budget")
@pytest.mark.parametrize(
    ("text", "calls", "seconds"),
    [
        ("", 256, 900.0),
        (" , ,", 256, 900.0),
        ("calls=1", 1, 900.0),
        ("calls=255", 255, 900.0),
        ("calls=257", 256, 900.0),
        ("seconds=0.001", 256, 0.001),
        ("seconds=899.5", 256, 899.5),
        ("seconds=900.5", 256, 900.0),
        ("seconds=inf", 256, 900.0),
        ("seconds=3,calls=4", 4, 3.0),
        ("calls=4,calls=9", 4, 900.0),
    ],
)
def test_a_budget_is_what_the_caller_wants_and_never_above_the_limits(text: str, calls: int, seconds: float) -> None:
    assert read_budget(text, DEFAULTS) == (calls, seconds)


@pytest.mark.requirement("path.budget")
@pytest.mark.parametrize(
    "text", ["calls", "calls=", "calls=1.5", "calls=many", "seconds=soon", "seconds=nan", "cost=3"]
)
def test_a_budget_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        read_budget(f"calls=9,{text}", DEFAULTS)
    assert refused.value.message == f"meshgate-budget: {text!r} is neither calls=N nor seconds=N"


@pytest.mark.requirement("path.budget")
@pytest.mark.parametrize("text", ["calls=0", "calls=-1", "seconds=0", "seconds=-0.5"])
def test_a_budget_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        read_budget(text, DEFAULTS)
    assert refused.value.message == "meshgate-budget: a budget is at least one call and some time"


@pytest.mark.parametrize("method", ["GetTask", "CancelTask", "SubscribeToTask"])
async def test_an_operation_on_a_task_belongs_to_no_job(method: str) -> None:
    place, behind = Place(), Behind()
    place.flies("c1")
    call = make_call(method, principal=front())
    await place.policy(call, behind)
    assert behind.last is call


# -- by token


@pytest.mark.requirement("path.lineage")
async def test_the_token_says_whose_child_a_call_is_and_the_job_is_charged() -> None:
    place = Place()
    call = await place.at(front(), meshgate_lineage=token())
    assert call.lineage == Lineage("gw2.77", "c1", (FRONT,), 12.5, "front", minted=1.8e9)
    assert call.fact(Parents) == Parents(((FRONT,),), None)
    account = place.accounts.account("gw2.77")
    assert account is not None
    assert (account.home, account.deadline, account.leased) == (False, 1012.5, 0)
    assert place.counted == (False, False)


@pytest.mark.requirement("path.lineage")
async def test_the_token_counts_before_the_calls_in_flight() -> None:
    place = Place()
    place.flies("c1", BACK, seconds=40.0)
    place.flies("c2")
    call = await place.at(front(), meshgate_lineage=token())
    parents = call.fact(Parents)
    assert call.lineage is not None
    assert parents is not None
    assert parents.parent is not None
    assert (call.lineage.parent, parents.paths) == ("c1", ((FRONT,),))
    assert (parents.parent.id, parents.parent.remaining) == ("c1", 40.0)


@pytest.mark.requirement("path.deadline")
async def test_a_token_without_time_left_is_refused() -> None:
    with pytest.raises(UpstreamDeadline):
        await Place().at(front(), meshgate_lineage=token(remaining=0.0))
    assert (await Place().lineage(front(), meshgate_lineage=token(remaining=0.000001))).remaining == 0.000001


@pytest.mark.requirement("path.deadline")
async def test_a_call_of_a_parent_whose_time_is_over_is_refused() -> None:
    place = Place()
    place.flies("c1", seconds=2.0)
    place.clock.now += 2.0 - 1e-6
    assert (await place.lineage(front(), meshgate_lineage=token())).parent == "c1"
    place.clock.now = 1002.0
    with pytest.raises(UpstreamDeadline):
        await place.at(front(), meshgate_lineage=token())


@pytest.mark.requirement("lineage.minted")
async def test_where_the_parent_is_not_known_a_token_lasts_for_its_time_and_the_skew_of_clocks() -> None:
    place = Place()
    for age, left in [(-9.0, 12.5), (0.0, 12.5), (5.0, 12.5), (6.0, 11.5), (17.0, 0.5)]:
        place.wall = 1.8e9 + age
        assert (await place.lineage(front(), meshgate_lineage=token())).remaining == left
    place.wall = 1.8e9 + 17.5
    with pytest.raises(UpstreamDeadline):
        await place.at(front(), meshgate_lineage=token())
    with pytest.raises(UpstreamDeadline):
        await place.at(front(), meshgate_lineage=token(minted=0.0))


@pytest.mark.requirement("path.lineage")
@pytest.mark.parametrize("principal", [ANN, front()])
@pytest.mark.parametrize("text", [token("thief"), token() + "A", "garbage"])
async def test_a_token_that_is_not_the_callers_is_counted_and_counts_as_absent(principal: Principal, text: str) -> None:
    place = Place()
    assert (await place.lineage(principal, meshgate_lineage=text)).job.startswith("gw.")
    assert place.counted == (True, principal.kind == "agent")


@pytest.mark.requirement("tenants.lineage")
async def test_a_token_is_of_an_agent_in_its_tenant() -> None:
    place = Place()
    theirs = msgspec.structs.replace(front(), tenant="acme")
    assert (await place.lineage(theirs, meshgate_lineage=token("acme:front"))).job == "gw2.77"
    for principal, audience in ((front(), "acme:front"), (theirs, "front")):
        assert (await place.lineage(principal, meshgate_lineage=token(audience))).job.startswith("gw.")


@pytest.mark.requirement("path.lineage")
async def test_a_token_shown_by_a_user_counts_as_absent() -> None:
    place = Place()
    assert (await place.lineage(ANN, meshgate_lineage=token(""))).job.startswith("gw.")
    assert place.counted == (True, False)


# -- by the calls in flight


@pytest.mark.requirement("path.inferred")
async def test_without_a_token_the_call_in_flight_to_the_agent_is_the_parent() -> None:
    place = Place()
    place.flies("c1", BACK, seconds=30.0)
    place.clock.now += 10.0
    call = await place.at(front())
    assert call.lineage == Lineage("gw.1", "c1", (BACK, FRONT), 20.0, "front", inferred="open")
    parents = call.fact(Parents)
    assert parents is not None
    assert parents.paths == ((BACK, FRONT),)
    assert place.others.asked == []
    assert place.counted == (False, False)


@pytest.mark.requirement("path.inferred")
async def test_of_several_the_one_started_last_is_the_parent_and_the_others_are_links() -> None:
    place = Place()
    for number in range(3):
        place.flies(f"c{number}", job=f"gw.{number}", seconds=60.0 + number)
    lineage = await place.lineage(front())
    assert (lineage.job, lineage.parent, lineage.links, lineage.remaining) == ("gw.2", "c2", ("c0", "c1"), 62.0)


@pytest.mark.requirement("path.inferred")
async def test_the_longest_path_counts_and_the_parents_own_among_equals() -> None:
    place = Place()
    place.flies("c0", Step("x", "x"), BACK)
    place.flies("c1", BACK)
    call = await place.at(front())
    assert call.lineage is not None
    assert (call.lineage.parent, call.lineage.path) == ("c1", (Step("x", "x"), BACK, FRONT))
    parents = call.fact(Parents)
    assert parents is not None
    assert parents.paths == ((Step("x", "x"), BACK, FRONT), (BACK, FRONT))

    place.flies("c2", Step("y", "y"), BACK)
    assert (await place.lineage(front())).path == (Step("y", "y"), BACK, FRONT)


@pytest.mark.requirement("path.inferred")
async def test_of_several_those_of_the_trace_that_the_agent_is_in_count_alone() -> None:
    place = Place()
    place.flies("c0", trace="a" * 32)
    place.flies("c1", trace="c" * 32)
    inside = await place.lineage(front(), traceparent=f"00-{'a' * 32}-{'e' * 16}-01")
    assert (inside.parent, inside.links) == ("c0", ())
    elsewhere = await place.lineage(front(), traceparent=f"00-{'d' * 32}-{'e' * 16}-01")
    assert (elsewhere.parent, elsewhere.links) == ("c1", ("c0",))


@pytest.mark.requirement("path.inferred")
async def test_the_other_gateways_are_asked_where_nothing_is_in_flight_here() -> None:
    place = Place(Others(Flight("d1", "gw2.5", (FRONT,), 8.0, 5.0), Flight("d0", "gw2.4", (FRONT,), 9.0, 4.0)))
    lineage = await place.lineage(front("acme"))
    assert place.others.asked == [("front", "acme")]
    assert (lineage.job, lineage.parent, lineage.links, lineage.remaining) == ("gw2.5", "d1", ("d0",), 8.0)
    account = place.accounts.account("gw2.5")
    assert account is not None
    assert not account.home


@pytest.mark.requirement("path.inferred")
async def test_calls_of_another_tenant_are_nobodys_parent_and_the_call_opens_a_job() -> None:
    place = Place()
    place.flies("c1", tenant="acme")
    assert (await place.lineage(front())).parent == ""
    assert place.counted == (False, True)


# -- by the calls that were answered


@pytest.mark.requirement("path.after")
async def test_a_call_after_the_answer_belongs_to_the_job_of_the_call_that_was_answered_last() -> None:
    place = Place()
    await place.answers("c1")
    job = await place.answers("c2", BACK)
    call = await place.at(front())
    assert call.lineage == Lineage(job, "c2", (BACK, FRONT), 99.0, "front", inferred="after")
    parents = call.fact(Parents)
    assert parents is not None
    assert (parents.paths, parents.parent is not None) == (((FRONT,), (BACK, FRONT)), True)
    assert place.counted == (False, False)
    assert b'lineage_after_total{agent="front"} 1.0' in place.metrics.render()


@pytest.mark.requirement("path.after")
async def test_a_call_in_flight_explains_a_call_before_one_that_was_answered() -> None:
    place = Place()
    await place.answers("c1")
    place.flies("c2")
    lineage = await place.lineage(front())
    assert (lineage.parent, lineage.inferred) == ("c2", "open")
    assert b"lineage_after_total{" not in place.metrics.render()


@pytest.mark.requirement("path.after")
async def test_the_trace_says_which_of_the_answered_calls_it_was() -> None:
    place = Place()
    await place.answers("c1", trace="a" * 32)
    await place.answers("c2", trace="c" * 32)
    call = await place.at(front(), traceparent=f"00-{'a' * 32}-{'e' * 16}-01")
    parents = call.fact(Parents)
    assert call.lineage is not None
    assert parents is not None
    assert (call.lineage.parent, parents.paths) == ("c1", ((FRONT,),))


@pytest.mark.requirement("path.roots")
@pytest.mark.parametrize("answered", [False, True])
async def test_what_no_token_and_no_open_call_explains_has_a_rate_of_its_own(answered: bool) -> None:
    place = Place(agent_roots=2.0, agent_roots_burst=3)
    if answered:
        await place.answers("c1")
    for _ in range(3):
        await place.at(front())
    with pytest.raises(RateLimited) as refused:
        await place.at(front())
    assert "limits.agent_roots" in refused.value.message
    assert refused.value.retry_after == 0.5
    await place.at(front("acme"))
    await place.at(ANN)
    await place.at(front(), meshgate_lineage=token())
    place.flies("c2")
    await place.at(front())


# -- the price of a job, with a refusal


@pytest.mark.requirement("path.loop", "path.depth")
@pytest.mark.parametrize("kind", [LoopDetected, DepthExceeded])
async def test_a_refusal_below_is_told_with_the_price_of_the_job(kind: type[LoopDetected | DepthExceeded]) -> None:
    place = Place()
    with pytest.raises(kind) as refused:
        await place.policy(make_call(), Behind(kind("round and round", metadata={"path": "a → a"})))
    assert refused.value.message == "round and round; 0/256 calls, 0.0/900 s"
    assert refused.value.metadata == {"path": "a → a", "price": "0/256 calls, 0.0/900 s"}


async def test_a_price_that_is_told_already_stays_and_one_that_nobody_knows_is_said_to_be_unknown() -> None:
    place = Place()
    told = LoopDetected("round", metadata={"price": "3 calls"})
    with pytest.raises(LoopDetected) as refused:
        await place.policy(make_call(), Behind(told))
    assert refused.value is told

    call = make_call(principal=front(), headers={"meshgate-lineage": token()})
    with pytest.raises(LoopDetected) as refused:
        await place.policy(call, Behind(LoopDetected("round")))
    assert refused.value.metadata["price"] == "not known, because the job's home gateway does not answer"
