"""A runaway agent: what its refused calls cost, whom they hold up, and what is kept of them."""

# pyright: reportPrivateUsage=false
# The bounds of what is kept inside cannot be seen from outside.

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from meshgate.a2a.errors import MeshError
from meshgate.gateway.observe.views import JobView
from meshgate.testing import LocalMesh, Result, silent, text
from tests.gateway.meshes import limits, virtual_mesh
from tests.support.virtual_loop import virtual_time


class Runaway:
    """The agent ``front``, at work on a call of the user's, and what it asks for meanwhile."""

    def __init__(self, mesh: LocalMesh, key: str, waiting: asyncio.Future[Result]) -> None:
        self.mesh, self._key, self.waiting = mesh, key, waiting
        self._token = mesh.wire.sent[-1].headers["meshgate-lineage"]

    async def ask(self, target: str, times: int) -> list[str]:
        """How each of so many calls in the job ended: the error's code, or "done"."""
        return [await self._ask(target.format(number)) for number in range(times)]

    async def _ask(self, target: str) -> str:
        try:
            await self.mesh.call(target, key=self._key, meshgate_lineage=self._token)
        except MeshError as error:
            return error.code
        return "done"

    @property
    def job(self) -> JobView:
        (job,) = self.mesh.gateway.records.jobs()
        found = self.mesh.gateway.answers.job(job.id)
        assert found is not None
        return found


@asynccontextmanager
async def runaway(budget: int = 256, **changes: Any) -> AsyncGenerator[Runaway, None]:
    async with virtual_mesh(limits=limits(**changes)) as mesh:
        front = await mesh.add("front", silent)
        await mesh.add("leaf", text("done"))
        waiting = asyncio.ensure_future(mesh.call("front", meshgate_budget=f"calls={budget}"))
        await asyncio.sleep(0.1)
        yield Runaway(mesh, mesh.key_of(front), waiting)
        waiting.cancel()


@pytest.mark.requirement("path.record", "path.loop", "path.rate")
@virtual_time
async def test_of_three_thousand_refused_calls_of_a_job_a_thousand_records_are_kept_and_the_others_counted() -> None:
    async with runaway() as agent:
        ends = await agent.ask("front", 3000)
        assert ends == ["LOOP"] * 1000 + ["RATE_LIMITED"] * 2000
        job = agent.job
        assert len(job.calls) == 1000  # the user's own call, and 999 of the agent's
        assert Counter(call.code for call in job.calls) == {"": 1, "LOOP": 999}
        assert job.more == {"LOOP": 1, "RATE_LIMITED": 2000}
        assert (job.used, job.open) == (1, 1)
        assert len(agent.mesh.gateway.records._calls) == 1000


@pytest.mark.requirement("path.record")
@virtual_time
async def test_the_bound_on_a_jobs_records_is_a_limit() -> None:
    async with runaway(job_records=10) as agent:
        await agent.ask("front", 30)
        assert (len(agent.job.calls), agent.job.more) == (10, {"LOOP": 21})


@pytest.mark.requirement("path.rate", "path.budget")
@virtual_time
async def test_calls_without_budget_are_rate_limited_all_the_same() -> None:
    async with runaway(budget=5, rate=10.0, burst=20) as agent:
        ends = await agent.ask("leaf", 30)
        assert ends == ["done"] * 4 + ["BUDGET_EXHAUSTED"] * 16 + ["RATE_LIMITED"] * 10
        await asyncio.sleep(0.2)
        assert await agent.ask("leaf", 3) == ["BUDGET_EXHAUSTED"] * 2 + ["RATE_LIMITED"]


@pytest.mark.requirement("path.rate", "path.budget")
@virtual_time
async def test_a_call_that_is_rate_limited_costs_the_job_nothing() -> None:
    async with runaway(budget=100, rate=10.0, burst=20) as agent:
        assert await agent.ask("leaf", 50) == ["done"] * 20 + ["RATE_LIMITED"] * 30
        assert agent.job.used == 21


@pytest.mark.requirement("path.rate")
@virtual_time
async def test_names_that_nothing_answers_to_share_one_bucket_and_hold_up_no_call_to_what_is_there() -> None:
    async with runaway(rate=10.0, burst=20) as agent:
        assert await agent.ask("nobody-{}", 30) == ["NO_ROUTE"] * 20 + ["RATE_LIMITED"] * 10
        assert await agent.ask("leaf", 1) == ["done"]
        with pytest.raises(MeshError) as refused:
            await agent.mesh.call("nobody-31")
        assert refused.value.code == "NO_ROUTE"  # the user has a bucket of its own
        await asyncio.sleep(0.1)
        assert await agent.ask("nobody-{}", 2) == ["NO_ROUTE", "RATE_LIMITED"]
