"""Address policies, which say what addresses may be called: one for agents' networks, one for the public Internet.

A request to an address that somebody else named is checked by one of them first: an agent's own address, the URL of a
card, a webhook, a key set.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from meshgate.a2a.errors import InvalidParams, PermissionDenied

__all__ = ["AddressPolicy", "AgentNetworks", "PublicUnicast", "is_public"]

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NOT_PUBLIC = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers' NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; clouds serve credentials here
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # automatic multicast tunnels
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
        "2001::/23",  # protocol assignments, with Teredo, ORCHID and benchmarks
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address is inside
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_UNICAST_6 = ipaddress.IPv6Network("2000::/3")
"""The unicast addresses that are given out; mapped IPv4 (``::ffff:0:0/96``) and NAT64 (``64:ff9b::/96``) are not."""

_NAME = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_NUMBER = re.compile(r"(?:[0-9]+|0x[0-9a-f]*)\Z")
_LOCAL = ("localhost", "local", "internal", "home.arpa", "localdomain")
"""Names, and suffixes of names, that have a meaning on this machine or network alone."""


_USUAL_PORTS = {"http": 80, "https": 443}


class AddressPolicy(Protocol):
    """Says whether a URL may be called."""

    def check(self, url: str) -> None:
        """Refuse a URL whose address may not be called; ``host:port`` alone is an address over gRPC.

        Raises:
            InvalidParams: it is no URL with a host.
            PermissionDenied: it may not be called.
        """
        ...


class AgentNetworks:
    """The policy for agents: the networks and names that an operator listed; loopback alone if none were.

    A host name passes only if it is listed: the addresses of another one can change after the check.

    Args:
        networks: CIDR blocks and host names.
        refused: the mesh's own ports, as pairs of host and port: nobody listens there but the mesh. The host "" stands
            for every address of this machine.

    Raises:
        InvalidParams: one of ``networks`` is neither a block nor a name.
    """

    def __init__(
        self,
        networks: tuple[str, ...] = ("127.0.0.0/8", "::1/128", "localhost"),
        refused: Callable[[], Iterable[tuple[str, int]]] = tuple,
    ) -> None:
        self._networks: list[Network] = []
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

    def check(self, url: str) -> None:
        """See :meth:`AddressPolicy.check`. The refusal names the address and the setting."""
        parts, host, port = _split(url, "address of an agent", ("http", "https", "grpc"))
        if parts.username is not None:
            raise InvalidParams(f"{url[:200]!r} is no address of an agent")
        port = port or _USUAL_PORTS.get(parts.scheme, 0)
        if not self._within(host) or self._is_the_meshs(host, port):
            raise PermissionDenied(
                f"agents may not listen at {host}:{port}: an operator allows more with agent_networks"
            )

    def _within(self, host: str) -> bool:
        if host in self._names:
            return True
        address = _plain(host)
        return address is not None and any(address in network for network in self._networks)

    def _is_the_meshs(self, host: str, port: int) -> bool:
        hosts = {where for where, each in self._refused() if each == port}
        return ("" in hosts and _is_here(host)) or any(_plain(one) == _plain(host) for one in hosts - {""})


class PublicUnicast:
    """The policy for addresses that strangers name (webhooks, key sets, cards from outside): the public Internet alone.

    A name does not tell its addresses. So the client resolves the name first, checks the addresses with
    :meth:`check_resolved`, and connects to one of them, not to the name again.

    Args:
        schemes: the schemes that a URL may have.
    """

    def __init__(self, schemes: tuple[str, ...] = ("https", "http")) -> None:
        self._schemes = schemes

    def check(self, url: str) -> None:
        """See :meth:`AddressPolicy.check`. A name passes if it can be public: its addresses are still to be checked."""
        parts, host, _ = _split(url, "public URL", self._schemes)
        if parts.username is not None or parts.password is not None:
            raise InvalidParams("a public URL holds no credential")
        if _address(host) is not None:
            self.check_resolved((host,))
        elif not _can_be_public(host):
            raise PermissionDenied(f"{host[:60]!r} is no name on the public Internet: give a public one")

    def check_resolved(self, addresses: Iterable[str]) -> None:
        """Refuse the addresses of a name unless every one is public.

        Raises:
            PermissionDenied: one is not, or there is none.
        """
        found = tuple(addresses)
        for text in found:
            if not is_public(text):
                raise PermissionDenied(f"{text[:64]} is no address on the public Internet: give a public one")
        if not found:
            raise PermissionDenied("the name has no address: check its spelling, and its DNS record")


def is_public(text: str) -> bool:
    """Whether ``text`` is an IP address for one host on the public Internet.

    An IPv6 address that embeds an IPv4 one (mapped, NAT64, 6to4, Teredo) is not, whatever that is.
    """
    address = _address(text)
    if address is None or "%" in text:  # an address with a zone belongs to one link
        return False
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST_6:
        return False
    return not any(address in network for network in _NOT_PUBLIC)


def _split(url: str, what: str, schemes: tuple[str, ...]) -> tuple[SplitResult, str, int | None]:
    """The parts of a URL, its host in small letters, and its port.

    Raises:
        InvalidParams: it has no host, or another scheme.
    """
    whole = url if "://" in url or "grpc" not in schemes else f"grpc://{url}"
    try:
        parts = urlsplit(whole)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise InvalidParams(f"{url[:200]!r} is no {what}") from None
    if not host or parts.scheme not in schemes:
        raise InvalidParams(f"{url[:200]!r} is no {what}")
    return parts, host, port


def _address(host: str) -> IPAddress | None:
    """The IP address that ``host`` spells; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _plain(host: str) -> IPAddress | None:
    """The IP address that ``host`` spells, an IPv4 address inside an IPv6 one as itself; None for a name."""
    address = _address(host)
    return getattr(address, "ipv4_mapped", None) or address


def _is_here(host: str) -> bool:
    """Whether an address is one of this machine's. A name may be."""
    address = _plain(host)
    if address is None or address.is_loopback:
        return True
    family = socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))  # sends nothing, and works for the machine's own addresses alone
    except OSError:
        return False
    return True


def _can_be_public(host: str) -> bool:
    """Whether a host name can be public: it has several labels, none of them local, and no number at the end.

    Resolvers read 127.1, 0x7f.1 and 2130706433 as addresses, hence the rule about numbers.
    """
    name = host.removesuffix(".")
    if len(name) > 253 or _NAME.match(name) is None or _NUMBER.match(name.rpartition(".")[2]):
        return False
    return not any(name == end or name.endswith(f".{end}") for end in _LOCAL)
