"""An agent that costs next to nothing: answers every JSON-RPC request with the same message, under the request's id."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import cast

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ID = re.compile(rb'"id":\s*("[^"]*"|\d+)')
_REST = b',"result":{"message":{"messageId":"r1","role":"ROLE_AGENT","parts":[{"text":"hello from upstream"}]}}}'


class Agent(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, found, body = self._buffer.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            size = int(length.group(1)) if length else 0
            if not found or len(body) < size:
                return
            self._buffer = body[size:]
            self._answer(head, body[:size])

    def _answer(self, head: bytes, body: bytes) -> None:
        rpc_id = _ID.search(body)
        answer = b'{"jsonrpc":"2.0","id":' + (rpc_id.group(1) if rpc_id else b"1") + _REST
        lines = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer)
        self._transport.write(lines + answer)


async def main() -> None:
    """Serve on a free port, printed on the first line, until the standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Agent, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
