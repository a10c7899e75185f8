"""An agent as an ASGI app: A2A's bindings over HTTP at ``/``, its card, and ``/livez``.

A caller that shows no secret is told nothing.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from meshgate.a2a.bindings.base import Request
from meshgate.a2a.bindings.table import HTTP_ROWS
from meshgate.a2a.call import Handler
from meshgate.a2a.cards import CARD_PATH, CARD_PATHS
from meshgate.a2a.errors import MeshError, Unauthenticated
from meshgate.a2a.limits import Limits
from meshgate.net.asgi import Receive, Scope, Send, raw_path, read_headers, respond, to_come
from meshgate.net.documents import Documents
from meshgate.net.endpoint import HttpEndpoint, choose
from meshgate.sdk.server.membership import Credentials

__all__ = ["AgentApp", "Guard"]

_BEARER = "bearer "


class Guard:
    """Admits requests that present one of the agent's secrets.

    Args:
        secrets: the secrets as they are now; an empty tuple admits nobody. None admits everybody.
    """

    def __init__(self, secrets: Callable[[], tuple[str, ...]] | None) -> None:
        self._secrets = secrets

    @classmethod
    def of(cls, secret: str, joined: Credentials, *, unguarded: bool) -> Guard:
        """The guard of an agent: with a secret of its own, else with those that it gets when it joins."""
        if unguarded:
            return cls(None)
        return cls(lambda: (secret,) if secret else joined.secrets)

    def admit(self, headers: Mapping[str, str]) -> None:
        """Look at a request's headers, in a time that does not depend on what the secret is.

        Raises:
            Unauthenticated: no secret of this agent's is among them.
        """
        if self._secrets is None:
            return
        value = headers.get("authorization", "")
        shown = value[len(_BEARER) :].encode() if value[: len(_BEARER)].lower() == _BEARER else b""
        if not shown or not any(_same(shown, self._secrets())):
            raise Unauthenticated("this agent is called through its gateway")


def _same(shown: bytes, secrets: tuple[str, ...]) -> list[bool]:
    # All of them are compared, so that the time does not tell which one it was.
    return [hmac.compare_digest(shown, secret.encode()) for secret in secrets]


class AgentApp:
    """ASGI 3.

    Args:
        handler: takes the calls.
        guard: decides which requests are admitted.
        card: the agent card as it is now.
        limits: sizes and times.
    """

    def __init__(self, handler: Handler, guard: Guard, card: Callable[[], dict[str, Any]], limits: Limits) -> None:
        own = msgspec.structs.replace(limits, heartbeat=limits.agent_heartbeat)
        self._endpoints = [HttpEndpoint(row.load(), handler, own) for row in HTTP_ROWS]
        self.guard = guard
        self._card = card
        self._documents = Documents()
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        path = _own_path(scope)
        if path == "/livez":
            await respond(send, 200, b'{"status":"ok"}')
            return
        query: bytes = scope.get("query_string", b"")
        request = Request(scope["method"], path, query.decode("latin-1"), raw_path=raw_path(scope, path))
        endpoint = None
        try:
            request.headers = read_headers(scope, self._limits)
            endpoint = choose(self._endpoints, request)
            self.guard.admit(request.headers)
        except MeshError as error:
            await (endpoint or self._endpoints[0]).refuse(send, error, unread=to_come(request.headers))
            return
        if endpoint is not None:
            await endpoint(request, receive, send)
        elif path in ("/", "", *CARD_PATHS) and scope["method"] in ("GET", "HEAD"):
            body = msgspec.json.encode(self._card())
            kept = [(b"cache-control", b"private, max-age=60")]
            await self._documents.answer(send, scope["method"], request.headers, body, kept)
        else:
            await respond(
                send, 404, b'{"error":"POST JSON-RPC to /, or HTTP+JSON below it, or GET ' + CARD_PATH.encode() + b'"}'
            )


def _own_path(scope: Scope) -> str:
    """The path below the one that the app is mounted at, which ASGI's ``path`` begins with."""
    path: str = scope["path"]
    mount: str = scope.get("root_path", "")
    return path[len(mount) :] if path.startswith(f"{mount}/") else path


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
