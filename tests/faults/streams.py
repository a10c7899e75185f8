"""How streams go on and end (F110, F111): quiet ones, cut ones, and ones that do not keep to A2A's order."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import signal
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import aiohttp

from tests.contract.wild import WildAgent, task, update
from tests.faults.agents import Arrived, FaultAgent, Stage, caller_left
from tests.faults.processes import eventually
from tests.faults.report import Report

__all__ = ["drained", "ends", "quiet"]

_IN_A_ROW = 0.4
"""Seconds: a question that is missed takes 0.25, and the next one follows at once."""
_STREAM_HEAD = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}


def _task(state: str, task_id: str = "t1") -> dict[str, Any]:
    return {"task": {"id": task_id, "contextId": "c1", "status": {"state": f"TASK_STATE_{state}"}}}


async def _say(send: Any, request: Arrived, event: dict[str, Any]) -> None:
    text = json.dumps({"jsonrpc": "2.0", "id": request.tree["id"], "result": event})
    await send({"type": "http.response.body", "body": f"data: {text}\n\n".encode(), "more_body": True})


async def _listen(stage: Stage, agent: str, seconds: float = 30.0) -> AsyncIterator[dict[str, Any]]:
    """What a caller of ``SendStreamingMessage`` hears: results, and the error that ends them."""
    params = {"message": {"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": "x"}]}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": params}
    headers = {"authorization": f"Bearer {stage.gateway.ran.client_key}", "a2a-version": "1.0"}
    headers["meshgate-deadline"] = str(seconds)
    url = f"{stage.gateway.url}/agents/{agent}"
    async with stage.session.post(url, json=body, headers=headers) as response:
        with contextlib.suppress(aiohttp.ClientError):  # a stream that is cut off has said what it has said
            async for line in response.content:
                if line.startswith(b"data:"):
                    yield json.loads(line.removeprefix(b"data:"))


async def _all(stage: Stage, agent: str) -> list[dict[str, Any]]:
    return [event async for event in _listen(stage, agent)]


def _facts(event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The reason and the metadata of the error that an event is; "" if it is none."""
    error: dict[str, Any] = event.get("error") or {}
    details: list[dict[str, Any]] = error.get("data") or []
    return (str(details[0].get("reason")), details[0].get("metadata", {})) if details else ("", {})


def _state(event: dict[str, Any]) -> str:
    result: dict[str, Any] = event.get("result") or {}
    content: dict[str, Any] = result.get("task") or result.get("statusUpdate") or {"status": {"state": ""}}
    return str(content["status"]["state"]).removeprefix("TASK_STATE_")


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
    reason, _ = _facts(events[-1])
    report.measure("F110", "cut_off_while_healthy", int(len(events) < 3), str(events[-1])[:200])
    report.measure("F110", "not_said_unknown", int(reason != "OUTCOME_UNKNOWN"), str(events[-1])[:200])
    report.measure("F110", "ends_after_second_miss_s", ended - _second(asked))


# -- F109


async def drained(stage: Stage, report: Report, streams: int) -> None:
    """F109: SIGTERM with many open streams, every second of them quiet; the drain is 4 s long."""
    report.say(f"F109: SIGTERM with {streams} open streams")
    opened: list[Arrived] = []

    async def behave(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
        await send(_STREAM_HEAD)
        await _say(send, request, task(state="WORKING"))
        opened.append(request)
        left = asyncio.ensure_future(caller_left(receive))
        while not left.done() and len(opened) % 2:
            await _say(send, request, update("WORKING"))
            await asyncio.wait([left], timeout=0.3)
        await left

    await stage.join("open", behave)
    reading = [asyncio.ensure_future(_all(stage, "open")) for _ in range(streams)]

    async def all_open() -> bool:
        return len(opened) == streams

    await eventually(all_open)
    began = time.monotonic()
    stage.gateway.signal(signal.SIGTERM)
    heard = await asyncio.gather(*reading)
    report.measure("F109", "ends_s", time.monotonic() - began)
    told = [_facts(events[-1]) for events in heard]
    wrong = [found for found in told if found[0] != "UPSTREAM_UNAVAILABLE" or found[1].get("reason") != "DRAINING"]
    report.measure("F109", "not_told", len(wrong), str(wrong[:2]))
    tasks = {events[0]["result"]["task"]["id"] for events in heard}
    report.measure("F109", "without_task", sum(found[1].get("task") not in tasks for found in told))


# -- F111


async def ends(stage: Stage, report: Report) -> None:
    """F111: a stream that ends in the middle of its task, and events that are none of its task, on both bindings."""
    report.say("F111: streams that end in the middle, say too much, or do not close")
    not_unknown = passed_on = not_counted = 0
    slowest = 0.0
    late = [update("WORKING"), task(state="FAILED")]
    for binding in ("JSONRPC", "GRPC"):
        wild = WildAgent(f"wild-{binding.lower()}", f"wild-{binding.lower()}-1")
        async with _listening(stage, wild, binding):
            wild.say(task(state="WORKING"))
            reason, metadata = _facts((await _all(stage, wild.name))[-1])
            not_unknown += reason != "OUTCOME_UNKNOWN" or not metadata.get("task")
            wild.say(task(state="WORKING"), task("t2"), update("FAILED", "t2"), update("COMPLETED"), *late, hold=True)
            began = time.monotonic()
            heard = [_state(event) for event in await _all(stage, wild.name)]
            slowest = max(slowest, time.monotonic() - began)
            passed_on += max(0, len(heard) - 2) + (heard[-1] != "COMPLETED")

            async def counted(agent: str = wild.name) -> bool:
                name = "meshgate_stream_events_dropped_total"
                return await stage.gateway.metric(name, agent=agent) == len(late) + 2

            try:
                await eventually(counted, within=5.0)
            except TimeoutError:
                not_counted += 1
    report.measure("F111", "not_unknown", not_unknown)
    report.measure("F111", "passed_on", passed_on)
    report.measure("F111", "not_counted", not_counted)
    report.measure("F111", "answered_ms", 1000 * slowest)


@contextlib.asynccontextmanager
async def _listening(stage: Stage, wild: WildAgent, binding: str) -> AsyncGenerator[None]:
    async with contextlib.AsyncExitStack() as stack:
        if binding == "GRPC":
            url = await stack.enter_async_context(wild.grpc())
        else:
            url = f"{stage.url}/{wild.instance}/"
            stage.apps[wild.instance] = wild.app
        await stage.list(wild, binding, url)

        async def listed() -> bool:
            return wild.instance in await stage.gateway.instances(wild.name)

        await eventually(listed)
        yield
