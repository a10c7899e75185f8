"""Hostile bytes against a running gateway: sizes (F5), JSON (F6-F10), answers without end (F14), headers (F17)."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from tests.faults.agents import Arrived, FaultAgent, Stage, caller_left
from tests.faults.load import Answer, percentile
from tests.faults.processes import peak_memory, read_bytes, reset_peak
from tests.faults.report import Report

__all__ = ["batches", "deep_json", "endless", "headers", "huge_bodies", "keys", "odd_values", "wide_json"]

_BODY_LIMIT = 4 * 1024 * 1024
_HUGE = 100 * 1024 * 1024
_MIB = 1024 * 1024


def _message(text: str = "x", more: str = "") -> str:
    return f'{{"message":{{"messageId":"m1","role":"ROLE_USER","parts":[{{"text":"{text}"}}]{more}}}}}'


def _request(params: str, rpc_id: str = "1", method: str = "SendMessage") -> bytes:
    return f'{{"jsonrpc":"2.0","id":{rpc_id},"method":"{method}","params":{params}}}'.encode()


# -- F5


async def _push(stage: Stage, chunked: bool) -> int:
    """Send 100 MB, or as much as is taken; the status of the answer, 0 if there was none."""
    run = stage.gateway.ran
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.port)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {_HUGE}"
    writer.write(
        f"POST /agents/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {run.client_key}\r\nA2A-Version: 1.0\r\n"
        f"Content-Type: application/json\r\n{framing}\r\n\r\n".encode()
    )
    piece = b" " * 65536
    sending = asyncio.ensure_future(_pieces(writer, b"10000\r\n" + piece + b"\r\n" if chunked else piece))
    try:
        line = await asyncio.wait_for(reader.readline(), 20)
        return int(line.split()[1]) if line else 0
    except (OSError, TimeoutError):
        return 0
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.transport.abort()


async def _pieces(writer: asyncio.StreamWriter, piece: bytes) -> None:
    for _ in range(_HUGE // 65536):
        writer.write(piece)
        await writer.drain()


async def huge_bodies(stage: Stage, report: Report) -> None:
    """F5: 100 MB with a length, in chunks, and 50 of them at once."""
    report.say("F5: bodies of 100 MB")
    pid = stage.gateway.pid
    wrong = 0
    past: list[float] = []
    risen: list[float] = []
    for chunked in (False, True):
        await asyncio.sleep(0.3)
        before, size = read_bytes(pid), reset_peak(pid)
        wrong += await _push(stage, chunked) != 413
        past.append((read_bytes(pid) - before - (_BODY_LIMIT if chunked else 0)) / 1024)
        risen.append(peak_memory(pid) - size)
    report.measure("F5", "read_past_limit", max(0.0, *past), f"with a length {past[0]:.0f}, in chunks {past[1]:.0f}")
    report.measure("F5", "memory_one", max(risen), f"with a length {risen[0]:.1f}, in chunks {risen[1]:.1f}")
    size = reset_peak(pid)
    statuses = await asyncio.gather(*(_push(stage, number % 2 == 0) for number in range(50)))
    report.measure("F5", "memory_fifty", peak_memory(pid) - size)
    report.measure("F5", "not_refused", wrong + sum(status != 413 for status in statuses), str(set(statuses)))


# -- F6, F7, F9, F10


class Canary:
    """Asks the gateway whether it lives, every 5 ms, and notes the longest answer: that is how long its loop stood."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._task = asyncio.ensure_future(self._ask())
        self._asked, self.longest = time.monotonic(), 0.0

    async def _ask(self) -> None:
        while True:
            self._asked = time.monotonic()
            await self._stage.gateway.status("/livez")
            self.longest = max(self.longest, time.monotonic() - self._asked)
            await asyncio.sleep(0.005)

    def stop(self) -> None:
        """Ask no more; a question that is still open counts as long as it has taken."""
        self.longest = max(self.longest, time.monotonic() - self._asked)
        self._task.cancel()


def _refused(answer: Answer) -> bool:
    """Whether it says that the request is bad, as JSON-RPC or HTTP say so."""
    return bool(answer.error) and answer.error.get("code") in (-32700, -32600, -32602) and answer.status in (200, 400)


async def _raw(stage: Stage, body: bytes) -> Answer:
    try:
        return await stage.caller.raw("echo", body)
    except aiohttp.ClientError as error:
        return Answer(0, f"CONNECTION {error}", None, None, {})


async def deep_json(stage: Stage, report: Report) -> None:
    """F6: JSON of depth 200, 5,000 and 100,000, closed and not."""
    report.say("F6: deep JSON")
    wrong, times = 0, list[float]()
    for depth in (200, 5_000, 100_000):
        for bomb in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth, "[" * depth):
            body = _request(_message(more=f',"metadata":{{"x":{bomb}}}'))
            seconds = list[float]()
            for _ in range(5):
                began = time.monotonic()
                answer = await _raw(stage, body)
                seconds.append(time.monotonic() - began)
                wrong += not _refused(answer)
            times.append(percentile(seconds, 0.5))
    report.measure("F6", "not_refused", wrong)
    report.measure("F6", "answer_ms", 1000 * max(times))


