"""The registry on Consul: instances in its catalogue, what is large in its KV store, liveness by its checks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.limits import DEFAULTS
from meshgate.registry.async_wait import Sleep
from meshgate.registry.backends.consul.address import ConsulAddress, check_address
from meshgate.registry.backends.consul.blocking_queries import ConsulFeed
from meshgate.registry.backends.consul.client import ConsulClient
from meshgate.registry.backends.consul.documents import ConsulDocuments
from meshgate.registry.backends.consul.entry import Layout, check_of, lease_of, reachable, service_of
from meshgate.registry.backends.model import Snapshot
from meshgate.registry.backends.snapshot_diff import difference
from meshgate.registry.errors import RegistryUnavailable, UnknownLease
from meshgate.registry.limits import (
    blob_digest,
    check_blob,
    check_instance,
    check_manifest,
    check_subject,
    check_switch,
)
from meshgate.registry.model import Delta, Instance, Lease, Manifest, Switch

__all__ = ["ConsulRegistry"]

KNOWN = 1024
"""How many manifests are remembered in case Consul loses them."""


class ConsulRegistry:
    """Implements ``Registry`` on a Consul agent (1.8 and later).

    Commands and blocking queries have separate connections, so that watching never delays a registration. All watches
    of one registry share four blocking queries.

    Args:
        address: the Consul agent.
        ttl: seconds that a lease lasts.
        wait: seconds that a blocking query may wait for news: how late a Consul that hangs is noticed.
        timeout: seconds that any request may take, on top of the time that it was asked to wait.
        settle: seconds that a Consul agent may take to bring the catalogue up to date after a restart; it tries again
            every 15 s. Leases that ran out meanwhile are believed only after that, and one term more.
        clock: seconds, monotonic.
        sleep: how to wait.
    """

    def __init__(
        self,
        address: ConsulAddress,
        *,
        ttl: float = DEFAULTS.lease,
        wait: float = 30.0,
        timeout: float = 5.0,
        settle: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.address = check_address(address)
        self._ttl = ttl
        self._wait = wait
        self._settle = settle
        self._clock = clock
        self._sleep = sleep
        self._layout = Layout(address.prefix)
        # Consul adds up to a sixteenth to a blocking query's time.
        self._watching = ConsulClient(address, timeout=wait * 17 / 16 + timeout, connections=16)
        self._commands = ConsulClient(address, timeout=timeout, connections=64)
        self._documents = ConsulDocuments(self._commands, self._layout)
        self._known: dict[str, bytes] = {}
        self._feed: ConsulFeed | None = None
        self._feeding: asyncio.Task[None] | None = None
        self._watches = 0
        self._closed = False

    async def register(self, instance: Instance, manifest: Manifest | None = None) -> Lease:
        """See ``Registry.register``."""
        self._open()
        check_instance(instance)
        data = check_manifest(instance, manifest)
        service = self._service(instance)
        if data:
            await self._documents.put(self._layout.manifests + instance.manifest, data)
        elif instance.kind == "agent" and await self._documents.get(self._layout.manifests + instance.manifest) is None:
            raise InvalidParams("this manifest is not stored: send it with the registration")
        await self._commands.call(lambda consul: consul.agent.service.register(**service, replace_existing_checks=True))
        # Consul gives a check that it knows its old state back, critical if the lease had run out.
        await self._pass(instance.id)
        return Lease(instance.id, self._ttl)

    async def renew(self, instance_id: str) -> Lease:
        """See ``Registry.renew``. Where Consul checks the instance itself this only asks whether it is still listed."""
        self._open()
        lacking = self._feed is not None and instance_id in self._feed.lacking
        if lacking or (not await self._pass(instance_id) and not await self._listed(instance_id)):
            raise UnknownLease(metadata={"instance": instance_id})
        return Lease(instance_id, self._ttl)

    async def deregister(self, instance_id: str) -> None:
        """See ``Registry.deregister``."""
        self._open()
        service_id = self._layout.service_id(instance_id)
        try:
            await self._commands.call(lambda consul: consul.agent.service.deregister(service_id))
        except RegistryUnavailable as error:
            if "nknown service" not in error.metadata.get("answer", ""):
                raise

    async def watch(self) -> AsyncGenerator[Delta, None]:
        """See ``Registry.watch``. A lone change arrives within milliseconds, changes in a storm four times a second."""
        self._open()
        feed = self._join()
        seen: Snapshot | None = None
        resets = 0
        try:
            while True:
                changed = feed.changed
                if self._closed:
                    return
                if feed.error is not None:
                    raise _again(feed.error)
                if feed.state is not None:
                    delta = difference(seen if resets == feed.resets else None, feed.state)
                    seen, resets = feed.state, feed.resets
                    if delta is not None:
                        yield delta
                        continue
                await changed.wait()
        finally:
            await self._leave()

    async def manifest(self, digest: str) -> Manifest:
        """See ``Registry.manifest``."""
        self._open()
        found = await self._fetch(digest)
        if found is None:
            raise KeyError(digest)
        return found

    async def put_blob(self, data: bytes) -> str:
        """See ``Registry.put_blob``."""
        self._open()
        digest = blob_digest(check_blob(data))
        await self._documents.put(self._layout.blobs + digest, data)
        return digest

    async def get_blob(self, digest: str) -> bytes:
        """See ``Registry.get_blob``."""
        self._open()
        data = await self._documents.content(self._layout.blobs, digest)
        if data is None:
            raise KeyError(digest)
        return data

    async def subject(self, name: str) -> str:
        """See ``Registry.subject``."""
        self._open()
        check_subject(name)
        return (await self._pointer(name))[0]

    async def put_subject(self, name: str, digest: str, expected: str) -> bool:
        """See ``Registry.put_subject``."""
        self._open()
        check_subject(name, digest)
        found, index = await self._pointer(name)
        if found != expected:
            return False
        key = self._layout.subject_key(name)
        return bool(await self._commands.call(lambda consul: consul.kv.put(key, digest, cas=index)))

    async def documents(self) -> frozenset[str]:
        """See ``Registry.documents``."""
        self._open()
        return await self._documents.digests()

    async def stamp(self, digest: str) -> int | None:
        """See ``Registry.stamp``: Consul's index of the last write."""
        self._open()
        return await self._documents.stamp(digest)

    async def discard(self, digest: str, stamp: int) -> bool:
        """See ``Registry.discard``."""
        self._open()
        return await self._documents.discard(digest, stamp)

    async def throw(self, switch: Switch) -> None:
        """See ``Registry.throw``."""
        self._open()
        check_switch(switch)
        key = self._layout.switch_key(switch)
        await self._commands.call(lambda consul: consul.kv.put(key, switch.reason))

    async def lift(self, switch: Switch) -> None:
        """See ``Registry.lift``."""
        self._open()
        key = self._layout.switch_key(switch)
        await self._commands.call(lambda consul: consul.kv.delete(key))

    async def aclose(self) -> None:
        """See ``Registry.aclose``."""
        self._closed = True
        await self._end_feed()
        await self._watching.aclose()
        await self._commands.aclose()

    # --- leases ---

    def _service(self, instance: Instance) -> dict[str, Any]:
        asks = instance.check is not None and reachable(instance.check.url, self.address.host)
        lease = lease_of(instance, reachable=asks)
        check = check_of(instance, lease, self._layout.check_id(instance.id), self._ttl)
        return service_of(instance, lease, self._layout) | {"check": check}

    async def _pass(self, instance_id: str) -> bool:
        check_id = self._layout.check_id(instance_id)
        try:
            return bool(await self._commands.call(lambda consul: consul.agent.check.ttl_pass(check_id)))
        except RegistryUnavailable as error:
            # Before 1.9 Consul answers 500 for a check that it does not know, or that is not renewed.
            if "does not have associated TTL" in error.metadata.get("answer", ""):
                return False
            raise

    async def _listed(self, instance_id: str) -> bool:
        # Not agent.service_definition(): that one sends no token.
        mine = f'ID == "{self._layout.service_id(instance_id)}"'
        return bool(await self._commands.call(lambda consul: consul.agent.services(filter_expr=mine)))

    # --- keys and values ---

    async def _pointer(self, name: str) -> tuple[str, int]:
        """What a subject points to, and the index that a write of it must name."""
        key = self._layout.subject_key(name)
        _, found = await self._commands.call(lambda consul: consul.kv.get(key, consistency="consistent"))
        return ("", 0) if found is None else ((found["Value"] or b"").decode(errors="replace"), found["ModifyIndex"])

    async def _fetch(self, digest: str) -> Manifest | None:
        data = await self._documents.content(self._layout.manifests, digest) or await self._put_back(digest)
        try:
            manifest = Manifest.decode(data)
        except msgspec.DecodeError:
            return None
        self._known[digest] = data
        if len(self._known) > KNOWN:
            del self._known[next(iter(self._known))]
        return manifest

    async def _put_back(self, digest: str) -> bytes:
        """Store a manifest again that Consul's servers lost; b"" if it is not known here.

        Their agents keep services through such a loss, so that nobody is asked to register again.
        """
        data = self._known.get(digest, b"")
        if data:
            await self._commands.call(lambda consul: consul.kv.put(self._layout.manifests + digest, data))
        return data

    # --- the shared feed ---

    def _join(self) -> ConsulFeed:
        self._watches += 1
        if self._feed is None or self._feed.error is not None:
            asks = {
                "agents": self._asks_service(self._layout.agents),
                "gateways": self._asks_service(self._layout.gateways),
                "switches": self._asks_keys(self._layout.switches),
                "subjects": self._asks_keys(self._layout.subjects),
            }
            self._feed = ConsulFeed(
                self._layout,
                asks,
                self._fetch,
                wait=self._wait,
                ttl=self._ttl,
                settle=self._settle,
                clock=self._clock,
                sleep=self._sleep,
            )
            self._feeding = asyncio.create_task(self._feed.run())
        return self._feed

    async def _leave(self) -> None:
        self._watches -= 1
        if not self._watches:
            await self._end_feed()

    async def _end_feed(self) -> None:
        feeding, self._feed, self._feeding = self._feeding, None, None
        if feeding is not None:
            # Connections first: a cancelled query leaves a TLS connection behind that waits for Consul's goodbye.
            await self._watching.aclose()
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    def _asks_service(self, name: str) -> Callable[[int, float], Any]:
        async def ask(index: int, wait: float) -> tuple[str, Any]:
            return await self._watching.call(
                lambda consul: consul.health.service(name, index=index or None, wait=_wait(wait))
            )

        return ask

    def _asks_keys(self, folder: str) -> Callable[[int, float], Any]:
        async def ask(index: int, wait: float) -> tuple[str, Any]:
            return await self._watching.call(
                lambda consul: consul.kv.get(folder, recurse=True, index=index or None, wait=_wait(wait))
            )

        return ask

    def _open(self) -> None:
        if self._closed:
            raise RegistryUnavailable("this registry is closed")


def _wait(seconds: float) -> str:
    return f"{round(seconds * 1000)}ms"


def _again(error: Exception) -> Exception:
    """A fresh copy for each watch: a traceback belongs to one raise."""
    if isinstance(error, RegistryUnavailable):
        return RegistryUnavailable(error.message, metadata=error.metadata)
    return error
