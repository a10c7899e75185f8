"""Writers of messages: each is compiled once for a message type, and makes a JSON tree of a message.

Two forms: ProtoJSON, which goes to agents and callers, and *plain*, which migrations read: original names, defaults
written out, 64-bit integers and bytes as they are.
"""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from meshgate.gateway.contracts.transform.fields.callables import Convert, Write
from meshgate.gateway.contracts.transform.fields.descriptors import (
    element_type,
    enum_names,
    enum_type,
    is_map,
    is_message,
)
from meshgate.gateway.contracts.transform.fields.reader import ANY
from meshgate.gateway.contracts.transform.fields.scalar_writers import key_writer, scalar_writer
from meshgate.gateway.contracts.transform.fields.value_writers import WELLKNOWN_WRITERS, enum_writer, wrapper_writer
from meshgate.gateway.contracts.transform.fields.wellknown import VALUE_FORM, WRAPPERS
from meshgate.gateway.contracts.transform.locations import Location
from meshgate.gateway.contracts.transform.notes import WriteNotes
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["Writers"]


class _Slot(NamedTuple):
    """A field as a writer needs it: its name, and a converter or a writer; neither if its values are JSON already."""

    name: str
    convert: Convert | None
    write: Write | None


class Writers:
    """The writers of one descriptor pool, each compiled at first use.

    Args:
        pool: holds the types that an ``Any`` may name.
        depth: the deepest nesting of messages.
        plain: whether to write the form that migrations read.
    """

    def __init__(self, pool: DescriptorPool, depth: int, *, plain: bool = False) -> None:
        self._pool = pool
        self._depth = depth
        self._plain = plain
        self._writes: dict[str, Write] = {}
        self._ready: dict[str, Write] = {}
        self._lock = threading.Lock()
        self._pending: list[tuple[Descriptor, dict[int, _Slot], dict[str, Any]]] = []

    def of(self, descriptor: Descriptor) -> Write:
        """The writer of a message type."""
        found = self._ready.get(descriptor.full_name)
        if found is None:
            with self._lock:
                found = self._ready[descriptor.full_name] = self._compile(descriptor)
        return found

    def _compile(self, descriptor: Descriptor) -> Write:
        before = set(self._writes)
        try:
            write = self._declare(descriptor)
            while self._pending:
                self._slots(*self._pending.pop())
        except BaseException:
            # A later request for the type must not find a writer that was only partly compiled.
            self._pending.clear()
            for name in self._writes.keys() - before:
                del self._writes[name]
            raise
        return write

    def _declare(self, descriptor: Descriptor) -> Write:
        """The writer of a type. Its fields are added later, because types hold each other in circles and chains."""
        name = descriptor.full_name
        found = self._writes.get(name)
        if found is None:
            if name == ANY:
                found = self._any
            elif name in WRAPPERS:
                found = wrapper_writer(scalar_writer(descriptor.fields_by_name["value"], plain=self._plain))
            else:
                found = WELLKNOWN_WRITERS.get(name)
            if found is None:
                slots: dict[int, _Slot] = {}
                defaults: dict[str, Any] = {}
                found = self._message(slots, defaults)
                self._pending.append((descriptor, slots, defaults))
            self._writes[name] = found
        return found

    def _slots(self, descriptor: Descriptor, slots: dict[int, _Slot], defaults: dict[str, Any]) -> None:
        for field in descriptor.fields:
            name = field.name if self._plain else field.json_name
            slots[field.number] = self._slot(field, name)
            if self._plain and not field.has_presence:
                defaults[name] = self._default(field)

    def _default(self, field: FieldDescriptor) -> Any:
        if field.is_repeated:
            return dict if is_map(field) else list
        if field.type == FieldDescriptor.TYPE_ENUM:
            return enum_names(enum_type(field))[1]
        return field.default_value

    def _slot(self, field: FieldDescriptor, name: str) -> _Slot:
        if is_map(field):
            return _Slot(name, None, self._map(field))
        if is_message(field):
            write = self._declare(element_type(field))
            return _Slot(name, None, _each(write) if field.is_repeated else _deeper(write))
        if field.type == FieldDescriptor.TYPE_ENUM:
            write = enum_writer(field)
            return _Slot(name, None, _each(write) if field.is_repeated else write)
        convert = scalar_writer(field, plain=self._plain)
        if field.is_repeated:
            return _Slot(name, None, _scalars(convert))
        return _Slot(name, convert, None)

    def _message(self, slots: dict[int, _Slot], defaults: dict[str, Any]) -> Write:
        most = self._depth

        def write(message: Any, at: Location, depth: int, out: WriteNotes) -> dict[str, Any]:
            if depth >= most:
                raise InvalidValue("proto.depth", f"is nested deeper than {most}")
            fields = message.ListFields()
            out.spend(len(fields) + len(defaults))
            tree: dict[str, Any] = {}
            if defaults:
                tree = {key: value() if isinstance(value, type) else value for key, value in defaults.items()}
            for field, value in fields:
                name, convert, deep = slots[field.number]
                try:
                    if deep is not None:
                        tree[name] = deep(value, (at, name, field.number), depth, out)
                    else:
                        tree[name] = value if convert is None else convert(value)
                except InvalidValue as bad:
                    bad.at = bad.at or (at, name, field.number)
                    raise
                except UnicodeDecodeError:  # a key of a map: proto2 accepts any bytes
                    raise InvalidValue("proto.string", "is no UTF-8 text", (at, name, field.number)) from None
            return tree

        return write

    def _map(self, field: FieldDescriptor) -> Write:
        entry = element_type(field).fields_by_name
        to_key = key_writer(entry["key"])
        _, convert, deep = self._slot(entry["value"], "value")

        def write(items: Any, at: Location, depth: int, out: WriteNotes) -> dict[str, Any]:
            out.spend(len(items))
            tree: dict[str, Any] = {}
            for key, value in items.items():
                name = to_key(key)
                if deep is not None:
                    tree[name] = deep(value, (at, None, name), depth, out)
                else:
                    tree[name] = value if convert is None else convert(value)
            return tree

        return write

    def _any(self, message: Any, at: Location, depth: int, out: WriteNotes) -> dict[str, Any]:
        url: str = message.type_url
        if not url:
            return {}
        try:
            descriptor = self._pool.FindMessageTypeByName(url.rpartition("/")[2])
            inner = GetMessageClass(descriptor).FromString(message.value)
        except (KeyError, DecodeError):
            raise InvalidValue(
                "proto.any", "holds a type that the schema does not, or bytes that are none of it", at
            ) from None
        if depth >= self._depth:
            raise InvalidValue("proto.depth", f"is nested deeper than {self._depth}", at)
        tree = self.of(descriptor)(inner, at, depth + 1, out)
        return {"@type": url, "value": tree} if descriptor.full_name in VALUE_FORM else {"@type": url, **tree}


def _deeper(write: Write) -> Write:
    def deeper(message: Any, at: Location, depth: int, out: WriteNotes) -> Any:
        return write(message, at, depth + 1, out)

    return deeper


def _each(write: Write) -> Write:
    def each(values: Any, at: Location, depth: int, out: WriteNotes) -> list[Any]:
        out.spend(len(values))
        return [write(value, (at, index, index), depth + 1, out) for index, value in enumerate(values)]

    return each


def _scalars(convert: Convert | None) -> Write:
    def scalars(values: Any, _at: Location, _depth: int, out: WriteNotes) -> list[Any]:
        out.spend(len(values))
        return list(values) if convert is None else [convert(value) for value in values]

    return scalars
