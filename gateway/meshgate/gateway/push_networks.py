"""Networks as the setting ``push_networks`` lists them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

__all__ = ["Network", "fault_of_networks", "networks_in"]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks_in(texts: Sequence[str]) -> tuple[Network, ...]:
    """The networks of a list.

    Raises:
        ValueError: one is none.
    """
    return tuple(ipaddress.ip_network(text) for text in texts)


def fault_of_networks(texts: Sequence[str]) -> str:
    """What is wrong with a list of networks, with its remedy; "" if nothing is."""
    for text in texts:
        try:
            ipaddress.ip_network(text)
        except ValueError as error:
            return f"{text[:60]!r} is no network: {str(error)[:80]}. Write it as 10.1.0.0/16 or fd00::/8"
    return ""
