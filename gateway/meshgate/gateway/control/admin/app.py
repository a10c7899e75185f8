"""The admin API: agents, jobs, contracts, explanations, kill switches, drain, health and metrics.

It asks every gateway in the registry, so it shows the whole mesh. It needs an admin key. It binds loopback unless
settings say otherwise, because it changes things. Its OpenAPI page is at ``/docs``, its description at
``/openapi.json``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError

from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.cluster import questions
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.control.admin.answers import ANSWERS
from meshgate.gateway.control.admin.card_routes import card_routes
from meshgate.gateway.control.admin.errors import BoundedBodies, answer_invalid_request, answer_mesh_error
from meshgate.gateway.control.admin.job_routes import add_job_routes
from meshgate.gateway.control.admin.key_routes import key_routes
from meshgate.gateway.control.admin.mesh import Mesh
from meshgate.gateway.control.admin.mesh_routes import add_change_routes, add_view_routes
from meshgate.gateway.control.admin.schema_routes import schema_routes
from meshgate.gateway.control.card_rotation import CardRotation
from meshgate.gateway.control.foreign.card_acceptance import CardAcceptance
from meshgate.gateway.control.foreign.refusals import RefusedAgent
from meshgate.gateway.control.switches import Switches
from meshgate.gateway.identity.key_record import KeyRecord
from meshgate.gateway.identity.shared_keys import SharedKeys
from meshgate.gateway.version import VERSION
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry

__all__ = ["Mesh", "make_admin"]


def make_admin(  # noqa: PLR0913 - what the API shows and changes
    mesh: Mesh,
    registry: Registry,
    table: Index,
    keys: SharedKeys,
    *,
    catalogue: Catalogue,
    gate: SchemaGate,
    metrics: Callable[[], Awaitable[bytes]],
    rotation: CardRotation,
    acceptance: CardAcceptance,
    refused: Callable[[], list[RefusedAgent]] = list,
    limits: Limits = DEFAULTS,
) -> FastAPI:
    """The admin app.

    Args:
        mesh: asks all gateways.
        registry: holds kill switches.
        table: the registered instances.
        keys: the keys of the mesh; admin keys open the API.
        catalogue: the contracts of skills.
        gate: judges releases.
        metrics: returns the text that Prometheus scrapes.
        rotation: renews the key that cards are signed with.
        acceptance: shows and accepts the cards that are held.
        refused: the agents of the settings that are refused now.
        limits: how large a request may be.
    """

    def admit(headers: Mapping[str, str]) -> None:
        keys.store.require(headers.get("authorization"), "admin")

    def authorised(request: Request) -> KeyRecord:
        return keys.store.require(request.headers.get("authorization"), "admin")

    app = FastAPI(title="Meshgate admin", version=VERSION, dependencies=[], docs_url="/docs", redoc_url=None)
    guarded = [Depends(authorised)]
    app.add_exception_handler(MeshError, answer_mesh_error)
    app.add_exception_handler(RequestValidationError, answer_invalid_request)
    app.add_middleware(BoundedBodies, admit=admit, limits=limits)
    add_view_routes(app, mesh, table, refused, guarded)
    add_job_routes(app, mesh, guarded)
    add_change_routes(app, mesh, Switches(registry, table, limits.switch_wait), table, keys.store, guarded)
    app.include_router(key_routes(keys, authorised), dependencies=guarded)
    app.include_router(card_routes(rotation, acceptance), dependencies=guarded)
    app.include_router(schema_routes(mesh, table, catalogue, gate), dependencies=guarded)
    _describe(app)
    _add_health(app, mesh, metrics, guarded)
    return app


def _add_health(app: FastAPI, mesh: Mesh, metrics: Callable[[], Awaitable[bytes]], guarded: list[Any]) -> None:
    @app.get("/livez", tags=["health"])
    async def livez() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    async def readyz(response: Response) -> dict[str, Any]:
        """Whether any gateway takes calls."""
        statuses = await mesh.ask(questions.STATUS)
        ready = [gateway for gateway, status in statuses.items() if not status.ready]
        response.status_code = 200 if ready else 503
        return {
            "status": "ok" if ready else "unavailable",
            "gateways": {name: one.ready or "; ".join(one.degraded) or "ok" for name, one in statuses.items()},
        }

    @app.get("/metrics", tags=["health"], dependencies=guarded)
    async def prometheus() -> Response:
        """Prometheus text exposition of this process's gateway."""
        return Response(await metrics(), media_type="text/plain; version=0.0.4")


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
