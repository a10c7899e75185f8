"""The converter from one release's messages to another's: field numbers carry most values, migrations set the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError, EncodeError, Message

from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.errors import conversion_error
from meshgate.gateway.contracts.transform.fields.field_map import map_fields
from meshgate.gateway.contracts.transform.locations import location_text
from meshgate.gateway.contracts.transform.migration.compiled_migration import CompiledMigration
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["ConversionStep", "Converter"]


class ConversionStep(NamedTuple):
    """One step of a conversion: field numbers carry the values to ``target``, then ``migration`` sets the others."""

    target: CompiledContract
    migration: CompiledMigration | None = None


class _CompiledStep:
    """A step with its mapping of fields from the contract where the step before it ended."""

    def __init__(self, source: CompiledContract, step: ConversionStep) -> None:
        self._source, self._target, self._migration = source, step.target, step.migration
        self._mapping, self.lost = map_fields(source.descriptor, step.target.descriptor)

    def __call__(self, old: Message) -> Message:
        message = self._by_numbers(old)
        return message if self._migration is None else self._migration(old, message)

    def _by_numbers(self, old: Message) -> Message:
        """The message of the target, as far as field numbers carry the values."""
        message = self._target.message()
        bare = old
        try:
            if self._mapping.strips:
                bare = self._source.message()
                bare.CopyFrom(old)
                self._mapping.strip(bare)
            message.ParseFromString(bare.SerializePartialToString())
            if self._mapping.moves:
                self._mapping.move(old, message)
        except InvalidValue as bad:
            raise conversion_error(self._source.name, self._target.name, location_text(bad.at), bad.message) from None
        except (DecodeError, EncodeError, ValueError, TypeError) as error:
            raise conversion_error(self._source.name, self._target.name, "", str(error)[:256]) from None
        return message


class Converter:
    """Converts messages of one contract to another. Making a converter is slow, so keep it.

    Args:
        source: the contract of what is given.
        target: the contract of what is returned.
        steps: the steps between, of which the last ends at ``target``; none means one step by field numbers alone.

    Attributes:
        identity: whether there is nothing to do, because both contracts are one type of one schema and no migration
            lies between them. A message can then be sent on as it came.
        costly: whether a migration may take long, however small the message is.
        lost: full names of the fields whose types differ, so that their values are lost unless a migration sets them.
    """

    def __init__(
        self, source: CompiledContract, target: CompiledContract, steps: Sequence[ConversionStep] = ()
    ) -> None:
        self.source: Final = source
        self.target: Final = target
        planned = steps or (ConversionStep(target),)
        if planned[-1].target is not target:
            raise ValueError("the last step must end at the target")
        self.costly: Final = any(step.migration is not None and step.migration.costly for step in planned)
        self.identity: Final = source.same(target) and all(step.migration is None for step in planned)
        self._steps: list[_CompiledStep] = []
        here = source
        for step in () if self.identity else planned:
            self._steps.append(_CompiledStep(here, step))
            here = step.target
        self.lost: Final = tuple(sorted({name for step in self._steps for name in step.lost}))

    def __repr__(self) -> str:
        return f"Converter({self.source.name} -> {self.target.name}, {len(self._steps)} steps)"

    def convert(self, message: Message) -> Message:
        """The message of the target; the given message stays as it is.

        Raises:
            ConversionFailed: a value does not fit, or a migration failed.
        """
        for step in self._steps:
            message = step(message)
        return message
