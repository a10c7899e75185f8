"""Agents to register, and a watch to see them with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from types import TracebackType
from typing import Self

from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.model import Capability, Delta, Endpoint, Entry, Instance, Manifest, Switch
from tests.registry.virtual import until
from tests.support.patience import patience

SUMMARISE = Capability("summarise", "2.1.0", tags=("text",), labels={"quality": "high"}, default=True)
SUMMARISER = Manifest("summariser", "2.1.0", "Summarises.", (SUMMARISE,), card={"name": "summariser", "skills": []})


def agent(
    name: str = "a1", manifest: Manifest = SUMMARISER, *, lasting: bool = False, draining: bool = False
) -> Instance:
    """An instance of `manifest` called `name`."""
    where = (Endpoint("JSONRPC", "http://127.0.0.1:9001/a2a"), Endpoint("GRPC", "127.0.0.1:9002"))
    return Instance(name, manifest.agent, manifest.digest(), where, lasting=lasting, draining=draining)


def gateway(name: str = "g1") -> Instance:
    """A gateway, which has no manifest."""
    return Instance(name, "gateway", "", (Endpoint("JSONRPC", "http://127.0.0.1:8080"),), kind="gateway")


def entry(name: str = "a1", manifest: Manifest = SUMMARISER, *, draining: bool = False) -> Entry:
    """What a watcher is given for `agent(name)`."""
    return Entry(agent(name, manifest, draining=draining), manifest)


class Following:
    """A watch that runs beside a test and keeps an index; a failure of the watch fails the next `until`."""

    def __init__(self, registry: Registry) -> None:
        self.index = Index()
        self.deltas: list[Delta] = []
        self._registry = registry
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        await self.until(lambda: self.deltas)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self) -> None:
        async with aclosing(self._registry.watch()) as deltas:
            async for delta in deltas:
                self.deltas.append(delta)
                self.index.apply(delta)

    @property
    def ids(self) -> set[str]:
        return set(self.index.entries)

    @property
    def switches(self) -> tuple[Switch, ...]:
        return self.index.switches

    async def until(self, condition: Callable[[], object]) -> None:
        task = self._task
        assert task is not None
        await until(lambda: condition() or task.done())
        if task.done() and not condition():
            task.result()
            raise AssertionError("the watch ended")

    async def ended(self) -> BaseException | None:
        """What the watch raised at its end, or None."""
        assert self._task is not None
        await asyncio.wait([self._task], timeout=patience())
        return self._task.exception()
