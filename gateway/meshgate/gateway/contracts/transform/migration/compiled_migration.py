"""The interface of compiled migrations: a converter runs them after it mapped the fields by their numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from google.protobuf.message import Message

from meshgate.a2a.errors import SchemaViolation
from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.errors import conversion_error

__all__ = ["CompiledMigration", "MigrationFunction", "write_plain_form"]

MigrationFunction = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes the plain form of a message, and returns the JSON of the target."""


class CompiledMigration(Protocol):
    """A declared migration, ready to run."""

    @property
    def costly(self) -> bool:
        """Whether it may take long, however small the message is."""
        ...

    def __call__(self, old: Message, message: Message, /) -> Message:
        """The migrated message.

        Args:
            old: the message before the step.
            message: the message after the mapping by field numbers. It may be changed and returned.
        """
        ...


def write_plain_form(
    write: Callable[[Message], Any], source: CompiledContract, target: CompiledContract, message: Message
) -> Any:
    """The plain form of a message.

    Args:
        write: ``write_plain`` of the source.
        source: the contract of the message.
        target: the contract that it is converted to, for the error.
        message: the message.

    Raises:
        ConversionFailed: the message has no plain form.
    """
    try:
        return write(message)
    except SchemaViolation as error:
        raise conversion_error(source.name, target.name, "", error.message) from None
