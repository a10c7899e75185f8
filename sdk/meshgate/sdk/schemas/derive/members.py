"""The fields of a class: their names, and which forms of them protobuf cannot tell apart."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast, get_type_hints

import pydantic
from pydantic.fields import FieldInfo

from meshgate.a2a.codec.strict_json import is_object
from meshgate.sdk.schemas.derive.kinds import OneOf, Renamed
from meshgate.sdk.schemas.derive.shapes import Field
from meshgate.sdk.schemas.errors import BadContract

__all__ = [
    "IDENTIFIER",
    "check_empty",
    "check_form",
    "check_names",
    "check_optional",
    "fields_of",
    "json_name",
    "old_name_of",
]

IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
"""A name that protobuf takes and pydantic does not hide."""


def fields_of(cls: type[Any], name: str) -> Iterator[tuple[str, FieldInfo]]:
    """Name and description of each field of a model or dataclass.

    Raises:
        BadContract: a type that an annotation names cannot be found.
    """
    if issubclass(cls, pydantic.BaseModel):
        if not cls.__pydantic_complete__:
            cls.model_rebuild()
        yield from ((key, info) for key, info in cls.model_fields.items() if not info.exclude)
        return
    known = cast("Mapping[str, FieldInfo] | None", getattr(cls, "__pydantic_fields__", None))
    if known is not None:
        yield from known.items()
        return
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise BadContract(
            name, str(error), "declare the types that a dataclass names at the top of its module"
        ) from None
    for each in dataclasses.fields(cls):
        yield each.name, _of_dataclass(hints[each.name], each)


def _of_dataclass(hint: Any, each: dataclasses.Field[Any]) -> FieldInfo:
    if each.default is not dataclasses.MISSING:
        return FieldInfo.from_annotated_attribute(hint, each.default)
    info = FieldInfo.from_annotation(hint)
    if each.default_factory is not dataclasses.MISSING:
        info.default_factory = each.default_factory
    return info


def check_form(cls: type[Any], name: str) -> None:
    """Refuse a class that writes another JSON than its fields say.

    Raises:
        BadContract: it has serializers of its own, or is no JSON object.
    """
    if issubclass(cls, pydantic.RootModel):
        raise BadContract(name, "a message is a JSON object", "give it fields, in a BaseModel")
    decorators = getattr(cls, "__pydantic_decorators__", None)
    if decorators is None or issubclass(cls, OneOf):
        return
    own = [*decorators.model_serializers, *decorators.field_serializers]
    if own:
        remedy = "give the fields the types that are written, or use a protobuf message"
        raise BadContract(name, f"{own[0]} writes a form of JSON that no schema knows of", remedy)


def json_name(info: FieldInfo, name: str, path: str) -> str:
    """The name under which a field is read and written.

    Raises:
        BadContract: there are two.
    """
    written = info.serialization_alias or name
    read = info.validation_alias or name
    if written != read:
        raise BadContract(
            path, f"it is read as {read!s} and written as {written}", f"use one: Field(alias={written!r})"
        )
    return written


def check_optional(info: FieldInfo, path: str, shape: str) -> None:
    """Refuse a field that may be null where null means something beside absent.

    Raises:
        BadContract: it does.
    """
    if shape != "singular":
        raise BadContract(
            path, "protobuf cannot tell an empty list from none", "leave '| None' out, and default to empty"
        )
    if info.is_required() or info.default_factory is not None or info.default is not None:
        raise BadContract(path, "null means absent in protobuf, and absent the default", "default to None: '= None'")


def check_empty(info: FieldInfo, path: str) -> None:
    """Refuse a default other than an empty list or map.

    Raises:
        BadContract: it has another.
    """
    factory: Any = info.default_factory
    default: Any = info.default
    if factory is not None:
        default = "unknown" if info.default_factory_takes_validated_data else factory()
    if default is None or len(default) > 0:
        problem = "in protobuf an empty list or map looks like one that was left out, which would become the default"
        raise BadContract(path, problem, "default to an empty one")


def check_names(message: str, fields: Sequence[Field]) -> None:
    """Refuse two fields of which one has the other's name, in Python or in JSON.

    Raises:
        BadContract: there are such.
    """
    owners: dict[str, str] = {}
    for field in fields:
        for name in {field.name, field.json}:
            if name in owners:
                problem = f"{owners[name]!r} is called {name!r} too, and protobuf's JSON reads both names of a field"
                raise BadContract(f"{message}.{field.name}", problem, "choose another name or alias")
            owners[name] = field.name


def old_name_of(info: FieldInfo, path: str) -> str:
    """The name that a field had before, or "".

    Raises:
        BadContract: it is no name.
    """
    extra: Any = info.json_schema_extra
    old: Any = next((one.old for one in info.metadata if isinstance(one, Renamed)), "")
    if is_object(extra):
        old = extra.get("renamed_from", old)
    if not isinstance(old, str) or (old and IDENTIFIER.match(old) is None):
        raise BadContract(path, f"{old!r} is no name of a field", "name the field as it was called in Python")
    return old
