"""A compiled contract: one message type of one release's schema, made ready for the path of a call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, cast

from google.protobuf.message import DecodeError, EncodeError, Message
from google.protobuf.message_factory import GetMessageClass

from meshgate.a2a.errors import SchemaViolation
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.gateway.contracts.transform.errors import violation_error
from meshgate.gateway.contracts.transform.fields.callables import Write
from meshgate.gateway.contracts.transform.fields.reader import Readers
from meshgate.gateway.contracts.transform.fields.unknown_fields import UnknownFields
from meshgate.gateway.contracts.transform.fields.writer import Writers
from meshgate.gateway.contracts.transform.json_results import ReadResult, WriteResult
from meshgate.gateway.contracts.transform.locations import Location, location_text, number_path
from meshgate.gateway.contracts.transform.notes import ReadNotes, WriteNotes
from meshgate.gateway.contracts.transform.violations import InvalidValue, UnknownKey, Violation
from meshgate.registry.schemas import BadSchema, Image

__all__ = ["CompiledContract"]


class CompiledContract:
    """The input or the output of a skill in one release, compiled. Compiling is slow, so keep it.

    Args:
        image: the schema.
        type_name: the message's full name.
        version: the release, for texts and media types.
        limits: the depth of messages, the number of violations, and the cost of constraints.

    Attributes:
        type_name, version: as given.
        digest: the digest of the image.
        name: type and version, for texts: ``forecast.v1.Request 1.2.0``.
        descriptor: the descriptor of the message.

    Raises:
        BadSchema: the image has no such type, two fields have one name in JSON, or a constraint does not compile.
    """

    def __init__(self, image: Image, type_name: str, version: str = "", limits: Limits = DEFAULTS) -> None:
        from meshgate.gateway.contracts.transform.validation.constraints import Constraints, reachable_types

        self.type_name: Final = type_name
        self.version: Final = version
        self.digest: Final = image.digest
        self.name: Final = f"{type_name} {version}".rstrip()
        self.descriptor: Final = image.message(type_name)
        try:
            self._class: type[Message] = GetMessageClass(self.descriptor)
        except RecursionError:  # protobuf makes the class of a field's type while it makes the class of the message
            problem = "hundreds of types hold one another in a chain"
            raise BadSchema(type_name, problem, "let messages hold each other less deep") from None
        self._limits = limits
        self.readers: Final = Readers(image.pool, limits.mediation_depth)
        self._fill = self.readers.of(self.descriptor)
        self._write = Writers(image.pool, limits.mediation_depth).of(self.descriptor)
        self._pool = image.pool
        self._unknown_fields = UnknownFields(self.descriptor)
        self._requires = any(field.is_required for each in reachable_types(self.descriptor) for field in each.fields)
        constraints = Constraints(image, self.descriptor, limits)
        self._check = None if constraints.empty else constraints.check

    def __repr__(self) -> str:
        return f"CompiledContract({self.name}, {self.digest})"

    def same(self, other: CompiledContract) -> bool:
        """Whether both are one type of one schema, perhaps under different versions."""
        return self is other or (self.digest == other.digest and self.type_name == other.type_name)

    def message(self, **fields: Any) -> Message:
        """A new message with these fields."""
        return self._class(**fields)

    def read_json(self, tree: Any) -> ReadResult:
        """The message that a JSON value stands for.

        Raises:
            SchemaViolation: a field cannot hold its value; the error lists every such value, up to a limit.
        """
        message, notes = self._class(), ReadNotes(self._limits.mediation_violations)
        try:
            self._fill(message, tree, None, 0, notes)
        except InvalidValue as bad:
            notes.add(None, bad.rule, bad.message)
        except (ValueError, TypeError, OverflowError):
            notes.add(None, "json.value", "is no value of this type")
        if notes.count:
            raise violation_error(self.name, tuple(notes.violations), notes.count)
        self._check_required(message)
        if notes.unknown_keys:
            return ReadResult(message, tuple(_unknown_keys(notes)))
        return ReadResult(message)

    def read_bytes(self, data: bytes) -> Message:
        """The message of protobuf bytes. Unknown fields are kept.

        Raises:
            SchemaViolation: the bytes are no message of this type.
        """
        try:
            message = self._class.FromString(data)
        except (DecodeError, ValueError, RecursionError):
            raise self.violation(Violation("", "proto.bytes", "are no protobuf bytes of this type")) from None
        self._check_required(message)
        return message

    def _check_required(self, message: Message) -> None:
        """Refuse a message without a field that proto2 requires."""
        if self._requires and not message.IsInitialized():
            # Every message class has this method, but the stubs of protobuf lack it.
            missing: list[str] = cast("Any", message).FindInitializationErrors()[: self._limits.mediation_violations]
            raise self.violation(*(Violation(name[:256], "proto.required", "must be there") for name in missing))

    def write_json(self, message: Message, unknown_keys: Sequence[UnknownKey] = ()) -> WriteResult:
        """The ProtoJSON of a message, with its unknown keys put back.

        Raises:
            SchemaViolation: a value has no JSON form (a number that is not finite in a ``Value``, a time beyond 9999).
        """
        out = self._output()
        tree = self._written(self._write, message, out)
        lost = tuple(each for each in unknown_keys if not self._unknown_fields.restore(tree, each))
        return WriteResult(tree, tuple(out.fallbacks), lost)

    @functools.cached_property
    def write_plain(self) -> Callable[[Message], Any]:
        """Writes the plain form, which migrations read: original names, all defaults, integers and bytes unchanged.

        It raises as :meth:`write_json` does. It is compiled at first use, because few contracts have migrations.
        """
        write = Writers(self._pool, self._limits.mediation_depth, plain=True).of(self.descriptor)
        return lambda message: self._written(write, message, self._output())

    def _output(self) -> WriteNotes:
        return WriteNotes(self._limits.json_nodes, self._limits.mediation_violations)

    def _written(self, write: Write, message: Message, out: WriteNotes) -> Any:
        try:
            return write(message, None, 0, out)
        except InvalidValue as bad:
            raise self.violation(Violation(location_text(bad.at), bad.rule, bad.message)) from None

    def write_bytes(self, message: Message) -> bytes:
        """The protobuf bytes of a message, equal for equal messages.

        Raises:
            SchemaViolation: a required field is missing, or the message is nested too deep.
        """
        try:
            return message.SerializeToString(deterministic=True)
        except (EncodeError, ValueError) as error:
            raise self.violation(Violation("", "proto.bytes", f"has no bytes: {str(error)[:200]}")) from None

    @property
    def constrained(self) -> bool:
        """Whether there is anything for :meth:`validate` to check."""
        return self._check is not None

    def validate(self, message: Message) -> None:
        """Check protovalidate's constraints. A type without any costs nothing.

        Raises:
            SchemaViolation: the broken constraints, with the ids of their rules.
        """
        if self._check is not None:
            violations, count = self._check(message)
            if count:
                raise violation_error(self.name, violations, count)

    def violation(self, *violations: Violation) -> SchemaViolation:
        """The error for these violations of this contract."""
        return violation_error(self.name, violations)


def _unknown_keys(notes: ReadNotes) -> Iterator[UnknownKey]:
    """The unknown keys with their locations; the text of a location is made once for all keys of one object."""
    last: Location = ()
    ref: tuple[int | str, ...] = ()
    path = ""
    for at, key, value in notes.unknown_keys:
        if at is not last:
            last, ref, path = at, number_path(at), location_text(at)
        yield UnknownKey(ref, path, key, value)
