"""The contract of a part's data, as a value; it travels in the media type.

``application/json; type=shop.Order; version=1.2.0``
"""

from __future__ import annotations

import re

import msgspec

__all__ = ["JSON", "PROTOBUF", "Contract"]

JSON = "application/json"
PROTOBUF = "application/protobuf"
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,511}\Z")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{0,128}\Z")


class Contract(msgspec.Struct, frozen=True):
    """A message type, in one release of a skill's contract.

    Values of a class with a contract in its attribute ``CONTRACT`` are sent with that contract.
    """

    type: str
    """Full name of the message, such as ``agents.shop.price.Order``."""
    version: str = ""
    """The release, such as ``1.2.0``; "" leaves it to the gateway."""

    def __post_init__(self) -> None:
        if _TYPE.match(self.type) is None:
            raise ValueError(f"{self.type[:64]!r} is no name of a message: write it like agents.shop.price.Order")
        if _VERSION.match(self.version) is None:
            raise ValueError(f"{self.version[:64]!r} is no version: write it like 1.2.0")

    def media(self, base: str = JSON) -> str:
        """The media type of a part that keeps this contract."""
        return f"{base}; type={self.type}" + (f"; version={self.version}" if self.version else "")
