"""The address of an agent, as a value: where it listens, and how others reach it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import msgspec

from meshgate.a2a.bindings.table import DEFAULT, DEFAULT_NAMES, ROWS, Name
from meshgate.a2a.errors import MeshError

__all__ = ["CannotServe", "ListenAddress"]


class CannotServe(MeshError):
    """The agent cannot listen with these arguments; the message says what to change."""

    code, summary = "CANNOT_SERVE", "the agent cannot listen"


class ListenAddress(msgspec.Struct, frozen=True):
    """The address that an agent listens on, and the one that others reach it by.

    Args:
        public_url: the base URL that others reach ``host`` and ``port`` by, if it is another.
        port: 0 takes a free one; the same of ``grpc_port``.
    """

    host: str = "127.0.0.1"
    port: int = 0
    grpc_port: int = 0
    public_url: str = ""
    bindings: tuple[Name, ...] = DEFAULT_NAMES

    def __post_init__(self) -> None:
        known = {row.id for row in ROWS}
        if DEFAULT.id not in self.bindings or set(self.bindings) - known:
            raise CannotServe(f"bindings are {DEFAULT.id!r} and any of {sorted(known)}, not {self.bindings!r}")
        if _everywhere(self.host) and not self.public_url:
            raise CannotServe(f"host={self.host!r} is no address to call: add public_url='http://NAME:PORT'")
        if self.public_url and urlsplit(self.public_url).scheme not in ("http", "https"):
            raise CannotServe(f"public_url={self.public_url!r}: write it like http://agent.internal:9000")


def _everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return host == ""
