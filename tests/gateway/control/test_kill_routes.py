"""The emergency brake: it stops what it names, says what it stopped, and refuses a name that nobody has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from meshgate.a2a.errors import Killed
from meshgate.gateway.identity.keys import new_key
from meshgate.registry import MemoryRegistry
from meshgate.registry.model import Capability, Endpoint, Instance, Manifest, Switch
from meshgate.testing.agents import silent
from tests.gateway.asgi import request
from tests.gateway.control_plane import ControlPlane, control_plane
from tests.registry.virtual import until

pytestmark = pytest.mark.requirement("cli.kill")


@asynccontextmanager
async def plane() -> AsyncGenerator[ControlPlane]:
    """A mesh with two agents that never answer; ``weather`` is in two tenants."""
    registry = MemoryRegistry()
    async with control_plane(registry) as at:
        for agent, skill, tenant in (
            ("weather", "forecast", "default"),
            ("weather", "radar", "acme"),
            ("news", "read", "default"),
        ):
            manifest = Manifest(agent, "1.0.0", skills=(Capability(skill, "1.0.0"),))
            name = f"{agent}-{tenant}"
            at.wire.scripts[f"local://{name}"] = silent
            where = (Endpoint("JSONRPC", f"local://{name}"),)
            listed = Instance(name, agent, manifest.digest(), endpoints=where, lasting=True, tenant=tenant)
            await registry.register(listed, manifest)
        _, ann = new_key("client", "ann")
        at.keys.add(ann)
        await until(lambda: len(at.table.entries) == 3)
        yield at


async def post(at: ControlPlane, what: str, **body: Any) -> tuple[int, Any]:
    headers = {"content-type": "application/json", "authorization": f"Bearer {at.admin_key}"}
    answer = await request(at.admin, "POST", f"/api/v1/{what}", headers=headers, body=msgspec.json.encode(body))
    return answer.status, answer.json


@asynccontextmanager
async def calling(at: ControlPlane, *selectors: str) -> AsyncGenerator[list[asyncio.Task[Any]]]:
    """Calls that are open to their agents."""
    calls = [asyncio.ensure_future(at.call({"text": "hi"}, selector=one)) for one in selectors]
    await until(lambda: at.gateway.in_flight.count == len(calls))
    try:
        yield calls
    finally:
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.parametrize(
    ("kind", "name", "ended"),
    [("agent", "weather", 2), ("skill", "forecast", 2), ("tenant", "default", 3), ("skill", "read", 1)],
)
async def test_a_switch_ends_the_calls_that_are_open_and_tells_their_callers_why(
    kind: str, name: str, ended: int
) -> None:
    async with plane() as at, calling(at, "weather", "forecast@1", "news") as calls:
        status, said = await post(at, "kill", kind=kind, name=name, reason="it loops")
        assert (status, said) == (200, {"thrown": f"{kind} {name}", "ended": ended})
        await until(lambda: sum(call.done() for call in calls) == ended)
        for call in calls:
            if call.done():
                error = call.exception()
                assert isinstance(error, Killed)
                assert error.message == f"{kind} {name!r} was switched off by an operator: it loops"
                assert error.metadata["switch"] == f"{kind} {name}"


async def test_a_job_is_ended_with_the_operators_reason() -> None:
    async with plane() as at, calling(at, "weather") as (call,):
        job = at.gateway.answers.jobs(1)[0].id
        assert await post(at, "kill", kind="job", name=job, reason="too dear") == (
            200,
            {"thrown": f"job {job}", "ended": 1},
        )
        with pytest.raises(Killed, match=f"job '{job}' was switched off by an operator: too dear"):
            await call


async def test_calls_that_are_open_may_be_let_finish() -> None:
    async with plane() as at, calling(at, "weather") as (call,):
        assert (await post(at, "kill", kind="agent", name="weather", let_finish=True))[1]["ended"] == 0
        with pytest.raises(Killed):
            await at.call({"text": "hi"})
        assert not call.done()


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("agent", "wether", "there is no agent 'wether'; did you mean 'weather'?"),
        ("agent", "radar", "there is no agent 'radar'"),
        ("skill", "forcast", "there is no skill 'forcast'; did you mean 'forecast'?"),
        ("skill", "radar", "there is no skill 'radar'; did you mean 'acme:radar'?"),
        ("key", "anne", "there is no key 'anne'; did you mean 'ann'?"),
        ("tenant", "acne", "there is no tenant 'acne'; did you mean 'acme'?"),
    ],
)
async def test_a_name_that_nobody_has_is_refused_unless_it_is_thrown_ahead(kind: str, name: str, told: str) -> None:
    async with plane() as at:
        status, said = await post(at, "kill", kind=kind, name=name)
        assert (status, said["code"]) == (404, "UNKNOWN_NAME")
        assert said["message"] == f"{told}; --ahead switches it off before it comes"
        assert not at.table.switches
        assert (await post(at, "kill", kind=kind, name=name, ahead=True))[0] == 200
        assert at.table.switches == (Switch(kind, name),)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("agent", "acme:weather"),
        ("skill", "acme:radar"),
        ("key", "ann"),
        ("key", "agent:news"),
        ("key", "acme:agent:weather"),
        ("tenant", "acme"),
        ("tenant", "default"),
    ],
)
async def test_a_name_that_somebody_has_is_taken(kind: str, name: str) -> None:
    async with plane() as at:
        assert (await post(at, "kill", kind=kind, name=name))[0] == 200


async def test_a_job_that_no_gateway_knows_is_refused() -> None:
    async with plane() as at:
        status, said = await post(at, "kill", kind="job", name="gw.1")
        assert (status, said["code"]) == (404, "UNKNOWN_NAME")
        assert said["message"].startswith("no gateway knows job 'gw.1'")


async def test_only_a_switch_that_is_thrown_is_lifted() -> None:
    async with plane() as at:
        await post(at, "kill", kind="agent", name="weather")
        status, said = await post(at, "lift", kind="agent", name="wether")
        assert (status, said["message"]) == (
            404,
            "no switch is thrown for agent 'wether'; did you mean 'weather'?",
        )
        assert (await post(at, "lift", kind="skill", name="weather"))[0] == 404
        assert await post(at, "lift", kind="agent", name="weather") == (200, {"lifted": "agent weather"})
        assert not at.table.switches


async def test_a_gateway_that_has_not_seen_the_switch_ends_what_began_meanwhile_when_it_does() -> None:
    async with plane() as at:
        async with calling(at, "weather") as (first,):
            assert at.gateway.answers.end_calls("agent", "weather", "it loops") == 1
            with pytest.raises(Killed):
                await first
        async with calling(at, "weather", "news") as (late, other):
            await post(at, "kill", kind="agent", name="weather", reason="it loops", let_finish=True)
            with pytest.raises(Killed):
                await late
            assert not other.done()
