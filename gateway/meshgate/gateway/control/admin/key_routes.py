"""The routes of the admin API about keys: list, make, rotate and revoke them while the mesh runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import msgspec
from fastapi import APIRouter, Request, Response

from meshgate.gateway.control.admin import responses as jsonable
from meshgate.gateway.control.admin.requests import KeyRequest, RotateRequest
from meshgate.gateway.identity.key_changes import KeyChanges
from meshgate.gateway.identity.key_record import KeyKind, KeyRecord
from meshgate.gateway.identity.shared_keys import SharedKeys

__all__ = ["KeyView", "NewKey", "key_routes"]


class KeyView(msgspec.Struct, frozen=True):
    """A key: everything but its secret and the hash of it. Times are seconds since 1970."""

    id: str
    kind: KeyKind
    name: str
    tenant: str
    agents: tuple[str, ...]
    skills: tuple[str, ...]
    roles: tuple[str, ...]
    principal: Literal["user", "service"]
    created: float
    """0 if that is not known."""
    expires: float
    """0 if it does not expire."""
    state: Literal["valid", "expired", "development"]
    """``development``: it is made from the mesh key, for loopback, and ends with it."""


class NewKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """A key that was just made."""

    key: str
    """The key in clear. Nobody can see it again."""
    record: KeyView
    replaces: KeyView | None = None
    """The key in whose place it comes."""


def key_routes(
    keys: SharedKeys, caller: Callable[[Request], KeyRecord], wall: Callable[[], float] = time.time
) -> APIRouter:
    """The routes under ``/api/v1/keys``.

    Args:
        keys: the keys of the mesh.
        caller: the admin key of a request, for the log.
        wall: seconds since 1970.
    """
    router = APIRouter(prefix="/api/v1/keys", tags=["keys"])
    changes = KeyChanges(keys, wall)

    def by(asked: Request) -> str:
        holder = caller(asked)
        return f"{holder.name} ({holder.id})"

    def view(key: KeyRecord) -> KeyView:
        ended = key.has_expired(wall())
        state: Literal["valid", "expired", "development"] = "expired" if ended else "valid"
        shown = {name: getattr(key, name) for name in KeyView.__struct_fields__ if name != "state"}
        return KeyView(**shown, state="development" if changes.is_fixed(key) else state)

    @router.get("")
    async def list_() -> Response:
        """Every key, without its secret."""
        return jsonable.response([view(key) for key in changes.records()])

    @router.get("/{key}")
    async def show(key: str) -> Response:
        """One key, by its id, or by its name if no other has it."""
        return jsonable.response(view(changes.find(key)))

    @router.post("")
    async def create(request: KeyRequest, asked: Request) -> Response:
        """Make a key. The answer has it in clear, this once; all gateways accept it within two seconds."""
        scope = request.model_dump(exclude={"kind", "name"})
        clear, record = await changes.create(request.kind, request.name, by(asked), **scope)
        return jsonable.response(NewKey(clear, view(record)))

    @router.post("/{key}/rotate")
    async def rotate(key: str, request: RotateRequest, asked: Request) -> Response:
        """Make a key in the place of another, with its name and scope. The old one stays valid for a while."""
        clear, record, old = await changes.rotate(key, request.keep, by(asked))
        return jsonable.response(NewKey(clear, view(record), view(old)))

    @router.post("/{key}/revoke")
    async def revoke(key: str, asked: Request) -> Response:
        """End a key: every gateway refuses it within two seconds. Calls that are open go on."""
        return jsonable.response(view(await changes.revoke(key, by(asked))))

    return router
