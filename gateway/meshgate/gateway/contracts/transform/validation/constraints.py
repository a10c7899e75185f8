"""The constraints of a type, by protovalidate: compiled with the contract, and skipped if there are none."""

from __future__ import annotations

from collections import Counter
from typing import Any

import protovalidate
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from meshgate.a2a.limits import Limits
from meshgate.gateway.contracts.transform.cel_scan import cost_of
from meshgate.gateway.contracts.transform.cost import PROTOVALIDATE, largest
from meshgate.gateway.contracts.transform.fields.descriptors import element_type, is_map, is_message
from meshgate.gateway.contracts.transform.validation.rules import rules_of
from meshgate.gateway.contracts.transform.validation.validators import SharedValidator, validator_for
from meshgate.gateway.contracts.transform.violations import Violation
from meshgate.registry.schemas import BadSchema, Image

__all__ = ["Constraints", "reachable_types"]

_LEAST = 1024
"""A rule that costs too much for a message of so many bytes is refused."""
_ALL = 64 * 1024
"""Of a message beyond so many bytes only the first violation is found: there may be one for each element."""
_LIGHT = 8 * 1024
"""A message up to so many bytes cannot hold too many values."""
_TEXT = 256
"""The most characters of a rule's text that an error repeats."""


def reachable_types(root: Descriptor) -> list[Descriptor]:
    """The types that a message of this type can hold, that type first. Entries of maps are no types."""
    found: dict[str, Descriptor] = {root.full_name: root}
    waiting = [root]
    while waiting:
        for field in waiting.pop().fields:
            held = field
            if is_map(field):
                held = element_type(field).fields_by_name["value"]
            if is_message(held) and (inner := element_type(held)).full_name not in found:
                found[inner.full_name] = inner
                waiting.append(inner)
    return list(found.values())


def _within(root: Message, most: float, element: float) -> bool:
    """Whether a message holds at most ``most`` messages. Each element of a list of scalars counts as ``element``."""
    waiting = [root]
    while waiting and most >= 0:
        for field, value in waiting.pop().ListFields():
            held = element_type(field).fields_by_name["value"] if is_map(field) else field
            if not field.is_repeated:
                most -= is_message(field)
                waiting += [value] if is_message(field) else []
            elif not is_message(held):
                most -= len(value) * element
            elif len(value) > most:
                return False
            else:
                most -= len(value)
                waiting += value.values() if held is not field else value
    return most >= 0


class Constraints:
    """The constraints of a type and of all types that it can hold.

    Args:
        image: the schema.
        root: the type.
        limits: how much a rule may cost, and how many violations are listed.

    Raises:
        BadSchema: a rule does not compile, or could cost too much.
    """

    def __init__(self, image: Image, root: Descriptor, limits: Limits) -> None:
        types = reachable_types(root)
        own, expressions = rules_of(image, {each.full_name for each in types})
        self.empty = not own
        if self.empty:
            return
        self._types = {each.full_name: each for each in types}
        self._root = root
        self._listed = limits.mediation_violations
        self._most = self._bound(expressions, limits)
        # The cost of an element of a list of scalars, compared with a message; CEL makes it ten times as high.
        self._element = 0.5 if expressions else 0.05
        owners = Counter(path if path in self._types else path.rpartition(".")[0] for path, _ in expressions)
        self._values = limits.mediation_values / (1 + max(owners.values(), default=0) / 2)
        self._validator = validator_for(image)
        try:
            self._compile(types)
        except BadSchema:
            if not self._validator.shared:
                raise
            self._validator = SharedValidator()  # another schema of the shared validator may be the cause
            self._compile(types)
        self._collect = self._validator.validator.collect_violations

    def _compile(self, types: list[Descriptor]) -> None:
        for each in types:
            try:
                self._validator.validator.collect_violations(GetMessageClass(each)())
            except protovalidate.EvaluationError:
                continue  # the rule compiles; it only cannot be evaluated on an empty message
            except (protovalidate.CompilationError, ValueError, TypeError, RuntimeError) as error:
                # protovalidate reads descriptors by itself, and refuses schemas that protobuf accepts.
                remedy = "correct the constraint: protovalidate takes the regular expressions of RE2, and CEL"
                raise BadSchema(each.full_name, str(error)[:512], remedy) from None

    @staticmethod
    def _bound(expressions: list[tuple[str, str]], limits: Limits) -> int:
        costs = {each: cost_of(each[1]) for each in expressions}
        most = largest(list(costs.values()), limits.mediation_cost, limits.answer, PROTOVALIDATE)
        if most < _LEAST:
            path, expression = max(costs, key=lambda each: costs[each].bound(_LEAST, _LEAST, PROTOVALIDATE))
            problem = f"the CEL expression {expression[:80]!r} could cost too much, by itself or with the others"
            raise BadSchema(path, problem, "use fewer loops, no loop over a loop's result, no text made in loops")
        return most

    def check(self, message: Message) -> tuple[tuple[Violation, ...], int]:
        """Check a message. It must not be called if the type is ``empty``, without constraints.

        Returns:
            The violations to list, and how many there are in all.
        """
        size = message.ByteSize()
        if size > self._most:
            what = f"has {size} bytes, its constraints are only checked up to {self._most}"
            return (Violation("", "message.size", what),), 1
        if size > _LIGHT and not _within(message, self._values, self._element):
            what = "has more values than its constraints are checked for: some ten thousand messages, or as much"
            return (Violation("", "message.values", what),), 1
        try:
            found = self._collect(message) if size <= _ALL else self._collect(message, fail_fast=True)
        except (protovalidate.CompilationError, ValueError, TypeError, RuntimeError) as error:
            return (Violation("", "cel.evaluation", f"a rule cannot be evaluated: {str(error)[:_TEXT]}"),), 1
        return tuple([self._violation(each) for each in found[: self._listed]]), len(found)

    def _violation(self, found: protovalidate.Violation) -> Violation:
        proto = found.proto
        path = self._path(proto.field) if proto.field is not None else ""
        return Violation(path, (proto.rule_id or "constraint")[:128], (proto.message or "is not valid")[:_TEXT])

    def _path(self, field: Any) -> str:
        """The path of a field, in the names of the JSON form."""
        parts: list[str] = []
        scope: Descriptor | None = self._root
        for element in field.elements[:40]:
            known = scope.fields_by_number.get(element.field_number) if scope is not None else None
            parts.append(f".{known.json_name if known is not None else element.field_name}")
            subscript = element.subscript
            if subscript is not None:
                text = str(subscript.value).lower() if isinstance(subscript.value, bool) else str(subscript.value)
                parts.append(f"[{text}]" if subscript.field == "index" else f'["{text[:64]}"]')
            scope = _inner(known)
        return "".join(parts).removeprefix(".")


def _inner(field: FieldDescriptor | None) -> Descriptor | None:
    if field is not None and is_map(field):
        field = element_type(field).fields_by_name["value"]
    return element_type(field) if field is not None and is_message(field) else None
