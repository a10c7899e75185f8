"""One value of Consul's KV store: read, replaced if nobody else did, and watched by a blocking query of its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from typing import Any

from meshgate.registry.async_wait import Sleep
from meshgate.registry.backends.consul.address import ConsulAddress, check_address
from meshgate.registry.backends.consul.blocking_queries import TokenBucket, follow_index
from meshgate.registry.backends.consul.client import ConsulClient

__all__ = ["ConsulValue"]


class ConsulValue:
    """The value of one key.

    Args:
        address: the Consul agent.
        name: the key, without the prefix of the mesh.
        wait: seconds that a blocking query may wait for news: how late a Consul that hangs is noticed.
        timeout: seconds that any request may take, on top of the time that it was asked to wait.
        clock: seconds, monotonic.
        sleep: how to wait.
    """

    def __init__(
        self,
        address: ConsulAddress,
        name: str,
        *,
        wait: float = 30.0,
        timeout: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._key = f"{check_address(address).prefix}/{name}"
        self._wait = f"{round(wait * 1000)}ms"
        self._clock, self._sleep = clock, sleep
        # Consul adds up to a sixteenth to a blocking query's time.
        self._watching = ConsulClient(address, timeout=wait * 17 / 16 + timeout, connections=2)
        self._commands = ConsulClient(address, timeout=timeout, connections=2)

    async def read(self) -> tuple[bytes | None, int]:
        """The value, None if there is none, and the index that a write must name.

        Raises:
            RegistryUnavailable: Consul cannot be reached, or refuses.
        """
        _, found = await self._commands.call(lambda consul: consul.kv.get(self._key, consistency="consistent"))
        return _content(found)

    async def replace(self, data: bytes, index: int) -> bool:
        """Write the value unless somebody wrote it since ``index`` was read (0: unless there is one); whether it did.

        Raises:
            RegistryUnavailable: see ``read``.
        """
        return bool(await self._commands.call(lambda consul: consul.kv.put(self._key, data, cas=index)))

    async def watch(self) -> AsyncGenerator[tuple[bytes | None, int], None]:
        """The value, at once and after every change, as ``read`` gives it.

        Raises:
            RegistryUnavailable: see ``read``.
        """
        index, bucket = 0, TokenBucket(rate=4.0, burst=2)
        seen: tuple[bytes | None, int] | None = None
        while True:
            answered, found = await self._ask(index)
            index, _ = follow_index(index, answered)
            content = _content(found)
            if content != seen:
                seen = content
                yield content
            await self._sleep(bucket.take(self._clock()))

    async def aclose(self) -> None:
        """Close connections."""
        await self._watching.aclose()
        await self._commands.aclose()

    async def _ask(self, index: int) -> tuple[str, Any]:
        return await self._watching.call(lambda consul: consul.kv.get(self._key, index=index or None, wait=self._wait))


def _content(found: Any) -> tuple[bytes | None, int]:
    return (None, 0) if found is None else (found["Value"] or b"", int(found["ModifyIndex"]))
