"""The values that the rules are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import msgspec

from meshgate.registry.schemas.violation import Finding

__all__ = ["Constraints", "Rule"]


class Constraints(msgspec.Struct, frozen=True):
    """What protovalidate checks of a field."""

    required: bool = False
    skips_zero: bool = False
    """Whether zero and empty values pass unchecked."""
    facts: Mapping[str, Any] = {}


class Rule(msgspec.Struct, frozen=True):
    """A rule: what it is asked about, and the function that answers."""

    about: Literal["type", "message", "field", "enum"]
    check: Callable[[Any], Iterable[Finding]]
