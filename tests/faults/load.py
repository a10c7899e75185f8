"""Calls in open loop: each is sent at its time, however long those before it take, and is timed from then."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

import aiohttp
import msgspec

__all__ = ["Caller", "Kind", "Load", "Sample", "failed", "percentile"]

Kind = Literal["send", "get"]


class Sample(NamedTuple):
    """One call."""

    kind: Kind
    at: float
    """When it was due, monotonic seconds."""
    seconds: float
    """From then to the end of the answer."""
    code: str
    """"" for an answer, else the error's name."""
    instance: str
    job: str

    @property
    def ended(self) -> float:
        """When its answer had come."""
        return self.at + self.seconds


class Answer(NamedTuple):
    """What came back of one call."""

    status: int
    code: str
    result: Any
    error: Any
    headers: Any


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which ``share`` of them lie (nearest rank); NaN of none."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, math.ceil(len(ranked) * share) - 1)] if ranked else math.nan


def failed(samples: Iterable[Sample], kind: Kind | None = None) -> list[Sample]:
    """Those that ended with an error."""
    return [each for each in samples if each.code and kind in (None, each.kind)]


class Caller:
    """Sends A2A calls to a gateway over JSON-RPC.

    Args:
        url: the gateway's base URL. key: tells the key of the moment (a restarted gateway has a new one).
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, key: Callable[[], str]) -> None:
        self._session, self._url, self._key = session, url, key
        self._count = 0

    async def call(self, selector: str, method: str, params: Any, **headers: str) -> Answer:
        """One call; never raises for what the network or the gateway does."""
        self._count += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self._count, "method": method, "params": params})
        try:
            return await self.raw(selector, body.encode(), **headers)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Answer(0, f"CONNECTION {type(error).__name__}", None, None, {})

    async def raw(self, selector: str, body: bytes, **headers: str) -> Answer:
        """Any bytes as a call."""
        place = "skills" if "@" in selector else "agents"
        sent = {
            "authorization": f"Bearer {self._key()}",
            "a2a-version": "1.0",
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        async with self._session.post(f"{self._url}/{place}/{selector}", data=body, headers=sent) as response:
            text = await response.read()
            tree = _object(text, response.status)
            error = tree.get("error")
            return Answer(response.status, _code(error), tree.get("result"), error, response.headers)

    async def send(self, agent: str, text: str = "hello", **headers: str) -> Answer:
        """SendMessage."""
        self._count += 1
        message = {"messageId": f"m{time.monotonic_ns()}", "role": "ROLE_USER", "parts": [{"text": text}]}
        return await self.call(agent, "SendMessage", {"message": message}, **headers)

    async def get(self, agent: str, task: str, **headers: str) -> Answer:
        """GetTask."""
        return await self.call(agent, "GetTask", {"id": task}, **headers)


def _object(text: bytes, status: int) -> dict[str, Any]:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {"error": {"code": status, "message": text[:200].decode("latin-1")}}


def _code(error: Any) -> str:
    if not error:
        return ""
    reasons = [detail["reason"] for detail in error.get("data") or () if "reason" in detail]
    return str(reasons[0] if reasons else error.get("code"))


class Load:
    """So many calls a second: sends, and reads of tasks that earlier sends made.

    Args:
        kinds: the calls in turn.
        at_once: most calls that are open; the next one waits, and its time runs from when it was due.
        headers: of each call, with underscores for dashes.
    """

    def __init__(
        self,
        caller: Caller,
        agent: str,
        rate: float = 200.0,
        *,
        kinds: tuple[Kind, ...] = ("send", "get"),
        at_once: int = 100_000,
        **headers: str,
    ) -> None:
        self._caller, self._agent, self._rate = caller, agent, rate
        self._headers = headers
        self._kinds = kinds
        self._gate = asyncio.Semaphore(at_once)
        self._tasks: deque[str] = deque(maxlen=400)
        self._next = 0
        self._open: set[asyncio.Task[None]] = set()
        self._driving: asyncio.Task[None] | None = None
        self.samples: list[Sample] = []
        self.lag: list[float] = []
        """How late each call was sent, in seconds: if this is much, the figures are the generator's."""

    async def warm(self, tasks: int = 20) -> None:
        """Make tasks for the first reads."""
        for _ in range(tasks):
            await self._one("send", time.monotonic())
        self.samples.clear()

    async def __aenter__(self) -> Self:
        self._driving = asyncio.ensure_future(self._drive())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._driving is not None:
            self._driving.cancel()
        if error is None and self._open:
            await asyncio.wait(self._open, timeout=20)
        for task in self._open:
            task.cancel()

    async def run(self, calls: int) -> None:
        """Make so many calls, and wait until they have ended."""
        await self._drive(calls)
        await asyncio.gather(*self._open)

    async def _drive(self, calls: float = math.inf) -> None:
        began, count = time.monotonic(), 0
        while count < calls:
            due = began + count / self._rate
            wait = due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self.lag.append(max(0.0, time.monotonic() - due))
            task = asyncio.ensure_future(self._one(self._kinds[count % len(self._kinds)], due))
            self._open.add(task)
            task.add_done_callback(self._open.discard)
            count += 1

    async def _one(self, kind: Kind, due: float) -> None:
        async with self._gate:
            await self._call(kind, due)

    async def _call(self, kind: Kind, due: float) -> None:
        if kind == "get":
            self._next += 1
            answer = await self._caller.get(self._agent, self._tasks[self._next % len(self._tasks)], **self._headers)
        else:
            answer = await self._caller.send(self._agent, **self._headers)
            task: Any = answer.result.get("task") if answer.result else None
            if task and task["status"]["state"] == "TASK_STATE_COMPLETED":
                self._tasks.append(task["id"])
        told = answer.headers
        sample = Sample(
            kind,
            due,
            time.monotonic() - due,
            answer.code,
            told.get("meshgate-instance", ""),
            told.get("meshgate-job", ""),
        )
        self.samples.append(sample)

    def between(self, start: float, end: float = math.inf) -> list[Sample]:
        """The calls that were due in a time."""
        return [each for each in self.samples if start <= each.at < end]
