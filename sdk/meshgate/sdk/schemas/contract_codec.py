"""Codecs of skills with contracts: their parts name the contract, and may be JSON or protobuf."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from msgspec import UNSET

from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import Message, Part
from meshgate.sdk.schemas.codegen.json_schema import json_schema
from meshgate.sdk.schemas.derive.derived_contract import DerivedMessage
from meshgate.sdk.schemas.derive.json_adapter import JsonAdapter
from meshgate.sdk.skills.content import raw_part
from meshgate.sdk.skills.contract import PROTOBUF, Contract
from meshgate.sdk.skills.media_types import is_protobuf, message_type_of
from meshgate.sdk.skills.part_codec import PartCodec

__all__ = ["contract_codec"]


def contract_codec(codec: PartCodec, side: DerivedMessage, version: str) -> PartCodec:
    """The codec of a skill's side that has a contract.

    It reads the part that names the contract where there are several, protobuf's bytes too, and adds the empty lists
    that protobuf left out. What it writes names type and version.
    """
    contract = Contract(side.type, version)
    adapter = JsonAdapter(side.shapes, side.shape) if side.shapes is not None else None

    def finished(value: Any) -> list[Part]:
        parts = codec.write(value)
        if adapter is not None:
            for part in parts:
                adapter.to_protobuf(part.data)
        return parts

    def write(value: Any) -> list[Part]:
        return [msgspec.structs.replace(part, media_type=contract.media()) for part in finished(value)]

    return msgspec.structs.replace(
        codec,
        read=_reader(codec, side, adapter),
        write=write,
        raw=_raw_writer(codec.raw, finished, side, contract),
        modes=("application/json", PROTOBUF),
        type_name=side.type,
        schema=codec.schema if codec.schema is not None else json_schema(side.image.message(side.type)),
        digest=side.image.digest,
    )


def _reader(codec: PartCodec, side: DerivedMessage, adapter: JsonAdapter | None) -> Callable[[Message], Any]:
    tree_of = _tree_reader(side) if adapter is not None else None

    def read(message: Message) -> Any:
        parts = [_as_data(part, tree_of) if tree_of is not None else part for part in message.parts]
        named = [part for part in parts if message_type_of(part.media_type) == side.type]
        if len(named) == 1 and len(parts) > 1:
            parts = named
        if adapter is not None and adapter.fills:
            parts = [
                part if part.data is UNSET else msgspec.structs.replace(part, data=adapter.with_empty_lists(part.data))
                for part in parts
            ]
        return codec.read(msgspec.structs.replace(message, parts=parts))

    return read


def _tree_reader(side: DerivedMessage) -> Callable[[bytes], Any]:
    cls = side.image.message_class(side.type)

    def tree(data: bytes) -> Any:
        try:
            return json_format.MessageToDict(cls.FromString(data))
        except (DecodeError, json_format.Error, ValueError) as error:
            raise InvalidParams(f"this is no {side.type}: {error}") from None

    return tree


def _as_data(part: Part, tree: Callable[[bytes], Any]) -> Part:
    if isinstance(part.raw, str) and is_protobuf(part.media_type):
        return Part(data=tree(base64.b64decode(part.raw)), media_type=part.media_type)
    return part


_Write = Callable[[Any], list[Part]]


def _raw_writer(given: _Write | None, finished: _Write, side: DerivedMessage, contract: Contract) -> _Write:
    media = contract.media(PROTOBUF)
    if given is not None:
        return lambda value: [msgspec.structs.replace(part, media_type=media) for part in given(value)]
    cls = side.image.message_class(side.type)

    def write(value: Any) -> list[Part]:
        message = cls()
        for part in finished(value):
            json_format.ParseDict(part.data, message)
        return [raw_part(message.SerializeToString(), media)]

    return write
