"""A load generator: N connections, each sending its next request when it has read an answer. Run as a process of its
own.

python -m bench.load URL SECONDS CONNECTIONS [HEADER...] < body        prints one line of JSON
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Client(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, sends again until the time is over."""

    def __init__(self, request: bytes, until: float, latencies: list[float], done: asyncio.Future[None]) -> None:
        self._request, self._until, self._latencies, self._done = request, until, latencies, done
        self._buffer = b""
        self._sent = 0.0
        self.errors = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        if length is None or len(body) < int(length.group(1)):
            return
        now = time.perf_counter()
        self._latencies.append(now - self._sent)
        if b" 200 " not in head[:16] or b'"error"' in body:
            self.errors += 1
        self._buffer = b""
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def run(url: str, seconds: float, connections: int, headers: list[str], body: bytes) -> dict[str, float]:
    """Drive ``url`` for ``seconds``; rate per second and latencies in milliseconds."""
    parts = urlsplit(url)
    lines = [f"POST {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Content-Type: application/json"]
    lines += [*headers, f"Content-Length: {len(body)}"]
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    began = time.perf_counter()
    clients: list[Client] = []
    waits: list[asyncio.Future[None]] = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()

        def make(done: asyncio.Future[None] = done) -> Client:
            return Client(request, began + seconds, latencies, done)

        _, client = await loop.create_connection(make, parts.hostname, parts.port)
        clients.append(client)
        waits.append(done)
    await asyncio.wait_for(asyncio.gather(*waits), seconds + 20)
    took = time.perf_counter() - began
    latencies.sort()

    def at(share: float) -> float:
        return latencies[min(len(latencies) - 1, int(len(latencies) * share))] * 1000

    return {
        "calls": len(latencies),
        "errors": sum(client.errors for client in clients),
        "rate": len(latencies) / took,
        "p50": at(0.5),
        "p99": at(0.99),
    }


def main() -> None:
    """Read the arguments, drive, print."""
    url, seconds, connections, *headers = sys.argv[1:]
    body = sys.stdin.buffer.read()
    try:
        import uvloop
    except ImportError:
        result = asyncio.run(run(url, float(seconds), int(connections), headers, body))
    else:
        result = uvloop.run(run(url, float(seconds), int(connections), headers, body))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
