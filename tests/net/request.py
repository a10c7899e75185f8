"""A request as an ASGI server hands it over, and what was answered."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

from meshgate.a2a.bindings.sse import SseParser

Message = MutableMapping[str, Any]


class Connection:
    """The server's side of one request: hands out the body, keeps what was sent, and can be left by its client."""

    def __init__(self, *chunks: bytes, ends: bool = True) -> None:
        self._incoming: list[Message] = [
            {"type": "http.request", "body": chunk, "more_body": not ends or number < len(chunks) - 1}
            for number, chunk in enumerate(chunks)
        ]
        self._left = asyncio.Event()
        self.refuses_to_send = False
        self.sent: list[Message] = []
        self.tried = 0
        self.read = 0

    async def receive(self) -> Message:
        if self._incoming:
            message = self._incoming.pop(0)
            self.read += len(message["body"])
            return message
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.tried += 1
        if self.refuses_to_send:
            raise OSError("the client has disconnected")
        if message["type"] == "http.response.start":
            assert self.sent == [], "an answer starts once"
        else:
            assert self.sent[-1].get("more_body", True), "nothing follows the end"
        self.sent.append(message)

    def leave(self) -> None:
        self._left.set()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def ended(self) -> bool:
        return bool(self.sent) and not self.sent[-1].get("more_body", self.sent[-1]["type"] == "http.response.start")

    def events(self) -> list[Any]:
        return [json.loads(data) for data in SseParser(10_000).feed(self.body)]
