"""Migrations by CEL expressions: each sets one path of the target, and reads the source's message as ``old``.

An expression comes from an agent, so it is compiled once and its cost is bounded before each run (``cost.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import cel
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from meshgate.a2a.errors import ConversionFailed
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.transform.cel_scan import cost_of
from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.cost import CEL, Cost
from meshgate.gateway.contracts.transform.errors import conversion_error
from meshgate.gateway.contracts.transform.fields.callables import Put
from meshgate.gateway.contracts.transform.fields.descriptors import element_type, is_message
from meshgate.gateway.contracts.transform.fields.wellknown import VALUE_FORM
from meshgate.gateway.contracts.transform.migration.cel_values import SizeBudget, count_values, plain_result
from meshgate.gateway.contracts.transform.migration.compiled_migration import write_plain_form
from meshgate.gateway.contracts.transform.notes import ReadNotes
from meshgate.gateway.contracts.transform.violations import InvalidValue
from meshgate.registry.schemas import BadSchema

__all__ = ["CelMigration"]

_TYPES = frozenset(
    "bool bytes double duration dyn int list map null_type string timestamp type uint".split()  # noqa: SIM905 - short
)
_FUNCTIONS = _TYPES | frozenset({"contains", "endsWith", "matches", "size", "startsWith"})


class _Target(NamedTuple):
    """One path of the target with its expression."""

    path: str
    parents: tuple[str, ...]
    name: str
    put: Put
    number: int
    expression: str
    program: cel.Program
    cost: Cost


class CelMigration:
    """A migration by CEL expressions, one for each path of the target.

    Args:
        source: the contract whose message is ``old``.
        target: the contract whose fields are set.
        declared: the expression of each path: original names, with dots between.
        limits: the length, the cost and the result of an expression.

    Raises:
        BadSchema: an expression does not compile or reads anything but ``old``, or a path is no field of the target.
    """

    def __init__(
        self, source: CompiledContract, target: CompiledContract, declared: Mapping[str, str], limits: Limits = DEFAULTS
    ) -> None:
        self._source, self._target, self._limits = source, target, limits
        self._plain = source.write_plain  # compiled here, and not while a call waits
        self._targets = [self._compile(path, text) for path, text in declared.items()]
        self._counts = any(each.cost.loops for each in self._targets)
        self.costly: Final = self._counts or any(each.cost.patterns for each in self._targets)

    def __call__(self, old: Message, message: Message, /) -> Message:
        """Set the targets in ``message``. Expressions see the old message alone, so their order does not matter.

        Raises:
            ConversionFailed: an expression failed, costs too much, or has a result that its field cannot hold.
        """
        plain = write_plain_form(self._plain, self._source, self._target, old)
        size = old.ByteSize()
        rounds = count_values(plain) if self._counts else 1
        context = cel.Context({"old": plain})
        results = [self._evaluate(each, context, size, rounds) for each in self._targets]
        for each, result in zip(self._targets, results, strict=True):
            self._assign(message, each, result)
        return message

    def _compile(self, path: str, text: str) -> _Target:
        where = f"{self._target.type_name}: {path}"
        program, cost = self._program(where, text)
        *parents, name = path.split(".")
        scope = self._target.descriptor
        for parent in parents:
            field = _field(where, scope, parent)
            if not is_message(field) or field.is_repeated or element_type(field).full_name in VALUE_FORM:
                raise BadSchema(where, f"no path leads into {parent!r}", "set the field as a whole")
            scope = element_type(field)
        field = _field(where, scope, name)
        put = self._target.readers.field(field)
        return _Target(path, tuple(parents), name, put, field.number, text, program, cost)

    def _program(self, where: str, text: str) -> tuple[cel.Program, Cost]:
        if not 0 < len(text) <= self._limits.schema_cel:
            raise BadSchema(
                where, f"an expression has 1 to {self._limits.schema_cel} characters", "write a shorter one"
            )
        try:
            program = cel.compile(text)
            functions = program.functions()
        except (ValueError, RuntimeError, TypeError) as error:
            raise BadSchema(where, str(error)[:512], "correct the CEL expression") from None
        cost = cost_of(text)
        unknown = sorted(cost.free - _TYPES - {"old"})
        unknown += [name for name in functions if name[0].isalpha() and name not in _FUNCTIONS and name[:3] != "get"]
        if unknown:
            raise BadSchema(where, f"{unknown[0]!r} is not known to a migration", "look at 'old' alone")
        if cost.patterns_from_data:
            remedy = "give matches() a literal without counted repetitions such as {3}"
            raise BadSchema(where, "the cost of its regular expression cannot be told", remedy)
        if cost.bound(1024, 16, CEL) > self._limits.mediation_cost:
            raise BadSchema(where, "the expression could cost too much", "use fewer loops, or an installed function")
        return program, cost

    def _evaluate(self, target: _Target, context: cel.Context, size: int, rounds: int) -> Any:
        if target.cost.bound(size, rounds, CEL) > self._limits.mediation_cost:
            raise self._failed(target, f"the message ({size} bytes) is too large for this expression")
        try:
            return plain_result(target.program.execute(context), SizeBudget(self._limits.mediation_result))
        except InvalidValue as bad:
            raise self._failed(target, bad.message) from None
        except Exception as error:  # noqa: BLE001 - the engine raises most of Python's errors for errors of CEL
            raise self._failed(target, str(error)[:256]) from None

    def _assign(self, message: Any, target: _Target, result: Any) -> None:
        for name in target.parents:
            message = getattr(message, name)
        message.ClearField(target.name)
        if result is None:
            return
        notes = ReadNotes(1)
        place = (None, target.path, target.number)
        try:
            target.put(message, result, place, 0, notes)
        except InvalidValue as bad:
            notes.add(place, bad.rule, bad.message)
        except (ValueError, TypeError, OverflowError):
            notes.add(place, "json.value", "is no value of this field")
        if notes.count:
            first = notes.violations[0]
            raise self._failed(target, f"its result: {first.path} {first.message}")
        if notes.unknown_keys:
            raise self._failed(
                target, f"its result has a key that the contract does not: {notes.unknown_keys[0][1][:64]!r}"
            )

    def _failed(self, target: _Target, reason: str) -> ConversionFailed:
        return conversion_error(self._source.name, self._target.name, target.path, reason, expression=target.expression)


def _field(where: str, scope: Descriptor, name: str) -> FieldDescriptor:
    field = scope.fields_by_name.get(name)
    if field is None:
        raise BadSchema(where, f"{scope.full_name} has no field {name[:64]!r}", "use original names of fields")
    return field
