"""The departure of an instance that is taken off the registry on purpose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from meshgate.registry.interface import Registry
from meshgate.registry.model import Entry

__all__ = ["take_off"]


async def take_off(registry: Registry, entry: Entry, sleep: Callable[[float], Awaitable[None]], notice: float) -> None:
    """Deregister an instance, once every gateway has seen that it leaves.

    What goes without notice may have been lost: of several such, gateways keep some for a while (``HoldDown``).

    Args:
        sleep: waits for so many seconds.
        notice: seconds for gateways to see it; an instance that is draining was seen leaving before.

    Raises:
        RegistryUnavailable, UnknownLease: see ``Registry.deregister``.
    """
    if not entry.instance.draining:
        await registry.register(msgspec.structs.replace(entry.instance, draining=True), entry.manifest)
        await sleep(notice)
    await registry.deregister(entry.instance.id)
