"""Agents of raw bytes that would hold a gateway (F105): interim answers without end, tiny lines, brackets, long ids."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from meshgate.a2a.codec.strict_json import check, decode_json
from meshgate.a2a.types import SendMessageRequest
from tests.faults.agents import Stage
from tests.faults.load import Answer
from tests.faults.processes import cpu_seconds, eventually, peak_memory, reset_peak
from tests.faults.report import Report

__all__ = ["budget", "hold"]

_MIB = 1024 * 1024
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: "
_STREAM = _HEAD + b"text/event-stream\r\n\r\n"
_ANSWERS = 200


def _json(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    length = str(len(body)).encode()
    head = b"HTTP/1.1 " + status + b"\r\nContent-Type: application/json\r\nContent-Length: " + length + b"\r\n"
    return head + more + b"\r\n" + body


def _result(task_id: str) -> bytes:
    task = {"id": task_id, "contextId": "c1", "status": {"state": "TASK_STATE_COMPLETED"}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"task": task}}).encode()


def _error(size: int) -> bytes:
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "OUT", "domain": "x.example"}
    error = {"code": -32603, "message": "no", "data": [{**info, "metadata": {"x": "y" * size}}]}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}).encode()


_ENDLESS = {
    "interim": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "lines": (_STREAM, b"data\n" * 1000),
    "comments": (_STREAM, b": x\n\n" * 1000),
}
"""What is sent once, and what is sent again and again until the gateway leaves."""
_WHOLE: dict[str, Callable[[], bytes]] = {
    "brackets": lambda: _json(b"{}" * (8 * _MIB)),
    "nested": lambda: _json(b'[{"":' * (3 * _MIB)),
    "id": lambda: _json(_result("t" * _MIB)),
    "metadata": lambda: _json(_error(100_000)),
    "pause": lambda: _json(b"", b"503 Busy", "retry-after: ²\r\n".encode("latin-1")),
    "length": lambda: _HEAD + "application/json\r\nContent-Length: ²\r\n\r\n{}".encode("latin-1"),
}


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request with the bytes that its text names."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
            body = await reader.readexactly(length)
            if not body:
                writer.write(_json(b'{"name":"raw","version":"1","description":"x","skills":[]}'))
                continue
            word = str(json.loads(body)["params"]["message"]["parts"][0]["text"])
            first, again = _ENDLESS.get(word, (b"", b""))
            writer.write(first or (b"" if again else _WHOLE[word]()))
            await writer.drain()
            while again:
                writer.write(again)
                await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def _raw_agent(stage: Stage) -> AsyncGenerator[None]:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    async with server:

        class Raw:
            name, instance = "raw", "raw-1"

        await stage.list(Raw(), "JSONRPC", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")

        async def listed() -> bool:
            return "raw-1" in await stage.gateway.instances("raw")

        await eventually(listed)
        yield
        server.close()


async def _ask(stage: Stage, word: str) -> Answer:
    method = "SendStreamingMessage" if word in ("lines", "comments") else "SendMessage"
    message = {"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": word}]}
    return await stage.caller.call("raw", method, {"message": message}, meshgate_deadline="10")


def budget(size: int) -> float:
    """Seconds of CPU that so many bytes may cost: 20 times msgspec's decode of a flat text of that size, and 1.5 times
    the check of a message with as many values as there may be.
    """
    flat = b'"' + b"a" * size + b'"'
    parts = [{"text": "x", "metadata": {"a": 1, "b": 2}}] * 9_000
    wide = json.dumps({"message": {"messageId": "m", "role": "ROLE_USER", "parts": parts}}).encode()

    def seconds(work: Callable[[], Any]) -> float:
        times: list[float] = []
        for _ in range(3):
            began = time.process_time()
            work()
            times.append(time.process_time() - began)
        return min(times)

    plain = seconds(lambda: check(decode_json(wide), SendMessageRequest))
    return 20 * seconds(lambda: msgspec.json.decode(flat)) + 1.5 * plain


async def hold(stage: Stage, report: Report) -> None:
    """F105: each costs a gateway little, ends with an error that has a name, and leaves nothing behind."""
    report.say("F105: agents that send without end, too much, or what is no number")
    async with _raw_agent(stage):
        pid, most = stage.gateway.pid, budget(16 * _MIB)
        unnamed: list[str] = []
        shares: dict[str, float] = {}
        largest = 0
        for word in (*_ENDLESS, *_WHOLE):
            before = cpu_seconds(pid)
            answer = await _ask(stage, word)
            shares[word] = (cpu_seconds(pid) - before) / most
            largest = max(largest, len(json.dumps(answer.error)))
            if not answer.code or answer.code.startswith(("CONNECTION", "INTERNAL_ERROR", "UPSTREAM_DEADLINE")):
                unnamed.append(f"{word}: {answer.code}")
        size = reset_peak(pid)
        for _ in range(_ANSWERS):
            await _ask(stage, "id")
        report.measure("F105", "not_named", len(unnamed), ", ".join(unnamed))
        told = ", ".join(f"{word} {share:.2f}" for word, share in shares.items())
        report.measure("F105", "cpu", max(shares.values()), told)
        report.measure("F105", "largest_error", largest / 1024)
        report.measure("F105", "kept", peak_memory(pid) - size)
