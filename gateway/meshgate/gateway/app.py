"""The composition root: which policies there are, in which order, and what they are made of. Read the three lists
first.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog

from meshgate.a2a.call import Handler, Principal
from meshgate.a2a.errors import Killed
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh.task_ids import TaskTags
from meshgate.gateway.cluster.inspection import InstanceView, JobView, RemotePeers, Status, UsageView, job_view
from meshgate.gateway.contracts.catalogue import Catalogue
from meshgate.gateway.contracts.converters import Converters
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.gateway.contracts.usage import UsageCounter
from meshgate.gateway.identity.keys import KeyStore, MeshKey
from meshgate.gateway.ingress.cards import Cards
from meshgate.gateway.ingress.http import Ingress
from meshgate.gateway.jobs.peers import ALONE, Flight, Grant, Peers
from meshgate.gateway.observe.metrics import Metrics
from meshgate.gateway.observe.records import CallRecord, Records
from meshgate.gateway.policies.arrival.authentication import Authentication
from meshgate.gateway.policies.arrival.deadline import Deadline
from meshgate.gateway.policies.arrival.lineage import Lineages
from meshgate.gateway.policies.arrival.record import Record
from meshgate.gateway.policies.arrival.trace import Trace
from meshgate.gateway.policies.attempt.breaker import BreakerGate
from meshgate.gateway.policies.attempt.concurrency import Concurrency
from meshgate.gateway.policies.attempt.hang_detection import HangDetection
from meshgate.gateway.policies.call.budget import Budget
from meshgate.gateway.policies.call.failover import Failover
from meshgate.gateway.policies.call.kill import Kill
from meshgate.gateway.policies.call.lineage_guard import LineageGuard
from meshgate.gateway.policies.call.rate_limit import RateLimit
from meshgate.gateway.policies.call.retry import Retry
from meshgate.gateway.policies.call.schema import Schema
from meshgate.gateway.policy import Policy, Wrap, chain
from meshgate.gateway.routing.balance import Balance
from meshgate.gateway.routing.resolve import Resolve
from meshgate.gateway.upstream.health import HealthChecks
from meshgate.gateway.upstream.instances import Instance, Instances
from meshgate.gateway.upstream.send import Send, Wire
from meshgate.gateway.version import VERSION
from meshgate.registry.index import Table
from meshgate.registry.interface import Registry
from meshgate.registry.model import Delta, Switch
from meshgate.registry.watcher import Watcher
from meshgate.telemetry.tracing import Ids, NoTracing, Sampler, Tracing

__all__ = ["Gateway", "Settings", "arrival", "attempt", "call_policies"]

log = structlog.get_logger(__name__)


def arrival(gateway: Gateway) -> list[Policy]:
    """Who calls."""
    g = gateway
    return [
        # What is refused further down must still be on record.
        Record(g.records, g.metrics),
        g.authentication,
        # An agent's credential says whose calls in flight may be the parent.
        Lineages(g.records, g.mesh, g.peers, g.metrics, g.limits),
        # Behind lineage, so that a call whose agent dropped its headers still joins its job's trace.
        Trace(g.tracing, g.sampler, g.ids),
        # Behind lineage too: a child has no more time than its parent.
        Deadline(g.limits, g.clock),
    ]


def call_policies(gateway: Gateway) -> list[Policy]:
    """What is called."""
    g = gateway
    return [
        # A loop costs nothing if it is seen before anything is spent on it.
        LineageGuard(g.records, g.limits, g.clock),
        Kill(g.table),
        Budget(g.records, g.peers, g.clock),
        RateLimit(g.limits.rate, g.limits.burst, lambda: g.peers.live, g.clock),
        # Outside the contract, because each release of an agent has words of its own.
        Failover(),
        # What breaks its contract is refused before it is tried, and converted once however often it is.
        g.schema,
        # Innermost, so that what was spent above is spent once however often it is tried.
        Retry(g.limits, g.clock, g.rng, g.metrics, g.sleep),
    ]


def attempt(gateway: Gateway) -> list[Policy]:
    """Where."""
    g = gateway
    return [
        # Before the breaker: a refusal here must not use up the permit of a probe.
        Concurrency(g.limits.concurrency),
        BreakerGate(),
        HangDetection(g.ask_health, g.limits, g.clock, g.sleep),
    ]


class Settings(msgspec.Struct, frozen=True):
    """What a gateway is told about its surroundings."""

    base_url: str = ""
    """The URL under which clients reach the data plane; "" takes each request's own."""
    grpc_address: str = ""
    """``host:port`` of the gRPC listener as clients reach it; "" if there is none."""
    public_cards: bool = False
    snapshot: Path | None = None
    """Where the last known registry is kept."""
    schemas: Path | None = None
    """The folder where the contracts of skills are kept for when the registry is away."""
    gateway_id: str = ""


