"""The instances this gateway may send to, with what it has learnt of each: how busy, how fast, whether it answers."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Callable, Container, Iterable, Iterator
from types import TracebackType

import msgspec
import pybreaker

from meshgate.a2a.bindings.table import Key, key_of
from meshgate.a2a.call import Call
from meshgate.a2a.errors import MeshError, OutcomeUnknown, UpstreamDeadline
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.upstream.breaker import Breaker
from meshgate.registry.model import Delta, Endpoint, Entry

__all__ = ["Attempt", "Instance", "Instances"]

_DECAY = 10.0
"""Seconds after which an old latency sample counts for 1/e (peak-EWMA, as in Finagle and Linkerd)."""


class Attempt:
    """One try of a call on one instance. ``abort`` ends it from outside with an error of the caller's choosing."""

    __slots__ = ("_error", "_task", "_timer", "begun", "call", "endpoint", "heard", "instance", "sent")

    def __init__(self, call: Call, instance: Instance, endpoint: Endpoint, now: float) -> None:
        self.call = call
        self.instance = instance
        self.endpoint = endpoint
        self.heard = now
        """When the last byte came from the agent, on the gateway's clock."""
        self.sent = False
        """Whether the request may have reached the agent."""
        self.begun = False
        """Whether the first event has come."""
        self._task: asyncio.Task[object] | None = None
        self._error: MeshError | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start_deadline(self, remaining: float) -> None:
        """Abort the attempt after ``remaining`` seconds."""
        if math.isfinite(remaining):
            self._timer = asyncio.get_running_loop().call_later(max(0.0, remaining), self._expire)

    def stop(self) -> None:
        """The attempt is over: forget its deadline."""
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        # An agent that does not even answer its health route may or may not have done the work: nobody can know.
        if self.sent and not self.call.method.safe and not self.instance.answering:
            self.abort(OutcomeUnknown(endpoint=self.instance.id))
        else:
            unknown = {"outcome": "unknown"} if self.sent and not self.call.method.safe else None
            self.abort(UpstreamDeadline(endpoint=self.instance.id, metadata=unknown))

    def abort(self, error: MeshError) -> None:
        """Let whoever waits for the agent now, or waits next, get ``error`` instead."""
        if self._error is None:
            self._error = error
            if self._task is not None:
                self._task.cancel()

    @property
    def aborted(self) -> MeshError | None:
        """The error given to ``abort``, or None."""
        return self._error

    def guard(self) -> Attempt:
        """Around each wait for the agent: turns the cancellation that ``abort`` causes into its error.

        Raises:
            MeshError: the error given to ``abort``.
        """
        return self

    def __enter__(self) -> None:
        if self._error is not None:
            raise self._error
        self._task = asyncio.current_task()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        waiting, self._task = self._task, None
        if self._error is None or kind is None or not issubclass(kind, asyncio.CancelledError):
            return
        if waiting is not None and waiting.uncancel() == 0:  # else somebody else cancelled the task as well
            raise self._error from None


class Instance:
    """What the gateway knows of one instance.

    Args:
        entry: what the registry says of it.
    """

    __slots__ = (
        "_clock",
        "_latency",
        "_sampled",
        "answering",
        "attempts",
        "breaker",
        "entry",
        "healthy",
        "hung",
        "id",
        "listed",
        "probing",
        "secret",
    )

    def __init__(self, entry: Entry, breaker: Breaker, clock: Callable[[], float], secret: str) -> None:
        self.id = entry.instance.id
        self.entry = entry
        self.breaker = breaker
        self.secret = secret
        """What an SDK agent wants to be shown ("" for a foreign one)."""
        self.attempts: set[Attempt] = set()
        self.healthy = True
        """What the gateway's own health checks say of a foreign agent."""
        self.answering = True
        """Whether the last health question was answered."""
        self.hung = False
        """Whether it was found to hang, and has not answered a health question since."""
        self.listed = True
        """Whether the registry lists it."""
        self.probing: asyncio.Task[None] | None = None
        self._clock = clock
        self._latency = 0.0
        self._sampled = clock()

    @property
    def pending(self) -> int:
        """Attempts that are open here."""
        return len(self.attempts)

    def ready(self) -> bool:
        """Whether a call may be sent here now."""
        return self.healthy and not self.hung and self.breaker.ready()

    def observe(self, seconds: float) -> None:
        """Add a latency sample: a slower one counts at once, faster ones only with time."""
        now = self._clock()
        weight = math.exp(-(now - self._sampled) / _DECAY)
        self._latency = seconds if seconds > self._latency else self._latency * weight + seconds * (1 - weight)
        self._sampled = now

    def load(self) -> float:
        """What a new call would add to: (open calls + 1) x latency. Smaller is better."""
        return (len(self.attempts) + 1) * (self._latency + 1e-4) / self.entry.instance.weight

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


class Instances:
    """All instances by id, kept in step with the registry.

    Args:
        secret: gives the inbound secret of an instance.
        departed: how many instances that left are remembered, so that their tasks' owners can be told.
    """

    def __init__(
        self,
        secret: Callable[[str], str],
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
        listeners: tuple[pybreaker.CircuitBreakerListener, ...] = (),
    ) -> None:
        self._secret = secret
        self._limits = limits
        self._clock = clock
        self._rng = rng or random.Random()
        self._listeners = listeners
        self._by_id: dict[str, Instance] = {}
        self.on_gone: list[Callable[[Instance], None]] = []
        """Called with each instance that is not listed any more, or has another address."""

    def apply(self, delta: Delta) -> None:
        """Take over what changed. An instance that stays keeps what was learnt of it."""
        if delta.reset:
            kept = {entry.instance.id for entry in delta.put}
            for gone in [instance for instance in self._by_id if instance not in kept]:
                self._drop(gone)
        for gone in delta.gone:
            self._drop(gone)
        for entry in delta.put:
            if entry.instance.kind == "agent":
                self._put(entry)

    def _put(self, entry: Entry) -> None:
        known = self._by_id.get(entry.instance.id)
        if known is not None and known.entry.instance.endpoints == entry.instance.endpoints:
            known.entry = entry
            return
        self._drop(entry.instance.id)
        breaker = Breaker(entry.instance.id, self._limits, self._clock, self._rng, self._listeners)
        secret = "" if entry.manifest.foreign else self._secret(entry.instance.id)
        self._by_id[entry.instance.id] = Instance(entry, breaker, self._clock, secret)

    def _drop(self, instance_id: str) -> None:
        known = self._by_id.pop(instance_id, None)
        if known is not None:
            known.listed = False
            for tell in self.on_gone:
                tell(known)

    def get(self, instance_id: str) -> Instance | None:
        """The instance, or None."""
        return self._by_id.get(instance_id)

    def ready(self, ids: Iterable[str]) -> bool:
        """Whether any of these may be sent to now."""
        return any((instance := self._by_id.get(name)) is not None and instance.ready() for name in ids)

    def __iter__(self) -> Iterator[Instance]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def states(self) -> dict[str, int]:
        """How many instances are in each breaker state, for metrics."""
        counts: dict[str, int] = {}
        for instance in self._by_id.values():
            state = instance.breaker.state if instance.healthy else "unhealthy"
            counts[state] = counts.get(state, 0) + 1
        return counts


class Chosen(msgspec.Struct, frozen=True):
    """The fact by which the balancer tells the attempt policies and the egress where the call goes."""

    attempt: Attempt
