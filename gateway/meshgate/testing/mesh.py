"""One gateway, its registry and its agents in one process."""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, overload

import httpx
import msgspec

from meshgate.a2a.bindings.operations import build_call
from meshgate.a2a.bindings.table import DEFAULT
from meshgate.a2a.call import Call
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.mesh.tenants import in_tenant
from meshgate.a2a.methods import METHODS
from meshgate.a2a.outcome import Head
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.reply import Reply
from meshgate.a2a.selector import Selector, parse_selector
from meshgate.gateway.contracts.admission.closed_gate import make_gate
from meshgate.gateway.gateway import Gateway
from meshgate.gateway.identity.keys import KeyStore, new_key
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.jobs.peers import Peers
from meshgate.gateway.parts import NO_POLICIES
from meshgate.gateway.placement import Policies
from meshgate.gateway.settings import Settings
from meshgate.registry.backends.memory import MemoryRegistry
from meshgate.registry.model import Capability, Endpoint, Instance, Manifest
from meshgate.sdk import Agent, Mesh
from meshgate.sdk.client.access import Access
from meshgate.testing.agents import Script, text
from meshgate.testing.wire import LocalWire

__all__ = ["LocalMesh", "Result"]


_URL = "http://mesh.test"
_HELLO = text("hello")


class Result(msgspec.Struct, frozen=True):
    """A reply that was read to its end."""

    head: Head
    events: tuple[Payload, ...]

    @property
    def tree(self) -> dict[str, Any]:
        """The last event as A2A JSON."""
        return self.events[-1].tree()


class _Shared:
    """The state that two gateways of one mesh share."""

    def __init__(self, clock: Callable[[], float], limits: Limits) -> None:
        self.registry = MemoryRegistry(clock=clock, ttl=limits.lease)
        self.mesh_key = MeshKey(secrets.token_bytes(32))
        self.keys = KeyStore()
        self.wire = LocalWire(clock)
        self.ids = itertools.count(1)
        self.credentials: dict[str, str] = {}
        self.key = ""


