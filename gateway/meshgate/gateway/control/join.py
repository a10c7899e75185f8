"""The join port: where agents register, renew and leave, in Connect's unary form (plain POST, JSON or protobuf)."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable

import msgspec
import structlog

from meshgate.a2a.call import Principal
from meshgate.a2a.errors import MeshError, MethodNotFound
from meshgate.a2a.limits import Limits
from meshgate.gateway.contracts.admission.closed_gate import make_gate
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.admission.registration import AdmittedManifest
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.gateway.control.acknowledgement import is_shown
from meshgate.gateway.control.departure import take_off
from meshgate.gateway.control.join_rules import JoinRules
from meshgate.gateway.identity.credential_seal import CredentialSeal, sealed
from meshgate.gateway.identity.key_record import KeyRecord
from meshgate.gateway.identity.keys import KeyStore
from meshgate.gateway.identity.mesh_key import MeshKey
from meshgate.gateway.jobs.rates import Rates
from meshgate.net.addresses import AddressPolicy
from meshgate.net.asgi import Receive, Scope, Send, read_body, read_headers, respond, to_come
from meshgate.registry.errors import UnknownLease
from meshgate.registry.index import Index
from meshgate.registry.interface import Registry
from meshgate.registry.join import wire
from meshgate.registry.model import Instance

__all__ = ["JoinApp"]


def _join_words(_: str) -> str:
    return "register (limits.join_rate)"


log = structlog.get_logger(__name__)
_NOT_SEEN = (
    "the registry took this registration and does not show it yet: calls reach the agent once gateways read it there "
    "('meshgate doctor' says whether they can)"
)


class JoinApp:
    """The join port's ASGI app.

    Args:
        gateways: base URLs at which agents make their calls, best first.
        table: this process's view of the registry.
        gate: checks the contracts of agents that join; made here if left out.
        clock: monotonic seconds, for the rate of registrations.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it answers with
        self,
        registry: Registry,
        table: Index,
        keys: KeyStore,
        mesh: MeshKey,
        addresses: AddressPolicy,
        gateways: Callable[[], tuple[str, ...]],
        limits: Limits,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        gate: SchemaGate | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry, self._table, self._keys, self._mesh = registry, table, keys, mesh
        self._gateways, self._limits, self._sleep = gateways, limits, sleep
        self._rules = JoinRules(table, mesh, addresses)
        self._seal = CredentialSeal(mesh)
        self._rates = Rates(limits.join_rate, limits.join_burst, lambda: 1, clock, words=_join_words)
        self._gate = make_gate(SchemaStore(registry, limits=limits), limits=limits) if gate is None else gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        media = wire.JSON
        headers: dict[str, str] = {}
        unread = 0.0
        try:
            headers = read_headers(scope, self._limits)
            unread = to_come(headers)
            name = scope["path"].removeprefix(wire.SERVICE_PATH)
            if scope["path"] == name or scope["method"] != "POST" or name not in ("Register", "Renew", "Deregister"):
                raise MethodNotFound(f"POST {wire.SERVICE_PATH}Register, Renew or Deregister")
            key = self._keys.require(headers.get("authorization"), "join")
            if name == "Register":
                # Before the body is read: a registration may bring many descriptor sets.
                self._rates.take(Principal("service", f"join key {key.id}", key.tenant), "")
            media = wire.media_type(headers.get("content-type", ""))
            body, unread = await read_body(headers, receive, self._limits), 0.0
            answer = await self._answer(name, body, media, key)
        except MeshError as error:
            status, answer = wire.encode_error(error)
            pause = error.retry_after
            retry = [(b"retry-after", str(math.ceil(pause)).encode())] if pause is not None else []
            await respond(send, status, answer, retry, unread=unread)
            return
        await respond(send, 200, answer, [(b"content-type", media.encode())])

    async def _answer(self, name: str, body: bytes, media: wire.Media, key: KeyRecord) -> bytes:
        if name == "Register":
            return await self._register(wire.decode_register(body, media), media, key)
        if name == "Renew":
            instance_id = wire.decode_renew(body, media)
            agent = self._rules.touch(instance_id, key).instance.agent
            await self._check_contracts(instance_id)
            lease = await self._registry.renew(instance_id)
            call_key = self._mesh.call_key(agent, key.tenant, instance_id)
            return wire.encode_renew_response(wire.RenewResponse(lease, call_key, self._gateways()), media)
        instance_id = wire.decode_deregister(body, media)
        await take_off(self._registry, self._rules.touch(instance_id, key), self._sleep, self._limits.drain_notice)
        log.info("left", instance=instance_id)
        return wire.encode_deregister_response(media)

    async def _check_contracts(self, instance_id: str) -> None:
        entry = self._table.entries.get(instance_id)
        if entry is not None and not await self._gate.knows(
            entry.instance.manifest, entry.manifest, entry.instance.tenant
        ):
            # The registry has lost a contract of it: when it registers again, its contracts come along.
            raise UnknownLease(metadata={"instance": instance_id})

    async def _register(self, joining: wire.Registration, media: wire.Media, key: KeyRecord) -> bytes:
        instance, manifest = self._rules.admit(joining, key), joining.manifest
        known = self._table.entries.get(instance.id)
        if known is not None and instance.draining and known.manifest.version == manifest.version:
            # An instance may leave even if its release was retired meanwhile.
            admitted = AdmittedManifest(known.manifest)
        else:
            admitted = await self._gate.admit(manifest, joining.images, key.tenant)
        manifest = admitted.manifest
        if joining.credential is not None:
            instance, manifest = sealed(instance, manifest, joining.credential, self._seal)
        instance = msgspec.structs.replace(instance, manifest=manifest.digest())
        lease = await self._registry.register(instance, manifest)
        seen = await self._seen(instance)
        notices = admitted.notices if seen else (*admitted.notices, _NOT_SEEN)
        log.info(
            "leaving" if instance.draining else "joined",
            agent=instance.agent,
            instance=instance.id,
            version=manifest.version,
            seen=seen,
        )
        call_key = self._mesh.call_key(instance.agent, instance.tenant, instance.id)
        inbound_secret = self._mesh.inbound_secret(instance)
        joined = wire.RegisterResponse(lease, call_key, inbound_secret, self._gateways(), notices)
        return wire.encode_register_response(joined, media)

    async def _seen(self, instance: Instance) -> bool:
        """Wait until the registry shows an instance as it took it; whether it did in time."""

        def shown() -> bool:
            entry = self._table.entries.get(instance.id)
            return entry is not None and _reached(entry.instance) == _reached(instance)

        return await is_shown(shown, self._limits.join_wait, self._sleep)


def _reached(instance: Instance) -> tuple[object, ...]:
    return instance.manifest, instance.endpoints, instance.draining
