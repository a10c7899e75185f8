"""gRPC channels to agents: one for each address, opened on first use, closed when its instance is gone."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import grpc

from meshgate.a2a.errors import UpstreamUnavailable
from meshgate.a2a.limits import Limits

__all__ = ["Channel", "Channels"]


_PORT = re.compile(r":[0-9]+\Z")


class Channel:
    """One ``grpc.aio`` channel, and how many calls are under way on it."""

    __slots__ = ("aio", "calls", "gone")

    def __init__(self, aio: Any) -> None:
        self.aio = aio
        self.calls = 0
        self.gone = False


class Channels:
    """All channels of a gateway, by address.

    An address leaves with its instance, but calls may still be under way there, and closing the channel would cancel
    them. So a channel whose address is gone is closed when its last call has ended.
    """

    def __init__(self, limits: Limits) -> None:
        self._most = limits.grpc_channels
        self._options = [
            ("grpc.max_receive_message_length", limits.answer),
            ("grpc.max_metadata_size", limits.header_bytes),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 1000),
            ("grpc.enable_http_proxy", 0),
            ("grpc.enable_retries", 0),
        ]
        self._by_address: dict[str, Channel] = {}
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def addresses(self) -> frozenset[str]:
        """Addresses with a channel that takes further calls."""
        return frozenset(self._by_address)

    def take(self, address: str, ca: str = "") -> Channel:
        """The channel to an address, for one call. The call's end gives it back.

        TLS is spoken with an address whose URL says https or whose port is 443, and where ``ca`` is given.

        Args:
            ca: authorities to trust, in PEM; those of the system if empty. All calls to one address give the same.

        Raises:
            UpstreamUnavailable: too many are open.
        """
        found = self._by_address.get(address)
        if found is None:
            if len(self._by_address) >= self._most:
                raise UpstreamUnavailable(f"more than {self._most} gRPC addresses are in use", unsent=True)
            found = Channel(self._open(address, ca))
            self._by_address[address] = found
        found.calls += 1
        return found

    def _open(self, address: str, ca: str) -> Any:
        scheme, _, rest = address.rpartition("://")
        target = rest.rstrip("/")
        if not ca and scheme != "https" and not target.endswith(":443"):
            return grpc.aio.insecure_channel(target, options=self._options)
        trusted = grpc.ssl_channel_credentials(ca.encode() if ca else None)
        target = target if _PORT.search(target) else f"{target}:443"
        return grpc.aio.secure_channel(target, trusted, options=self._options)

    def give_back(self, channel: Channel) -> None:
        """Give the channel back: a call has ended."""
        channel.calls -= 1
        if channel.gone and not channel.calls:
            self._close(channel)

    def forget(self, address: str) -> None:
        """The instance at an address is gone. If another has the same address, its next call opens a channel."""
        found = self._by_address.pop(address, None)
        if found is not None:
            found.gone = True
            if not found.calls:
                self._close(found)

    def _close(self, channel: Channel) -> None:
        task = asyncio.ensure_future(channel.aio.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def aclose(self) -> None:
        """Close every channel."""
        for address in list(self._by_address):
            await self._by_address.pop(address).aio.close()
        await asyncio.gather(*self._closing)
