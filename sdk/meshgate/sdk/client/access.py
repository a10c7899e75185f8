"""The way into the mesh, as a value: addresses and a key."""

from __future__ import annotations

import msgspec

__all__ = ["Access"]


class Access(msgspec.Struct, frozen=True):
    """The gateways or join ports to use, and the key for them."""

    urls: tuple[str, ...]
    """Base URLs, best first, without a slash at the end."""
    key: str
