"""Reads protovalidate's constraints from options, without protovalidate.

``buf.validate`` extends the options of fields, messages and oneofs with field 1159, and those of fields with 1160 for
predefined rules. The message classes come from the copy of ``validate.proto`` in ``standard_files``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError, Message

from meshgate.a2a.limits import Limits
from meshgate.registry.schemas.errors import BadSchema
from meshgate.registry.schemas.patterns import weight
from meshgate.registry.schemas.standard_files import extension, options_class

__all__ = ["check_rules", "read_rules"]

_OPTIONS = {"field": "FieldOptions", "message": "MessageOptions", "oneof": "OneofOptions", "predefined": "FieldOptions"}
_TEXTS = frozenset({"pattern", "expression", "cel_expression"})
Kind = Literal["field", "message", "oneof", "predefined"]


def read_rules(options: Message, kind: Kind) -> Any:
    """The ``FieldRules``, ``MessageRules``, ``OneofRules`` or ``PredefinedRules`` in the options, or None.

    Raises:
        DecodeError: the options hold something else under protovalidate's number.
    """
    data = options.SerializeToString()
    if not data:
        return None
    parsed = options_class(f"google.protobuf.{_OPTIONS[kind]}").FromString(data)
    known = extension(f"buf.validate.{kind}")
    return parsed.Extensions[known] if parsed.HasExtension(known) else None


def check_rules(files: Sequence[FileDescriptorProto], limits: Limits) -> None:
    """Refuse constraints that cannot be read, are too long, or take too much to compile.

    Raises:
        BadSchema: names the declaration.
    """
    heaviness = 0
    for path, kind, options in _declared_options(files):
        try:
            rules = read_rules(options, kind)
        except DecodeError:
            remedy = "import buf/validate/validate.proto, and give options of your own another number"
            raise BadSchema(path, "option 1159 or 1160 does not hold constraints of protovalidate", remedy) from None
        heaviness += _check_texts(path, rules, limits) if rules is not None else 0
        if heaviness > limits.schema_patterns:
            problem = f"the regular expressions up to here are too large with their repetitions ({heaviness} characters"
            remedy = r"limit lengths by max_len instead of {1,1000}, and use fewer classes such as \p{L}"
            raise BadSchema(path, f"{problem}, at most {limits.schema_patterns})", remedy)


def _check_texts(path: str, rules: Message, limits: Limits) -> int:
    """The weight of the regular expressions in the rules."""
    waiting: list[Message] = [rules]
    heaviness = 0
    while waiting:
        for field, value in waiting.pop().ListFields():
            parts: list[Any] = list(value) if field.name in ("cel", "cel_expression") else [value]
            for part in parts:
                if isinstance(part, Message):
                    waiting.append(part)
                elif field.name in _TEXTS and not isinstance(part, str):  # protobuf hands out what is no UTF-8 as bytes
                    raise BadSchema(path, "a pattern or expression is no UTF-8", "build it again with buf or protoc")
                elif field.name == "pattern":
                    if len(part) > limits.schema_pattern:
                        problem = f"its pattern has {len(part)} characters, at most {limits.schema_pattern} are taken"
                        raise BadSchema(path, problem, "write a shorter pattern, or check less")
                    heaviness += weight(part)
                elif field.name in ("expression", "cel_expression"):
                    heaviness += _check_cel(path, part, limits)
    return heaviness


def _check_cel(path: str, text: str, limits: Limits) -> int:
    """The weight of the regular expressions in it, their characters not counted."""
    if len(text) > limits.schema_cel:
        problem = f"its CEL expression has {len(text)} characters, at most {limits.schema_cel} are taken"
        raise BadSchema(path, problem, "write a shorter expression, or several")
    return max(0, weight(text) - len(text)) if "matches" in text else 0


def _declared_options(files: Sequence[FileDescriptorProto]) -> Iterator[tuple[str, Kind, Message]]:
    """Every set of options that may hold constraints, with the name of what they belong to."""
    for file in files:
        for extended in file.extension:
            yield extended.name, "predefined", extended.options
        scope = f"{file.package}." if file.package else ""
        waiting: list[tuple[str, DescriptorProto]] = [(scope + message.name, message) for message in file.message_type]
        while waiting:
            name, message = waiting.pop()
            yield name, "message", message.options
            for field in message.field:
                yield f"{name}.{field.name}", "field", field.options
            for oneof in message.oneof_decl:
                yield f"{name}.{oneof.name}", "oneof", oneof.options
            for extended in message.extension:
                yield f"{name}.{extended.name}", "predefined", extended.options
            waiting += [(f"{name}.{nested.name}", nested) for nested in message.nested_type]
