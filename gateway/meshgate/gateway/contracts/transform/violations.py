"""What is wrong with a part, and where: collected while one is read, and made into the errors that callers know.

A place is a linked tuple, so that going one level down costs one small allocation and the text is only made for an
error. Its parts say what is meant: ``(parent, key, number)`` a field as the sender spelled it, ``(parent, i, i)`` an
element, ``(parent, None, key)`` an entry of a map.
"""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.gateway.contracts.transform.locations import Location, NumberPath

__all__ = ["InvalidValue", "UnknownKey", "Violation"]


class InvalidValue(ValueError):
    """A value that its field cannot hold.

    Args:
        rule: what it breaks, such as ``json.int32``.
        message: what it must be.
        at: the place, where whoever raises it knows that.
    """

    def __init__(self, rule: str, message: str, at: Location = None) -> None:
        super().__init__(message)
        self.rule = rule
        self.message = message
        self.at = at


class Violation(msgspec.Struct, frozen=True):
    """One breach of a contract.

    Attributes:
        path: where, in the names of the JSON form: ``wind.gusts[3].speed``. Empty for the whole value.
        rule: what is broken: ``json.…`` for the form, else the id of a protovalidate rule (``string.min_len``).
        message: what the value must be.
    """

    path: str
    rule: str
    message: str


class UnknownKey(msgspec.Struct, frozen=True, gc=False):
    """A key of a JSON object that the contract does not know.

    Attributes:
        at: where the object is: field numbers, each followed by the index or the key in a list or a map. Numbers,
            because they name the same field in every release.
        path: the object's place as text.
        key: the unknown key.
        value: what it holds, as it came.
    """

    at: NumberPath
    path: str
    key: str
    value: Any
