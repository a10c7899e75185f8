"""Pairs of schemas, the second made of the first by edits: the same ones for every run."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    OneofDescriptorProto,
)

__all__ = ["EDITS", "Pair", "corpus"]

Field = FieldDescriptorProto
File = FileDescriptorProto
Edit = Callable[[random.Random, File], bool]
"""Changes the file in place; False if there was nothing to change."""

INTEGERS = [3, 4, 5, 6, 7, 13, 15, 16, 17, 18]
SCALARS = [1, 2, *INTEGERS, 8, 9, 12]
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Pair(NamedTuple):
    """A schema before and after, each one file in a package named like the file."""

    package: str
    edits: tuple[str, ...]
    old: File
    new: File

    @property
    def messages(self) -> list[str]:
        """The messages that both have."""
        after = {message.name for message in self.new.message_type}
        return [f"{self.package}.{message.name}" for message in self.old.message_type if message.name in after]


def corpus(size: int = 2400, seed: int = 20) -> list[Pair]:
    """``size`` pairs: the first of single edits, each kind equally often, the rest of two to four edits."""
    rng = random.Random(seed)
    names = sorted(EDITS)
    pairs: list[Pair] = []
    for _ in range(size * 50):
        number = len(pairs)
        if number == size:
            return pairs
        alone = number < size * 2 // 3
        wanted = [names[number % len(names)]] if alone else rng.sample(names, k=rng.randint(2, 4))
        old = schema(rng, f"c{number}")
        new = File.FromString(old.SerializeToString())
        if all(EDITS[name](rng, new) for name in wanted):
            for message in new.message_type:
                gather(message)
            pairs.append(Pair(old.package, tuple(wanted), old, new))
    raise AssertionError("the edits fit too rarely")


def schema(rng: random.Random, package: str) -> File:
    """Three messages and two enums, of proto3 or, less often, proto2."""
    file = File(name=f"{package}.proto", package=package, syntax=rng.choice(["proto3"] * 3 + ["proto2"]))
    for name in "EF":
        enum = file.enum_type.add(name=name)
        for number in range(3):
            enum.value.add(name=f"{name}_{number}", number=number)
        enum.reserved_range.add(start=20, end=24)
        enum.reserved_name.append(f"{name}_OLD")
    for name in "ABC":
        message = file.message_type.add(name=name)
        message.reserved_range.add(start=100, end=111)
        message.reserved_name.append("old_name")
        for _ in range(rng.randint(2, 3)):
            add_scalar(rng, file, message)
    first = file.message_type[0]
    add_field(first, declare("inner", 11, 1, f".{package}.B"))
    add_field(first, declare("kind", 14, 1, f".{package}.E"))
    add_field(first, declare("other_kind", 14, 1, f".{package}.F"))
    add_field(first, declare("many_parts", 11, 3, f".{package}.C"))
    entry = first.nested_type.add(name="TableEntry")
    entry.options.map_entry = True
    entry.field.append(declare("key", 9, 1, number=1))
    entry.field.append(declare("value", rng.choice(SCALARS), 1, number=2))
    add_field(first, declare("table", 11, 3, f".{package}.A.TableEntry"))
    first.oneof_decl.add(name="choice")
    for name in ("left_side", "right_side"):
        add_field(first, declare(name, rng.choice(SCALARS), 1, oneof=0))
    return file


def declare(name: str, kind: int, label: int, target: str = "", *, number: int = 0, oneof: int | None = None) -> Field:
    """A field; without a number until it is put into a message."""
    values: dict[str, Any] = {"name": name, "type": kind, "label": label, "json_name": camel(name)}
    field = Field(**values)
    if target:
        field.type_name = target
    if number:
        field.number = number
    if oneof is not None:
        field.oneof_index = oneof
    return field


def retype(rng: random.Random, field: Field, kinds: list[int]) -> None:
    """Give the field another of these types."""
    kind: Any = rng.choice([kind for kind in kinds if kind != field.type])
    field.type = kind


def add_field(message: DescriptorProto, field: Field) -> Field:
    """Put the field into the message, with a number and a JSON name."""
    taken = {one.number for one in message.field}
    free = (number for number in range(1, 99) if number not in taken and not reserved(message, number))
    field.number = field.number or next(free)
    field.json_name = field.json_name or camel(field.name)
    message.field.append(field)
    return message.field[-1]


def add_scalar(rng: random.Random, file: File, message: DescriptorProto) -> Field:
    name = fresh(rng, message)
    label = rng.choice([1, 1, 3])
    kind = rng.choice([*SCALARS, 14])
    target = f".{file.package}.{rng.choice('EF')}" if kind == 14 else ""
    field = declare(name, kind, label, target)
    return add_field(message, field)


def camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def fresh(rng: random.Random, message: DescriptorProto) -> str:
    taken = {field.name for field in message.field} | set(message.reserved_name)
    while True:
        name = f"{rng.choice(LETTERS)}{rng.choice(LETTERS)}_{rng.choice(LETTERS)}x"
        if name not in taken:
            return name


def message_of(rng: random.Random, file: File) -> DescriptorProto:
    return rng.choice(list(file.message_type))


def plain(message: DescriptorProto) -> list[Field]:
    """Fields that stand in no oneof."""
    return [field for field in message.field if not field.HasField("oneof_index")]


def single(message: DescriptorProto) -> list[Field]:
    return [field for field in plain(message) if field.label == Field.LABEL_OPTIONAL and field.type != 11]


def pick(rng: random.Random, fields: list[Field]) -> Field | None:
    return rng.choice(fields) if fields else None


def restamp(message: DescriptorProto) -> None:
    """Drop oneofs that have no field any more, which no compiler would write."""
    used = sorted({field.oneof_index for field in message.field if field.HasField("oneof_index")})
    names = [message.oneof_decl[index].name for index in used]
    for field in message.field:
        if field.HasField("oneof_index"):
            field.oneof_index = used.index(field.oneof_index)
    del message.oneof_decl[:]
    message.oneof_decl.extend(OneofDescriptorProto(name=name) for name in names)


def gather(message: DescriptorProto) -> None:
    """Put the fields of a oneof side by side, as in the text of a .proto file."""
    places: dict[int, int] = {}
    for place, field in enumerate(message.field):
        if field.HasField("oneof_index"):
            places.setdefault(field.oneof_index, place)
    keyed = [
        (places.get(field.oneof_index, n) if field.HasField("oneof_index") else n, field)
        for n, field in enumerate(message.field)
    ]
    ordered = [field for _, field in sorted(keyed, key=lambda one: one[0])]
    del message.field[:]
    message.field.extend(ordered)


# -- edits of fields


def field_added(rng: random.Random, file: File) -> bool:
    add_scalar(rng, file, message_of(rng, file))
    return True


def remover(*, number: bool, name: bool) -> Edit:
    def edit(rng: random.Random, file: File) -> bool:
        message = message_of(rng, file)
        field = rng.choice(list(message.field))
        if len(message.field) < 2:
            return False
        gone = Field.FromString(field.SerializeToString())
        message.field.remove(field)
        restamp(message)
        if number:
            message.reserved_range.add(start=gone.number, end=gone.number + 1)
        if name:
            message.reserved_name.append(gone.name)
        return True

    return edit


def type_changed(rng: random.Random, file: File) -> bool:
    field = pick(
        rng, [field for field in message_of(rng, file).field if field.type in SCALARS and not field.default_value]
    )
    if field is None:
        return False
    retype(rng, field, SCALARS)
    return True


def integer_changed(rng: random.Random, file: File) -> bool:
    fields = [
        field for field in message_of(rng, file).field if field.type in (*INTEGERS, 8) and not field.default_value
    ]
    field = pick(rng, fields)
    if field is None:
        return False
    retype(rng, field, [*INTEGERS, 8])
    return True


def type_to_enum(rng: random.Random, file: File) -> bool:
    field = pick(
        rng,
        [field for field in plain(message_of(rng, file)) if field.type in (3, 4, 5, 13) and not field.default_value],
    )
    if field is None:
        return False
    field.type, field.type_name = Field.TYPE_ENUM, f".{file.package}.E"
    return True


def type_from_enum(rng: random.Random, file: File) -> bool:
    field = pick(
        rng,
        [field for field in message_of(rng, file).field if field.type == Field.TYPE_ENUM and not field.default_value],
    )
    if field is None:
        return False
    retype(rng, field, [3, 4, 5, 9, 13])
    field.ClearField("type_name")
    return True


def retarget(kind: int, before: str, after: str) -> Edit:
    def edit(rng: random.Random, file: File) -> bool:
        names = f".{file.package}.{before}", f".{file.package}.{after}"
        field = pick(rng, [one for one in file.message_type[0].field if one.type == kind and one.type_name == names[0]])
        if field is None or field.default_value:
            return False
        field.type_name = names[1]
        return True

    return edit


def made_repeated(rng: random.Random, file: File) -> bool:
    field = pick(rng, [one for one in single(message_of(rng, file)) if not one.default_value])
    if field is None:
        return False
    field.label = Field.LABEL_REPEATED
    return True


def made_single(rng: random.Random, file: File) -> bool:
    fields = [one for one in message_of(rng, file).field if one.label == Field.LABEL_REPEATED and one.name != "table"]
    field = pick(rng, fields)
    if field is None:
        return False
    field.label = Field.LABEL_OPTIONAL
    return True


def map_to_list(rng: random.Random, file: File) -> bool:
    message = file.message_type[0]
    if not any(field.name == "table" for field in message.field):
        return False
    message.nested_type[0].name = "TablePart"
    message.nested_type[0].ClearField("options")
    for field in message.field:
        if field.name == "table":
            field.type_name = f".{file.package}.A.TablePart"
    return True


def map_value_changed(rng: random.Random, file: File) -> bool:
    value = file.message_type[0].nested_type[0].field[1]
    retype(rng, value, SCALARS)
    return True


def presence_tracked(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    field = pick(rng, single(message)) if file.syntax == "proto3" else None
    if field is None:
        return False
    field.proto3_optional, field.oneof_index = True, len(message.oneof_decl)
    message.oneof_decl.add(name=f"_{field.name}")
    return True


def joined(count: int) -> Edit:
    """Fields move into a new oneof."""

    def edit(rng: random.Random, file: File) -> bool:
        message = message_of(rng, file)
        fields = [one for one in single(message) if not one.default_value]
        if len(fields) < count or any(one.proto3_optional for one in message.field):
            return False
        for field in rng.sample(fields, count):
            field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name="together")
        return True

    return edit


def oneof_left(rng: random.Random, file: File) -> bool:
    message = file.message_type[0]
    field = pick(rng, [one for one in message.field if one.HasField("oneof_index") and not one.proto3_optional])
    if field is None:
        return False
    field.ClearField("oneof_index")
    restamp(message)
    return True


def oneof_entered(rng: random.Random, file: File) -> bool:
    message = file.message_type[0]
    field = pick(rng, [one for one in single(message) if not one.default_value])
    if field is None or not message.oneof_decl or message.oneof_decl[0].name != "choice":
        return False
    field.oneof_index = 0
    return True


def oneof_grown(rng: random.Random, file: File) -> bool:
    message = file.message_type[0]
    if not message.oneof_decl or message.oneof_decl[0].name != "choice":
        return False
    add_field(message, declare(fresh(rng, message), 5, 1, oneof=0))
    return True


def oneof_renamed(rng: random.Random, file: File) -> bool:
    message = file.message_type[0]
    if not message.oneof_decl or message.oneof_decl[0].name != "choice":
        return False
    message.oneof_decl[0].name = "chosen"
    return True


def field_renamed(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    field = pick(rng, [one for one in message.field if not one.proto3_optional])
    if field is None or field.name == "table":
        return False
    field.name = fresh(rng, message)
    field.json_name = camel(field.name)
    return True


def field_renamed_only(rng: random.Random, file: File) -> bool:
    """The name changes, the JSON name stays."""
    message = message_of(rng, file)
    field = pick(rng, [one for one in message.field if not one.proto3_optional])
    if field is None or field.name == "table":
        return False
    field.name = fresh(rng, message)
    return True


def json_name_set(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    rng.choice(list(message.field)).json_name = f"{fresh(rng, message)}-json"
    return True


def names_swapped(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    fields = [one for one in plain(message) if one.name != "table"]
    if len(fields) < 2:
        return False
    first, second = rng.sample(fields, 2)
    first.name, second.name = second.name, first.name
    first.json_name, second.json_name = second.json_name, first.json_name
    return True


def field_renumbered(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    field = rng.choice(list(message.field))
    taken = {one.number for one in message.field}
    field.number = rng.choice(
        [number for number in range(1, 90) if number not in taken and not reserved(message, number)]
    )
    return True


def reserved(message: DescriptorProto, number: int) -> bool:
    return any(span.start <= number < span.end for span in message.reserved_range)


def number_reused(rng: random.Random, file: File) -> bool:
    """A field goes, and another one takes its number."""
    message = message_of(rng, file)
    field = pick(rng, [one for one in plain(message) if one.name != "table"])
    if field is None or field.proto3_optional:
        return False
    number = field.number
    message.field.remove(field)
    add_field(message, declare(fresh(rng, message), rng.choice(SCALARS), 1, number=number))
    return True


# -- edits of reserved numbers and names


def numbers_freed(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    if not message.reserved_range:
        return False
    message.reserved_range[0].end = rng.choice([105, 101])
    return True


def numbers_divided(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    if not message.reserved_range or message.reserved_range[0].end != 111:
        return False
    message.reserved_range[0].end = 104
    message.reserved_range.add(start=104, end=111)
    return True


def name_freed(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    del message.reserved_name[:1]
    return True


def more_reserved(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    message.reserved_range.add(start=200, end=201)
    message.reserved_name.append(fresh(rng, message))
    return True


# -- edits of enums


def enum_of(rng: random.Random, file: File) -> EnumDescriptorProto:
    return rng.choice(list(file.enum_type))


def unused(enum: EnumDescriptorProto) -> int:
    taken = {value.number for value in enum.value} | {span.start for span in enum.reserved_range}
    return next(number for number in range(1, 20) if number not in taken)


def value_added(rng: random.Random, file: File) -> bool:
    enum = enum_of(rng, file)
    number = unused(enum)
    enum.value.add(name=f"{enum.name}_N{number}", number=number)
    return True


def value_remover(*, number: bool, name: bool) -> Edit:
    def edit(rng: random.Random, file: File) -> bool:
        enum = enum_of(rng, file)
        if len(enum.value) < 3 or enum.options.allow_alias:
            return False
        gone = enum.value.pop(rng.randint(1, 2))
        if number:
            enum.reserved_range.add(start=gone.number, end=gone.number)
        if name:
            enum.reserved_name.append(gone.name)
        return True

    return edit


def value_renamed(rng: random.Random, file: File) -> bool:
    enum = enum_of(rng, file)
    value = rng.choice(list(enum.value))
    value.name += "_R"
    return True


def value_aliased(rng: random.Random, file: File) -> bool:
    """A value gets a new name before its old one, which stays as an alias."""
    enum = enum_of(rng, file)
    if enum.options.allow_alias:
        return False
    enum.options.allow_alias = True
    enum.value.add(name=f"{enum.name}_ALIAS", number=enum.value[1].number)
    return True


def value_renumbered(rng: random.Random, file: File) -> bool:
    enum = enum_of(rng, file)
    value = enum.value[1]
    value.number = unused(enum)
    return not enum.options.allow_alias


def values_swapped(rng: random.Random, file: File) -> bool:
    enum = enum_of(rng, file)
    if len(enum.value) < 3 or enum.options.allow_alias:
        return False
    first, second = enum.value[1], enum.value[2]
    first.number, second.number = second.number, first.number
    return True


def value_numbers_freed(rng: random.Random, file: File) -> bool:
    enum = enum_of(rng, file)
    enum.reserved_range[0].end = 22
    return True


def value_name_freed(rng: random.Random, file: File) -> bool:
    del enum_of(rng, file).reserved_name[:1]
    return True


# -- edits that only proto2 has


def default_changed(rng: random.Random, file: File) -> bool:
    field = (
        pick(rng, [one for one in single(message_of(rng, file)) if one.type in INTEGERS])
        if file.syntax == "proto2"
        else None
    )
    if field is None or field.default_value:
        return False
    field.default_value = "7"
    return True


def required_added(rng: random.Random, file: File) -> bool:
    message = message_of(rng, file)
    if file.syntax != "proto2":
        return False
    add_field(message, declare(fresh(rng, message), 5, Field.LABEL_REQUIRED))
    return True


def made_required(rng: random.Random, file: File) -> bool:
    field = pick(rng, single(message_of(rng, file))) if file.syntax == "proto2" else None
    if field is None:
        return False
    field.label = Field.LABEL_REQUIRED
    return True


EDITS: dict[str, Edit] = {
    "nothing": lambda rng, file: True,
    "field added": field_added,
    "field removed": remover(number=False, name=False),
    "field removed, number reserved": remover(number=True, name=False),
    "field removed, name reserved": remover(number=False, name=True),
    "field removed, both reserved": remover(number=True, name=True),
    "type changed": type_changed,
    "integer changed": integer_changed,
    "type to enum": type_to_enum,
    "type from enum": type_from_enum,
    "message retargeted": retarget(11, "B", "C"),
    "enum retargeted": retarget(14, "E", "F"),
    "made repeated": made_repeated,
    "made single": made_single,
    "map to list": map_to_list,
    "map value changed": map_value_changed,
    "presence tracked": presence_tracked,
    "one into a new oneof": joined(1),
    "two into a new oneof": joined(2),
    "oneof left": oneof_left,
    "oneof entered": oneof_entered,
    "oneof grown": oneof_grown,
    "oneof renamed": oneof_renamed,
    "field renamed": field_renamed,
    "field renamed, not in JSON": field_renamed_only,
    "JSON name set": json_name_set,
    "names swapped": names_swapped,
    "field renumbered": field_renumbered,
    "number reused": number_reused,
    "numbers freed": numbers_freed,
    "numbers divided": numbers_divided,
    "name freed": name_freed,
    "more reserved": more_reserved,
    "value added": value_added,
    "value removed": value_remover(number=False, name=False),
    "value removed, number reserved": value_remover(number=True, name=False),
    "value removed, name reserved": value_remover(number=False, name=True),
    "value removed, both reserved": value_remover(number=True, name=True),
    "value renamed": value_renamed,
    "value aliased": value_aliased,
    "value renumbered": value_renumbered,
    "values swapped": values_swapped,
    "value numbers freed": value_numbers_freed,
    "value name freed": value_name_freed,
    "default changed": default_changed,
    "required added": required_added,
    "made required": made_required,
}
