"""What one caller can make of an agent for all others (F112): errors of its own, events that are too large, no time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from tests.faults.agents import Arrived, FaultAgent, Stage, answer_text, caller_left, respond
from tests.faults.report import Report

__all__ = ["own_errors"]

_TIMES = 7
_OWN = {"code": 1001, "message": "no such account", "data": {"account": 7}}


def _said(request: Arrived) -> str:
    return str(request.tree["params"]["message"]["parts"][0]["text"])


async def _behave(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
    """Do as the message says: fail, send too much, take too long, or answer."""
    word = _said(request)
    if word == "fail":
        await respond(send, {"jsonrpc": "2.0", "id": request.tree["id"], "error": _OWN})
    elif word == "much":
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        await send(start)
        task = {
            "id": "t1",
            "contextId": "c1",
            "status": {"state": "TASK_STATE_WORKING"},
            "metadata": {"x": "y" * 2**21},
        }
        event = json.dumps({"jsonrpc": "2.0", "id": request.tree["id"], "result": {"task": task}})
        await send({"type": "http.response.body", "body": f"data: {event}\n\n".encode()})
    elif word == "slow":
        await asyncio.wait([asyncio.ensure_future(caller_left(receive))], timeout=5.0)
    else:
        await answer_text(agent, request, receive, send)


async def own_errors(stage: Stage, report: Report) -> None:
    """F112: after each kind of failure that one caller makes, the agent still answers others."""
    report.say("F112: errors of an agent's own, events that are too large, deadlines that are too short")
    await stage.join("teller", _behave)
    lost = refused = 0
    for word, headers in (("fail", {}), ("much", {}), ("slow", {"meshgate_deadline": "0.05"})):
        for _ in range(_TIMES):
            method = "SendStreamingMessage" if word == "much" else "SendMessage"
            message = {"messageId": "m1", "role": "ROLE_USER", "parts": [{"text": word}]}
            answer = await stage.caller.call("teller", method, {"message": message}, **headers)
            lost += word == "fail" and answer.error != _OWN
        others = await stage.caller.send("teller", "work")
        refused += bool(others.code)
    report.measure("F112", "not_as_it_was", lost)
    report.measure("F112", "others_refused", refused)