async def wide_json(stage: Stage, report: Report) -> None:
    """F7: a mebibyte of empty objects."""
    report.say("F7: wide JSON")
    body = _request(_message(more=',"metadata":{"x":[' + "{}," * (_MIB // 3) + "{}]}"))
    stalls, wrong = list[float](), 0
    for _ in range(15):
        canary = Canary(stage)
        await asyncio.sleep(0.05)
        wrong += not _refused(await _raw(stage, body))
        await asyncio.sleep(0.05)
        canary.stop()
        stalls.append(canary.longest)
    report.measure("F7", "not_refused", wrong)
    report.measure("F7", "stall_ms", 1000 * percentile(stalls, 0.5), f"longest {1000 * max(stalls):.0f}")


_ODD = {
    "NaN": _request(_message(more=',"metadata":{"x":NaN}')),
    "Infinity": _request(_message(more=',"metadata":{"x":-Infinity}')),
    "1e999": _request(_message(more=',"metadata":{"x":1e999}')),
    "5,000 digits": _request(_message(more=f',"metadata":{{"x":{"9" * 5000}}}')),
    "lone surrogate": _request(_message("\\ud800")),
    "lone low surrogate": _request(_message("\\udc00x")),
    "broken UTF-8": _request(_message()).replace(b'"x"', b'"\xff\xfe"'),
    "surrogate in UTF-8": _request(_message()).replace(b'"x"', b'"\xed\xa0\x80"'),
    "BOM": b"\xef\xbb\xbf" + _request(_message()),
    "UTF-16": _request(_message()).decode().encode("utf-16"),
    "UTF-32": _request(_message()).decode().encode("utf-32"),
    "NUL": _request(_message()).replace(b'"x"', b'"\x00"'),
    "nothing": b"",
    "half": _request(_message())[:-5],
    "two": _request(_message()) * 2,
    "a word": b"hello",
    "a number": b"17",
    "null": b"null",
}
"""Bodies that are no request."""


async def odd_values(stage: Stage, report: Report) -> None:
    """F9: values and encodings that JSON does not have; the log stays JSON lines."""
    report.say("F9: odd values")
    wrong = [name for name, body in _ODD.items() if not _refused(await _raw(stage, body))]
    report.measure("F9", "not_refused", len(wrong), ", ".join(wrong))
    lines = stage.gateway.log.read_bytes().splitlines()
    logged = [line for line in lines if line.startswith(b"{")]
    broken = [line for line in logged if not _is_json(line)]
    traces = [line for line in lines if line.startswith(b"Traceback")]
    report.measure("F9", "broken_log_lines", len(broken) + len(traces), str(broken[:1] + traces[:1]))


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


async def batches(stage: Stage, report: Report) -> None:
    """F10: batches, and ids that are no ids."""
    report.say("F10: batches and odd ids")
    one = _request('{"id":"t"}', method="GetTask").decode()
    bodies = [
        f"[{','.join([one] * 10_000)}]".encode(),
        f"[{','.join(['1'] * 10_000)}]".encode(),
        b"[]",
        *(_request(_message(), rpc_id) for rpc_id in ("{}", "[]", '{"a":[1]}', "true")),
    ]
    before = await stage.gateway.metric("meshgate_policy_total", policy="record")
    wrong, times = 0, list[float]()
    for body in bodies:
        seconds = list[float]()
        for _ in range(5):
            began = time.monotonic()
            answer = await _raw(stage, body)
            seconds.append(time.monotonic() - began)
            wrong += not (_refused(answer) and answer.error["code"] in (-32600, -32700))
        times.append(percentile(seconds, 0.5))
    report.measure("F10", "not_refused", wrong)
    counted = await stage.gateway.metric("meshgate_policy_total", policy="record") - before
    report.measure("F10", "calls_counted", counted)
    report.measure("F10", "answer_ms", 1000 * max(times))


# -- F8, F17: what an agent sees


async def _seen(stage: Stage, agent: FaultAgent, send: Callable[[], Awaitable[Any]]) -> Arrived | None:
    agent.arrived.clear()
    await send()
    return agent.arrived[-1] if agent.arrived else None


async def keys(stage: Stage, report: Report, echo: FaultAgent) -> None:
    """F8: of a key that comes twice the last counts, and only it is sent on; another case is another key."""
    report.say("F8: keys that come twice, or in another case")
    wrong = list[str]()
    twice = b'{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m1","messageId":"m2",'
    twice += b'"role":"ROLE_USER","parts":[{"text":"first"}],"parts":[{"text":"last","text":"very last"}]}}}'
    found = await _seen(stage, echo, lambda: _raw(stage, twice))
    if found is None or b"first" in found.body or found.tree["params"]["message"]["messageId"] != "m2":
        wrong.append("twice")
    elif found.body.count(b'"text"') != 1 or b"very last" not in found.body:
        wrong.append("twice within")
    cased = _request(_message(more=',"TaskId":"t9","task_ID":"t9","MessageId":"m9","Parts":[{"text":"cased"}]'))
    found = await _seen(stage, echo, lambda: _raw(stage, cased))
    if found is not None:
        message = found.tree["params"]["message"]
        if message.get("taskId") or message["messageId"] != "m1" or message["parts"] != [{"text": "x"}]:
            wrong.append("case")
    whole = (
        b'{"jsonrpc":"2.0","id":1,"method":"GetTask","method":"SendMessage","Method":"CancelTask","params":{},"params":'
    )
    found = await _seen(stage, echo, lambda: _raw(stage, whole + _message().encode() + b"}"))
    if found is None or found.method != "SendMessage":
        wrong.append("method")
    report.measure("F8", "sent_on_wrong", len(wrong), ", ".join(wrong))


_SPOOFED = {
    "X-Forwarded-For": "10.0.0.1",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "Forwarded": "for=10.0.0.1",
    "X-Real-IP": "10.0.0.1",
    "X-Tenant": "other",
    "X-User": "root",
    "Cookie": "session=1",
    "Proxy-Authorization": "Basic eDp5",
    "Connection": "x-auth, keep-alive",
    "X-Auth": "let-me-in",
    "Meshgate-Job": "forged",
    "Meshgate-Call": "forged",
    "Meshgate-Skill": "forged",
    "Meshgate-Lineage": "forged",
    "Meshgate-Instance": "forged",
}
_MADE_HERE = {"meshgate-job", "meshgate-call", "meshgate-skill", "meshgate-lineage"}
_EXPECTED = {
    *("host", "accept", "accept-encoding", "content-type", "content-length", "a2a-version", "a2a-extensions"),
    *("traceparent", "tracestate", "meshgate-deadline", "authorization"),
} | _MADE_HERE


async def headers(stage: Stage, report: Report, echo: FaultAgent) -> None:
    """F17: an agent sees only headers that the gateway made."""
    report.say("F17: headers that claim")
    run = stage.gateway.ran
    lines = [f"{name}: {value}" for name, value in _SPOOFED.items()]
    lines += ["Traceparent: 00-zz", "Traceparent: 00-" + "1" * 32 + "-" + "1" * 16 + "-01", "Tracestate: a=1"]
    found = await _seen(stage, echo, lambda: _post(stage, lines, run.client_key))
    leaked = list[str]()
    for name, value in found.headers if found is not None else [("nothing arrived", "")]:
        spoofed = value in _SPOOFED.values() and name != "connection"
        if name not in _EXPECTED or spoofed or run.client_key in value:
            leaked.append(f"{name}: {value}")
    report.measure("F17", "leaked", len(leaked), "; ".join(leaked))
    statuses = [await _post(stage, [line], run.client_key) for line in ("X_Tenant: other", "Meshgate_Lineage: x")]
    report.measure("F17", "underscores_taken", sum(status < 400 for status in statuses), str(statuses))


async def _post(stage: Stage, lines: list[str], key: str) -> int:
    """One request with these header lines as they are; the status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", stage.gateway.port)
    body = _request(_message())
    head = ["POST /agents/echo HTTP/1.1", "Host: x", f"Authorization: Bearer {key}", "A2A-Version: 1.0"]
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}", *lines]
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + body)
    try:
        line = await asyncio.wait_for(reader.readline(), 10)
        await asyncio.wait_for(reader.read(10), 10)
        return int(line.split()[1]) if line else 400  # closed without a word
    finally:
        writer.transport.abort()


# -- F14


async def endless(stage: Stage, report: Report) -> None:
    """F14: an answer, an event and a stream without end."""
    report.say("F14: answers without end")
    pid = stage.gateway.pid

    async def forever(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
        kind = b"text/event-stream" if request.method == "SendStreamingMessage" else b"application/json"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        left = asyncio.ensure_future(caller_left(receive))
        piece = b"data: " + b"x" * 65530
        for _ in range(1600):
            if left.done():
                return
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            await asyncio.sleep(0)  # so that a disconnect is noticed
            piece = b"x" * 65536
        left.cancel()

    await stage.join("endless", forever)
    wrong = list[str]()
    size = reset_peak(pid)
    before = read_bytes(pid)
    answer = await stage.caller.send("endless")
    report.measure("F14", "taken_unary", (read_bytes(pid) - before) / _MIB)
    if answer.error is None or answer.error["code"] != -32006:
        wrong.append(f"unary {answer.code}")
    before = read_bytes(pid)
    answer = await stage.caller.raw("endless", _request(_message(), method="SendStreamingMessage"))
    report.measure("F14", "taken_event", (read_bytes(pid) - before) / _MIB)
    if answer.error is None or answer.error["code"] != -32006:
        wrong.append(f"stream {answer.code} {answer.error}")
    report.measure("F14", "wrong_answers", len(wrong), ", ".join(wrong))
    report.measure("F14", "memory", peak_memory(pid) - size)
