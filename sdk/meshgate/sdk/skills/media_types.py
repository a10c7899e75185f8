"""Media types of parts that name a contract: ``application/json; type=shop.Order; version=1.2.0``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from meshgate.a2a.types import Part
from meshgate.sdk.skills.content import is_protobuf_class
from meshgate.sdk.skills.contract import JSON, PROTOBUF, Contract

__all__ = ["contract_of", "is_protobuf", "media_type_of_other_data", "preferred_encoding"]


_PROTOBUF = (PROTOBUF, "application/x-protobuf", "application/proto")


def without_parameters(media_type: str) -> str:
    """A media type without its parameters, in lower case."""
    return media_type.partition(";")[0].strip().lower()


def is_protobuf(media_type: str) -> bool:
    """Whether a media type means protobuf's binary form."""
    return without_parameters(media_type) in _PROTOBUF


def message_type_of(media_type: str) -> str:
    """The message type that a media type names, or ""."""
    for parameter in media_type.split(";")[1:]:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "type":
            return value.strip().strip('"')
    return ""


def preferred_encoding(modes: Sequence[str]) -> str:
    """Which of JSON and protobuf a caller named first among the forms that it accepts; JSON if it named neither."""
    for mode in modes:
        base = without_parameters(mode)
        if base in _PROTOBUF:
            return PROTOBUF
        if base in (JSON, "application/*", "*/*"):
            return JSON
    return JSON


def contract_of(value: object) -> Contract | None:
    """The contract that a value's class carries."""
    found: Any = getattr(type(value), "CONTRACT", None)
    return found if isinstance(found, Contract) else None


def media_type_of_other_data(value: object) -> str:
    """The media type of data beside what a skill's contract is about; "" for what is no data.

    A gateway takes data that name no type for what the contract is about, so these name theirs, if only that they are
    any JSON value.
    """
    if isinstance(value, str | bytes | bytearray | Part):
        return ""
    kind: Any = type(value)
    own = kind.DESCRIPTOR.full_name if is_protobuf_class(kind) else "google.protobuf.Value"
    return (contract_of(value) or Contract(own)).media()
