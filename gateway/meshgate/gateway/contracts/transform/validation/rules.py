"""The rules of protovalidate in a schema: whether a type has any, and the CEL expressions in them."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorSet
from google.protobuf.message import Message

from meshgate.registry.schemas import Image
from meshgate.registry.schemas.options import read_rules

__all__ = ["rules_of"]


def rules_of(image: Image, types: set[str]) -> tuple[bool, list[tuple[str, str]]]:
    """The rules of some types.

    Args:
        image: the schema.
        types: the full names of the types.

    Returns:
        Whether one of the types has a rule, and the CEL expressions (path, text) of their rules and of the predefined
        rules that they may use.
    """
    found, expressions = False, list[tuple[str, str]]()
    for file in FileDescriptorSet.FromString(image.data).file:
        for extension in file.extension:
            expressions += _texts(extension.name, read_rules(extension.options, "predefined"))
        scope = f"{file.package}." if file.package else ""
        waiting: list[tuple[str, DescriptorProto]] = [(scope + each.name, each) for each in file.message_type]
        while waiting:
            name, message = waiting.pop()
            waiting += [(f"{name}.{each.name}", each) for each in message.nested_type]
            for extension in message.extension:
                expressions += _texts(extension.name, read_rules(extension.options, "predefined"))
            for path, rules in _own(name, message) if name in types else ():
                found = True
                expressions += _texts(path, rules)
    return found, expressions


def _own(name: str, message: DescriptorProto) -> Iterator[tuple[str, Message]]:
    sets = [(name, read_rules(message.options, "message"))]
    sets += [(f"{name}.{each.name}", read_rules(each.options, "field")) for each in message.field]
    sets += [(f"{name}.{each.name}", read_rules(each.options, "oneof")) for each in message.oneof_decl]
    return ((path, rules) for path, rules in sets if rules is not None)


def _texts(path: str, rules: Message | None) -> list[tuple[str, str]]:
    """The CEL expressions in a set of rules, at any depth."""
    found: list[tuple[str, str]] = []
    waiting = [rules] if rules is not None else []
    while waiting:
        for field, value in waiting.pop().ListFields():
            for part in value if field.is_repeated else [value]:
                if isinstance(part, Message):
                    waiting.append(part)
                elif field.name in ("expression", "cel_expression"):
                    found.append((path, part))
    return found
