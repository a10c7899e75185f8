"""Agents that call in circles and drop every header (F73), and one that calls fifty which call fifty (F74)."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import time
from typing import Any

from tests.faults.agents import Arrived, Behaviour, FaultAgent, Stage, answer_text, caller_left
from tests.faults.load import Answer, Caller, percentile
from tests.faults.processes import GatewayUnderTest, Worker, eventually
from tests.faults.report import Report

__all__ = ["fan_out", "loops"]

_REFUSALS = frozenset({"BUDGET_EXHAUSTED", "FAN_OUT"})


# -- F73


def _relay(stage: Stage, to: str, inner: list[Answer], via: GatewayUnderTest | None = None) -> Behaviour:
    """Call ``to`` with no header of the mesh's, note what came back, and answer."""

    async def behave(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
        url = (via or stage.gateway).url
        inner.append(await Caller(stage.session, url, lambda: agent.call_key).send(to))
        await answer_text(agent, request, receive, send)

    return behave


async def _circle(stage: Stage, names: list[str], via: GatewayUnderTest | None = None) -> tuple[list[Answer], int]:
    """Agents that each call the next, and the last the first; what they were told, and calls beyond one for each."""
    inner: list[Answer] = []
    agents: list[FaultAgent] = []
    for name, following in zip(names, names[1:] + names[:1], strict=True):
        agents += await stage.join(name, _relay(stage, following, inner, via))
    if via is not None:

        async def known() -> bool:
            return {agent.instance for agent in agents} <= await via.instances()

        await eventually(known)
    await stage.caller.send(names[0])
    return inner, sum(max(0, len(agent.arrived) - 1) for agent in agents)


async def loops(stage: Stage, report: Report) -> None:
    """F73: A to A, A to B to A, a ring of ten, and A to B to A over two gateways."""
    report.say("F73: calls in circles")
    other = await _second(stage)
    try:
        rounds = [
            ("LOOP", await _circle(stage, ["self"])),
            ("LOOP", await _circle(stage, ["ping", "pong"])),
            ("DEPTH", await _circle(stage, [f"ring-{number}" for number in range(10)])),
            ("LOOP", await _circle(stage, ["here", "there"], other)),
        ]
    finally:
        await other.stop()
    wrong = list[str]()
    for wanted, (answers, _) in rounds:
        refused = [answer for answer in answers if answer.code]
        if [answer.code for answer in refused] != [wanted]:
            wrong.append(f"{wanted}: {[answer.code for answer in answers]}")
    report.measure("F73", "not_refused", len(wrong), "; ".join(wrong))
    report.measure("F73", "extra_calls", max(extra for _, (_, extra) in rounds))
    told = [answer for _, (answers, _) in rounds for answer in answers if answer.code]
    vague = [answer for answer in told if not _names_path_and_price(answer)]
    report.measure("F73", "no_path_or_price", len(vague), str(vague[0].error) if vague else "")


def _names_path_and_price(answer: Answer) -> bool:
    text = json.dumps(answer.error, ensure_ascii=False)
    return " → " in text and "calls" in text and '"price"' in text


async def _second(stage: Stage) -> GatewayUnderTest:
    """Another gateway of the same mesh."""
    first = stage.gateway
    home = first.home.parent / f"{first.home.name}-second"
    home.mkdir(mode=0o700)
    for name in ("mesh.key", "keys.json"):
        shutil.copy2(first.home / name, home / name)
    other = GatewayUnderTest(home, stage.session, registry=f"file://{first.home}/registry.db")
    await other.start()

    async def meet() -> bool:
        return len(await first.admin("/api/v1/gateways")) == 2

    await eventually(meet)
    return other


# -- F74


class _Crowd:
    """One that calls fifty, which call fifty each."""

    def __init__(self, stage: Stage, leaf_seconds: float) -> None:
        self._stage = stage
        self.seconds = leaf_seconds
        self.told: list[Answer] = []
        self.agents: list[FaultAgent] = []
        self.most = 0

    async def join(self) -> None:
        self.agents += await self._stage.join("chief", self._calls("clerk"))
        self.agents += await self._stage.join("clerk", self._calls("hand"), 2)
        self.agents += await self._stage.join("hand", self._works, 2)

    def _calls(self, to: str) -> Behaviour:
        async def behave(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
            self._count()
            caller = self._stage.caller_of(agent)
            kept = {"meshgate_lineage": request.header("meshgate-lineage")}
            # The chief asks all at once, a clerk five at a time: else the burst is this process's own.
            gate = asyncio.Semaphore(50 if to == "clerk" else 5)

            async def one() -> Answer:
                async with gate:
                    return await caller.send(to, **kept)

            calls = [asyncio.ensure_future(one()) for _ in range(50)]
            left = asyncio.ensure_future(caller_left(receive))
            try:
                await asyncio.wait([left, asyncio.ensure_future(asyncio.wait(calls))], return_when="FIRST_COMPLETED")
                self.told += [call.result() for call in calls if call.done()]
            finally:
                left.cancel()
                for call in calls:
                    call.cancel()
            await answer_text(agent, request, receive, send)

        return behave

    async def _works(self, agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
        self._count()
        await asyncio.wait([asyncio.ensure_future(caller_left(receive))], timeout=self.seconds)
        await answer_text(agent, request, receive, send)

    def _count(self) -> None:
        self.most = max(self.most, self.open())

    def open(self) -> int:
        """Requests that the agents work on now."""
        return sum(agent.open for agent in self.agents)

    def calls(self) -> int:
        """Requests that reached them."""
        return sum(len(agent.arrived) for agent in self.agents)


async def fan_out(stage: Stage, report: Report) -> None:
    """F74: 1 to 50 to 50, its cancellation, and what somebody else notices."""
    report.say("F74: one calls fifty, which call fifty each")
    home = stage.gateway.home
    command = [sys.executable, "-m", "tests.faults.worker", "calm", "calm-1", str(home / "calm.db")]
    calm = Worker(command, home, home / "calm.log").spawn()
    try:

        async def listed() -> bool:
            return bool(await stage.gateway.instances("calm"))

        await eventually(listed)
        crowd = _Crowd(stage, 0.2)
        await crowd.join()
        alone = await _bystander(stage, 2)
        others = asyncio.ensure_future(_bystander(stage, 5))
        await asyncio.sleep(1.5)
        await stage.caller.send("chief")
        beside = await others
        report.measure("F74", "calls", crowd.calls())
        report.measure("F74", "at_once", crowd.most)
        odd = [answer.code for answer in crowd.told if answer.code and answer.code not in _REFUSALS]
        first = next((answer.error for answer in crowd.told if answer.code in odd), None)
        report.measure("F74", "not_named", len(odd), f"{set(odd)} {first}")
        await _cancelled(stage, report, crowd)
        report.measure("F74", "others_errors", len(beside["errors"]), str(set(beside["errors"])))
        quiet, loud = (1000 * percentile(each["seconds"], 0.99) for each in (alone, beside))
        report.measure("F74", "others_p99_ms", loud, f"{quiet:.0f} ms alone")
    finally:
        await calm.stop()


async def _cancelled(stage: Stage, report: Report, crowd: _Crowd) -> None:
    await asyncio.sleep(1.0)  # for the first crowd to be over
    crowd.seconds = 30.0
    root = asyncio.ensure_future(stage.caller.send("chief"))

    async def busy() -> bool:
        return crowd.open() > 20

    try:
        await eventually(busy, within=5)
    except TimeoutError:
        said = root.result() if root.done() else "nothing"
        raise RuntimeError(f"the crowd does not work: {crowd.open()} open; the root was told {said}") from None
    await asyncio.sleep(0.3)
    began = time.monotonic()
    root.cancel()

    async def still() -> bool:
        return crowd.open() == 0

    try:
        await eventually(still, within=20)
    except TimeoutError:
        report.say(f"{crowd.open()} calls still run")
    report.measure("F74", "cancelled_s", time.monotonic() - began)


async def _bystander(stage: Stage, seconds: float) -> dict[str, list[Any]]:
    run = stage.gateway.ran
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.faults.bystander", run.gateway, run.client_key, "calm", "50", str(seconds)),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    told: dict[str, list[Any]] = json.loads(out)
    return told
