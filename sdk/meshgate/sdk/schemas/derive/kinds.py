"""Types for models whose JSON form is protobuf's, and the markers of fields."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import datetime as dt
import re
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, PlainSerializer, SerializerFunctionWrapHandler, WithJsonSchema
from pydantic import model_serializer as _model_serializer
from pydantic import model_validator as _model_validator

__all__ = ["Bytes", "Duration", "OneOf", "ProtobufType", "Renamed"]

_SECONDS = re.compile(r"(-?)([0-9]{1,12})(?:\.([0-9]{1,9}))?s\Z")
_MOST = 315_576_000_000
"""Longest ``google.protobuf.Duration``, in seconds."""


@dataclasses.dataclass(frozen=True)
class ProtobufType:
    """Marks an annotated type as one of protobuf's, because its JSON form is that type's."""

    kind: Literal["bytes", "duration"]


@dataclasses.dataclass(frozen=True)
class Renamed:
    """Marks a field that had another name: ``count: Annotated[int, Renamed("qty")]`` keeps the number of ``qty``."""

    old: str


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    padded = value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4)
    try:
        return base64.b64decode(padded, validate=True)
    except binascii.Error:
        raise ValueError("must be base64") from None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _timedelta(value: object) -> object:
    match = _SECONDS.match(value) if isinstance(value, str) else None
    if match is None:
        return value
    sign, seconds, fraction = match.groups()
    micros = int((fraction or "").ljust(6, "0")[:6])
    if int(seconds) > _MOST:
        raise ValueError(f"must be at most {_MOST} s")
    found = dt.timedelta(seconds=int(seconds), microseconds=micros)
    return -found if sign else found


def _seconds(value: dt.timedelta) -> str:
    micros = value // dt.timedelta(microseconds=1)
    sign, (whole, rest) = "-" if micros < 0 else "", divmod(abs(micros), 1_000_000)
    return f"{sign}{whole}.{rest:06d}s" if rest else f"{sign}{whole}s"


Bytes = Annotated[
    bytes,
    BeforeValidator(_bytes),
    PlainSerializer(_base64, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
    ProtobufType("bytes"),
]
"""Bytes, in JSON as base64. (pydantic's own form of ``bytes`` is text, which most bytes are not.)"""

Duration = Annotated[
    dt.timedelta,
    BeforeValidator(_timedelta),
    PlainSerializer(_seconds, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"}),
    ProtobufType("duration"),
]
"""A ``timedelta``, in JSON as seconds: ``1.5s``. (pydantic's own form is ``PT1.5S``, which protobuf does not read.)"""


class OneOf(BaseModel):
    """Alternatives: a model whose fields are all ``X | None = None``, and of which exactly one is set::

        class Payment(OneOf):
            card: Card | None = None
            transfer: Transfer | None = None

    In JSON only that field is there, ``{"card": {...}}``, as protobuf writes a oneof.
    """

    @_model_validator(mode="after")
    def _one(self) -> Self:
        names = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(names) != 1:
            raise ValueError(f"set exactly one of {', '.join(type(self).model_fields)}")
        return self

    @_model_serializer(mode="wrap")
    def _only(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}

    @property
    def choice(self) -> Any:
        """The one that is set."""
        return next(value for name in type(self).model_fields if (value := getattr(self, name)) is not None)
