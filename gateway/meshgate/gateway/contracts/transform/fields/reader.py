"""Readers of messages: each is compiled once for a message type, and fills a message from a JSON tree.

A reader notes each violation with its location and goes on, so that one pass finds them all. It looks keys up in one
table, which holds the JSON name and the original name of each field.
"""

from __future__ import annotations

import threading
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from meshgate.gateway.contracts.transform.fields.callables import Fill, Put
from meshgate.gateway.contracts.transform.fields.descriptors import element_type, enum_type, is_map, is_message
from meshgate.gateway.contracts.transform.fields.scalar_readers import scalar_reader
from meshgate.gateway.contracts.transform.fields.setters import (
    list_setter,
    message_list_setter,
    message_map_setter,
    message_setter,
    scalar_map_setter,
    scalar_setter,
)
from meshgate.gateway.contracts.transform.fields.wellknown import VALUE_FORM
from meshgate.gateway.contracts.transform.fields.wellknown_readers import wellknown_reader
from meshgate.gateway.contracts.transform.locations import Location
from meshgate.gateway.contracts.transform.notes import ReadNotes
from meshgate.gateway.contracts.transform.violations import InvalidValue
from meshgate.registry.schemas import BadSchema

__all__ = ["ANY", "Readers"]

ANY = "google.protobuf.Any"


class _Slot:
    """A field as a reader needs it.

    Attributes:
        name: its original name, under which it is set.
        convert: converts a JSON value to a single scalar; None for other fields, which ``put`` sets.
        null: whether ``null`` is a value of the field.
        twin: the other spelling of its name, if there is one.
        oneof: the oneof that it shares with other fields.
    """

    __slots__ = ("convert", "name", "null", "number", "oneof", "put", "twin")

    def __init__(self, field: FieldDescriptor, put: Put, twin: str | None) -> None:
        self.name: Final[str] = field.name
        self.put: Final = put
        self.convert: Final = None if is_message(field) or field.is_repeated else scalar_reader(field)
        self.number: Final[int] = field.number
        self.twin: Final = twin
        kind = element_type(field).full_name if is_message(field) and not field.is_repeated else ""
        null_value = field.type == FieldDescriptor.TYPE_ENUM and not field.is_repeated
        self.null: Final = kind == "google.protobuf.Value" or (
            null_value and enum_type(field).full_name == "google.protobuf.NullValue"
        )
        oneof = field.containing_oneof
        self.oneof: Final[str | None] = oneof.name if oneof is not None and len(oneof.fields) > 1 else None


