"""Declared migrations: what numbers alone do not say of the way from one release to another.

A migration is a CEL expression for each target path, over ``old``, or a Python function that the operator installed.
Never does code of an agent run here; a CEL expression is compiled once, and bounded before each run (``cost.py``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final, NamedTuple, Protocol, cast

import cel
import structlog
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.errors import ConversionFailed, SchemaViolation
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.transform.contract import Contract
from meshgate.gateway.contracts.transform.cost import CEL, Cost, cost_of
from meshgate.gateway.contracts.transform.fields.reader import Put, element_type, is_message
from meshgate.gateway.contracts.transform.fields.times import duration_text, timestamp_text
from meshgate.gateway.contracts.transform.fields.wellknown import VALUE_FORM
from meshgate.gateway.contracts.transform.violations import Bad, Notes, conversion_error
from meshgate.registry.schemas import BadSchema

__all__ = ["Expressions", "Function", "Installed", "Move", "installed"]

log = structlog.get_logger(__name__)

Function = Callable[[dict[str, Any]], dict[str, Any]]


class Move(Protocol):
    """A declared migration, made ready."""

    @property
    def costly(self) -> bool:
        """Whether it may take long, however small the message is."""
        ...

    def __call__(self, old: Message, message: Message, /) -> Message:
        """The later release's message, of the earlier one's and what numbers alone made of it."""
        ...


_GROUP = "meshgate.migrations"
_TYPES = frozenset(
    "bool bytes double duration dyn int list map null_type string timestamp type uint".split()  # noqa: SIM905 - short
)
_FUNCTIONS = _TYPES | frozenset({"contains", "endsWith", "matches", "size", "startsWith"})
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class _Target(NamedTuple):
    """One assignment."""

    path: str
    parents: tuple[str, ...]
    name: str
    put: Put
    number: int
    expression: str
    program: cel.Program
    cost: Cost


class Expressions:
    """CEL expressions, each for one path of the target.

    Args:
        source: the contract whose message is ``old``.
        target: the contract whose fields are set.
        declared: the expression of each path: original names, with dots between.
        limits: length, cost and result of an expression.

    Raises:
        BadSchema: an expression does not compile, looks at anything but ``old``, or a path is no field of the target.
    """

    def __init__(
        self, source: Contract, target: Contract, declared: Mapping[str, str], limits: Limits = DEFAULTS
    ) -> None:
        self._source, self._target, self._limits = source, target, limits
        self._plain = source.write_plain  # compiled here, where nobody waits for it
        self._targets = [self._compile(path, text) for path, text in declared.items()]
        self._counts = any(each.cost.loops for each in self._targets)
        self.costly: Final = self._counts or any(each.cost.patterns for each in self._targets)

    def __call__(self, old: Message, message: Message, /) -> Message:
        """Set the targets in ``message``. All see the old message alone, so their order means nothing.

        Raises:
            ConversionFailed: an expression failed, costs too much, or gave what its field cannot hold.
        """
        plain = _written(self._plain, self._source, self._target, old)
        size = old.ByteSize()
        rounds = _count(plain) if self._counts else 1
        context = cel.Context({"old": plain})
        results = [self._evaluate(each, context, size, rounds) for each in self._targets]
        for each, result in zip(self._targets, results, strict=True):
            self._assign(message, each, result)
        return message

    def _compile(self, path: str, text: str) -> _Target:
        where = f"{self._target.type_name}: {path}"
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

    def _evaluate(self, target: _Target, context: cel.Context, size: int, rounds: int) -> Any:
        if target.cost.bound(size, rounds, CEL) > self._limits.mediation_cost:
            raise self._failed(target, f"the message ({size} bytes) is too large for this expression")
        try:
            return _plain(target.program.execute(context), _Room(self._limits.mediation_result))
        except Bad as bad:
            raise self._failed(target, bad.message) from None
        except Exception as error:  # noqa: BLE001 - the engine raises most of Python's errors, for what CEL names
            raise self._failed(target, f"{type(error).__name__}: {str(error)[:256]}") from None

    def _assign(self, message: Any, target: _Target, result: Any) -> None:
        for name in target.parents:
            message = getattr(message, name)
        message.ClearField(target.name)
        if result is None:
            return
        notes = Notes(1)
        place = (None, target.path, target.number)
        try:
            target.put(message, result, place, 0, notes)
        except Bad as bad:
            notes.add(place, bad.rule, bad.message)
        except (ValueError, TypeError, OverflowError):
            notes.add(place, "json.value", "is no value of this field")
        if notes.count:
            first = notes.violations[0]
            raise self._failed(target, f"its result: {first.path} {first.message}")
        if notes.leftovers:
            raise self._failed(
                target, f"its result has a key that the contract does not: {notes.leftovers[0][1][:64]!r}"
            )

    def _failed(self, target: _Target, reason: str) -> ConversionFailed:
        return conversion_error(self._source.name, self._target.name, target.path, reason, expression=target.expression)


def _field(where: str, scope: Descriptor, name: str) -> FieldDescriptor:
    field = scope.fields_by_name.get(name)
    if field is None:
        raise BadSchema(where, f"{scope.full_name} has no field {name[:64]!r}", "use original names of fields")
    return field


class Installed:
    """A function that the operator installed: it makes the target's JSON of the source's plain form.

    Args:
        source: the contract of what it is given.
        target: the contract of what it returns: original or JSON names, bytes as bytes or base64.
        name: its name, for errors.
        function: the function.
    """

    def __init__(self, source: Contract, target: Contract, name: str, function: Function) -> None:
        self._source, self._target, self._name, self._function = source, target, name, function
        self._plain = source.write_plain
        self.costly: Final = True

    def __call__(self, old: Message, _message: Message, /) -> Message:
        """What the function makes of ``old``.

        Raises:
            ConversionFailed: it failed, or returned what is no message of the target.
        """
        plain = _written(self._plain, self._source, self._target, old)
        try:
            made = self._function(plain)
        except Exception as error:
            raise self._failed(f"the function failed: {type(error).__name__}") from error
        try:
            reading = self._target.read_json(made)
        except SchemaViolation as error:
            raise self._failed(error.message) from None
        if reading.leftovers:
            raise self._failed(f"the contract has no {reading.leftovers[0].key[:64]!r}")
        return reading.message

    def _failed(self, reason: str) -> ConversionFailed:
        return conversion_error(self._source.name, self._target.name, "", reason, function=self._name)


def installed() -> dict[str, Function]:
    """The functions under the entry point group ``meshgate.migrations``, by their names. It imports them.

    A function that serves the way down as well has an attribute ``down`` that does so. One that cannot be imported is
    left out, with a warning in the log: the others work, and what needs it is refused by its name.
    """
    found: dict[str, Function] = {}
    for point in entry_points(group=_GROUP):
        try:
            function = point.load()
        except Exception as error:  # noqa: BLE001 - what a package does while it is imported may fail in any way
            log.warning("migration_not_loaded", function=point.name, reason=f"{type(error).__name__}: {error}"[:512])
            continue
        if callable(function):
            found[point.name] = cast("Function", function)
        else:
            log.warning("migration_not_loaded", function=point.name, reason="it is no function")
    return found


def _written(write: Callable[[Message], Any], source: Contract, target: Contract, message: Message) -> Any:
    try:
        return write(message)
    except SchemaViolation as error:
        raise conversion_error(source.name, target.name, "", error.message) from None


class _Room:
    """How much more a result may hold."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise Bad("migration.result", "the result is too large")


