"""What a call costs for each binding and version of its caller, and of its agent: 36 pairs, in one process.

Everything of a gateway but its sockets: the caller's bytes are read, every policy runs, the agent's request is written,
its answer read, mapped and written for the caller. Sockets and HTTP/2 are left out on purpose: they are the same
whichever versions meet, and would drown what differs. (Legs over gRPC cost grpcio besides.)
"""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
import sys
import time
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import unquote

from bench.comparison import Comparison
from meshgate.a2a.bindings.base import Request
from meshgate.a2a.bindings.table import ROWS, Key, Row
from meshgate.a2a.call import Handler
from meshgate.a2a.limits import Limits
from meshgate.a2a.methods import METHODS
from meshgate.a2a.payload import JsonPayload
from meshgate.a2a.protocol_version import protocol_headers
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import parse_selector
from meshgate.gateway.gateway import Gateway
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.upstream.instance import Access, Health
from meshgate.gateway.upstream.send import Outbound
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.model import Capability, Endpoint, Instance, Manifest

__all__ = ["CALLS", "LIMITS", "measured", "section", "table", "verdicts"]

CALLS = 200
"""Calls of one pair in one round."""
LIMITS = {"same": 1.4, "across": 1.6}
"""Most that a pair may cost beside JSON-RPC 1.0 to JSON-RPC 1.0, which is measured right before it in each round: 0.3
to 0.3 in one binding of JSON, and JSON to JSON else where 0.3 is at an end.
"""
_SEND = METHODS["SendMessage"]
_ASKED = {
    "message": {
        "messageId": "m1",
        "role": "ROLE_USER",
        "contextId": "c1",
        "parts": [{"text": "hello there " * 10}],
    }
}
_ANSWERED = {
    "task": {
        "id": "t1",
        "contextId": "c1",
        "status": {"state": "TASK_STATE_COMPLETED", "timestamp": "2026-11-30T12:00:00Z"},
        "artifacts": [{"artifactId": "a1", "parts": [{"text": "good day " * 20}]}],
    }
}
_ID = b"the id"
Pair = tuple[Key, Key]


class _Wire:
    """An agent of one binding that answers the same bytes to everything, in this process."""

    def __init__(self, row: Row[Any]) -> None:
        self._binding = row.load()
        server = self._binding.server()
        asked = self._binding.client(_SEND, JsonPayload(_SEND.request, _ASKED)).request
        server.decode_request(_received(asked, row, {}))
        body: bytes = server.encode_answer(JsonPayload(_SEND.response, _ANSWERED))
        if row.id == "JSONRPC":
            body = json.dumps({**json.loads(body), "id": _ID.decode()}).encode()
        self._body = body

    async def send(self, out: Outbound) -> Reply:
        """See ``Wire.send``."""
        out.attempt.sent = True
        exchange = self._binding.client(out.call.method, out.payload)
        body = self._body.replace(_ID, getattr(exchange, "_rpc_id", "").encode())
        return Reply.one(exchange.decode_answer(body))

    async def health(self, endpoint: Endpoint, url: str | None, timeout: float, access: Access | None = None) -> Health:
        """See ``Wire.health``."""
        return Health.WELL

    def forget(self, endpoint: Endpoint) -> None:
        """Do nothing."""

    async def aclose(self) -> None:
        """Do nothing."""


def _received(asked: Request, row: Row[Any], headers: dict[str, str], agent: str = "") -> Request:
    """A request as a server gets it."""
    sent = {**asked.headers, **protocol_headers(row.version, None), **headers}
    target = parse_selector(agent) if agent else None
    return Request(asked.method, unquote(asked.path), asked.query, sent, asked.body, target, asked.path)


def _name(key: Key) -> str:
    return " ".join(key)


async def _gateway() -> tuple[Gateway, str]:
    """A gateway with an agent of each binding, and a caller's key."""
    generous = Limits(rate=1e9, burst=10**9, traces=1e-9, records=100)
    registry, keys, mesh = MemoryRegistry(), KeyStore(), MeshKey(secrets.token_bytes(32))
    wires: dict[Key, Any] = {row.key: _Wire(row) for row in ROWS}
    made = Gateway(registry, mesh, keys, limits=generous, wires=wires, alone=True)
    await made.start()
    for number, (binding, version) in enumerate(wires):
        name = f"agent-{number}"
        card = {"name": name, "version": "1.0.0", "skills": [{"id": "echo", "name": "echo"}]}
        manifest = Manifest(name, "1.0.0", skills=(Capability("echo", "1.0.0"),), card=card, foreign=True)
        where = (Endpoint(binding, f"http://{name}/", version),)
        await registry.register(Instance(f"{name}-1", name, manifest.digest(), endpoints=where, lasting=True), manifest)
        while f"{name}-1" not in made.table.entries:
            await asyncio.sleep(0.01)
    key, record = new_key("client", "bench")
    keys.add(record)
    return made, key


