"""The admin port: agents, instances, jobs and their trees, explanations, kill switches, drain, health, metrics.

It asks every gateway that it finds in the registry, so it shows the mesh. It needs an admin key; it changes things, so
it binds loopback unless it is told otherwise. Its OpenAPI page is at ``/docs``, its description at ``/openapi.json``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.selector import parse_selector
from meshgate.gateway.cluster.inspection import InstanceView, JobView, Status
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.control.admin import responses as jsonable
from meshgate.gateway.control.admin.models import ANSWERS
from meshgate.gateway.control.admin.schemas import Mesh, schema_routes
from meshgate.gateway.identity.keys import KeyStore
from meshgate.gateway.observe.job_tree import JobTree, merge_instances, merge_jobs, tree
from meshgate.gateway.observe.records import CallRecord
from meshgate.gateway.version import VERSION
from meshgate.net.asgi import Receive, read_body, read_headers
from meshgate.net.asgi import Scope as AsgiScope
from meshgate.net.asgi import Send as AsgiSend
from meshgate.registry.index import Table
from meshgate.registry.interface import Registry
from meshgate.registry.model import Switch, SwitchKind
from meshgate.registry.selection import Scope, explain

__all__ = ["Mesh", "make_admin"]

_STATUS = {
    "UNAUTHENTICATED": 401,
    "UNKNOWN_CONTRACT": 404,
    "BODY_TIMEOUT": 408,
    "STAGE_REFUSED": 409,
    "BODY_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "HEADERS_TOO_LARGE": 431,
    "REGISTRY_UNAVAILABLE": 503,
}
"""HTTP status of errors, by code; 400 for any other."""


class KillRequest(BaseModel):
    """A kill switch to throw or lift."""

    kind: SwitchKind = Field(description="what is switched off")
    name: str = Field(min_length=1, max_length=200)
    reason: str = Field(default="", max_length=500)


class DrainRequest(BaseModel):
    """Which gateway asks to be sent no new calls."""

    gateway: str = Field(default="", description="a gateway's id; empty for all", max_length=100)
    on: bool = True


def make_admin(
    mesh: Mesh,
    registry: Registry,
    table: Table,
    keys: KeyStore,
    *,
    catalogue: Catalogue,
    gate: SchemaGate,
    metrics: Callable[[], Awaitable[bytes]],
    limits: Limits = DEFAULTS,
) -> FastAPI:
    """The admin app.

    Args:
        catalogue: the contracts of skills. gate: what judges them.
        metrics: the text that Prometheus scrapes.
        limits: how large a request may be.
    """

    def authorised(request: Request) -> None:
        keys.require(request.headers.get("authorization"), "admin")

    app = FastAPI(title="Meshgate admin", version=VERSION, dependencies=[], docs_url="/docs", redoc_url=None)
    guarded = [Depends(authorised)]
    app.add_exception_handler(MeshError, _mesh_error)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_middleware(_Bounded, limits=limits)
    _add_reading(app, mesh, table, guarded)
    _add_changing(app, mesh, registry, guarded)
    app.include_router(schema_routes(mesh, table, catalogue, gate), dependencies=guarded)
    _describe(app)

    @app.get("/livez", tags=["health"])
    async def livez() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz(response: Response) -> dict[str, Any]:
        """Whether any gateway takes calls."""
        statuses: dict[str, Status] = await mesh.ask("status", kind=Status)
        ready = [gateway for gateway, status in statuses.items() if not status.ready]
        response.status_code = 200 if ready else 503
        return {
            "status": "ok" if ready else "unavailable",
            "gateways": {name: one.ready or "ok" for name, one in statuses.items()},
        }

    @app.get("/metrics", tags=["health"], dependencies=guarded)
    async def prometheus() -> Response:
        """Prometheus text exposition of this process's gateway."""
        return Response(await metrics(), media_type="text/plain; version=0.0.4")

    return app


async def _mesh_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, MeshError):
        raise error
    status = _STATUS.get(error.code, 400)
    headers = {"www-authenticate": "Bearer"} if status == 401 else None
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.violations:
        body["violations"] = [{"path": path, "what": what} for path, what in error.violations]
    return JSONResponse(body, status_code=status, headers=headers)


async def _not_valid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    found = [{"path": ".".join(map(str, one["loc"])), "what": str(one["msg"])} for one in error.errors()]
    told = "; ".join(f"{one['path']}: {one['what']}" for one in found[:5])
    return JSONResponse({"code": "INVALID_PARAMS", "message": told, "violations": found}, status_code=422)


