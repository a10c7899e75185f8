"""The agent: skills, how it is reached, and its place in the mesh."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import sys
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import httpx
import structlog

from meshgate.a2a.bindings.table import DEFAULT_NAMES, GRPC_ROWS, Name
from meshgate.a2a.call import Call, Handler
from meshgate.a2a.errors import MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.reply import Reply
from meshgate.registry.limits import agent_name_fault, id_prefix
from meshgate.registry.model import Endpoint, Instance, Manifest
from meshgate.sdk.arguments import check_number, contracts_of, manifest_rules, tasks_are_shared
from meshgate.sdk.client.access import Access
from meshgate.sdk.client.discovery import NotConfigured, find_join
from meshgate.sdk.client.mesh import Mesh
from meshgate.sdk.client.sender import make_client
from meshgate.sdk.server import logs
from meshgate.sdk.server.app import AgentApp, Guard
from meshgate.sdk.server.listen_address import CannotServe, ListenAddress
from meshgate.sdk.server.listener import Listener, exit_code, public_endpoints, run_loop, urls_by_binding
from meshgate.sdk.server.membership import Credentials, JoinClient, Membership, log_refusal
from meshgate.sdk.server.running_agent import RunningAgent
from meshgate.sdk.server.signals import serve_until_signal
from meshgate.sdk.server.startup_error import explain
from meshgate.sdk.skills.decorators import SkillDecorators
from meshgate.sdk.skills.manifest import card_of, instance_of, manifest_of
from meshgate.sdk.skills.skill import Keep, Skill
from meshgate.sdk.spans import Spans
from meshgate.sdk.tasks.handler import AgentHandler
from meshgate.sdk.tasks.stores import MemoryTasks, TaskStore
from meshgate.telemetry.collector import configure
from meshgate.telemetry.tracing import Tracing

__all__ = ["Agent"]

log = structlog.get_logger(__name__)
_GRPC = frozenset(row.id for row in GRPC_ROWS)


class Agent(SkillDecorators):
    """An agent::

        agent = Agent("summariser", version="1.4.0")

        @agent.skill(tags=["text"])
        async def summarise(text: str, ctx: Context) -> str:
            "Shorten a text."
            return text[:100]

        agent.run()

    Args:
        name: what it is called by; all its instances share it.
        version: semantic version of the agent, and of its skills that have none of their own.
        description: what it is for.
        host: the address to listen on. Others than loopback are reached only with the inbound secret, as any.
        port: 0 takes a free one.
        grpc_port: the same for gRPC.
        public_url: the base URL that others reach it by, if it is not ``host`` and ``port``.
        bindings: ``("JSONRPC", "GRPC")`` serves gRPC as well (extra ``grpc``). HTTP+JSON is served, named or not.
        join: join ports; else ``MESHGATE_JOIN_URL``, then the mesh of this machine.
        join_key: the key to join with; else ``MESHGATE_JOIN_KEY``, then that of this machine's mesh.
        contracts: the lock file that makes contracts of its skills' models: ``"contracts.lock.json"``. It is written
            beside the program, kept up to date, and belongs into version control; ``MESHGATE_CONTRACTS=frozen`` refuses
            to run when it is not current.
        labels: pairs to select this instance by.
        weight: its share of the calls beside the other instances, from 0 to 1000.
        store: where tasks are kept; else in memory.
        shared_tasks: whether all instances share the store, so that each answers for the tasks of all. It is assumed of
            a store that is made for it, such as ``FileTasks``.
        references: "any" if messages may refer to tasks that are not their caller's.
        contexts: "shared" if callers that choose one context id shall meet in that conversation; else it is their own.
        limits: sizes and times.
        instance: the instance's id, which begins with ``name`` and "-"; else drawn at random.
        transport: carries its requests to the mesh (an httpx transport).
        tracing: where its spans go; else to the collector that ``MESHGATE_OTLP`` names, if it does.
        environ: where to look for what was not given.
        clock, now: monotonic seconds, and seconds since 1970 for timestamps.
        rng: spreads its renewals.
    """

    def __init__(  # noqa: PLR0913 - each is a setting of its own, all but the first by keyword
        self,
        name: str,
        *,
        version: str = "0.1.0",
        description: str = "",
        host: str = "127.0.0.1",
        port: int = 0,
        grpc_port: int = 0,
        public_url: str = "",
        bindings: Sequence[Name] = DEFAULT_NAMES,
        join: str | Sequence[str] | None = None,
        join_key: str | None = None,
        contracts: str | os.PathLike[str] | None = None,
        labels: Mapping[str, str] | None = None,
        weight: float = 1.0,
        store: TaskStore | None = None,
        shared_tasks: bool | None = None,
        references: Literal["own", "any"] = "own",
        contexts: Literal["own", "shared"] = "own",
        limits: Limits = DEFAULTS,
        instance: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
        tracing: Tracing | None = None,
        environ: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        rng: random.Random | None = None,
    ) -> None:
        if fault := agent_name_fault(name):
            raise ValueError(fault)
        if instance and not instance.startswith(id_prefix(name)):
            raise ValueError(f"instance={instance!r} must begin with the agent's name and '-': {id_prefix(name)}1, say")
        super().__init__(version, limits.skill_threads)
        self.name = name
        self.description = description
        self._pinned = bool(instance)
        self.instance = instance
        self._draw_id()
        self.limits = limits
        self._address = ListenAddress(host, port, grpc_port, public_url or "", tuple(bindings))
        self._join, self._join_key, self._environ = join, join_key, environ
        self._labels, self._weight = dict(labels or {}), check_number("weight", weight, most=1000.0)
        # A store of the author's own may have a length, and be false while it is empty.
        store = store if store is not None else MemoryTasks(limits, clock)
        self.shared_tasks = tasks_are_shared(store, shared_tasks)
        self._rules: Any = manifest_rules(references, contexts, store)
        self._transport = transport
        self._rng = rng
        self._credentials, self._endpoints = Credentials(), tuple[Endpoint, ...]()
        self._contracts = contracts_of(contracts, name, limits, environ) if contracts is not None else None
        endpoint = environ.get("MESHGATE_OTLP")
        if tracing is None and endpoint:
            tracing = configure(endpoint, name, self.instance, version=version, limits=limits)
        self._spans = Spans(tracing, limits, clock, rng) if tracing is not None else None
        self._mesh: Mesh | None = None
        serving = AgentHandler(name, self._skills, self, store, limits=limits, clock=clock, now=now)
        self._workload = serving.workload
        self._handler: Handler = self._spans.serving(name, serving.handle) if self._spans else serving.handle

    # -- its descriptions

    def card(self) -> dict[str, Any]:
        """Its agent card, with the addresses it listens on now; else, for who serves ``app``, with ``public_url``."""
        skills = self._ready()
        about = (self.name, self.version, self.description, skills, self._endpoints or public_endpoints(self._address))
        return card_of(*about, shared_tasks=self.shared_tasks, limits=self.limits)

    def manifest(self) -> Manifest:
        """The description that all its instances share, for the registry."""
        skills = self._ready()
        about = (self.name, self.version, self.description, skills)
        return manifest_of(*about, shared_tasks=self.shared_tasks, **self._rules, limits=self.limits)

    def images(self) -> tuple[bytes, ...]:
        """The descriptor sets of its contracts, for the registry."""
        self._ready()
        return self._contracts.images if self._contracts is not None else ()

    def lock(self, *, check: bool = False) -> bool:
        """Bring the lock file of its contracts up to date, without listening or joining; False if it has no contracts.

        Args:
            check: refuse a file that is not current instead.

        Raises:
            MeshError: a type cannot become a contract, or the file cannot be used; it is left as it was.
        """
        self._ready(keep="check" if check else "now")
        return self._contracts is not None

    def _ready(self, *, keep: Keep = "no") -> tuple[Skill, ...]:
        """The skills, with their contracts."""
        if self._contracts is not None:
            self._contracts.apply(self._skills.skills, keep=keep)
        return self._skills.advertised

    def _draw_id(self) -> None:
        """Draw another instance id, unless the author chose it."""
        if not self._pinned:
            self.instance = id_prefix(self.name) + secrets.token_hex(6)

    def _describe(self, draining: bool) -> tuple[Instance, Manifest]:
        manifest = self.manifest()
        about = (self.instance, self.name, manifest.digest(), self._endpoints)
        instance = instance_of(*about, labels=self._labels, weight=self._weight, draining=draining)
        return instance, manifest

    # -- what contexts need

    def access(self) -> Access | None:
        """The agent's own way into the mesh, or None before it has joined."""
        return self._credentials.access

    def use(self, access: Access) -> None:
        """Call through these gateways from now on: for a mesh within this process, which it does not join by itself."""
        self._credentials.access = access

    def mesh(self) -> Mesh:
        """The client that its skills share; inside a skill only."""
        if self._mesh is None:
            self._mesh = Mesh(transport=self._transport, limits=self.limits, environ=self._environ, spans=self._spans)
        return self._mesh

    # -- serving

    async def handle(self, call: Call) -> Reply:
        """Serve one call without any wire: the agent as a ``Handler``."""
        self._ready()
        return await self._handler(call)

    def app(self, secret: str = "", *, unguarded: bool = False) -> AgentApp:
        """The agent as an ASGI app, to be served by yourself; nothing joins.

        Args:
            secret: what callers must present as ``Authorization: Bearer SECRET``; else the one it gets when it joins.
            unguarded: serve every caller, for an app behind an authentication of your own.
        """
        self._ready()
        return AgentApp(self._handler, Guard.of(secret, self._credentials, unguarded=unguarded), self.card, self.limits)

    @property
    def open_tasks(self) -> tuple[str, ...]:
        """Ids of the tasks that it works on, or that wait for their callers."""
        return self._workload.open_tasks

    async def aclose(self, drain: float = 0.0) -> None:
        """End all work and give back what it holds: for who serves ``app`` by themselves.

        Args:
            drain: seconds to wait for work that is open before it is cancelled.
        """
        await self._workload.drain(check_number("drain", drain))
        await self._workload.stop()
        if self._mesh is not None:
            await self._mesh.aclose()
            self._mesh = None

    @asynccontextmanager
    async def _listening(self, secret: str, *, unguarded: bool = False) -> AsyncGenerator[RunningAgent, None]:
        if not self._skills.skills:
            raise CannotServe(f"agent {self.name!r} has no skill: decorate an async function with @agent.skill")
        app = self.app(secret, unguarded=unguarded)
        listener = Listener(self._address, app, self._handler, app.guard, self.limits)
        self._endpoints = await listener.start()
        log.info("serving", agent=self.name, instance=self.instance, **urls_by_binding(self._endpoints))
        grpc = next((endpoint.url for endpoint in self._endpoints if endpoint.binding in _GRPC), "")
        try:
            yield RunningAgent(self._endpoints[0].url, grpc, self.instance)
        finally:
            await self.aclose()
            await listener.stop()

    @asynccontextmanager
    async def _membership(self, access: Access) -> AsyncGenerator[Membership, None]:
        async with make_client(self._transport, self.limits) as client:
            joining = JoinClient(access, client, self.limits)
            membership = Membership(
                joining,
                self._credentials,
                self._describe,
                self.limits,
                self._rng,
                find=lambda: find_join(self._join, self._join_key, self._environ),
                images=self.images(),
                rename=self._draw_id,
            )
            if self._contracts is not None:
                membership.accepted = self._contracts.save
            try:
                yield membership
            finally:
                await membership.leave()

    @asynccontextmanager
    async def serve(
        self, *, join: bool = True, secret: str = "", unguarded: bool = False
    ) -> AsyncGenerator[RunningAgent, None]:
        """Listen, and join, for as long as the block runs: for tests, and for agents inside a larger program.

        Args:
            join: False leaves the mesh alone.
            secret: as for ``app``.
            unguarded: as for ``app``.

        Raises:
            NotConfigured: no mesh was found to join.
            CannotServe: it cannot listen.
            MeshError: the mesh refused it.
        """
        if not join:
            self.lock()
            async with self._listening(secret, unguarded=unguarded) as served:
                yield served
            return
        access = find_join(self._join, self._join_key, self._environ)
        self._ready(keep="later")
        async with self._listening(secret, unguarded=unguarded) as served, self._membership(access) as membership:
            await membership.join()
            keeping = asyncio.ensure_future(membership.keep())
            keeping.add_done_callback(log_refusal)
            try:
                yield served
            finally:
                keeping.cancel()

    def run(self) -> None:
        """Serve, join, and stay until SIGTERM or SIGINT; then drain, leave and return. A second signal ends at once.

        Raises:
            SystemExit: it could not start; the reason was logged.
        """
        logs.configure()
        try:
            run_loop(self._serve_until_signal())
        except MeshError as error:
            log.error("cannot_run", agent=self.name, error=error.message, code=error.code)  # noqa: TRY400 - no trace
            sys.stderr.write(explain(error))
            raise SystemExit(exit_code(error)) from None
        finally:
            if self._spans is not None:
                self._spans.tracing.close()

    async def _serve_until_signal(self) -> None:
        try:
            access = find_join(self._join, self._join_key, self._environ)
        except NotConfigured:
            self.lock()  # there is no mesh that could refuse the release
            raise
        self._ready(keep="later")
        async with self._listening("") as served, self._membership(access) as membership:
            facts = {"agent": self.name, "instance": served.instance}
            await serve_until_signal(
                membership, lambda: self._workload.drain(self.limits.drain), facts, self.limits.drain_notice
            )
        log.info("stopped", agent=self.name, instance=self.instance)
