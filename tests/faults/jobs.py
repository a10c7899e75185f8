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

__all__ = ["ROOMY", "fan_out", "loops", "second_gateway"]

ROOMY = {"rate": 5000, "burst": 5000, "health_timeout": 5}
"""Limits of the gateway that are not what is measured. All agents share a process, which is busy with calls of their
own: how fast it answers questions of health says nothing of them.
"""

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
    other = await second_gateway(stage)
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


async def second_gateway(stage: Stage) -> GatewayUnderTest:
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

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._at_once = {"clerk": 50, "hand": 5}
        self._seconds = 0.2
        self.told: list[Answer] = []
        self.agents: list[FaultAgent] = []
        self.most = 0

    async def join(self) -> None:
        self.agents += await self._stage.join("chief", self._calls("clerk"))
        self.agents += await self._stage.join("clerk", self._calls("hand"), 2)
        self.agents += await self._stage.join("hand", self._works, 2)

    def begin(self, clerks: int, hands: int, seconds: float) -> asyncio.Future[Answer]:
        """Call the chief, with all counts at zero.

        Args:
            clerks: that are called at once. hands: that each of them calls at once. seconds: for which a hand works.
        """
        self._at_once = {"clerk": clerks, "hand": hands}
        self._seconds = seconds
        self.told.clear()
        self.most = 0
        for agent in self.agents:
            agent.arrived.clear()
        return asyncio.ensure_future(self._stage.caller.send("chief"))

    def _calls(self, to: str) -> Behaviour:
        async def behave(agent: FaultAgent, request: Arrived, receive: Any, send: Any) -> None:
            self._count()
            caller = self._stage.caller_of(agent)
            kept = {"meshgate_lineage": request.header("meshgate-lineage")}
            gate = asyncio.Semaphore(self._at_once[to])

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
        await asyncio.wait([asyncio.ensure_future(caller_left(receive))], timeout=self._seconds)
        await answer_text(agent, request, receive, send)

    def _count(self) -> None:
        self.most = max(self.most, self.open())

    def open(self) -> int:
        """Requests that the agents work on now."""
        return sum(agent.open for agent in self.agents)

    def calls(self) -> int:
        """Requests that reached them."""
        return sum(len(agent.arrived) for agent in self.agents)

    def refused(self, code: str) -> int:
        """Calls that were refused with a code."""
        return sum(answer.code == code for answer in self.told)


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
        crowd = _Crowd(stage)
        await crowd.join()
        others = asyncio.ensure_future(_bystander(stage, 8))
        await asyncio.sleep(1.5)
        began = time.monotonic()
        odd = await _bounded(report, crowd)
        ended = time.monotonic()
        report.measure("F74", "not_named", len(odd), f"{ {each.code for each in odd} } {odd[0].error if odd else ''}")
        told = await others
        await _cancelled(report, crowd)
        report.measure("F74", "others_errors", len(told["errors"]), str(set(told["errors"])))
        due = list(zip(told["at"], told["seconds"], strict=True))
        quiet, loud = (
            1000 * percentile((seconds for at, seconds in due if (began <= at < ended) == busy), 0.99)
            for busy in (False, True)
        )
        report.measure("F74", "others_p99_ms", loud, f"{quiet:.0f} ms alone")
        report.say(f"somebody else's p99: {loud:.0f} ms beside the crowd, {quiet:.0f} ms without it")
    finally:
        await calm.stop()


async def _bounded(report: Report, crowd: _Crowd) -> list[Answer]:
    """Run into each of the two limits; the answers that name neither."""
    # One, five and fifty are open at most, so all calls are spent before the open ones meet their limit.
    await crowd.begin(clerks=5, hands=10, seconds=0.2)
    report.measure("F74", "calls", crowd.calls())
    told = [*crowd.told]
    if not crowd.refused("BUDGET_EXHAUSTED"):
        raise RuntimeError(f"{crowd.calls()} calls were made, and none was refused")
    # All clerks at once leave room for few hands, so the calls that are open meet their limit. Each calls one hand at a
    # time: more, and what somebody else notices is how busy this process and its caller are.
    await crowd.begin(clerks=50, hands=1, seconds=0.2)
    report.measure("F74", "at_once", crowd.most)
    told += crowd.told
    if not crowd.refused("FAN_OUT"):
        raise RuntimeError(f"at most {crowd.most} calls were open, and none was refused for it")
    return [answer for answer in told if answer.code and answer.code not in _REFUSALS]


async def _cancelled(report: Report, crowd: _Crowd) -> None:
    root = crowd.begin(clerks=5, hands=10, seconds=30.0)

    async def busy() -> bool:
        return crowd.open() == 1 + 5 + 50

    try:
        await eventually(busy, within=10)
    except TimeoutError:
        said = root.result() if root.done() else "nothing"
        raise RuntimeError(f"the crowd does not work: {crowd.open()} open; the root was told {said}") from None
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
