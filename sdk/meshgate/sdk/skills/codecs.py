"""Codecs for the annotations of skills: parts become a skill's argument, its result becomes parts.

===========================  ==========================================  ===============================
annotation                   taken from                                  given as
===========================  ==========================================  ===============================
``str``                      all text                                    a text part
``Message``                  the message as it is                        (a plain message, from ``task=False``)
``list[Part]``, ``Part``     the parts as they are                       the parts as they are
a protobuf message           one data part (ProtoJSON), or its bytes     a data part (ProtoJSON), or its bytes
anything pydantic validates  one data part, or text that is JSON         a data part
``None``                     nothing                                     nothing
===========================  ==========================================  ===============================
"""

from __future__ import annotations

import base64
import functools
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import msgspec
from msgspec import UNSET

from meshgate.a2a.codec.short_text import first_sentence
from meshgate.a2a.codec.strict_json import decode_json
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams, MeshError
from meshgate.a2a.types import Message, Part, Role
from meshgate.sdk.skills.content import data_part, is_protobuf_class, raw_part, sendable, text_in, text_part
from meshgate.sdk.skills.contract import PROTOBUF, Contract
from meshgate.sdk.skills.media_types import is_protobuf, message_type_of
from meshgate.sdk.skills.part_codec import PartCodec

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["codec_of", "read_as"]

_T = TypeVar("_T")


def codec_of(annotation: Any) -> PartCodec:
    """The codec of an annotation.

    Raises:
        TypeError: nothing can be made of it; the message says what can.
    """
    if annotation is str:
        return PartCodec(_read_text, _write_text, ("text/plain",))
    if annotation is None or annotation is type(None):
        return PartCodec(_read_nothing, _write_nothing, ("text/plain",))
    if annotation is Message:
        return PartCodec(_read_message, _write_message, ("text/plain", "application/json"))
    if annotation in (Part, list[Part]):
        return PartCodec(_read_parts, _write_parts, ("text/plain", "application/json", "application/octet-stream"))
    if is_protobuf_class(annotation):
        return _proto_codec(annotation)
    return _model_codec(annotation)


_cached_codec = functools.lru_cache(maxsize=256)(codec_of)
"""The codec of a class; a client reads the same few again and again."""


def read_as(kind: type[_T], parts: list[Part]) -> _T:
    """The value of ``kind`` in an answer's parts.

    Raises:
        InvalidAgentResponse: there is none.
    """
    annotation: Any = kind
    contract = getattr(kind, "CONTRACT", None)
    if isinstance(contract, Contract):
        parts = [part for part in parts if message_type_of(part.media_type) == contract.type] or parts
    try:
        codec = _cached_codec(annotation) if isinstance(annotation, type) else codec_of(annotation)
        found: _T = codec.read(Message("answer", Role.AGENT, parts))
    except InvalidParams as error:
        raise InvalidAgentResponse(error.message, violations=error.violations) from None
    return found


def _wrong(expected: str) -> NoReturn:
    raise InvalidParams(f"this skill takes {expected}", violations=(("message.parts", f"must be {expected}"),))


# -- text, messages, parts


def _read_text(message: Message) -> str:
    parts = message.parts
    if len(parts) == 1 and isinstance(parts[0].text, str):
        return parts[0].text
    if not any(isinstance(part.text, str) for part in parts):
        _wrong("a text part")
    return text_in(parts)


def _write_text(value: Any) -> list[Part]:
    return [text_part(value)]


def _read_nothing(_: Message) -> None:
    return None


def _write_nothing(value: Any) -> list[Part]:
    if value is not None:
        raise TypeError(f"the skill gave a {type(value).__name__} where its annotation says None")
    return []


def _read_message(message: Message) -> Message:
    return message


def _write_message(value: Any) -> list[Part]:
    msgspec.json.encode(value)  # raises what cannot be sent
    return cast("Message", value).parts


def _read_parts(message: Message) -> list[Part]:
    return message.parts


def _write_parts(value: Any) -> list[Part]:
    return [sendable(part) for part in ([value] if isinstance(value, Part) else value)]


# -- data


def _one_value(message: Message, name: str) -> Any:
    """The JSON value of a message: its one data part, else its text."""
    found = [part.data for part in message.parts if part.data is not UNSET]
    if len(found) == 1:
        return found[0]
    text = text_in(message.parts)
    if found or not text:
        _wrong(f"one data part, a {name}")
    try:
        return decode_json(text.encode())
    except MeshError:
        _wrong(f"one data part, a {name}, or its JSON as text")


def _model_codec(annotation: Any) -> PartCodec:
    from pydantic import ValidationError

    name = getattr(annotation, "__name__", str(annotation))
    adapter, schema = _type_adapter(annotation, name)

    def read(message: Message) -> Any:
        try:
            return adapter.validate_python(_one_value(message, name))
        except ValidationError as error:
            found = [(".".join(map(str, item["loc"])) or "data", item["msg"]) for item in error.errors()[:10]]
            text = "; ".join(f"{where}: {what}" for where, what in found)
            raise InvalidParams(f"this is no {name}: {text}", violations=tuple(found)) from None

    def write(value: Any) -> list[Part]:
        tree = adapter.dump_python(value, mode="json", by_alias=True, warnings="error")
        return [Part(data=tree, media_type="application/json")]

    return PartCodec(read, write, ("application/json",), schema, name, annotation=annotation)


def _type_adapter(annotation: Any, name: str) -> tuple[TypeAdapter[Any], dict[str, Any]]:
    """What pydantic validates an annotation with, and its JSON Schema."""
    from pydantic import PydanticUserError, TypeAdapter

    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
        return adapter, adapter.json_schema()
    except PydanticUserError as error:
        raise TypeError(
            f"{name} cannot be sent: use str, a pydantic model, a dataclass, plain data, a protobuf message, "
            f"list[Part] or Message ({error.message})"
        ) from None
    except RecursionError:
        raise TypeError(f"{name} cannot be sent: its models hold one another too deep: use fewer levels") from None


def _proto_codec(cls: Any) -> PartCodec:
    from google.protobuf import json_format
    from google.protobuf.message import DecodeError

    name: str = cls.DESCRIPTOR.full_name

    def read(message: Message) -> Any:
        raw = [part.raw for part in message.parts if isinstance(part.raw, str) and is_protobuf(part.media_type)]
        try:
            if len(raw) == 1:
                return cls.FromString(base64.b64decode(raw[0]))
            return json_format.ParseDict(_one_value(message, name), cls())
        except (DecodeError, json_format.ParseError, TypeError, AttributeError) as error:
            raise InvalidParams(f"this is no {name}: {first_sentence(error)}") from None

    def checked(value: Any) -> Any:
        if not isinstance(value, cls):
            raise TypeError(f"the skill gave a {type(value).__name__} where its annotation says {name}")
        return value

    def write(value: Any) -> list[Part]:
        return [data_part(checked(value))]

    def raw(value: Any) -> list[Part]:
        return [raw_part(checked(value).SerializeToString(), PROTOBUF)]

    return PartCodec(read, write, ("application/json", PROTOBUF), None, name, raw=raw, annotation=cls)