async def _one(row: Row[Any], asked: Request, handler: Handler) -> bytes:
    exchange = row.load().server()
    reply = await handler(exchange.decode_request(asked))
    async with aclosing(reply):
        return cast("bytes", exchange.encode_answer(await reply.answer()))


async def measured(count: int, calls: int = CALLS) -> list[dict[str, Any]]:
    """The rows of all rounds, the pairs interleaved, each behind the base: µs of the processor a call."""
    made, key = await _gateway()
    names = {row.key: f"agent-{number}" for number, row in enumerate(ROWS)}
    headers = {"authorization": f"Bearer {key}"}

    async def cost(caller: Row[Any], agent: Row[Any]) -> float:
        handler = made.entrance(caller.id)
        request = caller.load().client(_SEND, JsonPayload(_SEND.request, _ASKED)).request
        asked = _received(request, caller, headers, names[agent.key])
        before = time.process_time()
        for _ in range(calls):
            await _one(caller, asked, handler)
        return (time.process_time() - before) / calls * 1e6

    found: list[dict[str, Any]] = []
    try:
        for number in range(count + 1):  # the first warms up
            for caller in ROWS:
                for agent in ROWS:
                    base, spent = await cost(ROWS[0], ROWS[0]), await cost(caller, agent)
                    row = {"caller": caller.key, "agent": agent.key, "round": number, "cpu_us": spent, "base_us": base}
                    found += [row] if number else []
            print(f"pairs: round {number}/{count}", file=sys.stderr, flush=True)
    finally:
        await made.aclose()
    return found


def _ratios(rows: list[dict[str, Any]]) -> dict[Pair, list[float]]:
    """Of each pair, its cost beside that of the base right before."""
    found: dict[Pair, list[float]] = {}
    for row in rows:
        found.setdefault((row["caller"], row["agent"]), []).append(row["cpu_us"] / row["base_us"])
    return found


def section(count: int) -> list[dict[str, Any]]:
    """Measure all pairs, ``count`` rounds of each."""
    return asyncio.run(measured(max(2, count)))


def table(rows: list[dict[str, Any]]) -> str:
    """The medians of the ratios, callers down and agents across."""
    ratios = _ratios(rows)
    agents = [row.key for row in ROWS]
    base = statistics.median(row["base_us"] for row in rows)
    lines = [f"| caller ↓ agent → ({base:.0f} µs = 1) | " + " | ".join(map(_name, agents)) + " |"]
    lines.append("|---" * (len(agents) + 1) + "|")
    for caller in agents:
        cells = (f"{statistics.median(ratios[caller, agent]):.2f}" for agent in agents)
        lines.append(f"| {_name(caller)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def verdicts(rows: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """Each pair that has a limit: its median with the quartiles, and whether all are kept."""
    lines: list[str] = []
    good = True
    for (caller, agent), found in _ratios(rows).items():
        kind = _kind(caller, agent)
        if not kind:
            continue
        comparison = Comparison.of(found)
        kept = comparison.median <= LIMITS[kind]
        good = good and kept
        verdict = "PASS" if kept else "FAIL"
        spread = f"quartiles {comparison.low:.3f}-{comparison.high:.3f}"
        lines.append(
            f"{verdict} {_name(caller)} to {_name(agent)}: {comparison.median:.3f} ({spread}), limit {LIMITS[kind]}"
        )
    return lines, good


def _kind(caller: Key, agent: Key) -> str:
    """The limit that a pair has; "" if none: the base itself, and legs over gRPC, which are named alone."""
    if "GRPC" in (caller[0], agent[0]) or (caller[1], agent[1]) == ("1.0", "1.0"):
        return ""
    return "same" if caller[1] == agent[1] and caller[0] == agent[0] else "across"