class Readers:
    """The readers of one descriptor pool, each compiled at first use.

    Args:
        pool: holds the types that an ``Any`` may name.
        depth: the deepest nesting of messages, counting lists of ``Value``.
    """

    def __init__(self, pool: DescriptorPool, depth: int) -> None:
        self._pool = pool
        self._depth = depth
        self._fills: dict[str, Fill] = {}
        self._ready: dict[str, Fill] = {}
        self._lock = threading.Lock()
        self._pending: list[tuple[Descriptor, dict[str, _Slot]]] = []

    def of(self, descriptor: Descriptor) -> Fill:
        """The reader of a message type.

        Raises:
            BadSchema: two of its fields have one name in JSON.
        """
        found = self._ready.get(descriptor.full_name)
        if found is None:
            with self._lock:
                found = self._ready[descriptor.full_name] = self._compile(descriptor)
        return found

    def _compile(self, descriptor: Descriptor) -> Fill:
        before = set(self._fills)
        try:
            fill = self._declare(descriptor)
            while self._pending:
                self._slots(*self._pending.pop())
        except BaseException:
            # A later request for the type must not find a reader that was only partly compiled.
            self._pending.clear()
            for name in self._fills.keys() - before:
                del self._fills[name]
            raise
        return fill

    def _declare(self, descriptor: Descriptor) -> Fill:
        """The reader of a type. Its fields are added later, because types hold each other in circles and chains."""
        found = self._fills.get(descriptor.full_name)
        if found is None:
            found = self._any if descriptor.full_name == ANY else wellknown_reader(descriptor, self._depth)
            if found is None:
                slots: dict[str, _Slot] = {}
                found = self._message(slots)
                self._pending.append((descriptor, slots))
            self._fills[descriptor.full_name] = found
        return found

    def field(self, field: FieldDescriptor) -> Put:
        """The setter of one field, for JSON values other than null.

        Raises:
            BadSchema: see :meth:`of`.
        """
        put = self._field(field)
        while self._pending:
            self._slots(*self._pending.pop())
        return put

    def _field(self, field: FieldDescriptor) -> Put:
        if is_map(field):
            inner = element_type(field).fields_by_name["value"]
            if is_message(inner):
                return message_map_setter(field, self._declare(element_type(inner)))
            return scalar_map_setter(field, scalar_reader(inner))
        if is_message(field):
            fill = self._declare(element_type(field))
            return message_list_setter(field, fill) if field.is_repeated else message_setter(field.name, fill)
        convert = scalar_reader(field)
        return list_setter(field.name, convert) if field.is_repeated else scalar_setter(field.name, convert)

    def _slots(self, descriptor: Descriptor, slots: dict[str, _Slot]) -> None:
        for field in descriptor.fields:
            put = self._field(field)
            for key, twin in {field.name: field.json_name, field.json_name: field.name}.items():
                if key in slots:
                    path = f"{descriptor.full_name}.{field.name}"
                    raise BadSchema(path, f"another field is called {key!r} in JSON too", "rename one of the two")
                slots[key] = _Slot(field, put, twin if twin != key else None)

    def _message(self, slots: dict[str, _Slot]) -> Fill:
        most = self._depth
        find = slots.get

        def fill(message: Any, tree: Any, at: Location, depth: int, notes: ReadNotes) -> None:
            if tree.__class__ is not dict:
                raise InvalidValue("json.object", "must be an object")
            if depth >= most:
                raise InvalidValue("json.depth", f"is nested deeper than {most}")
            for key, value in tree.items():
                slot = find(key)
                if slot is None:
                    notes.unknown_keys.append((at, key, value))
                    continue
                try:
                    if slot.twin is not None and slot.twin in tree:
                        raise InvalidValue("json.twice", f"is there twice, as {key!r} and {slot.twin!r}")
                    if value is None and not slot.null:
                        continue
                    if slot.oneof is not None and (other := message.WhichOneof(slot.oneof)) is not None:
                        raise InvalidValue("json.oneof", f"cannot be there beside {other!r}: they are alternatives")
                    if slot.convert is not None:
                        setattr(message, slot.name, slot.convert(value))
                    else:
                        slot.put(message, value, (at, key, slot.number), depth, notes)
                except InvalidValue as bad:
                    notes.add((at, key, slot.number), bad.rule, bad.message)
                except (ValueError, TypeError, OverflowError):
                    notes.add((at, key, slot.number), "json.value", "is no value of this field")

        return fill

    def _any(self, message: Any, tree: Any, at: Location, depth: int, notes: ReadNotes) -> None:
        if tree.__class__ is not dict:
            raise InvalidValue("json.object", 'must be an object with "@type"')
        if not tree:
            return
        url = tree.get("@type")
        _, slash, name = url.rpartition("/") if isinstance(url, str) else ("", "", "")
        try:
            descriptor = self._pool.FindMessageTypeByName(name) if slash else None
        except KeyError:
            descriptor = None
        if descriptor is None:
            raise InvalidValue("json.any", '"@type" must end with "/" and the name of a type that the schema holds')
        inner: Message = GetMessageClass(descriptor)()
        if depth >= self._depth:
            raise InvalidValue("json.depth", f"is nested deeper than {self._depth}")
        try:
            fill, before = self.of(descriptor), notes.count
        except BadSchema as error:
            raise InvalidValue("json.any", error.message) from None
        if name in VALUE_FORM:
            if "value" not in tree:
                raise InvalidValue("json.any", f'a {name} stands in "value"')
            fill(inner, tree["value"], at, depth + 1, notes)
        else:
            fill(inner, {key: value for key, value in tree.items() if key != "@type"}, at, depth + 1, notes)
        if notes.count == before:
            message.type_url, message.value = url, inner.SerializeToString(deterministic=True)
