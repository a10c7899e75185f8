"""Agents that answer first and call each other afterwards, without a token: one visit of each, then a loop."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError
from meshgate.a2a.reply import Reply
from meshgate.gateway.facts import Flight
from meshgate.gateway.jobs.account import Grant
from meshgate.testing import LocalMesh, text
from tests.gateway.meshes import limits, virtual_mesh
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("path.after")


class Others:
    """The other gateway, reached without a wire."""

    live = 2

    def __init__(self) -> None:
        self.mesh: LocalMesh | None = None

    async def in_flight(self, agent: str, tenant: str) -> list[Flight]:
        return self.mesh.gateway.answers.flights(agent, tenant) if self.mesh is not None else []

    async def lease(self, job: str, calls: int) -> Grant | None:
        return await self.mesh.gateway.answers.lend(job, calls) if self.mesh is not None else None


def _said(call: Call) -> str:
    return call.payload.view().message.parts[0].text or ""


class Pair:
    """Agents that answer at once and call the next one afterwards, unless they are told to rest. Each calls by the
    next gateway in turn.

    Attributes:
        visits: how often each agent was called. ends: how the calls ended that they made.
    """

    def __init__(self, *meshes: LocalMesh, keeps_trace: bool = False, pause: float = 0.01) -> None:
        self.meshes, self.keeps_trace, self.pause = meshes, keeps_trace, pause
        self.visits: Counter[str] = Counter()
        self.ends: list[str] = []
        self.paths: list[str] = []
        self._turn = 0
        self._work: set[asyncio.Task[None]] = set()

    async def add(self, agent: str, target: str) -> None:
        mesh = self.meshes[0]
        instance = f"{agent}-1"
        await mesh.add(agent, self._script(agent, target), instance=instance)
        for other in self.meshes[1:]:
            await other.seen(instance)

    def _script(self, agent: str, target: str) -> Callable[[Call], Awaitable[Reply]]:
        answer = text("done")

        async def script(call: Call) -> Reply:
            if _said(call) == "rest":
                return answer(call)
            self.visits[agent] += 1
            work = asyncio.ensure_future(self._call_on(agent, target, call.headers.get("traceparent", "")))
            self._work.add(work)
            work.add_done_callback(self._work.discard)
            return answer(call)

        return script

    async def _call_on(self, agent: str, target: str, trace: str) -> None:
        await asyncio.sleep(self.pause)
        self._turn += 1
        mesh = self.meshes[self._turn % len(self.meshes)]
        kept = {"traceparent": trace} if self.keeps_trace else {}
        try:
            await mesh.call(target, key=mesh.key_of(f"{agent}-1"), **kept)
        except MeshError as error:
            self.ends.append(error.code)
            self.paths.append(error.metadata.get("path", ""))
        else:
            self.ends.append("done")


@asynccontextmanager
async def pair(gateways: int = 1, *, keeps_trace: bool = False, **changes: float) -> AsyncGenerator[Pair]:
    there = [Others() for _ in range(gateways)]
    peers = there[0] if gateways == 2 else None
    async with virtual_mesh(limits=limits(**changes), peers=peers, gateway_id="one") as first:
        agents = Pair(first, keeps_trace=keeps_trace)
        if gateways == 2:
            async with virtual_mesh(join=first, peers=there[1], gateway_id="two", seed=1) as second:
                there[0].mesh, there[1].mesh = second, first
                agents.meshes = first, second
                await agents.add("a", "b")
                await agents.add("b", "a")
                yield agents
        else:
            await agents.add("a", "b")
            await agents.add("b", "a")
            yield agents


@pytest.mark.parametrize("gateways", [1, 2])
@virtual_time
async def test_from_one_outside_call_each_is_visited_once_and_then_it_is_a_loop(gateways: int) -> None:
    async with pair(gateways) as agents:
        await agents.meshes[0].call("a")
        await asyncio.sleep(10.0)
        assert agents.visits == {"a": 1, "b": 1}
        assert (agents.ends, agents.paths) == (["done", "LOOP"], ["a.a → b.b → a.a"])
        assert len({job.id for mesh in agents.meshes for job in mesh.gateway.records.jobs()}) == 1


@virtual_time
async def test_the_record_says_that_the_parent_was_worked_out_after_its_answer() -> None:
    async with pair() as agents:
        await agents.meshes[0].call("a")
        await asyncio.sleep(1.0)
        (job,) = agents.meshes[0].gateway.records.jobs()
        assert [(call.agent, call.inferred, call.code) for call in job.calls] == [
            ("a", "", ""),
            ("b", "after", ""),
            ("a", "after", "LOOP"),
        ]
        assert [call.parent for call in job.calls] == ["", job.calls[0].id, job.calls[1].id]


@pytest.mark.parametrize("gateways", [1, 2])
@virtual_time
async def test_a_loop_that_keeps_its_trace_is_one_among_any_number_of_other_calls(gateways: int) -> None:
    async with pair(gateways, keeps_trace=True) as agents:
        calls = 100
        for _ in range(calls):
            await agents.meshes[0].call("a")
            await agents.meshes[0].call("b")
            await asyncio.sleep(0.01)
        await asyncio.sleep(10.0)
        assert agents.visits == {"a": 2 * calls, "b": 2 * calls}
        assert Counter(agents.ends) == {"done": 2 * calls, "LOOP": 2 * calls}


@pytest.mark.parametrize("gateways", [1, 2])
@virtual_time
async def test_a_loop_without_any_header_among_a_hundred_other_calls_a_second_ends(gateways: int) -> None:
    async with pair(gateways) as agents:
        rng = random.Random(11)

        async def others(agent: str) -> None:
            for _ in range(1000):
                await asyncio.sleep(rng.expovariate(100.0))
                await rng.choice(agents.meshes).call(agent, "rest")

        agents.pause = 0.001
        crowd = [asyncio.ensure_future(others(agent)) for agent in "ab"]
        await asyncio.sleep(1.0)
        await agents.meshes[0].call("a")
        await asyncio.gather(*crowd)
        assert sum(agents.visits.values()) <= 64
        assert agents.ends[-1] in {"LOOP", "DEPTH"}
        counted = b"".join(mesh.gateway.metrics.render() for mesh in agents.meshes)
        assert b'lineage_after_total{agent="a"}' in counted


@pytest.mark.requirement("path.roots")
@virtual_time
async def test_what_a_loop_without_any_header_can_do_among_other_calls_is_bounded_by_the_agents_rate() -> None:
    async with pair(agent_roots=1.0, agent_roots_burst=20) as agents:
        for _ in range(100):
            await agents.meshes[0].call("a")
            await agents.meshes[0].call("b")
            await asyncio.sleep(0.01)
        await asyncio.sleep(10.0)
        passed = agents.ends.count("done")
        assert sum(agents.visits.values()) == 200 + passed
        assert passed <= 2 * (20 + 12)
        assert agents.ends.count("RATE_LIMITED") > 0


@virtual_time
async def test_after_the_time_of_the_job_a_call_of_the_agent_is_a_job_of_its_own() -> None:
    async with pair(job_seconds=5.0) as agents:
        agents.pause = 6.0
        await agents.meshes[0].call("a")
        await asyncio.sleep(7.0)
        assert agents.visits == {"a": 1, "b": 1}
        assert len(list(agents.meshes[0].gateway.records.jobs())) == 2


# -- a token that outlives its parent


@pytest.mark.requirement("lineage.minted")
@virtual_time
async def test_a_token_is_worth_nothing_at_any_gateway_once_its_parents_time_is_over() -> None:
    there = [Others(), Others()]
    async with (
        virtual_mesh(peers=there[0], gateway_id="one") as first,
        virtual_mesh(join=first, peers=there[1], gateway_id="two", seed=1) as second,
    ):
        there[0].mesh, there[1].mesh = second, first
        front = await first.add("front", text("done"))
        await first.add("leaf", text("done"))
        await second.seen("leaf-2")
        await first.call("front", meshgate_deadline="2.0")
        token = first.wire.sent[-1].headers["meshgate-lineage"]

        async def told(mesh: LocalMesh) -> str:
            """How a call with the token ends, and the time that the leaf is told."""
            try:
                await mesh.call("leaf", key=mesh.key_of(front), meshgate_lineage=token)
            except MeshError as error:
                return error.code
            return mesh.wire.sent[-1].headers["meshgate-deadline"]

        found = {0.0: (await told(first), await told(second))}
        for at in (1.0, 2.5, 6.0, 7.5):
            await asyncio.sleep(at - max(found))
            found[at] = await told(first), await told(second)
        assert found == {
            0.0: ("2.000000", "2.000000"),
            1.0: ("1.000000", "2.000000"),
            2.5: ("UPSTREAM_DEADLINE", "2.000000"),
            6.0: ("UPSTREAM_DEADLINE", "1.000000"),
            7.5: ("UPSTREAM_DEADLINE", "UPSTREAM_DEADLINE"),
        }
