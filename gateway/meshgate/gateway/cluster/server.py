"""Answers the questions of other gateways: an ASGI app under the mesh's inspect secret."""

from __future__ import annotations

import hmac
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import Limits
from meshgate.gateway.cluster.questions import QUESTIONS
from meshgate.net.asgi import Receive, Scope, Send, read_body, read_headers, respond, to_come

__all__ = ["InspectApp"]


class InspectApp:
    """The inspect port's app.

    Args:
        answers: by question, the function that answers it with its arguments; it may await.
    """

    def __init__(self, answers: Mapping[str, Callable[..., Any]], secret: str, limits: Limits) -> None:
        self._answers = answers
        self._secret = f"Bearer {secret}".encode()
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        try:
            headers = read_headers(scope, self._limits)
            if not hmac.compare_digest(headers.get("authorization", "").encode(), self._secret):
                await respond(send, 401, b'{"error":"the mesh key is needed"}', unread=to_come(headers))
                return
            question = QUESTIONS.get(scope["path"].removeprefix("/"))
            if question is None or question.name not in self._answers or scope["method"] != "POST":
                await respond(send, 404, b'{"error":"no such question"}')
                return
            body = await read_body(headers, receive, self._limits)
            arguments = msgspec.json.decode(body, type=question.arguments)
            answer = self._answers[question.name](*arguments)
            answer = await answer if inspect.isawaitable(answer) else answer
            await respond(send, 200, msgspec.json.encode(answer))
        except (MeshError, msgspec.MsgspecError) as error:
            await respond(send, 400, msgspec.json.encode({"error": str(error)}))
