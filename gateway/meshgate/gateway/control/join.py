"""The join port: where agents register, renew and leave, in Connect's unary form (plain POST, JSON or protobuf)."""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

import msgspec
import structlog

from meshgate.a2a.errors import InvalidParams, MeshError, MethodNotFound, PermissionDenied
from meshgate.a2a.limits import Limits
from meshgate.gateway.contracts.admission.gate import SchemaGate
from meshgate.gateway.contracts.admission.registration import AdmittedManifest
from meshgate.gateway.contracts.store import SchemaStore
from meshgate.gateway.identity.keys import KeyRecord, KeyStore, MeshKey
from meshgate.net.asgi import Receive, Scope, Send, read_body, read_headers, respond
from meshgate.registry.index import Table
from meshgate.registry.interface import Registry
from meshgate.registry.join import wire
from meshgate.registry.model import Endpoint, UnknownLease

__all__ = ["AddressPolicy", "JoinApp"]

log = structlog.get_logger(__name__)
_SEEN_WITHIN = 1.0
"""Seconds that a registration waits until this process sees it itself, so that a call right after it is routed."""


class AddressPolicy:
    """Where agents may listen: the networks an operator named; loopback alone if none were.

    A host name is let through only if it is listed: what it resolves to can change after it was checked.

    Args:
        networks: CIDR blocks and host names. refused: ``host:port`` of the mesh's own ports.
    """

    def __init__(
        self, networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128", "localhost"), refused: frozenset[int] = frozenset()
    ) -> None:
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._names: set[str] = set()
        self._refused = refused
        for text in networks:
            try:
                self._networks.append(ipaddress.ip_network(text))
            except ValueError:
                if not text or "/" in text:
                    raise InvalidParams(
                        f"agent_networks: {text!r} is no network (10.0.0.0/8) and no host name"
                    ) from None
                self._names.add(text.lower())

    def check(self, endpoint: Endpoint) -> None:
        """Refuse an address outside the networks.

        Raises:
            PermissionDenied: naming the address and the setting.
        """
        url = endpoint.url if "://" in endpoint.url else f"grpc://{endpoint.url}"
        self.check_url(url)

    def check_url(self, url: str) -> None:
        """As ``check``, for any URL that the gateway is to fetch."""
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise InvalidParams(f"{url[:200]!r} is no address of an agent") from None
        if not host or parts.scheme not in ("http", "https", "grpc") or parts.username is not None:
            raise InvalidParams(f"{url[:200]!r} is no address of an agent")
        if not self._within(host) or (port in self._refused and self._loopback(host)):
            raise PermissionDenied(
                f"agents may not listen at {host}:{port}: an operator allows more with agent_networks"
            )

    def _within(self, host: str) -> bool:
        if host in self._names:
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return any(mapped in network for network in self._networks)

    def _loopback(self, host: str) -> bool:
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return True


