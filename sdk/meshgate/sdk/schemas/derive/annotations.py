"""Reads annotations: resolves aliases and ``Annotated``, and refuses types without a counterpart in protobuf."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import types
import uuid
from collections.abc import Hashable, Sequence
from typing import Annotated, Any, Literal, NewType, NoReturn, TypeVar, Union, get_args, get_origin

import pydantic

from meshgate.sdk.schemas.derive.bounds import flatten
from meshgate.sdk.schemas.derive.kinds import ProtobufType
from meshgate.sdk.schemas.derive.shapes import Element
from meshgate.sdk.schemas.errors import BadContract

__all__ = ["is_model", "marked_type", "plain_element", "refuse", "unwrap"]

_DEEPEST = 16

_PLAIN: dict[Any, Element] = {
    str: Element("string"),
    bool: Element("bool"),
    int: Element("int64"),
    float: Element("double"),
    dt.datetime: Element("timestamp"),
    pydantic.AwareDatetime: Element("timestamp"),
    dt.date: Element("string", rules={"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
    dt.time: Element("string"),
    uuid.UUID: Element("string", rules={"uuid": True}),
    decimal.Decimal: Element("string"),
    pydantic.AnyUrl: Element("string"),
    pydantic.HttpUrl: Element("string"),
    pydantic.AnyHttpUrl: Element("string"),
    Any: Element("value"),
    object: Element("value"),
    pydantic.JsonValue: Element("value"),
}
_REMEDIES: dict[Any, tuple[str, str]] = {
    dt.timedelta: (
        "pydantic writes a timedelta as PT1.5S, which protobuf does not read",
        "use Duration of meshgate.sdk.contracts",
    ),
    bytes: ("pydantic writes bytes as text, which most are not", "use Bytes of meshgate.sdk.contracts"),
    pydantic.NaiveDatetime: ("protobuf's Timestamp has a time zone", "use datetime, with values that have one"),
    dict: ("a dict of what", "write dict[str, X], or dict[str, Any] for any JSON"),
    list: ("a list of what", "write list[X]"),
}


def is_model(kind: object) -> bool:
    """Whether ``kind`` is a pydantic model or a dataclass."""
    if not isinstance(kind, type):
        return False
    cls: type[Any] = kind
    return issubclass(cls, pydantic.BaseModel) or dataclasses.is_dataclass(cls)


def plain_element(annotation: Any) -> Element | None:
    """The element of a plain type, or None."""
    return _PLAIN.get(annotation) if isinstance(annotation, Hashable) else None


def unwrap(annotation: Any, metadata: Sequence[Any], path: str) -> tuple[Any, list[Any], bool]:
    """The annotation without aliases, ``Annotated`` and None; what it was annotated with; whether None was there.

    Raises:
        BadContract: it is a union of several types.
    """
    found, optional = list(metadata), False
    for _ in range(_DEEPEST):
        origin = get_origin(annotation)
        if annotation is pydantic.JsonValue:
            break
        if origin is Annotated:
            annotation, *more = get_args(annotation)
            found += flatten(more)
        elif origin in (Union, types.UnionType):
            args = [arg for arg in get_args(annotation) if arg is not type(None)]
            optional = optional or len(args) < len(get_args(annotation))
            if len(args) != 1:
                _refuse_union(args, path)
            annotation = args[0]
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif _is_root(annotation):
            field = annotation.model_fields["root"]
            found += flatten(field.metadata)
            annotation = field.annotation
        else:
            break
    return annotation, found, optional


def _is_root(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, pydantic.RootModel)


def marked_type(metadata: Sequence[Any]) -> Literal["bytes", "duration"] | None:
    """The type that a marker among the metadata names."""
    for one in metadata:
        if isinstance(one, ProtobufType):
            return one.kind
        if isinstance(one, pydantic.EncodedBytes) and one.encoder is pydantic.Base64Encoder:
            return "bytes"
    return None


def _refuse_union(args: Sequence[Any], path: str) -> NoReturn:
    if all(is_model(unwrap(arg, [], path)[0]) for arg in args):
        names = ", ".join(f"{arg.__name__.lower()}: {arg.__name__} | None = None" for arg in args[:2])
        raise BadContract(
            path,
            "a union of models has another form in protobuf's JSON",
            f"use a model 'class Choice(OneOf)' of meshgate.sdk.contracts with {names}",
        )
    shown = " | ".join(getattr(arg, "__name__", str(arg)) for arg in args[:4])
    remedy = "choose one, or use a OneOf of meshgate.sdk.contracts"
    raise BadContract(path, f"a field has one type, not {shown}", remedy)


def refuse(annotation: Any, path: str) -> NoReturn:
    """Say that an annotation has no counterpart.

    Raises:
        BadContract: always.
    """
    known = _REMEDIES.get(annotation) if isinstance(annotation, Hashable) else None
    if known is not None:
        raise BadContract(path, *known)
    if isinstance(annotation, TypeVar):
        raise BadContract(path, "its type is open", "name the type: Page[Item]")
    shown = getattr(annotation, "__name__", str(annotation))
    raise BadContract(path, f"{shown} has no counterpart in protobuf", "use a model, a dataclass, or a plain type")
