"""The shapes of pydantic models and dataclasses.

=====================================  ===========================================================
in Python                              in the contract
=====================================  ===========================================================
``str``, ``bool``, ``int``, ``float``  ``string``, ``bool``, ``int64``, ``double``
``date``, ``time``, ``UUID``, ...      ``string``, with a constraint where there is one
``datetime``                           ``google.protobuf.Timestamp``: values need a time zone
``Duration``, ``Bytes`` (kinds.py)     ``google.protobuf.Duration``, ``bytes``
``Enum`` or ``Literal`` of texts       an enum, or a string with a list of values (numbers.py)
``Enum`` or ``Literal`` of integers    ``int64`` with a list of values
``X | None = None``                    the field may be absent
``list[X]`` and the like               repeated
``dict[str, X]``                       a map
a model, a dataclass                   a message
``OneOf`` (kinds.py)                   a message with a oneof
``dict[str, Any]``, ``Any``            ``google.protobuf.Struct``, ``Value``: any JSON, unchecked
=====================================  ===========================================================

A field's JSON name is the one that pydantic writes.
"""

from __future__ import annotations

import enum
import re
from collections import abc
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast, get_args, get_origin

import pydantic
from pydantic.fields import FieldInfo

from meshgate.sdk.schemas.derive.annotations import is_model, marked_type, plain_element, refuse, unwrap
from meshgate.sdk.schemas.derive.bounds import element_rules, flatten, size_rules
from meshgate.sdk.schemas.derive.kinds import OneOf
from meshgate.sdk.schemas.derive.members import (
    IDENTIFIER,
    check_empty,
    check_form,
    check_names,
    check_optional,
    fields_of,
    json_name,
    old_name_of,
)
from meshgate.sdk.schemas.derive.shapes import Element, EnumShape, Field, MessageShape, Rules, Shapes
from meshgate.sdk.schemas.errors import BadContract

__all__ = ["read_shapes"]

_LISTS = (list, tuple, set, frozenset, abc.Sequence, abc.Set, abc.Iterable)
_MAPS = (dict, abc.Mapping, abc.MutableMapping)


class _Read(NamedTuple):
    """The meaning of an annotation: for the field as a whole (``rules``), for one value, and for a map's keys."""

    element: Element
    shape: Literal["singular", "list", "map"] = "singular"
    optional: bool = False
    rules: Rules = {}
    keys: Rules = {}


def read_shapes(models: Sequence[type[Any]]) -> tuple[Shapes, tuple[str, ...]]:
    """The shapes of the models and of all that they hold, and the names of their own messages.

    Raises:
        BadContract: a type has no counterpart; the error says which field, and how to write it.
    """
    reader = _Reader()
    names = tuple(reader.model(model, model.__name__) for model in models)
    return Shapes(reader.messages, reader.enums), names


