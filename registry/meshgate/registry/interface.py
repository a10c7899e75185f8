"""The interface of every backend: ``tests/registry/backends/test_interface.py`` runs it over all of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from meshgate.registry.model import Delta, Instance, Lease, Manifest, Switch

__all__ = ["Registry"]


class Registry(Protocol):
    """Where agents and gateways register, and where gateways watch for both.

    All methods raise ``RegistryUnavailable`` if the backend cannot be reached. A backend is opened by use and closed by
    ``aclose``; it belongs to one event loop.
    """

    async def register(self, instance: Instance, manifest: Manifest | None = None) -> Lease:
        """List ``instance`` for one lease, replacing what was listed under its id.

        ``manifest`` is stored first, by hash; it may be left out for a gateway, or when its hash is already stored.

        Raises:
            InvalidParams: the instance breaks a limit (``limits.py``), or its manifest is neither here nor stored.
        """
        ...

    async def renew(self, instance_id: str) -> Lease:
        """Extend the lease.

        Raises:
            UnknownLease: there is none (it ran out, or the registry lost it): register again. A backend may also
                revive a lease that ran out a short while ago.
        """
        ...

    async def deregister(self, instance_id: str) -> None:
        """End the lease now. Ending one that does not exist is no error."""
        ...

    def watch(self) -> AsyncGenerator[Delta, None]:
        """Every change from now on, the first delta being the whole state.

        Changes that come close together arrive as one delta, none later than 250 ms. While the backend is unreachable
        the iterator raises ``RegistryUnavailable``; a caller that catches it and watches again loses nothing, because
        a watch begins with everything. It ends when the registry is closed.
        """
        ...

    async def manifest(self, digest: str) -> Manifest:
        """The manifest stored under ``digest``.

        Raises:
            KeyError: nothing is stored under it.
        """
        ...

    async def put_blob(self, data: bytes) -> str:
        """Store ``data`` (a card, a descriptor set; at most 512 KiB) under the hash of its content, which is returned.

        Raises:
            InvalidParams: it is larger.
        """
        ...

    async def get_blob(self, digest: str) -> bytes:
        """What ``put_blob`` stored.

        Raises:
            KeyError: nothing is stored under it.
        """
        ...

    async def subject(self, name: str) -> str:
        """The digest that the subject ``AGENT/SKILL`` points to, "" if there is no such subject.

        Raises:
            InvalidParams: that is no name of a subject.
        """
        ...

    async def put_subject(self, name: str, digest: str, expected: str) -> bool:
        """Point a subject to another digest, unless somebody else did so first; a subject is never deleted.

        Args:
            name: ``AGENT/SKILL``.
            digest: what ``put_blob`` returned for the subject's document.
            expected: the digest that it points to now, "" if there must be no such subject.

        Returns:
            False if it points to something else than ``expected``; then nothing was changed.

        Raises:
            InvalidParams: that is no name of a subject, or no digest.
        """
        ...

    async def documents(self) -> frozenset[str]:
        """The digests of all stored manifests and blobs, also of those that nothing names any more."""
        ...

    async def stamp(self, digest: str) -> int | None:
        """A number that changes whenever the manifest or blob is stored again; None if there is none of that digest."""
        ...

    async def discard(self, digest: str, stamp: int) -> bool:
        """Delete a manifest or blob, unless it was stored again since it had that stamp: then False."""
        ...

    async def throw(self, switch: Switch) -> None:
        """Throw a kill switch; it stays thrown until it is lifted."""
        ...

    async def lift(self, switch: Switch) -> None:
        """Lift a kill switch (its reason does not matter). Lifting one that is not thrown is no error."""
        ...

    async def aclose(self) -> None:
        """Stop watches and close connections. Leases stay."""
        ...
