"""The routes of the admin API that show the mesh and change it."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI, Response

from meshgate.a2a.selector import parse_selector
from meshgate.gateway.cluster import questions
from meshgate.gateway.control.admin import responses as jsonable
from meshgate.gateway.control.admin.mesh import Mesh
from meshgate.gateway.control.admin.requests import DrainRequest, KillRequest
from meshgate.gateway.control.switches import Switches
from meshgate.gateway.observe.job_tree import merge_instances
from meshgate.gateway.observe.views import InstanceView
from meshgate.registry.groups import Scope
from meshgate.registry.index import Index, version_order
from meshgate.registry.model import Switch
from meshgate.registry.selection import explain

__all__ = ["add_change_routes", "add_view_routes"]


def add_view_routes(app: FastAPI, mesh: Mesh, table: Index, guarded: list[Any]) -> None:
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

    @app.get("/api/v1/instances", tags=["mesh"], dependencies=guarded)
    async def instances() -> Response:
        """Every instance: where it listens, and what the gateways think of it."""
        return jsonable.response(merge_instances(await mesh.ask(questions.INSTANCES)))

    @app.get("/api/v1/explain", tags=["mesh"], dependencies=guarded)
    async def explanation(
        selector: str, skill: str = "", tenant: str = "default", agents: str = "*", skills: str = "*"
    ) -> Response:
        """Where a selector leads for a caller of this scope, which instances were dropped, and why."""
        scope = Scope(tenant, tuple(agents.split(",")), tuple(skills.split(",")))
        return jsonable.response(explain(table, parse_selector(selector), scope, skill))

    @app.get("/api/v1/switches", tags=["mesh"], dependencies=guarded)
    async def switches() -> Response:
        """The kill switches that are thrown."""
        return jsonable.response(sorted(table.switches))


def add_change_routes(app: FastAPI, mesh: Mesh, switches: Switches, guarded: list[Any]) -> None:
    """Add the routes that throw and lift kill switches, and drain gateways."""

    @app.post("/api/v1/kill", tags=["mesh"], dependencies=guarded)
    async def kill(request: KillRequest) -> dict[str, Any]:
        """Throw a kill switch; one on a job also ends what runs of it."""
        ended: dict[str, int] = {}
        try:
            await switches.throw(Switch(request.kind, request.name, request.reason))
        finally:
            if request.kind == "job":  # its calls are ended even where the registry does not answer
                ended = await mesh.ask(questions.END_JOB, request.name)
        return {"thrown": f"{request.kind} {request.name}", "ended": sum(ended.values())}

    @app.post("/api/v1/lift", tags=["mesh"], dependencies=guarded)
    async def lift(request: KillRequest) -> dict[str, str]:
        """Lift a kill switch."""
        await switches.lift(Switch(request.kind, request.name))
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
