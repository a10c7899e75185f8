"""What the schema policy decides without converting: which call is large, which route is first, who is served."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import msgspec
import pytest

from meshgate.a2a.call import Route
from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.mesh import headers
from meshgate.a2a.selector import parse_selector
from meshgate.gateway.contracts.converters import Converters
from meshgate.gateway.policies.call.schema import Schema
from meshgate.testing import LocalMesh
from tests.gateway.calls import Behind, make_call
from tests.gateway.meshes import virtual_mesh
from tests.gateway.policies.test_schema import change, meshed, settings
from tests.support.virtual_loop import virtual_time

pytestmark = pytest.mark.requirement("path.schema")
LIMITS = msgspec.structs.replace(DEFAULTS, mediation_inline=2000, mediation_wait=0.5)
PLAIN = Route("other", "plan", "1.0.0", ())


def route(version: str, agent: str = "weather") -> Route:
    """A route to a skill with a contract."""
    return Route(agent, "forecast", version, (), contract="c1")


def policy(mesh: LocalMesh) -> Schema:
    return Schema(Converters(mesh.gateway.schemas, LIMITS, {}), mesh.gateway.usage, LIMITS)


@virtual_time
async def test_a_call_without_a_route_goes_on_as_it_is() -> None:
    async with virtual_mesh() as mesh:
        call, behind = make_call(), Behind()
        await policy(mesh)(call, behind)
        assert behind.last is call


@virtual_time
async def test_a_contract_that_nobody_knows_is_waited_for_and_who_speaks_another_release_is_not_sent() -> None:
    async with virtual_mesh() as mesh:
        schema, behind = policy(mesh), Behind()
        began = mesh.gateway.clock()
        call = make_call(route=route("1.0.0"))
        await schema(call, behind)
        assert (behind.last, mesh.gateway.clock() - began) == (call, 0.5)
        with pytest.raises(UpstreamUnavailable) as away:
            await schema(msgspec.structs.replace(call, headers={headers.SCHEMA_VERSION: "2.0.0"}), behind)
        assert away.value.unsent
        assert len(behind.calls) == 1


@virtual_time
async def test_where_there_is_no_contract_the_order_of_routes_stands() -> None:
    async with virtual_mesh() as mesh:
        call = make_call(headers={headers.SCHEMA_VERSION: "2.0.0"})
        routes = (Route("other", "plan", "1.0.0", ()), Route("other", "plan", "2.0.0", ()))
        assert tuple(policy(mesh).prefer(call, routes)) == routes


async def test_the_release_of_the_caller_comes_first_and_what_has_no_contract_here_yet_last() -> None:
    async with meshed(releases=("1.0.0", "1.1.0")) as (mesh, _):
        schema = policy(mesh)
        routes = [route("2.0.0"), route("1.0.0", "unknown"), route("1.0.0"), PLAIN, route("1.1.0")]
        expected = [route("1.0.0"), PLAIN, route("1.1.0"), route("1.0.0", "unknown"), route("2.0.0")]
        assert schema.prefer(make_call(), routes) == expected
        speaks = make_call(headers={headers.SCHEMA_VERSION: "1.1.0"})
        assert schema.prefer(speaks, routes)[0] == route("1.1.0")


async def test_who_asks_for_versions_or_about_a_task_gets_the_order_of_routes() -> None:
    async with meshed(releases=("1.0.0", "1.1.0", "2.0.0")) as (mesh, _):
        schema = policy(mesh)
        routes = [route("2.0.0"), PLAIN, route("1.1.0")]
        assert schema.prefer(make_call(target=parse_selector("forecast@>=1")), routes) == routes
        about_task = make_call("GetTask", target=parse_selector("weather"))
        assert schema.prefer(about_task, routes) == [PLAIN, route("1.1.0"), route("2.0.0")]
        assert schema.skill_of_parts(about_task, route("1.1.0"), ("forecast", "plan")) == ""


async def test_another_release_answers_only_where_converting_is_enforced() -> None:
    async with meshed(releases=("1.0.0", "1.1.0")) as (mesh, _):
        schema = policy(mesh)
        one, nine = (parse_selector(f"x@{text}").versions for text in ("^1", "^9"))
        await change(mesh, settings(mediation="enforce"))
        assert [schema.covers(route("1.0.0"), each) for each in (one, nine)] == [True, False]
        assert not schema.covers(PLAIN, one)
        await change(mesh, settings(mediation="observe"))
        assert not schema.covers(route("1.0.0"), one)
