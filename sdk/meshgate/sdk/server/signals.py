"""Signals: keeps an agent serving until SIGTERM or SIGINT, and drains it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Generator, Mapping
from typing import Any

import structlog

from meshgate.sdk.server.membership import Membership

__all__ = ["announce_and_drain", "serve_until_signal"]

log = structlog.get_logger(__name__)


_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _StopSignals:
    """Two events: the first signal came, the second came."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()

    def receive(self) -> None:
        (self.second if self.first.is_set() else self.first).set()


@contextlib.contextmanager
def _stop_signals() -> Generator[_StopSignals, None, None]:
    signals = _StopSignals()
    loop = asyncio.get_running_loop()
    for each in _SIGNALS:
        loop.add_signal_handler(each, signals.receive)
    try:
        yield signals
    finally:
        for each in _SIGNALS:
            loop.remove_signal_handler(each)


async def serve_until_signal(membership: Membership, drain: Any, facts: Mapping[str, Any], notice: float) -> None:
    """Keep the agent in the mesh until a signal comes, then drain it; a second signal ends the drain at once.

    Args:
        drain: an async function that waits for open work.
        facts: fields of the log lines.
        notice: seconds in which new calls are still taken, until every gateway knows that it leaves.

    Raises:
        MeshError: the mesh refused the agent when it first asked to join.
    """
    with _stop_signals() as signals:
        keeping = asyncio.ensure_future(membership.keep())
        try:
            await _wait_for_first(keeping, signals.first.wait())
            if keeping.done():
                await keeping
            log.info("draining", **facts)
            await _wait_for_first(announce_and_drain(membership, drain, notice), signals.second.wait())
        finally:
            keeping.cancel()


async def announce_and_drain(membership: Membership, drain: Any, notice: float) -> None:
    """Announce that this agent leaves, take new calls until every gateway knows, and finish what is open."""
    if await membership.drain():
        await asyncio.sleep(notice)
    await drain()


async def _wait_for_first(*waits: Any) -> None:
    """Wait for one of several, and cancel those that are not asyncio tasks already."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task, wait in zip(tasks, waits, strict=True):
            if task is not wait:
                task.cancel()
