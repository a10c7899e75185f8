"""The addresses that push notifications may go to: a caller names a URL, and the gateway calls it.

Without this check a caller could have the gateway ask what only the gateway reaches (server-side request forgery; A2A
1.0.1, section 13.2). Every address of the host is checked, when a configuration is made and again before each
notification, which then goes to the address that was checked: a name that changes its mind in between gains nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

import msgspec

from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.push_networks import Network
from meshgate.net.addresses import is_public

__all__ = ["Destination", "Destinations", "Resolve", "resolve"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host; OSError if it has none."""

_REFUSED = "must be an https URL of a public host, or of one in the gateway's push_networks"
_USUAL_PORTS = {"http": 80, "https": 443}
_FREE_PORT = 1024
"""The first port that no other protocol than HTTP has a claim to."""
_PATIENCE = 5.0
"""Longest the addresses of a push notification's host may take to find."""


class Destination(msgspec.Struct, frozen=True):
    """Where one notification goes."""

    url: str
    """The URL with the address in place of the host."""
    authority: str
    """Host and port as the configuration names them, for the header ``Host``."""
    host: str
    """The name that a certificate must be for."""


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system finds them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class Destinations:
    """Checks URLs of push configurations.

    Args:
        networks: what may be called beside public unicast addresses; over http as well.
        resolve: finds the addresses of a host.
    """

    def __init__(self, networks: Sequence[Network], resolve: Resolve = resolve) -> None:
        self._networks = tuple(networks)
        self._resolve = resolve

    async def of(self, url: str) -> Destination:
        """The destination that a URL names.

        Raises:
            InvalidParams: it may not be called. The text is the same whatever the reason: a caller learns nothing of
                the gateway's network.
        """
        try:
            return await self._of(url)
        except (OSError, ValueError, TimeoutError):
            raise InvalidParams(f"url: {_REFUSED}", violations=(("url", _REFUSED),)) from None

    async def _of(self, url: str) -> Destination:
        parts = urlsplit(url)
        if parts.scheme not in _USUAL_PORTS:
            raise ValueError(url)
        host, port = parts.hostname, _USUAL_PORTS[parts.scheme] if parts.port is None else parts.port
        if not host or not port or parts.username is not None or parts.fragment or not parts.netloc.isascii():
            raise ValueError(url)
        addresses = [_plain(ipaddress.ip_address(text)) for text in await self._found(host, port)]
        if not addresses or not all(self._allowed(one, parts.scheme, port) for one in addresses):
            raise ValueError(url)
        literal = f"[{addresses[0]}]" if addresses[0].version == 6 else str(addresses[0])
        return Destination(parts._replace(netloc=f"{literal}:{port}").geturl(), parts.netloc, host)

    async def _found(self, host: str, port: int) -> list[str]:
        with contextlib.suppress(ValueError):
            return [str(ipaddress.ip_address(host))]
        async with asyncio.timeout(_PATIENCE):
            return await self._resolve(host, port)

    def _allowed(self, address: Address, scheme: str, port: int) -> bool:
        if any(address.version == network.version and address in network for network in self._networks):
            return True
        usual = port == _USUAL_PORTS["https"] or port >= _FREE_PORT
        return scheme == "https" and usual and is_public(str(address))


def _plain(address: Address) -> Address:
    """The address of IPv4 where one is written in IPv6."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
