"""Messages of one release into messages of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError, EncodeError, Message

from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.errors import conversion_error
from meshgate.gateway.contracts.transform.fields.field_mapping import map_fields
from meshgate.gateway.contracts.transform.locations import location_text
from meshgate.gateway.contracts.transform.migration.compiled_migration import CompiledMigration
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["ConversionStep", "Converter"]


class ConversionStep(NamedTuple):
    """One stage of the way: to ``target`` by the numbers of fields, then what ``move`` makes of it."""

    target: CompiledContract
    move: CompiledMigration | None = None


class _CompiledStep:
    """A step from where the one before it ended."""

    def __init__(self, source: CompiledContract, step: ConversionStep) -> None:
        self._source, self._target, self._move = source, step.target, step.move
        self._same = source.same(step.target)
        self._pair, self.lost = map_fields(source.descriptor, step.target.descriptor)

    def __call__(self, old: Message) -> Message:
        return self._numbers(old) if self._move is None else self._move(old, self._numbers(old))

    def _numbers(self, old: Message) -> Message:
        """What the numbers of fields alone make of a message."""
        message = self._target.message()
        bare = old
        try:
            if self._pair.strips:
                bare = self._source.message()
                bare.CopyFrom(old)
                self._pair.strip(bare)
            message.ParseFromString(bare.SerializePartialToString())
            if self._pair.moves:
                self._pair.move(old, message)
        except InvalidValue as bad:
            raise conversion_error(self._source.name, self._target.name, location_text(bad.at), bad.message) from None
        except (DecodeError, EncodeError, ValueError, TypeError) as error:
            raise conversion_error(self._source.name, self._target.name, "", str(error)[:256]) from None
        return message


class Converter:
    """The way from one contract to another. Making one is the slow part; keep it.

    Args:
        source: what is written.
        target: what is read.
        steps: the stages between, the last of them at ``target``; without, one by numbers alone.

    Attributes:
        identity: whether there is nothing to do, because both are one type of one schema and no migration stands
            between. What arrived can then be sent on as it came.
        costly: whether a migration on the way may take long, however small the message is.
        lost: full names of fields whose types disagree, so that their values are lost unless a migration sets them.
    """

    def __init__(
        self, source: CompiledContract, target: CompiledContract, steps: Sequence[ConversionStep] = ()
    ) -> None:
        self.source: Final = source
        self.target: Final = target
        ways = steps or (ConversionStep(target),)
        if ways[-1].target is not target:
            raise ValueError("the last step must end at the target")
        self.costly: Final = any(step.move is not None and step.move.costly for step in ways)
        self.identity: Final = source.same(target) and all(step.move is None for step in ways)
        self._hops: list[_CompiledStep] = []
        here = source
        for step in () if self.identity else ways:
            self._hops.append(_CompiledStep(here, step))
            here = step.target
        self.lost: Final = tuple(sorted({name for hop in self._hops for name in hop.lost}))

    def __repr__(self) -> str:
        return f"Converter({self.source.name} -> {self.target.name}, {len(self._hops)} hops)"

    def convert(self, message: Message) -> Message:
        """The message as the target has it; the one that was given stays as it is.

        Raises:
            ConversionFailed: a value does not fit, or a migration failed.
        """
        for hop in self._hops:
            message = hop(message)
        return message
