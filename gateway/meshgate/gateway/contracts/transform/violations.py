"""Violations of a contract, and the keys of a message that its contract does not know."""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.gateway.contracts.transform.locations import Location, NumberPath

__all__ = ["InvalidValue", "UnknownKey", "Violation"]


class InvalidValue(ValueError):
    """A value that its field cannot hold.

    Args:
        rule: the rule that it breaks, such as ``json.int32``.
        message: what it must be.
        at: its location, if the code that raises the error knows it.
    """

    def __init__(self, rule: str, message: str, at: Location = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.at = at


class Violation(msgspec.Struct, frozen=True):
    """One breach of a contract.

    Attributes:
        path: the location in the names of the JSON form: ``wind.gusts[3].speed``. Empty for the whole value.
        rule: the broken rule: ``json.…`` for the form, else the id of a protovalidate rule (``string.min_len``).
        message: what the value must be.
    """

    path: str
    rule: str
    message: str


class UnknownKey(msgspec.Struct, frozen=True, gc=False):
    """A key of a JSON object that the contract does not know.

    Attributes:
        at: the object's location: numbers of fields, each followed by the index or the key in a list or a map. They are
            numbers, because a number names the same field in every release.
        path: the object's location as text.
        key: the unknown key.
        value: its value, as it came.
    """

    at: NumberPath
    path: str
    key: str
    value: Any