def _plain(value: Any, room: _Room, depth: int = 0) -> Any:
    """What CEL gave, as JSON; bytes stay bytes."""
    room.take(8)
    if isinstance(value, str | bytes):
        room.take(len(value))
        return value
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth > 64:
        raise Bad("migration.result", "the result is nested too deep")
    if is_object(value):
        return {_key(key, room): _plain(item, room, depth + 1) for key, item in value.items()}
    if is_array(value):
        return [_plain(item, room, depth + 1) for item in value]
    if isinstance(value, dt.datetime):
        since = value - _EPOCH
        return timestamp_text(since // dt.timedelta(seconds=1), since.microseconds * 1000)
    if isinstance(value, dt.timedelta):
        micros = value // dt.timedelta(microseconds=1)
        sign = -1 if micros < 0 else 1
        return duration_text(sign * (abs(micros) // 1_000_000), sign * (abs(micros) % 1_000_000) * 1000)
    raise Bad("migration.result", f"the result is no JSON value ({type(value).__name__})")


def _key(key: Any, room: _Room) -> str:
    text = str(key).lower() if isinstance(key, bool) else str(key)
    room.take(len(text))
    return text


def _count(tree: Any) -> int:
    """How many values a tree holds: no loop over it has more rounds. A text has no rounds."""
    count, waiting = 0, [tree]
    while waiting:
        value = waiting.pop()
        count += 1
        if is_object(value):
            waiting.extend(value.values())
        elif is_array(value):
            waiting.extend(value)
    return count
