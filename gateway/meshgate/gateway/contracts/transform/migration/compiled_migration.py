"""A compiled migration: what each kind of migration does for a converter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from google.protobuf.message import Message

from meshgate.a2a.errors import SchemaViolation
from meshgate.gateway.contracts.transform.contract import CompiledContract
from meshgate.gateway.contracts.transform.errors import conversion_error

__all__ = ["CompiledMigration", "MigrationFunction"]

MigrationFunction = Callable[[dict[str, Any]], dict[str, Any]]


class CompiledMigration(Protocol):
    """A declared migration, made ready."""

    @property
    def costly(self) -> bool:
        """Whether it may take long, however small the message is."""
        ...

    def __call__(self, old: Message, message: Message, /) -> Message:
        """The later release's message, of the earlier one's and what numbers alone made of it."""
        ...


def write_plain_form(
    write: Callable[[Message], Any], source: CompiledContract, target: CompiledContract, message: Message
) -> Any:
    try:
        return write(message)
    except SchemaViolation as error:
        raise conversion_error(source.name, target.name, "", error.message) from None
