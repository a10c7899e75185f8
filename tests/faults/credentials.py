"""Bodies that are dear to read, under made-up keys and under a genuine one (F102)."""

from __future__ import annotations

import asyncio
import json
import time

from tests.faults.agents import Stage
from tests.faults.hostile import Canary
from tests.faults.processes import cpu_seconds, read_bytes
from tests.faults.raw_agents import budget
from tests.faults.report import Report

__all__ = ["bodies", "push"]

_SIZE = 4 * 1024 * 1024 - 1024
_AT_ONCE = 4
_ROUNDS = 5


def _bodies() -> dict[str, bytes]:
    keys = ",".join(f'"k{number:05}":1' for number in range(15_000))
    return {
        "nested": (b'[{"":' * (_SIZE // 5)),
        "objects": b"{}" * (_SIZE // 2),
        "keys": f'{{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{{{keys}}}}}'.encode(),
    }


async def push(port: int, body: bytes, key: str) -> tuple[int, str]:
    """Send a body whole, as plain clients do, and read the answer: its status, and how the connection goes on."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return 0, ""
    head = (
        f"POST /agents/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nA2A-Version: 1.0\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    try:
        writer.write(head.encode() + body)
        await writer.drain()
        answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        text = answer.decode("latin-1").lower()
        return int(text.split()[1]), "close" if "connection: close" in text else "open"
    except (OSError, EOFError, TimeoutError):
        return 0, ""
    finally:
        writer.transport.abort()


async def bodies(stage: Stage, report: Report) -> None:
    """F102: without a genuine key nothing of a body is read; with one it costs no more than reading it may."""
    report.say("F102: bodies of 4 MiB under keys that are made up")
    pid, most = stage.gateway.pid, budget(_SIZE)
    made_up, wrong = "mg_client_0000000000_made-up", 0
    shares: dict[str, float] = {}
    canary = Canary(stage)
    before = cpu_seconds(pid)
    taken = 0
    for _ in range(_ROUNDS):
        for body in _bodies().values():
            found = await asyncio.gather(*(push(stage.gateway.port, body, made_up) for _ in range(_AT_ONCE)))
            wrong += sum(each != (401, "close" if len(body) > 65_536 else "open") for each in found)
            taken += _AT_ONCE
    spent = cpu_seconds(pid) - before
    canary.stop()
    await asyncio.sleep(0.1)
    size = read_bytes(pid)
    for name, body in _bodies().items():
        before = cpu_seconds(pid)
        began = time.monotonic()
        status, _ = await push(stage.gateway.port, body, stage.gateway.ran.client_key)
        shares[name] = (cpu_seconds(pid) - before) / most
        wrong += status not in (200, 400)
        report.say(f"{name}: {status} after {time.monotonic() - began:.2f} s")
    # With the size of what was sent, so that the figure of a genuine key is one of bodies that were read.
    wrong += read_bytes(pid) - size < _SIZE
    told = json.dumps({name: round(share, 2) for name, share in shares.items()})
    report.measure("F102", "wrong_answers", wrong)
    report.measure("F102", "cpu_made_up", spent / taken / most)
    report.measure("F102", "cpu_genuine", max(shares.values()), told)
    report.measure("F102", "loop_held_ms", canary.longest * 1000)
