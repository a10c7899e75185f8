"""What agents send when they notify the gateway of a task: ``POST /callbacks/TOKEN``."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from meshgate.a2a.bindings.http_json.errors import http_status
from meshgate.a2a.codec.strict_json import decode_json, is_object
from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.ingress.cors import App
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.push.callback_token import CALLBACKS, CallbackTokens
from meshgate.net.asgi import Receive, Scope, Send, read_body, read_headers, respond, to_come

__all__ = ["Callbacks", "Hear"]


class Hear(Protocol):
    """Takes a call of an agent to the gateway that waits for it."""

    def __call__(self, gateway: str, handle: str, upstream: str, /) -> Awaitable[bool]:
        """Whether that gateway waits for a call about the agent's task ``upstream`` under the handle."""
        ...


class Callbacks:
    """An app that answers the calls of agents, before another that answers all else.

    The token in the path is the credential. Of the body only the id of the task counts.
    """

    def __init__(
        self, app: App, tokens: CallbackTokens, hear: Hear, metrics: Metrics, limits: Limits = DEFAULTS
    ) -> None:
        self._app = app
        self._tokens, self._hear = tokens, hear
        self._metrics, self._limits = metrics, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] == "http" and scope["path"].startswith(CALLBACKS):
            await self._answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = self._tokens.read(scope["path"].removeprefix(CALLBACKS))
        unread = math.inf
        try:
            headers = read_headers(scope, self._limits)
            unread = to_come(headers)
            # Nothing is read of what comes without a token.
            if known is None or scope["method"] != "POST":
                await respond(send, 404, b'{"error":"nobody waits for a notification here"}', unread=unread)
                return
            body = await read_body(headers, receive, self._limits)
            unread = 0.0
            task = _task_in(decode_json(body))
        except MeshError as error:
            self._metrics.called_back("unreadable")
            await respond(send, http_status(error), b'{"error":"%s"}' % error.code.encode(), unread=unread)
            return
        taken = bool(task) and await self._hear(*known, task)
        self._metrics.called_back("taken" if taken else "dropped")
        # A sender of ours or of others tries again or gives up by the status alone.
        await respond(send, 200 if taken else 404, b"{}" if taken else b'{"error":"nobody waits for this task here"}')


_PLACES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "task": lambda body: body.get("id"),
    "statusUpdate": lambda body: body.get("taskId"),
    "artifactUpdate": lambda body: body.get("taskId"),
    "message": lambda body: body.get("taskId"),
}


def _task_in(tree: Any) -> str:
    """The id of the task that a notification of either version is about; "" if it names none."""
    if not is_object(tree):
        return ""
    for key, read in _PLACES.items():
        if is_object(body := tree.get(key)):
            found = read(body)
            return found if isinstance(found, str) else ""
    found = tree.get("taskId") or tree.get("id")
    return found if isinstance(found, str) else ""