class JoinApp:
    """The join port's ASGI app.

    Args:
        gateways: base URLs that agents call through, best first.
        table: this process's view of the registry.
        gate: admits the contracts of what joins; made here if left out.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it answers with
        self,
        registry: Registry,
        table: Table,
        keys: KeyStore,
        mesh: MeshKey,
        addresses: AddressPolicy,
        gateways: Callable[[], tuple[str, ...]],
        limits: Limits,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        gate: SchemaGate | None = None,
    ) -> None:
        self._registry, self._table, self._keys, self._mesh = registry, table, keys, mesh
        self._addresses, self._gateways, self._limits, self._sleep = addresses, gateways, limits, sleep
        self._gate = gate or SchemaGate(SchemaStore(registry, limits=limits), limits=limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        media = wire.JSON
        try:
            headers = read_headers(scope, self._limits)
            name = scope["path"].removeprefix(wire.SERVICE_PATH)
            if scope["path"] == name or scope["method"] != "POST" or name not in ("Register", "Renew", "Deregister"):
                raise MethodNotFound(f"POST {wire.SERVICE_PATH}Register, Renew or Deregister")
            key = self._keys.require(headers.get("authorization"), "join")
            media = wire.media_type(headers.get("content-type", ""))
            body = await read_body(headers, receive, self._limits)
            answer = await self._answer(name, body, media, key)
        except MeshError as error:
            status, answer = wire.encode_error(error)
            await respond(send, status, answer)
            return
        await respond(send, 200, answer, [(b"content-type", media.encode())])

    async def _answer(self, name: str, body: bytes, media: wire.Media, key: KeyRecord) -> bytes:
        if name == "Register":
            return await self._register(wire.decode_register(body, media), media, key)
        if name == "Renew":
            instance_id = wire.decode_renew(body, media)
            agent = self._may_touch(instance_id, key)
            await self._check_contracts(instance_id)
            lease = await self._registry.renew(instance_id)
            call_key = self._mesh.call_key(agent, key.tenant, instance_id)
            return wire.encode_renewed(wire.Renewed(lease, call_key, self._gateways()), media)
        instance_id = wire.decode_deregister(body, media)
        self._may_touch(instance_id, key)
        await self._registry.deregister(instance_id)
        log.info("left", instance=instance_id)
        return wire.encode_deregistered(media)

    async def _check_contracts(self, instance_id: str) -> None:
        entry = self._table.entries.get(instance_id)
        if entry is not None and not await self._gate.knows(entry.instance.manifest, entry.manifest):
            # A gateway of 0.1.0 took it in: when it registers again, its contracts come along.
            raise UnknownLease(metadata={"instance": instance_id})

    async def _register(self, joining: wire.Joining, media: wire.Media, key: KeyRecord) -> bytes:
        instance, manifest = joining.instance, joining.manifest
        self._may_name(instance.agent, key)
        if instance.kind != "agent":
            raise PermissionDenied("only agents join here")
        for endpoint in instance.endpoints:
            self._addresses.check(endpoint)
        if instance.check is not None:
            self._addresses.check_url(instance.check.url)
        known = self._table.entries.get(instance.id) if instance.id else None
        if known is not None and (known.instance.agent, known.instance.tenant) != (instance.agent, key.tenant):
            raise PermissionDenied(f"instance id {instance.id!r} belongs to another agent")
        if known is not None and instance.draining and known.manifest.version == manifest.version:
            # Who leaves is let go, also when its release was retired meanwhile.
            admitted = AdmittedManifest(known.manifest)
        else:
            admitted = await self._gate.admit(manifest, joining.images)
        manifest = admitted.manifest
        name = instance.id or f"{instance.agent[:100]}-{secrets.token_hex(6)}"
        instance = msgspec.structs.replace(instance, id=name, tenant=key.tenant, manifest=manifest.digest())
        lease = await self._registry.register(instance, manifest)
        await self._seen(name)
        log.info("joined", agent=instance.agent, instance=name, version=manifest.version)
        call_key = self._mesh.call_key(instance.agent, key.tenant, name)
        joined = wire.Joined(lease, call_key, self._mesh.inbound_secret(name), self._gateways(), admitted.notices)
        return wire.encode_joined(joined, media)

    async def _seen(self, instance_id: str) -> None:
        waited = 0.0
        while instance_id not in self._table.entries and waited < _SEEN_WITHIN:
            await self._sleep(0.01)
            waited += 0.01

    def _may_name(self, agent: str, key: KeyRecord) -> None:
        if not any(fnmatchcase(agent, pattern) for pattern in key.agents):
            raise PermissionDenied(f"this join key may not register {agent!r}")

    def _may_touch(self, instance_id: str, key: KeyRecord) -> str:
        entry = self._table.entries.get(instance_id)
        if entry is None or entry.instance.tenant != key.tenant:
            raise UnknownLease
        self._may_name(entry.instance.agent, key)
        return entry.instance.agent
