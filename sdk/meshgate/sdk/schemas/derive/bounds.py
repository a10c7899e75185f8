"""pydantic's constraints as protovalidate's. What has no counterpart there is left to pydantic, at the agent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import annotated_types as at
from pydantic.fields import FieldInfo

from meshgate.sdk.schemas.derive.pattern import contract_pattern
from meshgate.sdk.schemas.derive.shapes import Kind, Rules

__all__ = ["element_rules", "flatten", "size_rules"]

_BOUNDS: tuple[tuple[type[Any], str, str], ...] = (
    (at.Ge, "ge", "gte"),
    (at.Gt, "gt", "gt"),
    (at.Le, "le", "lte"),
    (at.Lt, "lt", "lt"),
)
_LEAST, _MOST = -(2**63), 2**63 - 1


def flatten(metadata: Iterable[Any]) -> list[Any]:
    """Constraints one by one: ``Interval``, ``Len`` and ``StringConstraints`` are several each."""
    found: list[Any] = []
    for one in metadata:
        if getattr(one, "strip_whitespace", None) or getattr(one, "to_lower", None) or getattr(one, "to_upper", None):
            continue  # it changes the text before it is measured, so the text as it came may be longer
        if isinstance(one, FieldInfo):
            found.extend(flatten(one.metadata))
        else:
            found.extend(flatten(one) if isinstance(one, at.GroupedMetadata) else [one])
    return found


def element_rules(kind: Kind, metadata: Sequence[Any], path: str) -> Rules:
    """The constraints of one value.

    Raises:
        BadContract: a pattern means something else in a contract.
    """
    if kind == "int64":
        return dict(_whole(_bounds(metadata)))
    if kind == "double":
        rules: Rules = {name: float(bound) for name, bound in _bounds(metadata) if math.isfinite(bound)}
        finite = any(getattr(one, "allow_inf_nan", True) is False for one in metadata)
        return rules | ({"finite": True} if finite else {})
    if kind == "string":
        return {**_sizes(metadata, "min_len", "max_len"), **_pattern(metadata, path)}
    return _sizes(metadata, "min_len", "max_len") if kind == "bytes" else {}


def size_rules(shape: str, metadata: Sequence[Any]) -> Rules:
    """The constraints of how many items a list has, or entries a map."""
    return _sizes(metadata, "min_items", "max_items") if shape == "list" else _sizes(metadata, "min_pairs", "max_pairs")


def _bounds(metadata: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    for one in metadata:
        for cls, attribute, name in _BOUNDS:
            if isinstance(one, cls) and isinstance(bound := getattr(one, attribute), int | float):
                yield name, bound


def _whole(bounds: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, int]]:
    for name, bound in bounds:
        if math.isfinite(bound) and _LEAST <= bound <= _MOST:  # pydantic takes no fraction as a bound of integers
            yield name, int(bound)


def _sizes(metadata: Sequence[Any], least: str, most: str) -> Rules:
    rules: Rules = {}
    for one in metadata:
        if isinstance(one, at.MinLen) and one.min_length > 0:
            rules[least] = one.min_length
        elif isinstance(one, at.MaxLen):
            rules[most] = one.max_length
    return rules


def _pattern(metadata: Sequence[Any], path: str) -> Rules:
    # A compiled pattern is matched by Python's engine, whose language is another.
    found = [one.pattern for one in metadata if isinstance(getattr(one, "pattern", None), str)]
    return {"pattern": contract_pattern(found[-1], path)} if found else {}
