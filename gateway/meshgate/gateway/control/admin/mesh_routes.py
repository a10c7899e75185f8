"""The routes of the admin API that show the mesh and change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from fastapi import FastAPI, Response

from meshgate.a2a.selector import parse_selector
from meshgate.gateway.cluster import questions
from meshgate.gateway.control.admin import responses as jsonable
from meshgate.gateway.control.admin.explanation import complete
from meshgate.gateway.control.admin.mesh import Mesh
from meshgate.gateway.control.admin.requests import DrainRequest, KillRequest
from meshgate.gateway.control.admin.switch_names import not_thrown, switch_names, unknown_name
from meshgate.gateway.control.foreign.refusals import RefusedAgent
from meshgate.gateway.control.switches import Switches
from meshgate.gateway.identity.keys import KeyStore
from meshgate.gateway.observe.job_tree import merge_instances
from meshgate.gateway.observe.views import InstanceView
from meshgate.registry.extras import CONTRACTS, has
from meshgate.registry.groups import Scope
from meshgate.registry.index import Index, version_order
from meshgate.registry.model import Switch
from meshgate.registry.selection import explain

__all__ = ["add_change_routes", "add_view_routes"]


def add_view_routes(
    app: FastAPI, mesh: Mesh, table: Index, refused: Callable[[], list[RefusedAgent]], guarded: list[Any]
) -> None:
    """Add the routes that show gateways, agents, selectors and kill switches."""

    @app.get("/api/v1/gateways", tags=["mesh"], dependencies=guarded)
    async def gateways() -> Response:
        """Every gateway that answers."""
        statuses = await mesh.ask(questions.STATUS)
        return jsonable.response(sorted(statuses.values(), key=lambda status: status.gateway))

    @app.get("/api/v1/agents", tags=["mesh"], dependencies=guarded)
    async def agents() -> Response:
        """Every agent: its versions, skills and instances."""
        views = merge_instances(await mesh.ask(questions.INSTANCES))
        return jsonable.response(_by_agent(views))

    @app.get("/api/v1/refused-agents", tags=["mesh"], dependencies=guarded)
    async def refused_agents() -> Response:
        """The agents of this gateway's settings that are refused, and why."""
        return jsonable.response(refused())

    @app.get("/api/v1/instances", tags=["mesh"], dependencies=guarded)
    async def instances() -> Response:
        """Every instance: where it listens, and what the gateways think of it."""
        return jsonable.response(merge_instances(await mesh.ask(questions.INSTANCES)))

    @app.get("/api/v1/explain", tags=["mesh"], dependencies=guarded)
    async def explanation(
        selector: str, skill: str = "", tenant: str = "default", agents: str = "*", skills: str = "*"
    ) -> Response:
        """Where a selector leads now for a caller of this scope, which instances take no calls of it, and why."""
        scope = Scope(tenant, tuple(agents.split(",")), tuple(skills.split(",")))
        found = explain(table, parse_selector(selector), scope, skill)
        views = merge_instances(await mesh.ask(questions.INSTANCES))
        return jsonable.response(complete(found, views, table.switches, tenant, closed=not has(CONTRACTS)))

    @app.get("/api/v1/switches", tags=["mesh"], dependencies=guarded)
    async def switches() -> Response:
        """The kill switches that are thrown."""
        return jsonable.response(sorted(table.switches))


def add_change_routes(
    app: FastAPI, mesh: Mesh, switches: Switches, table: Index, keys: KeyStore, guarded: list[Any]
) -> None:
    """Add the routes that throw and lift kill switches, and drain gateways."""

    async def end(request: KillRequest) -> int:
        return sum((await mesh.ask(questions.END_CALLS, request.kind, request.name, request.reason)).values())

    async def check(request: KillRequest) -> int:
        """How many calls were ended to find out; raises if nobody has the name."""
        if request.kind != "job":
            known = switch_names(request.kind, table, keys)
            if request.name not in known:
                raise unknown_name(request.kind, request.name, known)
            return 0
        # A gateway that keeps no records knows a job by its open calls alone.
        ended = await end(request)
        answers = {} if ended else await mesh.ask(questions.JOB, request.name)
        if not ended and all(view is None for view in answers.values()):
            raise unknown_name(request.kind, request.name, ())
        return ended

    @app.post("/api/v1/kill", tags=["mesh"], dependencies=guarded)
    async def kill(request: KillRequest) -> dict[str, Any]:
        """Throw a kill switch: calls that match are refused, and those that are open are ended."""
        ended = 0 if request.ahead else await check(request)
        try:
            await switches.throw(Switch(request.kind, request.name, request.reason))
        finally:
            if request.kind == "job" or not request.let_finish:  # also where the registry does not answer
                ended += await end(request)
        return {"thrown": f"{request.kind} {request.name}", "ended": ended}

    @app.post("/api/v1/lift", tags=["mesh"], dependencies=guarded)
    async def lift(request: KillRequest) -> dict[str, str]:
        """Lift a kill switch."""
        switch = Switch(request.kind, request.name)
        if all(one.key != switch.key for one in table.switches):
            raise not_thrown(switch, table.switches)
        await switches.lift(switch)
        return {"lifted": f"{request.kind} {request.name}"}

    @app.post("/api/v1/drain", tags=["mesh"], dependencies=guarded)
    async def drain(request: DrainRequest) -> dict[str, Any]:
        """Let a gateway report itself as not ready, so that balancers leave it, or ready again. What still comes is
        served.
        """
        state: Literal["draining", "open"] = "draining" if request.on else "open"
        answers = await mesh.ask(questions.DRAIN, request.on, only=request.gateway or "")
        return {"gateways": sorted(answers), "state": state}


def _by_agent(views: list[InstanceView]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for view in views:
        agent = found.setdefault(
            (view.tenant, view.agent),
            {
                "agent": view.agent,
                "tenant": view.tenant,
                "versions": [],
                "skills": [],
                "foreign": view.foreign,
                "instances": [],
            },
        )
        agent["versions"] = sorted({*agent["versions"], view.version}, key=version_order)
        agent["skills"] = sorted({*agent["skills"], *view.skills})
        agent["instances"].append(view)
    return list(found.values())
