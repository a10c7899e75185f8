"""The errors of the admin API as HTTP answers, and the limit on the size of its requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import Limits
from meshgate.net.asgi import Receive, read_body, read_headers, respond, to_come
from meshgate.net.asgi import Scope as AsgiScope
from meshgate.net.asgi import Send as AsgiSend

__all__ = ["BoundedBodies", "answer_invalid_request", "answer_mesh_error"]

_STATUS = {
    "UNAUTHENTICATED": 401,
    "UNKNOWN_CONTRACT": 404,
    "UNKNOWN_KEY": 404,
    "UNKNOWN_NAME": 404,
    "NO_HELD_CARD": 404,
    "BODY_TIMEOUT": 408,
    "KEYS_CHANGED": 409,
    "LAST_ADMIN_KEY": 409,
    "STAGE_REFUSED": 409,
    "BODY_TOO_LARGE": 413,
    "CONTENT_TYPE_NOT_SUPPORTED": 415,
    "HEADERS_TOO_LARGE": 431,
    "REGISTRY_UNAVAILABLE": 503,
    "KEYS_NOT_WRITTEN": 503,
    "OUTCOME_UNKNOWN": 503,
    "WRITTEN_NOT_SEEN": 503,
}
"""HTTP status of errors, by code; 400 for any other."""


async def answer_mesh_error(_: Request, error: Exception) -> Response:
    """The answer for an error of the mesh: its code, its message, and its violations."""
    if not isinstance(error, MeshError):
        raise error
    status, headers, body = _answer(error)
    return JSONResponse(body, status_code=status, headers=headers)


def _answer(error: MeshError) -> tuple[int, dict[str, str], dict[str, Any]]:
    status = _STATUS.get(error.code, 400)
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.violations:
        body["violations"] = [{"path": path, "what": what} for path, what in error.violations]
    return status, {"www-authenticate": "Bearer"} if status == 401 else {}, body


async def answer_invalid_request(_: Request, error: Exception) -> Response:
    """The answer for a request that pydantic refused, in the form of ``answer_mesh_error``."""
    if not isinstance(error, RequestValidationError):
        raise error
    found = [{"path": ".".join(map(str, one["loc"])), "what": str(one["msg"])} for one in error.errors()]
    told = "; ".join(f"{one['path']}: {one['what']}" for one in found[:5])
    return JSONResponse({"code": "INVALID_PARAMS", "message": told, "violations": found}, status_code=422)


class BoundedBodies:
    """Middleware that reads a request's body up to the limit before the app does, so that no caller fills the memory.

    Every request with a body needs a key, which is checked first.

    Args:
        app: the app.
        admit: checks the headers, and raises to refuse the request.
        limits: how large and how slow a body may be.
    """

    def __init__(self, app: Any, admit: Callable[[Mapping[str, str]], object], limits: Limits) -> None:
        self._app, self._admit, self._limits = app, admit, limits

    async def __call__(self, scope: AsgiScope, receive: Receive, send: AsgiSend) -> None:
        """Handle a request as ASGI says."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            await self._app(scope, receive, send)
            return
        unread = 0.0
        try:
            headers = read_headers(scope, self._limits)
            unread = to_come(headers)
            self._admit(headers)
            body = await read_body(headers, receive, self._limits)
        except MeshError as error:
            status, sent, told = _answer(error)
            raw = [(name.encode(), text.encode()) for name, text in sent.items()]
            await respond(send, status, msgspec.json.encode(told), raw, unread=unread)
            return
        waiting = [body]

        async def again() -> Any:
            return {"type": "http.request", "body": waiting.pop()} if waiting else await receive()

        await self._app(scope, again, send)