class LocalMesh:
    """A gateway with all its policies, an in-memory registry, and agents of the SDK's or that are functions.

    Args:
        clock, sleep: time; give both of a virtual clock for tests that wait.
        seed: of every random choice.
        join: another mesh, to be a second gateway of: the same registry, keys and agents.
        policies: policies to add to the gateway's path, or to leave out of it.
        plugins: entry points whose policies are added.
        public_cards: whether cards are shown to callers without a key.
        base_url: where agents that send push notifications would call the gateway.
        push_networks: networks that push notifications may go to, beside public addresses.
    """

    def __init__(  # noqa: PLR0913 - all by keyword, each for a test that wants it
        self,
        *,
        limits: Limits = DEFAULTS,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        seed: int = 0,
        peers: Peers | None = None,
        join: LocalMesh | None = None,
        gateway_id: str = "",
        policies: Policies = NO_POLICIES,
        plugins: tuple[str, ...] = (),
        public_cards: bool = False,
        base_url: str = "",
        push_networks: tuple[str, ...] = (),
    ) -> None:
        self.shared: _Shared = join.shared if join is not None else _Shared(clock, limits)
        self.registry, self.mesh_key = self.shared.registry, self.shared.mesh_key
        self.keys, self.wire, self._ids = self.shared.keys, self.shared.wire, self.shared.ids
        self._credentials = self.shared.credentials
        self._sleep = sleep
        self._agents: list[Agent] = []
        self.gateway = Gateway(
            self.registry,
            self.mesh_key,
            self.keys,
            settings=Settings(
                gateway_id=gateway_id,
                plugins=plugins,
                public_cards=public_cards,
                base_url=base_url,
                push_networks=push_networks,
            ),
            limits=limits,
            wires={(DEFAULT.id, DEFAULT.version): self.wire},
            peers=peers,
            alone=peers is None,
            clock=clock,
            wall=wall,
            sleep=sleep,
            rng=random.Random(seed),
            policies=policies,
        )
        self._enter = self.gateway.entrance(DEFAULT.id)
        self.key = self.shared.key = self.shared.key or self.client("user")

    async def __aenter__(self) -> Self:
        await self.gateway.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for agent in self._agents:
            await agent.aclose()
        await self.gateway.aclose()

    def client(self, name: str, **scope: Any) -> str:
        """A new client key; ``scope`` are fields of ``KeyRecord``."""
        key, record = new_key("client", name, **scope)
        self.keys.add(record)
        return key

    def caller(self, key: str = "") -> Mesh:
        """The SDK's client of this mesh, with the key of its user or another one; close it, or use it in a block."""
        return Mesh(_URL, key or self.key, transport=httpx.ASGITransport(self.gateway.ingress))

    @overload
    async def add(self, agent: Agent, /, *, tenant: str = "default") -> str: ...

    @overload
    async def add(
        self,
        agent: str,
        script: Script,
        /,
        *,
        skills: tuple[Capability, ...] = ...,
        version: str = ...,
        shared_tasks: bool = ...,
        foreign: bool = ...,
        tenant: str = ...,
        instance: str = ...,
    ) -> str: ...

    async def add(
        self,
        agent: str | Agent,
        script: Script = _HELLO,
        /,
        *,
        skills: tuple[Capability, ...] = (),
        version: str = "1.0.0",
        shared_tasks: bool = False,
        foreign: bool = False,
        tenant: str = "default",
        instance: str = "",
    ) -> str:
        """Add an agent of the SDK's, as it is, or an instance of one that is a function; returns the instance's id.

        An agent of the SDK's has its contracts judged as when it joins, and its skills call into this mesh.
        """
        if isinstance(agent, Agent):
            return await self._add(agent, tenant)
        name = instance or f"{agent}-{next(self._ids)}"
        skills = skills or (Capability(agent, version),)
        card = {"name": agent, "version": version, "skills": [{"id": one.skill, "name": one.skill} for one in skills]}
        manifest = Manifest(agent, version, skills=skills, shared_tasks=shared_tasks, foreign=foreign, card=card)
        url = f"local://{name}"
        self.wire.scripts[url] = script
        listed = Instance(
            name, agent, manifest.digest(), endpoints=(Endpoint(DEFAULT.id, url),), tenant=tenant, lasting=True
        )
        self._credentials[name] = self.mesh_key.call_key(agent, tenant, name)
        await self.registry.register(listed, manifest)
        await self.seen(name)
        return name

    async def _add(self, agent: Agent, tenant: str) -> str:
        gate = make_gate(self.gateway.schemas.store)
        manifest = (await gate.admit(agent.manifest(), agent.images(), tenant=tenant)).manifest
        url = f"local://{agent.instance}"
        # As over a network, an agent knows the deadline by its header alone: its clock may be another one.
        self.wire.scripts[url] = lambda call: agent.handle(msgspec.structs.replace(call, deadline=float("inf")))
        where = (Endpoint(DEFAULT.id, url),)
        about = (agent.instance, agent.name, manifest.digest(), where)
        key = self._credentials[agent.instance] = self.mesh_key.call_key(agent.name, tenant, agent.instance)
        agent.use(Access((_URL,), key, httpx.ASGITransport(self.gateway.ingress)))
        await self.registry.register(Instance(*about, tenant=tenant, lasting=True), manifest)
        await self.seen(agent.instance)
        for skill in manifest.skills:
            if skill.contracts:
                await self._contract(in_tenant(tenant, agent.name) + f"/{skill.skill}", skill.version)
        self._agents.append(agent)
        return agent.instance

    async def _contract(self, subject: str, version: str) -> None:
        """Wait until the gateway knows a release of a contract."""
        catalogue = self.gateway.schemas
        await _until(
            lambda: (found := catalogue.subject(subject)) is not None and version in found.releases,
            catalogue.on_change,
        )

    async def seen(self, name: str, *, there: bool = True) -> None:
        """Wait until the gateway knows that an instance has joined (or left)."""
        await _until(lambda: (name in self.gateway.table.entries) == there, self.gateway.watcher.on_change)

    def key_of(self, instance: str) -> str:
        """The call key under which an instance makes its calls."""
        return self._credentials[instance]

    def make_call(
        self, selector: str, words: str = "hi", *, method: str = "SendMessage", key: str | None = None, **headers: str
    ) -> Call:
        """A call as it enters the path. ``headers`` have underscores in place of dashes."""
        found = METHODS[method]
        message = {"messageId": f"m{next(self._ids)}", "role": "ROLE_USER", "parts": [{"text": words}]}
        tree: dict[str, Any] = {"id": words} if found.on_task else {"message": message}
        return self.call_of(tree, selector, method=method, key=key, **headers)

    def call_of(
        self,
        tree: dict[str, Any],
        selector: str = "",
        *,
        method: str = "SendMessage",
        key: str | None = None,
        **headers: str,
    ) -> Call:
        """A call of a request in A2A JSON."""
        found = METHODS[method]
        view = msgspec.convert(tree, found.request)
        sent = {"authorization": f"Bearer {key or self.key}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        target: Selector | None = parse_selector(selector) if selector else None
        return build_call(found, JsonPayload(found.request, tree, view), view, sent, target)

    async def send(self, call: Call) -> Reply:
        """Take a call through the gateway; the reply is the caller's to read and close."""
        return await self._enter(call)

    async def call(self, selector: str, words: str = "hi", **more: Any) -> Result:
        """Call, and read the reply to its end."""
        return await self.read(self.make_call(selector, words, **more))

    async def read(self, call: Call) -> Result:
        """Take a call through the gateway, and read the reply to its end."""
        reply = await self.send(call)
        try:
            return Result(reply.head, tuple([event async for event in reply]))
        finally:
            await reply.aclose()


async def _until(true: Callable[[], bool], news: list[Callable[[Any], None]]) -> None:
    """Wait until something is true; whoever changes it tells those in ``news``."""
    heard = asyncio.Event()

    def listen(_: object) -> None:
        if true():
            heard.set()

    news.append(listen)
    try:
        if not true():
            await heard.wait()
    finally:
        news.remove(listen)
