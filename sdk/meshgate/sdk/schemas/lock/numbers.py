"""The numbers of fields and enum values: given once, never given again.

A field keeps its number for as long as it has its name. One that is removed leaves its number reserved, and if its name
comes back it gets another, as protobuf demands. A field that is renamed takes its number along.

The value of an enum that was declared first has the number 0 and stays: where a gateway writes JSON for a reader that
does not know a value, it writes that one. So declare first what such a reader may take an unknown value for.
"""

from __future__ import annotations

import msgspec

__all__ = ["LAST", "RESERVED_BY_PROTOBUF", "Numbering", "Numbers"]

LAST = 2**29 - 1
"""The highest number of a field."""
RESERVED_BY_PROTOBUF = range(19_000, 20_000)


class Numbers(msgspec.Struct, frozen=True):
    """The numbers of one message or enum.

    Attributes:
        names: number by name, of what is there.
        next: the lowest number that nothing ever had.
        reserved: name by number, of what was removed.
    """

    names: dict[str, int] = {}
    next: int = 1
    reserved: dict[int, str] = {}


class Numbering(msgspec.Struct, frozen=True):
    """All numbers of one skill. ``texts`` are the enums that are strings, because their values are no identifiers."""

    messages: dict[str, Numbers] = {}
    enums: dict[str, Numbers] = {}
    texts: tuple[str, ...] = ()
