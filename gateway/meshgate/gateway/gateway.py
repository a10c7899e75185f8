"""A gateway: its parts, the path of its calls, and its start and close."""

from __future__ import annotations

import asyncio

import structlog

from meshgate.a2a.call import Handler
from meshgate.a2a.errors import MeshError, OutcomeUnknown, UpstreamUnavailable
from meshgate.a2a.protocol_version import PROTOCOL_VERSION
from meshgate.gateway.answers import Answers
from meshgate.gateway.app import compose
from meshgate.gateway.discovery.agent_list import AgentList
from meshgate.gateway.discovery.endpoint import Discovery
from meshgate.gateway.discovery.word_index import WordRanking
from meshgate.gateway.ingress.callbacks import Callbacks
from meshgate.gateway.ingress.card_reader import PUBLIC
from meshgate.gateway.ingress.cors import cross_origin
from meshgate.gateway.ingress.credentials import CredentialCheck
from meshgate.gateway.ingress.edge import edge
from meshgate.gateway.ingress.http import Ingress
from meshgate.gateway.parts import Parts
from meshgate.gateway.upstream.health import HealthChecks
from meshgate.gateway.upstream.instance import OpenAttempt
from meshgate.registry.model import Delta, Switch
from meshgate.telemetry.tracing import NoTracing

__all__ = ["Gateway"]

log = structlog.get_logger(__name__)


class Gateway(Parts):
    """One gateway, without sockets: a server has those. ``Parts`` says what the arguments are."""

    def _complete(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self.answers = Answers(self)
        self.path = compose(self)
        self.handler = self.entrance("")
        self._open()

    def _open(self) -> None:
        settings = self.settings
        public = PUBLIC if settings.public_cards else None
        self.credentials = CredentialCheck(self.authenticator, self.metrics, self.clock)
        agents = AgentList(self.routes, settings.catalogue_domain, WordRanking())
        discovery = Discovery(agents, self.searches, settings, self.limits, wall=self.wall)
        self.ingress = Ingress(
            self.entrance, self.cards, self.credentials, public, discovery, self, self.limits, self.wall
        )
        callbacks = Callbacks(self.ingress, self.callback_tokens, self.other_feeds.hear, self.metrics, self.limits)
        self.app = cross_origin(callbacks, settings.cors_origins)
        """What a server serves: the ingress, with answers for web pages if the settings list any."""
        self.metrics.watch(
            stale_seconds=self.watcher.stale_seconds,
            passed_over=lambda: dict[str, int](self.watcher.passed_over.items()),
            endpoints=self.instances.states,
            open_calls=lambda: self.in_flight.count,
            subjects=lambda: len(self.schemas),
            degraded=lambda: len(self.degraded()),
        )
        self.watcher.on_change += [self.instances.apply, self.task_owner.learn, self.leases.learn, self._learn]
        self.watcher.on_change.append(self.card_keys.learn)

    def entrance(self, binding: str, version: str = PROTOCOL_VERSION, /) -> Handler:
        """The handler for calls that come in by ``binding``; "" for calls that are made in this process."""
        return edge(self.path, binding, self.ids.span, version)

    # -- start and close

    async def start(self) -> None:
        """Begin to watch the registry and to look after contracts and foreign agents."""
        checks = HealthChecks(self.instances, self.send.ask_health, self.clock, self.rng, self.sleep, self.limits)
        self._tasks = [asyncio.ensure_future(run) for run in (self.watcher.run(), self.schemas.run(), checks.run())]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # A gateway that no longer sees changes must report it, and must not look ready.
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken = f"{type(error).__name__}: {error}"
            log.critical("background_work_failed", error=self.broken, exc_info=error)

    async def aclose(self) -> None:
        """Stop watching, and close every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.feeds.aclose()
        await self.watcher.save()
        await self.send.aclose()
        await self.tokens.aclose()
        self.mediator.close()
        if not isinstance(self.tracing, NoTracing):
            await asyncio.to_thread(self.tracing.close)
        if self.remote is not None:
            await self.remote.aclose()

    def end_open(self) -> int:
        """End every call that is open at an agent, because this gateway stops; returns how many.

        The work itself goes on: a caller is told what can be known, and the task's id if it has one.
        """
        attempts = [attempt for instance in self.instances for attempt in instance.attempts]
        for attempt in attempts:
            attempt.abort(_stopping(attempt))
        return len(attempts)

    def _learn(self, delta: Delta) -> None:
        for switch in delta.switches or ():
            self.answers.switched(switch)

    async def kill(self, switch: Switch) -> None:
        """Throw a kill switch for the whole mesh."""
        await self.registry.throw(switch)


def _stopping(attempt: OpenAttempt) -> MeshError:
    reason = {"reason": "DRAINING"}
    if attempt.begun or attempt.call.method.safe:
        text = "this gateway stops: go on at another one"
        return UpstreamUnavailable(text, task=attempt.task, metadata=reason, neutral=True)
    return OutcomeUnknown("this gateway stops before the agent has answered", metadata=reason, neutral=True)
