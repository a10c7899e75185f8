"""Agents that fail (F31, F34, F43), callers that leave (F48), and calls that must not be repeated (F49)."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import random
import time
from typing import Any

from tests.faults.agents import Arrived, Behaviour, FaultAgent, Stage, answer_text, caller_left, respond, unavailable
from tests.faults.limits import RETRY_BUDGET, RETRY_CALLS
from tests.faults.load import Load, failed, percentile
from tests.faults.processes import eventually
from tests.faults.report import Report

__all__ = ["NO_BREAKER", "all_fail", "callers_leave", "half_fail", "heals", "one_fails", "silent_sends"]

_PROBE_PAUSE = 1.0
"""Seconds that a breaker stays open at least before its first probe."""
_WINDOW = 10.0
"""Seconds over which the gateway compares retries with calls."""
_WATCHED = 7.0
"""Seconds for which the share of a healed instance is watched: longer than what makes F43 fail."""
NO_BREAKER = {"breaker_failures": 1_000_000, "breaker_volume": 1_000_000}
"""Limits that no breaker reaches here, so that nothing but the retry budget holds tries back."""


async def one_fails(stage: Stage, report: Report) -> None:
    """F31: one of four answers 503."""
    agents = await stage.join("partly", instances=4)
    # One call at a time: those that are open when the breaker opens fail too, and how many is the machine's affair.
    load = Load(stage.caller, "partly", at_once=1, meshgate_deadline="3")
    await load.warm(8)
    report.say("F31: one of four answers 503")
    async with load:
        await asyncio.sleep(2)
        began = time.monotonic()
        agents[0].behave = unavailable
        await asyncio.sleep(5)
        ended = time.monotonic()
    samples = [each for each in load.samples if began <= each.ended < ended]
    errors = failed(samples, "send")
    # After that, each send that fails is the one probe of its back-off.
    burst = [each for each in errors if each.ended < errors[0].ended + 0.9 * _PROBE_PAUSE]
    report.measure("F31", "send_errors", len(errors))
    report.measure("F31", "last_error_ms", 1000 * (burst[-1].ended - burst[0].ended) if burst else 0)
    report.measure("F31", "get_errors", len(failed(samples, "get")))


async def all_fail(stage: Stage, report: Report) -> None:
    """F34: all four answer 503, and their breakers keep all calls but probes off them."""
    agents = await stage.join("none", instances=4)
    load = Load(stage.caller, "none", meshgate_deadline="3")
    await load.warm(8)
    report.say("F34: all four answer 503")
    async with load:
        await asyncio.sleep(3)
        began = time.monotonic()
        for agent in agents:
            agent.behave = unavailable
            agent.arrived.clear()
        await asyncio.sleep(10)
        ended = time.monotonic()
    late = load.between(began + 5, ended)
    local = [each.seconds for each in late if each.code]
    report.measure("F34", "local_p99_ms", 1000 * percentile(local, 0.99))
    over = 0
    for agent in agents:
        # From the fifth second on: back-offs of one second and more, so never two probes within one.
        times = [request.at for request in agent.arrived if began + 1.5 <= request.at < ended]
        over += sum(after - before < _PROBE_PAUSE for before, after in itertools.pairwise(times))
    report.measure("F34", "probes_over", over)


def _half_the_time(seed: int) -> Behaviour:
    rng = random.Random(seed)

    async def behave(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
        await (unavailable if rng.random() < 0.5 else answer_text)(agent, request, receive, send)

    return behave


async def half_fail(stage: Stage, report: Report) -> None:
    """F34: all four answer 503 to half of the tries, and no breaker opens.

    Only reads are sent, since each of them may be tried again; without a budget there would be 1.75 tries per call. The
    gateway has just started and all calls lie in one window, so the budget is known exactly.
    """
    agents = await stage.join("half", instances=4)
    load = Load(stage.caller, "half", kinds=("get",), meshgate_deadline="3")
    report.say(f"F34: all four answer 503 to half of {RETRY_CALLS} calls")
    began, tasks = time.monotonic(), 20
    await load.warm(tasks)
    behave = _half_the_time(34)
    for agent in agents:
        agent.behave = behave
    await load.run(RETRY_CALLS - tasks)
    took = time.monotonic() - began
    if took > _WINDOW - 1:  # the window is made of whole seconds
        raise RuntimeError(f"the calls took {took:.1f} s, more than a window of the retry budget")
    tries = [request.header("meshgate-call") for agent in agents for request in agent.arrived]
    forwarded = len(set(tries))
    report.measure("F34", "tries_per_call", len(tries) / forwarded)
    report.measure("F34", "budget_used", (len(tries) - forwarded) / RETRY_BUDGET)
    report.measure("F34", "not_forwarded", RETRY_CALLS - forwarded)
    report.say(f"{len(tries)} tries of {forwarded} calls, of which {len(failed(load.samples))} failed")


async def heals(stage: Stage, report: Report) -> None:
    """F43: one of four answers 503 for five seconds, then is well."""
    agents = await stage.join("healing", instances=4)
    load = Load(stage.caller, "healing", meshgate_deadline="3")
    await load.warm(8)
    report.say("F43: one of four is ill for five seconds")
    sick = agents[0]
    async with load:
        await asyncio.sleep(2)
        began = time.monotonic()
        sick.behave = unavailable
        await asyncio.sleep(5)
        well = time.monotonic()
        sick.behave = answer_text
        sick.arrived.clear()

        async def probed() -> bool:
            return bool(sick.arrived)

        await eventually(probed, within=40)
        first = sick.arrived[0].at
        await asyncio.sleep(4)
    errors = failed(load.between(began - 0.1, well), "send")
    # After those that opened the breaker, each send that fails is a probe.
    probes = [each for each in errors if each.ended >= errors[0].ended + 0.9 * _PROBE_PAUSE]
    report.measure("F43", "probe_errors", len(probes))
    report.measure("F43", "at_once", sum(request.at < first + 0.1 for request in sick.arrived))
    report.measure("F43", "full_share_s", _full_share(agents, first))
    report.say(f"its probe came {first - well:.1f} s after it was well")


def _full_share(agents: list[FaultAgent], first: float) -> float:
    """Seconds from the probe until the healed one gets four fifths of a fair share of half a second's calls."""
    for step in range(int((_WATCHED - 0.5) / 0.05)):
        start = first + step * 0.05
        counts = [sum(start <= request.at < start + 0.5 for request in agent.arrived) for agent in agents]
        if counts[0] >= 0.8 * sum(counts) / len(counts):
            return start - first
    return math.inf


