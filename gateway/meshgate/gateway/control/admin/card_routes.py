"""The routes of the admin API about cards."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from meshgate.gateway.control.admin import responses as jsonable
from meshgate.gateway.control.admin.requests import AcceptRequest
from meshgate.gateway.control.card_rotation import CardRotation
from meshgate.gateway.control.foreign.card_acceptance import CardAcceptance

__all__ = ["card_routes"]


def card_routes(rotation: CardRotation, acceptance: CardAcceptance) -> APIRouter:
    """The routes under ``/api/v1/cards``."""
    router = APIRouter(prefix="/api/v1/cards", tags=["cards"])

    @router.get("/held")
    async def held() -> Response:
        """The changed cards of foreign agents that wait for an operator, with the reasons and what changed."""
        return jsonable.response(acceptance.held)

    @router.post("/accept")
    async def accept(request: AcceptRequest) -> Response:
        """Use the card of an agent that waits."""
        return jsonable.response(await acceptance.accept(request.agent, request.tenant, request.candidate))

    @router.post("/rotate")
    async def rotate() -> dict[str, Any]:
        """Sign cards with a new key. The public key of the last one stays published."""
        return {"generation": await rotation.rotate()}

    return router