class _Bounded:
    """Reads a request's body before the app does, up to the limit, so that no caller fills the memory."""

    def __init__(self, app: Any, limits: Limits) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: AsgiScope, receive: Receive, send: AsgiSend) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        try:
            body = await read_body(read_headers(scope, self._limits), receive, self._limits)
        except MeshError as error:
            await (await _mesh_error(Request(scope), error))(scope, receive, send)
            return
        waiting = [body]

        async def again() -> Any:
            return {"type": "http.request", "body": waiting.pop()} if waiting else await receive()

        await self._app(scope, again, send)


def _describe(app: FastAPI) -> None:
    """Add the values of ``ANSWERS`` to the API's description."""
    whole = app.openapi

    def described() -> dict[str, Any]:
        made = app.openapi_schema is None
        description = whole()
        if made:
            _, components = msgspec.json.schema_components(ANSWERS, ref_template="#/components/schemas/{name}")
            description["components"]["schemas"].update(components)
        return description

    app.openapi = described  # type: ignore[method-assign]


def _add_reading(app: FastAPI, mesh: Mesh, table: Table, guarded: list[Any]) -> None:
    @app.get("/api/v1/gateways", tags=["mesh"], dependencies=guarded)
    async def gateways() -> Response:
        """Every gateway that answers."""
        statuses: dict[str, Status] = await mesh.ask("status", kind=Status)
        return jsonable.response(sorted(statuses.values(), key=lambda status: status.gateway))

    @app.get("/api/v1/agents", tags=["mesh"], dependencies=guarded)
    async def agents() -> Response:
        """Every agent: its versions, skills and instances."""
        views = merge_instances(await mesh.ask("instances", kind=list[InstanceView]))
        return jsonable.response(_by_agent(views))

    @app.get("/api/v1/instances", tags=["mesh"], dependencies=guarded)
    async def instances() -> Response:
        """Every instance: where it listens, and what the gateways think of it."""
        return jsonable.response(merge_instances(await mesh.ask("instances", kind=list[InstanceView])))

    @app.get("/api/v1/jobs", tags=["jobs"], dependencies=guarded)
    async def jobs(limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Response:
        """The youngest jobs."""
        answers = await mesh.ask("jobs", limit, kind=list[JobView])
        return jsonable.response(merge_jobs([view for views in answers.values() for view in views], limit))

    @app.get("/api/v1/jobs/{job}", tags=["jobs"], dependencies=guarded)
    async def job(job: str) -> Response:
        """One job: its calls as a tree, with where each went, why, what it cost and what was refused."""
        found = await _tree(mesh, job)
        if found is None:
            raise HTTPException(404, f"no gateway knows job {job[:100]!r}: records are kept for an hour")
        return jsonable.response(found)

    @app.get("/api/v1/calls/{call}", tags=["jobs"], dependencies=guarded)
    async def call(call: str) -> Response:
        """One call's record."""
        answers = await mesh.ask("call", call, kind=CallRecord | None)
        found = next((record for record in answers.values() if record is not None), None)
        if found is None:
            raise HTTPException(404, f"no gateway knows call {call[:100]!r}")
        return jsonable.response(found)

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


def _add_changing(app: FastAPI, mesh: Mesh, registry: Registry, guarded: list[Any]) -> None:
    @app.post("/api/v1/kill", tags=["mesh"], dependencies=guarded)
    async def kill(request: KillRequest) -> dict[str, Any]:
        """Throw a kill switch; one on a job also ends what runs of it."""
        await registry.throw(Switch(request.kind, request.name, request.reason))
        ended: dict[str, int] = {}
        if request.kind == "job":
            ended = await mesh.ask("end_job", request.name, kind=int)
        return {"thrown": f"{request.kind} {request.name}", "ended": sum(ended.values())}

    @app.post("/api/v1/lift", tags=["mesh"], dependencies=guarded)
    async def lift(request: KillRequest) -> dict[str, str]:
        """Lift a kill switch."""
        await registry.lift(Switch(request.kind, request.name))
        return {"lifted": f"{request.kind} {request.name}"}

    @app.post("/api/v1/drain", tags=["mesh"], dependencies=guarded)
    async def drain(request: DrainRequest) -> dict[str, Any]:
        """Let a gateway report itself as not ready, so that balancers leave it, or ready again. What still comes is
        served.
        """
        state: Literal["draining", "open"] = "draining" if request.on else "open"
        answers = await mesh.ask(
            "drain", request.on, kind=None, **({"only": request.gateway} if request.gateway else {})
        )
        return {"gateways": sorted(answers), "state": state}


async def _tree(mesh: Mesh, job: str) -> JobTree | None:
    answers = await mesh.ask("job", job, kind=JobView | None)
    return tree([view for view in answers.values() if view is not None])


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
        agent["versions"] = sorted({*agent["versions"], view.version})
        agent["skills"] = sorted({*agent["skills"], *view.skills})
        agent["instances"].append(view)
    return list(found.values())
