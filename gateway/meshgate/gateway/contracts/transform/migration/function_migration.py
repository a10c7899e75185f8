"""Migrations by Python functions that the operator installed. Code of an agent never runs here."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Final, cast

import structlog
from google.protobuf.message import Message

from meshgate.a2a.errors import ConversionFailed, SchemaViolation
from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.errors import conversion_error
from meshgate.gateway.contracts.transform.migration.compiled_migration import MigrationFunction, write_plain_form

__all__ = ["FunctionMigration", "installed_functions"]

log = structlog.get_logger(__name__)
_GROUP = "meshgate.migrations"
"""The entry point group of migration functions."""


class FunctionMigration:
    """A migration by an installed function: it turns the plain form of the source into the JSON of the target.

    Args:
        source: the contract of what the function gets.
        target: the contract of what it returns: original or JSON names, bytes as bytes or base64.
        name: the function's name, for errors.
        function: the function.
    """

    def __init__(
        self, source: CompiledContract, target: CompiledContract, name: str, function: MigrationFunction
    ) -> None:
        self._source, self._target, self._name, self._function = source, target, name, function
        self._plain = source.write_plain
        self.costly: Final = True

    def __call__(self, old: Message, _message: Message, /) -> Message:
        """Run the function on ``old``.

        Raises:
            ConversionFailed: the function failed, or its result is no message of the target.
        """
        plain = write_plain_form(self._plain, self._source, self._target, old)
        try:
            made = self._function(plain)
        except Exception as error:
            raise self._failed("the function failed; the gateway's log has the reason") from error
        try:
            reading = self._target.read_json(made)
        except SchemaViolation as error:
            raise self._failed(error.message) from None
        if reading.unknown_keys:
            raise self._failed(f"the contract has no {reading.unknown_keys[0].key[:64]!r}")
        return reading.message

    def _failed(self, reason: str) -> ConversionFailed:
        return conversion_error(self._source.name, self._target.name, "", reason, function=self._name)


def installed_functions() -> dict[str, MigrationFunction]:
    """Import the functions of the entry point group ``meshgate.migrations``, by their names.

    A function may have an attribute ``down``, the function for the way down. One that cannot be imported is left out
    with a warning in the log, so that the others work; a migration that needs it is refused and names it.
    """
    found: dict[str, MigrationFunction] = {}
    for point in entry_points(group=_GROUP):
        try:
            function = point.load()
        except Exception as error:  # noqa: BLE001 - a package may fail in any way while it is imported
            log.warning("migration_not_loaded", function=point.name, reason=f"{type(error).__name__}: {error}"[:512])
            continue
        if callable(function):
            found[point.name] = cast("MigrationFunction", function)
        else:
            log.warning("migration_not_loaded", function=point.name, reason="it is no function")
    return found
