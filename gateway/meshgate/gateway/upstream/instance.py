"""One instance of an agent as this gateway sees it: its load, its latency and its health."""

from __future__ import annotations

import asyncio
import enum
import math
import ssl
from collections.abc import Callable, Container, Mapping
from typing import Protocol

from meshgate.a2a.bindings.table import Key, key_of
from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError
from meshgate.gateway.upstream.breaker import Breaker
from meshgate.registry.model import Endpoint, Entry

__all__ = ["Access", "Health", "Instance", "OpenAttempt"]

_DECAY = 10.0
"""Seconds after which an old latency sample counts for 1/e (peak-EWMA, as in Finagle and Linkerd)."""


class Health(enum.Enum):
    """What became of a question for an instance's health."""

    WELL = "well"
    SILENT = "silent"
    """It did not answer in time, as a program does not whose event loop is blocked."""
    FAILED = "failed"
    """Nothing listens there, or the answer was an error."""


class OpenAttempt(Protocol):
    """An open attempt at an instance, as far as health checks and hang detection need it."""

    call: Call
    heard: float
    """When the last byte came from the agent, on the gateway's clock."""
    begun: bool
    """Whether the first event has come."""
    task: str
    """The id, as its client knows it, of the task that a stream tells of; "" while it is not known."""

    def abort(self, error: MeshError) -> None:
        """Raise ``error`` in the task that waits for the agent."""
        ...


class Access(Protocol):
    """What a foreign agent is shown, and what it is known by: see ``agent_access.AgentAccess``."""

    @property
    def query(self) -> str:
        """``name=value`` to add to each URL, or ""."""
        ...

    @property
    def ca(self) -> str:
        """The authorities to trust, in PEM; "" for those of the system."""
        ...

    def tls(self) -> ssl.SSLContext | None:
        """What to check the agent's certificate with; None for the usual."""
        ...

    async def headers(self) -> Mapping[str, str]:
        """The headers to send, or metadata over gRPC.

        Raises:
            UpstreamUnavailable: there is nothing to show; nothing was sent.
        """
        ...

    def refused(self) -> None:
        """The agent did not accept what was shown."""
        ...


class Instance:
    """One instance: its entry in the registry, and what the gateway has measured of it.

    Args:
        entry: what the registry says of it.
    """

    __slots__ = (
        "_clock",
        "_latency",
        "_sampled",
        "access",
        "attempts",
        "breaker",
        "entry",
        "health",
        "healthy",
        "hung",
        "id",
        "listed",
        "probing",
        "secret",
        "waiting",
        "warm",
    )

    def __init__(self, entry: Entry, breaker: Breaker, clock: Callable[[], float], secret: str) -> None:
        self.id = entry.instance.id
        self.entry = entry
        self.breaker = breaker
        self.secret = secret
        """The inbound secret that an SDK agent expects ("" for a foreign agent)."""
        self.access: Access | None = None
        """What a foreign agent is shown, if an operator gave something."""
        self.attempts: set[OpenAttempt] = set()
        self.healthy = True
        """The result of the gateway's own health checks of a foreign agent."""
        self.health = Health.WELL
        """What became of the last question for its health."""
        self.hung = False
        """Whether it was found to hang, and has not answered a health check since."""
        self.warm = False
        """Whether it has answered anything yet, a call or a question: a first call may load what the agent needs."""
        self.listed = True
        """Whether the registry lists it."""
        self.probing: asyncio.Task[None] | None = None
        self.waiting: set[asyncio.Future[None]] = set()
        """Calls that wait until it answers its health route again."""
        self._clock = clock
        self._latency = 0.0
        self._sampled = clock()

    @property
    def pending(self) -> int:
        """Attempts that are open here."""
        return len(self.attempts)

    def ready(self) -> bool:
        """Whether the instance takes calls now."""
        return self.healthy and not self.hung and self.breaker.ready()

    def silent(self) -> bool:
        """Whether it takes no calls for one reason alone: it does not answer its health route. No call failed there."""
        out = self.hung or not self.healthy
        return out and self.health is Health.SILENT and (self.breaker.silenced or not self.breaker.failing)

    def wake(self) -> None:
        """Let the calls go on that wait until it answers."""
        for future in self.waiting:
            if not future.done():
                future.set_result(None)

    def observe(self, seconds: float) -> None:
        """Add a latency sample: a slower one counts at once, faster ones only with time."""
        self.warm = True
        now = self._clock()
        weight = math.exp(-(now - self._sampled) / _DECAY)
        self._latency = seconds if seconds > self._latency else self._latency * weight + seconds * (1 - weight)
        self._sampled = now

    def load(self) -> float:
        """The cost of one more call here: (open calls + 1) x latency / weight. Smaller is better.

        A weight of 0 counts as 1, since such an instance is compared only with others of weight 0.
        """
        return (len(self.attempts) + 1) * (self._latency + 1e-4) / (self.entry.instance.weight or 1.0)

    def endpoint(self, allowed: Container[Key]) -> Endpoint | None:
        """The address to use: the first whose binding this gateway can speak."""
        for endpoint in self.entry.instance.endpoints:
            if key_of(endpoint.binding, endpoint.version) in allowed:
                return endpoint
        return None

    @property
    def latency(self) -> float:
        """The latency estimate, in seconds."""
        return self._latency
