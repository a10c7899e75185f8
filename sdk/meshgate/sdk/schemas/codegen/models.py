"""Python source of the models of messages; ``generator.py`` makes a client of it.

=================================  ==================================================
in the contract                    in Python
=================================  ==================================================
a message, an enum                 a model (``ClientModel``), an ``enum.StrEnum``
``repeated``, a map                ``list[X] = []``, ``dict[K, V] = {}``
what may be absent, a ``oneof``    ``X | None = None``
what is demanded                   a field without a default
``Timestamp``, ``Duration``        ``AwareDatetime``, ``Duration`` (a ``timedelta``)
``bytes``, ``double``              ``Bytes``, ``Float`` (a ``float``)
``Struct``, ``Value``, wrappers    ``dict[str, Any]``, ``Any``, ``X | None``
=================================  ==================================================

Other constraints are left to the gateway and the agent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldDescriptorProto

from meshgate.sdk.schemas.codegen.client import ClientModel
from meshgate.sdk.schemas.codegen.names import Names, class_name, literal
from meshgate.sdk.schemas.derive.image_builder import VALUES
from meshgate.sdk.schemas.descriptors import TypeDescriptor, field_labels, is_required, map_entry, value_field

__all__ = ["Models"]

_PLAIN: dict[int, tuple[str, str]] = {
    FieldDescriptor.TYPE_BOOL: ("bool", "False"),
    FieldDescriptor.TYPE_BYTES: ("Bytes", 'b""'),
    FieldDescriptor.TYPE_DOUBLE: ("Float", "0.0"),
    FieldDescriptor.TYPE_FLOAT: ("Float", "0.0"),
    FieldDescriptor.TYPE_STRING: ("str", '""'),
}
"""Type and zero value; what is not here, and no message or enum, is an integer."""
_KNOWN = {
    "google.protobuf.Timestamp": "AwareDatetime",
    "google.protobuf.Duration": "Duration",
    "google.protobuf.Struct": "dict[str, Any]",
    "google.protobuf.Value": "Any",
    "google.protobuf.ListValue": "list[Any]",
    "google.protobuf.Any": "dict[str, Any]",
    "google.protobuf.Empty": "dict[str, Any]",
    "google.protobuf.FieldMask": "str",
    "google.protobuf.BoolValue": "bool",
    "google.protobuf.BytesValue": "Bytes",
    "google.protobuf.DoubleValue": "Float",
    "google.protobuf.FloatValue": "Float",
    "google.protobuf.Int32Value": "int",
    "google.protobuf.Int64Value": "int",
    "google.protobuf.StringValue": "str",
    "google.protobuf.UInt32Value": "int",
    "google.protobuf.UInt64Value": "int",
    "google.protobuf.NullValue": "None",
}
"""Well-known types whose JSON is not that of a message."""
_IMPORTED = frozenset({"Any", "AwareDatetime", "Bytes", "Duration", "Float"})
_NAMES = _IMPORTED | {"ClassVar", "Contract", "Field", "bool", "dict", "enum", "int", "list", "str"}
"""Names that the body of a generated class uses, besides other generated classes."""


class Models:
    """The classes of messages and enums.

    Args:
        found: what there is, by full name.
        top: the names of the module.

    Attributes:
        classes: the name of each class, by full name.
        used: further names that the source uses.
    """

    def __init__(self, found: Mapping[str, TypeDescriptor], top: Names) -> None:
        self._found = found
        self._zeros: dict[str, str] = {}
        self.classes = {name: top.take(class_name(_short(declared))) for name, declared in found.items()}
        self.used: set[str] = set()
        self._names = frozenset({*_NAMES, *self.classes.values()})

    def source(self, contracts: Mapping[str, str]) -> Iterator[str]:
        """The classes one by one, enums first, each before those that hold it where that is possible.

        Args:
            contracts: source of the attribute ``CONTRACT`` of those messages that have one.
        """
        for name, declared in reversed(list(self._found.items())):
            if isinstance(declared, EnumDescriptor):
                yield self._enum(name, declared)
        for name, declared in reversed(list(self._found.items())):
            if isinstance(declared, Descriptor):
                yield self._model(name, declared, contracts.get(name, ""))

    def _enum(self, name: str, declared: EnumDescriptor) -> str:
        self.used.add("enum")
        members = Names([*dir(str), "name", "value", "mro"])
        lines: list[str] = []
        for value in declared.values:
            member = members.take(value.name)
            self._zeros.setdefault(name, f"{self.classes[name]}.{member}")
            lines.append(f"    {member} = {literal(value.name)}")
        head = f'\n\nclass {self.classes[name]}(enum.StrEnum):\n    """The enum ``{name}``."""\n'
        return "\n".join([head, *lines])

    def _model(self, name: str, declared: Descriptor, contract: str) -> str:
        self.used.add("ClientModel")
        # In a class's body a field's name hides what its annotations name.
        names = Names([*self._names, *dir(ClientModel), "CONTRACT"])
        lines = [f"    CONTRACT: ClassVar[Contract] = {contract}\n"] if contract else []
        self.used.update(["ClassVar", "Contract"] if contract else [])
        for field, label in zip(declared.fields, field_labels(declared), strict=True):
            lines.append("    " + self._field(names.take(field.name), field, label))
        head = f'\n\nclass {self.classes[name]}(ClientModel):\n    """The message ``{name}``."""'
        return "\n".join([head, "", *lines] if lines else [head])

    def _field(self, name: str, field: FieldDescriptor, label: int) -> str:
        kind, default = self._typed(field, label)
        if field.json_name == name:
            return f"{name}: {kind}" + (f" = {default}" if default else "")
        self.used.add("Field")
        json = literal(field.json_name)
        first = f"default={default}, " if default and default not in ("[]", "{}") else ""
        if default in ("[]", "{}"):
            first = f"default_factory={kind}, "
        named = f"validation_alias={json}, serialization_alias={json})"
        line = f"{name}: {kind} = Field("
        if len(line) + len(first) + len(named) <= 116:
            return line + first + named
        return f"{line}\n        {first}{named[:-1]}\n    )"

    def _typed(self, field: FieldDescriptor, label: int) -> tuple[str, str]:
        """A field's annotation, and its default, "" if it has none."""
        kind, zero = self._kind(value_field(field))
        needed = is_required(field, label)
        if (entry := map_entry(field)) is not None:
            key, _ = self._kind(entry.fields_by_name["key"])
            return f"dict[{key}, {kind}]", "" if needed else "{}"
        if label == FieldDescriptorProto.LABEL_REPEATED:
            return f"list[{kind}]", "" if needed else "[]"
        if needed:
            return kind, ""
        if field.has_presence:
            return (kind if kind in ("Any", "None") else f"{kind} | None"), "None"
        return kind, zero

    def _kind(self, field: FieldDescriptor) -> tuple[str, str]:
        """The type of one value, and its zero value."""
        target = field.message_type or field.enum_type
        if target is None:
            kind, zero = _PLAIN.get(field.type, ("int", "0"))
        elif target.full_name in _KNOWN:
            kind, zero = _KNOWN[target.full_name], "None"
        else:
            kind, zero = self.classes[target.full_name], self._zeros.get(target.full_name, "None")
        self.used.update(_IMPORTED & set(kind.replace("]", " ").split()))
        return kind, zero


def _short(declared: TypeDescriptor) -> str:
    """A name without its package. An enum of texts is called as its message, which holds nothing else."""
    outer = declared.containing_type
    if isinstance(declared, EnumDescriptor) and declared.name == VALUES and outer is not None and not outer.fields:
        return _short(outer)
    return declared.full_name.removeprefix(f"{declared.file.package}.")
