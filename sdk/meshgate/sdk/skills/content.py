"""Converts between A2A parts and Python values."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import Part

if TYPE_CHECKING:
    from google.protobuf.message import Message as ProtoMessage

__all__ = ["data_in", "data_part", "is_protobuf_class", "raw_part", "sendable", "text_in", "text_part", "to_json_tree"]


def text_part(text: str, media_type: str = "") -> Part:
    """A part that holds text.

    Raises:
        TypeError: it is no text.
    """
    if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance] - authors need not check their types
        raise TypeError(f"text is needed here, not {type(text).__name__}")
    # Frameworks have subclasses of str, which no encoder takes.
    return Part(text=text if type(text) is str else str.__str__(text), media_type=media_type)


def sendable(part: Part) -> Part:
    """``part``, if it can be sent.

    Raises:
        TypeError: it holds what JSON cannot.
    """
    msgspec.json.encode(part)
    return part


def data_part(value: object, media_type: str = "") -> Part:
    """A part that holds a JSON value; see ``to_json_tree`` for what it may be made of."""
    return Part(data=to_json_tree(value), media_type=media_type or "application/json")


def raw_part(content: bytes, media_type: str = "", filename: str = "") -> Part:
    """A part that holds bytes."""
    raw = base64.b64encode(content).decode("ascii")
    return Part(raw=raw, media_type=media_type or "application/octet-stream", filename=filename)


def text_in(parts: Iterable[Part]) -> str:
    """All text in ``parts``, joined as it came."""
    return "".join([part.text for part in parts if isinstance(part.text, str)])


def data_in(parts: Iterable[Part]) -> Any:
    """The first JSON value in ``parts``, or None."""
    for part in parts:
        if part.data is not UNSET:
            return part.data
    return None


def is_protobuf_class(kind: object) -> bool:
    """Whether ``kind`` is a class of protobuf messages."""
    return isinstance(kind, type) and hasattr(kind, "DESCRIPTOR") and hasattr(kind, "SerializeToString")


def to_json_tree(value: object) -> Any:
    """``value`` as a JSON tree: a pydantic model, a protobuf message, a dataclass, a msgspec struct, or plain data.

    Raises:
        InvalidParams: it holds what JSON cannot.
    """
    if is_protobuf_class(type(value)):
        return _protobuf_tree(value)  # type: ignore[arg-type]
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(mode="json", by_alias=True)
    try:
        return msgspec.to_builtins(value, enc_hook=_nested, str_keys=True)
    except (TypeError, ValueError) as error:
        raise InvalidParams(f"{type(value).__name__} cannot be sent as data: {error}") from None


def _nested(value: object) -> Any:
    if is_protobuf_class(type(value)) or hasattr(value, "model_dump"):
        return to_json_tree(value)
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _protobuf_tree(message: ProtoMessage) -> Any:
    from google.protobuf import json_format

    return json_format.MessageToDict(message)
