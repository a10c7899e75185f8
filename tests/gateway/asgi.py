"""A caller of ASGI apps, without a server."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

__all__ = ["Answer", "request"]


@dataclass
class Answer:
    """What an app answered, and how much of the body it read."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    chunks_read: int = 0

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def reason(self) -> str:
        """The ErrorInfo's reason of a JSON-RPC error."""
        return str(self.json["error"]["data"][0]["reason"])


async def request(
    app: Any,
    method: str,
    path: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    chunks: list[bytes] | None = None,
    query: str = "",
) -> Answer:
    """Send one request. ``chunks`` is a body without a length."""
    answer = Answer()
    waiting = list(chunks) if chunks is not None else [body]
    sent = {"host": "mesh.test", **(headers or {})}
    if chunks is None and body:
        sent["content-length"] = str(len(body))

    async def receive() -> MutableMapping[str, Any]:
        answer.chunks_read += 1
        chunk = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            answer.body += message.get("body", b"")

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "scheme": "http",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
    }
    await app(scope, receive, send)
    return answer
