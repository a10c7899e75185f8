"""The values of compatibility rules: the change that a rule looks at, and what it finds."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

import msgspec

__all__ = ["Change", "Direction", "Finding", "Form", "Violation"]

Direction = Literal["backward", "forward", "both"]
"""``backward``: who has the new schema misreads old data. ``forward``: who has the old schema misreads new data."""

Form = Literal["wire", "json", "both"]
"""Protobuf's binary form, its JSON form, or both."""

T = TypeVar("T")


class Violation(msgspec.Struct, frozen=True, order=True):
    """One reason why two schemas of a contract are not compatible."""

    path: str
    """Where: ``package.Message.field``, or the full name of a message or enum."""
    rule: str
    """The id of the rule, a key of ``rules.RULES``."""
    direction: Direction
    form: Form
    what: str
    """What changed, in one sentence."""
    remedy: str
    """What the author of the new schema does about it."""
    mediated: bool = False
    """Whether a gateway that converts between releases makes up for it, so that nobody misreads anything."""
    against: str = ""
    """The version of the release that this one was compared with, where there is one."""

    def __str__(self) -> str:
        text = f"{self.path}: {self.what}: {self.remedy} [{self.rule}, {self.direction}, {self.form}"
        return f"{text}, against {self.against}]" if self.against else f"{text}]"


class Finding(msgspec.Struct, frozen=True):
    """What a rule says of one change: a violation before it is known whether it holds in the other direction too."""

    what: str
    remedy: str
    form: Form = "both"
    mediated: bool = False
    at: str = ""
    """A name below the path of what the rule was asked about."""


class Change(msgspec.Struct, Generic[T], frozen=True):
    """A thing as the old and the new schema have it, and which of the two writes: a rule is asked once for each."""

    old: T
    new: T
    backward: bool
    """True when data written with the old schema is read with the new one."""

    @property
    def writer(self) -> T:
        """The thing in the schema that data is written with."""
        return self.old if self.backward else self.new

    @property
    def reader(self) -> T:
        """The thing in the schema that the data is read with."""
        return self.new if self.backward else self.old