class _Reader:
    def __init__(self) -> None:
        self.messages: dict[str, MessageShape] = {}
        self.enums: dict[str, EnumShape] = {}
        self._names: dict[object, str] = {}

    def model(self, cls: type[Any], path: str) -> str:
        """The name of a model's message."""
        known = self._names.get(cls)
        if known is not None:
            return known
        name = self._name(cls, cls.__name__, path)
        check_form(cls, name)
        alternatives = issubclass(cls, OneOf)
        self.messages[name] = MessageShape(name)  # it may hold itself
        fields = tuple(self._field(name, key, info, alternatives=alternatives) for key, info in fields_of(cls, name))
        if alternatives and not fields:
            raise BadContract(name, "it has no alternatives", "give it fields of the form 'x: X | None = None'")
        check_names(name, fields)
        self.messages[name] = MessageShape(name, fields, alternatives)
        return name

    def _name(self, what: object, wanted: str, path: str) -> str:
        name = re.sub(r"\W+", "_", wanted, flags=re.ASCII).strip("_")
        if not name or name[0].isdigit():
            raise BadContract(path, f"{wanted!r} is no name for a message", "name it in ASCII letters and digits")
        if name in self.messages or name in self.enums:
            raise BadContract(path, f"two different types are called {name}", "rename one of them")
        self._names[what] = name
        return name

    def _field(self, message: str, name: str, info: FieldInfo, *, alternatives: bool) -> Field:
        path = f"{message}.{name}"
        if IDENTIFIER.match(name) is None:
            raise BadContract(path, "protobuf's names are ASCII", f"name it so, and add Field(alias={name!r})")
        read = self._type(info.annotation, flatten(info.metadata), path)
        if read.optional:
            check_optional(info, path, read.shape)
        elif read.shape != "singular" and not info.is_required():
            check_empty(info, path)
        if alternatives and not (read.optional and read.shape == "singular"):
            raise BadContract(
                path, "it is no alternative of a OneOf", "write 'x: X | None = None' with a type or model"
            )
        return Field(
            name,
            json_name(info, name, path),
            read.element,
            read.shape,
            required=info.is_required() and read.shape == "singular",
            rules=read.rules,
            keys=read.keys,
            renamed_from=old_name_of(info, path),
            fills=info.is_required() and read.shape != "singular",
        )

    def _type(self, annotation: Any, metadata: list[Any], path: str) -> _Read:
        annotation, metadata, optional = unwrap(annotation, metadata, path)
        origin, args = get_origin(annotation), get_args(annotation)
        if origin in _LISTS:
            if origin is tuple and not (len(args) == 2 and args[1] is Ellipsis):
                raise BadContract(path, "a tuple of fixed length has no counterpart", "use a model, or list[X]")
            return _Read(self._inner(args[0], path), "list", optional, size_rules("list", metadata))
        if origin in _MAPS:
            return self._map(args, metadata, path, optional=optional)
        return _Read(self._element(annotation, metadata, path), optional=optional)

    def _map(self, args: tuple[Any, ...], metadata: list[Any], path: str, *, optional: bool) -> _Read:
        key, constraints, _ = unwrap(args[0], [], path)
        if key is not str:
            raise BadContract(path, "a key in JSON is a text", "write dict[str, X]")
        if unwrap(args[1], [], path)[0] in (Any, object, pydantic.JsonValue):
            return _Read(Element("struct"), optional=optional)
        keys = element_rules("string", constraints, path)
        return _Read(self._inner(args[1], path), "map", optional, size_rules("map", metadata), keys)

    def _inner(self, annotation: Any, path: str) -> Element:
        read = self._type(annotation, [], path)
        if read.optional:
            raise BadContract(path, "protobuf's lists and maps hold no null", "leave None out, or hold a model")
        if read.shape != "singular":
            raise BadContract(path, "protobuf has no list or map in another", "put the inner one in a model")
        return read.element

    def _element(self, annotation: Any, metadata: list[Any], path: str) -> Element:
        kind = marked_type(metadata)
        if kind is not None:
            return Element(kind, rules=element_rules(kind, metadata, path))
        found = plain_element(annotation)
        if found is not None:
            return Element(found.kind, rules={**found.rules, **element_rules(found.kind, metadata, path)})
        if get_origin(annotation) is Literal:
            return self._values(get_args(annotation), path, None)
        if isinstance(annotation, enum.EnumType):
            return self._values([member.value for member in cast("type[enum.Enum]", annotation)], path, annotation)
        if not is_model(annotation):
            refuse(annotation, path)
        return Element("message", self.model(annotation, path))

    def _values(self, values: Sequence[object], path: str, cls: enum.EnumType | None) -> Element:
        if all(type(value) is int for value in values):
            return Element("int64", rules={"in": sorted(cast("Sequence[int]", values))})
        texts = [str.__str__(value) for value in values if isinstance(value, str)]
        if len(texts) != len(values) or not texts:
            raise BadContract(path, "its values are neither all texts nor all integers", "use texts only")
        if cls is not None and cls in self._names:
            return Element("enum", self._names[cls])
        message, _, field = path.partition(".")
        wanted = cls.__name__ if cls is not None else message + "".join(map(str.capitalize, field.split("_")))
        name = self._name(cls or path, wanted, path)
        self.enums[name] = EnumShape(name, tuple(dict.fromkeys(texts)))
        return Element("enum", name)