class _Waiting:
    """Waits until its caller leaves, and notes when that was."""

    def __init__(self) -> None:
        self.left: list[float] = []

    async def __call__(self, agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
        await caller_left(receive)
        self.left.append(time.monotonic())


async def callers_leave(stage: Stage, report: Report) -> None:
    """F48: the callers of unary calls disconnect; the caller of a stream does, and its task goes on."""
    report.say("F48: callers leave")
    waiting = _Waiting()
    (agent,) = await stage.join("patient", waiting)
    delays: list[float] = []
    for _ in range(20):
        seen, gone = len(agent.arrived), len(waiting.left)
        call = asyncio.ensure_future(stage.caller.send("patient"))

        async def arrived(seen: int = seen) -> bool:
            return len(agent.arrived) > seen

        await eventually(arrived, every=0.005)
        await asyncio.sleep(0.05)
        began = time.monotonic()
        call.cancel()  # drops the connection

        async def noticed(gone: int = gone) -> bool:
            return len(waiting.left) > gone

        try:
            await eventually(noticed, within=2, every=0.002)
        except TimeoutError:
            continue
        delays.append(waiting.left[-1] - began)
    report.measure("F48", "cancelled_ms", 1000 * percentile(delays, 0.9))
    report.measure("F48", "not_cancelled", 20 - len(delays))
    report.measure("F48", "tasks_lost", await _detached(stage))


async def _detached(stage: Stage) -> int:
    """Leave a stream after its first event; 0 if the agent was left to finish and the task reads as done."""
    done = asyncio.Event()

    async def streaming(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
        if request.method == "GetTask":
            state = "TASK_STATE_COMPLETED" if done.is_set() else "TASK_STATE_WORKING"
            task = {"id": "t1", "contextId": "c1", "status": {"state": state}}
            await respond(send, {"jsonrpc": "2.0", "id": request.tree["id"], "result": task})
            return
        head = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        result = '{"task":{"id":"t1","contextId":"c1","status":{"state":"TASK_STATE_WORKING"}}}'
        event = f'data: {{"jsonrpc":"2.0","id":"{request.tree["id"]}","result":{result}}}\n\n'
        await send({"type": "http.response.body", "body": event.encode(), "more_body": True})
        await asyncio.sleep(0.5)  # works on, with or without a listener
        done.set()

    await stage.join("steady", streaming)
    run = stage.gateway.ran
    body: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "SendStreamingMessage",
        "params": {"message": {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "x"}]}},
    }
    headers = {"authorization": f"Bearer {run.client_key}", "a2a-version": "1.0"}
    async with stage.session.post(f"{run.gateway}/agents/steady", json=body, headers=headers) as response:
        line = await response.content.readline()
    task_id = json.loads(line.partition(b":")[2])["result"]["task"]["id"]
    await asyncio.sleep(1.0)
    found = await stage.caller.get("steady", task_id)
    return int(not found.result or found.result["status"]["state"] != "TASK_STATE_COMPLETED")


async def silent_sends(stage: Stage, report: Report) -> None:
    """F49: a send whose deadline passes is not sent again, and says that its outcome is unknown."""
    report.say("F49: sends that time out")
    agents = await stage.join("mute", _Waiting(), instances=2)
    answers = await asyncio.gather(*(stage.caller.send("mute", meshgate_deadline="1.5") for _ in range(10)))
    tries = [request.header("meshgate-call") for agent in agents for request in agent.arrived]
    report.measure("F49", "sent_again", len(tries) - len(set(tries)))
    unknown = [each for each in answers if each.code == "OUTCOME_UNKNOWN" or "unknown" in str(each.error)]
    report.measure("F49", "not_said_unknown", len(answers) - len(unknown), str(answers[0].error))
