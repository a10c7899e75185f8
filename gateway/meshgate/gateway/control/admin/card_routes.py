"""The routes of the admin API about cards."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from meshgate.gateway.control.card_rotation import CardRotation

__all__ = ["card_routes"]


def card_routes(rotation: CardRotation) -> APIRouter:
    """The routes under ``/api/v1/cards``."""
    router = APIRouter(prefix="/api/v1/cards", tags=["cards"])

    @router.post("/rotate")
    async def rotate() -> dict[str, Any]:
        """Sign cards with a new key. The public key of the last one stays published."""
        return {"generation": await rotation.rotate()}

    return router
