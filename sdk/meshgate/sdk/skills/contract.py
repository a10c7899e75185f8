"""How a part says which contract its data keep: ``application/json; type=shop.Order; version=1.2.0``."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Sequence
from typing import Any

import msgspec

from meshgate.a2a.types import Part
from meshgate.sdk.skills.content import is_proto

__all__ = [
    "JSON",
    "PROTOBUF",
    "Contract",
    "DeprecatedContract",
    "contract_of",
    "is_protobuf",
    "other_media",
    "preferred",
    "warn_once",
]

JSON = "application/json"
PROTOBUF = "application/protobuf"
_PROTOBUF = (PROTOBUF, "application/x-protobuf", "application/proto")
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,511}\Z")
_VERSION = re.compile(r"[0-9A-Za-z.+-]{0,128}\Z")


class Contract(msgspec.Struct, frozen=True):
    """A message type, and the release of the skill whose idea of it is meant.

    A class with one in its attribute ``CONTRACT`` names it in every call that its values are sent with.
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


class DeprecatedContract(FutureWarning):
    """A call used a contract that will be taken away. (Python does not show a ``DeprecationWarning`` by itself.)"""


def base_of(media_type: str) -> str:
    """A media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


def is_protobuf(media_type: str) -> bool:
    """Whether a media type means protobuf's binary form."""
    return base_of(media_type) in _PROTOBUF


def type_in(media_type: str) -> str:
    """The message type that a media type names, or ""."""
    for parameter in media_type.split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "type":
            return value.strip().strip('"')
    return ""


def preferred(modes: Sequence[str]) -> str:
    """Which of JSON and protobuf a caller named first among the forms that it accepts; JSON if it named neither."""
    for mode in modes:
        base = base_of(mode)
        if base in _PROTOBUF:
            return PROTOBUF
        if base in (JSON, "application/*", "*/*"):
            return JSON
    return JSON


def contract_of(value: object) -> Contract | None:
    """The contract that a value's class carries."""
    found: Any = getattr(type(value), "CONTRACT", None)
    return found if isinstance(found, Contract) else None


def other_media(value: object) -> str:
    """The media type of data beside what a skill's contract is about; "" for what is no data.

    A gateway takes data that name no type for what the contract is about, so these name theirs, if only that they are
    any JSON value.
    """
    if isinstance(value, str | bytes | bytearray | Part):
        return ""
    kind: Any = type(value)
    own = kind.DESCRIPTOR.full_name if is_proto(kind) else "google.protobuf.Value"
    return (contract_of(value) or Contract(own)).media()


_warned: set[str] = set()
_MOST_WARNED = 1024


def warn_once(path: str, notice: str) -> None:
    """Warn of a deprecated contract, once in this process for each.

    Args:
        path: what was called.
        notice: what the gateway says: the version, the day of its end, a word of its owner.
    """
    key = f"{path} {notice.partition(';')[0]}"
    if not notice or key in _warned or len(_warned) >= _MOST_WARNED:
        return
    _warned.add(key)
    shown = "; ".join(part.strip() for part in notice[:512].split(";") if part.strip())
    told = f"{path}: the contract {shown} is deprecated: move to a newer version"
    warnings.warn(told, DeprecatedContract, stacklevel=_callers())


def _callers() -> int:
    """How far up the stack the first frame is that is not the SDK's."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith(("meshgate.sdk.", "contextlib")):
        frame, level = frame.f_back, level + 1
    return level
