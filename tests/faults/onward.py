"""Agents that call on after their answers (F98), and agents that call on while their task is watched (F99)."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

from tests.faults.agents import Arrived, Behaviour, FaultAgent, Stage, answer_text, respond
from tests.faults.jobs import second_gateway
from tests.faults.load import Answer, Caller, Load
from tests.faults.processes import GatewayUnderTest, eventually
from tests.faults.report import Report

__all__ = ["after_answers", "watched"]

_REST = "rest"
_SECONDS = 10.0
_ACKNOWLEDGED = 0.1
"""Seconds from an agent's answer to its own call: by then the answer has ended at the gateway, acknowledgements too."""


def _said(request: Arrived) -> str:
    return str(request.tree["params"]["message"]["parts"][0]["text"])


# -- F98


class _Circle:
    """Two agents that answer at once and call each other afterwards, unless they are told to rest."""

    def __init__(
        self, stage: Stage, prefix: str, via: GatewayUnderTest | None = None, pause: float = _ACKNOWLEDGED
    ) -> None:
        self._stage, self._via, self._pause = stage, via or stage.gateway, pause
        self.names = f"{prefix}-one", f"{prefix}-two"
        self.visits: Counter[str] = Counter()
        self.answers: list[Answer] = []
        self.agents: list[FaultAgent] = []
        self._work: set[asyncio.Task[None]] = set()

    async def join(self) -> None:
        for name, following in zip(self.names, self.names[::-1], strict=True):
            via = self._via if name == self.names[0] else self._stage.gateway
            self.agents += await self._stage.join(name, self._behaviour(following, via))

        async def known() -> bool:
            return {agent.instance for agent in self.agents} <= await self._via.instances()

        await eventually(known)

    def _behaviour(self, following: str, via: GatewayUnderTest) -> Behaviour:
        async def behave(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
            await answer_text(agent, request, receive, send)
            if _said(request) != _REST:
                self.visits[agent.name] += 1
                task = asyncio.ensure_future(self._call_on(agent, following, via))
                self._work.add(task)
                task.add_done_callback(self._work.discard)

        return behave

    async def _call_on(self, agent: FaultAgent, following: str, via: GatewayUnderTest) -> None:
        await asyncio.sleep(self._pause)
        self.answers.append(await Caller(self._stage.session, via.url, lambda: agent.call_key).send(following))

    @property
    def refused(self) -> list[str]:
        """The codes of the refusals."""
        return [answer.code for answer in self.answers if answer.code]


async def after_answers(stage: Stage, report: Report) -> None:
    """F98: from one outside call, at one gateway and at two; and among a hundred unrelated calls a second to both."""
    report.say("F98: agents that answer first and call each other afterwards, without a token")
    other = await second_gateway(stage)
    try:
        circles = [_Circle(stage, "after"), _Circle(stage, "beyond", other)]
        for circle in circles:
            await circle.join()
            await stage.caller.send(circle.names[0])
        crowded = _Circle(stage, "crowded", pause=0.002)
        await crowded.join()
        crowd = [Load(stage.caller, name, 100.0, kinds=("send",), text=_REST) for name in crowded.names]
        async with crowd[0], crowd[1]:
            await asyncio.sleep(1.0)
            await stage.caller.send(crowded.names[0])
            await asyncio.sleep(_SECONDS)
        names = [name for circle in circles for name in circle.names]
        counted = [await stage.gateway.metric("meshgate_lineage_after_total", agent=name) for name in names]
    finally:
        await other.stop()
    extra = sum(max(0, visits - 1) for circle in circles for visits in circle.visits.values())
    wrong = [circle.refused for circle in circles if circle.refused != ["LOOP"]]
    report.measure("F98", "extra_visits", extra)
    report.measure("F98", "not_refused", len(wrong), str(wrong))
    report.measure("F98", "visits_in_a_crowd", max(crowded.visits.values()), str(crowded.refused))
    report.measure("F98", "not_counted", counted.count(0))


# -- F99

_ONWARD = 6


class _Worker:
    """An agent that answers with a task at work, makes a few calls without a token, and then says that it is done."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.answers: list[Answer] = []
        self.done = asyncio.Event()
        self._work: set[asyncio.Task[None]] = set()

    async def behave(self, agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
        state = "TASK_STATE_COMPLETED" if self.done.is_set() else "TASK_STATE_WORKING"
        task = {"id": "t1", "contextId": "c1", "status": {"state": state}}
        if request.method == "SendMessage":
            await respond(send, {"jsonrpc": "2.0", "id": request.tree["id"], "result": {"task": task}})
            work = asyncio.ensure_future(self._call_on(agent))
            self._work.add(work)
            work.add_done_callback(self._work.discard)
        elif request.method == "GetTask":
            await respond(send, {"jsonrpc": "2.0", "id": request.tree["id"], "result": task})
        else:
            await self._stream(request, task, send)

    async def _stream(self, request: Arrived, task: dict[str, Any], send: Any) -> None:
        def event(result: dict[str, Any]) -> bytes:
            return (
                b"data: "
                + json.dumps({"jsonrpc": "2.0", "id": request.tree["id"], "result": result}).encode()
                + b"\n\n"
            )

        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": event({"task": task}), "more_body": True})
        await self.done.wait()
        end = {"taskId": "t1", "contextId": "c1", "status": {"state": "TASK_STATE_COMPLETED"}}
        await send({"type": "http.response.body", "body": event({"statusUpdate": end})})

    async def _call_on(self, agent: FaultAgent) -> None:
        caller = Caller(self._stage.session, self._stage.gateway.url, lambda: agent.call_key)
        for _ in range(_ONWARD):
            await asyncio.sleep(0.15)
            self.answers.append(await caller.send("onward-leaf"))
        self.done.set()


async def watched(stage: Stage, report: Report) -> None:
    """F99: while an agent calls on for its task, the task is polled, subscribed to and seen by a second viewer."""
    report.say("F99: a task is watched while its agent calls on")
    worker = _Worker(stage)
    await stage.join("onward-leaf")
    await stage.join("onward", worker.behave)
    first = await stage.caller.send("onward")
    task, job = first.result["task"]["id"], first.headers["meshgate-job"]

    async def poll() -> None:
        while not worker.done.is_set():
            await stage.caller.get("onward", task)
            await asyncio.sleep(0.05)

    async def subscribe() -> None:
        await stage.caller.call("onward", "SubscribeToTask", {"id": task})

    await asyncio.gather(poll(), poll(), subscribe(), worker.done.wait())
    refused = [answer.code for answer in worker.answers if answer.code]
    elsewhere = [answer for answer in worker.answers if answer.headers.get("meshgate-job") != job]
    report.measure("F99", "refused", len(refused) + _ONWARD - len(worker.answers), str(refused))
    report.measure("F99", "wrong_job", len(elsewhere))
