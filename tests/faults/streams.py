"""How streams go on and end (F110, F111): quiet ones, cut ones, and ones that do not keep to A2A's order."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import time
from collections.abc import AsyncIterator
from typing import Any

from tests.faults.agents import Arrived, FaultAgent, Stage, caller_left
from tests.faults.report import Report

__all__ = ["quiet"]

_IN_A_ROW = 0.4
"""Seconds: a question that is missed takes 0.25, and the next one follows at once."""
_STREAM_HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}


def _task(state: str, task_id: str = "t1") -> dict[str, Any]:
    return {"task": {"id": task_id, "contextId": "c1", "status": {"state": f"TASK_STATE_{state}"}}}


async def _say(send: Any, request: Arrived, event: dict[str, Any]) -> None:
    text = json.dumps({"jsonrpc": "2.0", "id": request.tree["id"], "result": event})
    await send({"type": "http.response.body", "body": f"data: {text}\n\n".encode(), "more_body": True})


async def _listen(stage: Stage, agent: str, seconds: float) -> AsyncIterator[dict[str, Any]]:
    """What a caller of ``SendStreamingMessage`` hears: results, and the error that ends them."""
    params = {"message": {"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "x"}]}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": params}
    headers = {"authorization": f"Bearer {stage.gateway.ran.client_key}", "a2a-version": "1.0"}
    headers["meshgate-deadline"] = str(seconds)
    url = f"{stage.gateway.url}/agents/{agent}"
    async with stage.session.post(url, json=body, headers=headers) as response:
        async for line in response.content:
            if line.startswith(b"data:"):
                yield json.loads(line.removeprefix(b"data:"))


# -- F110


def _second(asked: list[float]) -> float:
    """When the second of two questions in a row was asked; the checks of all foreign agents ask rarely."""
    pairs = [later for earlier, later in itertools.pairwise(asked) if later - earlier < _IN_A_ROW]
    return pairs[0] if pairs else -math.inf


async def quiet(stage: Stage, report: Report, seconds: float) -> None:
    """F110: a stream that is quiet goes on while its agent answers for its health, and ends soon when it does not.

    Args:
        seconds: how long the agent says nothing, once with its health route alive and once without.
    """
    report.say(f"F110: a stream that is quiet for {seconds:g} s, with and without an answer to the health question")
    asked: list[float] = []

    async def behave(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
        await send(_STREAM_HEAD)
        await _say(send, request, _task("WORKING"))
        await asyncio.sleep(seconds)
        await _say(send, request, _task("WORKING"))
        agent.health = missed
        await caller_left(receive)

    async def missed(receive: Any) -> None:
        asked.append(time.monotonic())
        await caller_left(receive)

    (agent,) = await stage.join("quiet", behave)
    events: list[dict[str, Any]] = []
    async for event in _listen(stage, "quiet", 3 * seconds + 60):
        events.append(event)  # noqa: PERF401 - each comes when it comes
    ended = time.monotonic()
    agent.health = None
    last: dict[str, Any] = events[-1].get("error") or {}
    reasons: list[Any] = [detail.get("reason") for detail in last.get("data", ())]
    report.measure("F110", "cut_off_while_healthy", int(len(events) < 3), str(events[-1])[:200])
    report.measure("F110", "not_said_unknown", int("OUTCOME_UNKNOWN" not in reasons), str(last)[:200])
    report.measure("F110", "ends_after_second_miss_s", ended - _second(asked))