class Gateway:
    """One gateway, without sockets of its own: what it listens on is the server's affair.

    Args:
        wires: ways to agents, by binding; made here if left out.
        peers: the other gateways; found through the registry if left out.
        clock: monotonic seconds. wall: seconds since the epoch. sleep: waits, of one mind with ``clock``.
    """

    def __init__(  # noqa: PLR0913 - each is a part that tests replace, all but three by keyword
        self,
        registry: Registry,
        mesh: MeshKey,
        keys: KeyStore,
        *,
        settings: Settings | None = None,
        limits: Limits = DEFAULTS,
        wires: dict[str, Wire] | None = None,
        peers: Peers | None = None,
        tracing: Tracing | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        rng: random.Random | None = None,
        alone: bool = False,
    ) -> None:
        settings = settings or Settings()
        self.id = settings.gateway_id or f"gw{secrets.token_hex(4)}"
        self.registry, self.mesh, self.keys, self.settings, self.limits = registry, mesh, keys, settings, limits
        self.clock, self.sleep = clock, sleep
        self.rng = rng or random.Random()
        self.tracing, self.ids, self.sampler = tracing or NoTracing(), Ids(self.rng), Sampler(limits.traces, clock)
        self.table = Table()
        self.watcher = Watcher(registry, self.table, settings.snapshot, clock=clock, sleep=sleep, rng=self.rng)
        self.schemas = Catalogue(SchemaStore(registry, settings.schemas, limits, rng=self.rng), self.watcher)
        self.metrics = Metrics()
        self.records = Records(self.id, limits, clock, wall, self.rng)
        remote = RemotePeers(self.table, self.id, mesh.inspect_secret(), limits)
        self.remote = None if alone or peers is not None else remote
        self.peers: Peers = peers or self.remote or ALONE
        self.instances = Instances(mesh.inbound_secret, limits, clock, self.rng)
        self.tags = TaskTags(mesh.secret)
        self.usage = UsageCounter(limits.usage_rows, limits.usage_fields, wall)
        self.mediator = Converters(self.schemas, limits)
        self.schema = Schema(self.mediator, self.usage, limits)
        self.resolve = Resolve(self.table, self.tags, self.instances.ready, self.schema)
        self.wires = wires if wires is not None else default_wires(limits, clock)
        self.send = Send(self.wires, self.tags, mesh, clock)
        self.cards = Cards(
            self.table, self.resolve, self.schemas, base=settings.base_url, grpc=settings.grpc_address, version=VERSION
        )
        self.draining = False
        self.broken = ""
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._left: OrderedDict[str, None] = OrderedDict()
        self._tasks: list[asyncio.Task[None]] = []
        self.metrics.watch(
            stale_seconds=self.watcher.stale_seconds,
            endpoints=self.instances.states,
            open_calls=lambda: self.records.open_calls,
            subjects=lambda: len(self.schemas),
        )
        self.watcher.on_change += [self.instances.apply, self.resolve.learn, self._learn]
        self.authentication = Authentication(keys, mesh, self.registered)
        self.handler = self._compose()
        public = Principal("anonymous", "", agents=("*",), skills=("*",)) if settings.public_cards else None
        self.ingress = Ingress(self.handler, self.cards, self.authentication.principal, public, self.unready, limits)

    def _compose(self) -> Handler:
        count = self.metrics.policy
        clock, rng, bindings = self.clock, self.rng, frozenset(self.wires)
        balance = Balance(self.instances, self.records, self.metrics, bindings, clock, rng)
        send = chain(attempt(self), self.send, count)
        call = chain([*call_policies(self), balance], send, count)
        resolve: Wrap = self.resolve
        return chain([*arrival(self), resolve], call, count)

    # -- life

    async def start(self) -> None:
        """Begin to watch the registry and to look after contracts and foreign agents."""
        checks = HealthChecks(self.instances, self.send.ask_health, self.clock, self.rng, self.sleep)
        self._tasks = [asyncio.ensure_future(run) for run in (self.watcher.run(), self.schemas.run(), checks.run())]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        # A gateway that no longer hears of changes must say so, and must not look well.
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken = f"{type(error).__name__}: {error}"
            log.critical("background_work_failed", error=self.broken, exc_info=error)

    async def aclose(self) -> None:
        """Stop watching, and close every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.send.aclose()
        self.mediator.close()
        if not isinstance(self.tracing, NoTracing):
            await asyncio.to_thread(self.tracing.close)
        if self.remote is not None:
            await self.remote.aclose()

    def unready(self) -> str | None:
        """Why this gateway should get no calls, or None."""
        if self.draining or self.broken:
            return self.broken or "draining"
        return None if self.watcher.ready.is_set() else self.watcher.reason

    # -- what policies ask

    def registered(self, instance: str, agent: str) -> bool:
        """Whether a call key's instance is registered. One never seen is given the time of one lease to be heard of."""
        entry = self.table.entries.get(instance)
        if entry is not None:
            return entry.instance.agent == agent
        if instance in self._left:
            return False
        first = self._seen.setdefault(instance, self.clock())
        if len(self._seen) > self.limits.records:
            self._seen.popitem(last=False)
        return self.clock() - first < self.limits.lease

    def _learn(self, delta: Delta) -> None:
        for entry in delta.put:
            self._left.pop(entry.instance.id, None)
            self._seen.pop(entry.instance.id, None)
        for gone in delta.gone:
            self._left[gone] = None
            if len(self._left) > self.limits.records:
                self._left.popitem(last=False)
        if delta.switches is not None:
            for switch in delta.switches:
                if switch.kind == "job":
                    self.end_job(switch.name)

    async def ask_health(self, instance: Instance) -> bool:
        """Whether an instance answers its health route in time."""
        return await self.send.ask_health(instance, self.limits.health_timeout)

    # -- what the inspect API shows (the ``Inspected`` protocol)

    def status(self) -> Status:
        stale = self.watcher.stale_seconds()
        return Status(
            self.id, VERSION, self.records.open_calls, len(self.instances), stale, self.draining, self.unready() or ""
        )

    def flights(self, agent: str, tenant: str) -> list[Flight]:
        return [self.records.flight(call) for call in self.records.in_flight(agent, tenant)]

    def lend(self, job: str, calls: int) -> Grant | None:
        found = self.records.job(job)
        if found is None or not found.home:
            return None
        left = found.deadline - self.clock()
        given = max(0, min(calls, found.call_limit - found.used)) if left > 0 else 0
        found.used += given
        found.leased += given
        lifetime = found.deadline - found.began
        return Grant(given, left, found.used, found.call_limit, found.concurrency, lifetime)

    def job_views(self, limit: int) -> list[JobView]:
        return [job_view(job, self.clock(), calls=False) for job in self.records.jobs(min(limit, 1000))]

    def job_view(self, job: str) -> JobView | None:
        found = self.records.job(job)
        return job_view(found, self.clock(), calls=True) if found is not None else None

    def call_record(self, call: str) -> CallRecord | None:
        return self.records.call(call)

    def instance_views(self) -> list[InstanceView]:
        return [_instance_view(instance) for instance in self.instances]

    def usage_view(self, subject: str, fields: bool) -> UsageView:
        return UsageView(self.usage.since, self.usage.forgotten, self.usage.rows(subject, fields=fields))

    def end_job(self, job: str) -> int:
        ended = 0
        for instance in self.instances:
            for open_attempt in list(instance.attempts):
                lineage = open_attempt.call.lineage
                if lineage is not None and lineage.job == job:
                    open_attempt.abort(Killed(f"job {job!r} was ended by an operator"))
                    ended += 1
        return ended

    def drain(self, on: bool) -> None:
        self.draining = on

    def metrics_text(self) -> bytes:
        return self.metrics.render()

    async def kill(self, switch: Switch) -> None:
        """Throw a kill switch for the whole mesh."""
        await self.registry.throw(switch)


def _instance_view(instance: Instance) -> InstanceView:
    listed, manifest = instance.entry.instance, instance.entry.manifest
    return InstanceView(
        id=listed.id,
        agent=listed.agent,
        version=manifest.version,
        tenant=listed.tenant,
        endpoints=tuple(f"{endpoint.binding} {endpoint.url}" for endpoint in listed.endpoints),
        skills=tuple(f"{skill.skill}@{skill.version}" for skill in manifest.skills),
        labels=listed.labels,
        breaker=instance.breaker.state,
        healthy=instance.healthy,
        draining=listed.draining,
        foreign=manifest.foreign,
        pending=instance.pending,
        latency=instance.latency,
    )


def default_wires(limits: Limits, clock: Callable[[], float]) -> dict[str, Wire]:
    """A wire for each binding that is installed here."""
    from meshgate.gateway.upstream.transports.http import HttpWire

    wires: dict[str, Wire] = {"JSONRPC": HttpWire(limits, clock)}
    try:
        from meshgate.gateway.upstream.transports.grpc import GrpcWire
    except ImportError:
        return wires
    return {**wires, "GRPC": GrpcWire(limits, clock)}
