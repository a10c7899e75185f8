"""The mapping of scalars between two types of fields: unchanged, checked, or converted."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor

from meshgate.gateway.contracts.transform.fields.callables import Convert
from meshgate.gateway.contracts.transform.fields.scalar_writers import shortest
from meshgate.gateway.contracts.transform.fields.scalars import RANGES
from meshgate.gateway.contracts.transform.violations import InvalidValue

__all__ = ["map_scalar"]

_Type = FieldDescriptor

_VARINT: dict[int, tuple[int, int]] = {
    _Type.TYPE_BOOL: (0, 1),
    _Type.TYPE_ENUM: (-(2**31), 2**31 - 1),
    **{kind: RANGES[kind][1:] for kind in (_Type.TYPE_INT32, _Type.TYPE_INT64, _Type.TYPE_UINT32, _Type.TYPE_UINT64)},
}
_ZIGZAG = frozenset({_Type.TYPE_SINT32, _Type.TYPE_SINT64})
_FOUR = frozenset({_Type.TYPE_FIXED32, _Type.TYPE_SFIXED32})
_EIGHT = frozenset({_Type.TYPE_FIXED64, _Type.TYPE_SFIXED64})


class ScalarMapping(NamedTuple):
    """How a scalar passes.

    Attributes:
        passes: whether its bytes mean the same value to the target.
        check: raises if the value does not fit the target; None if it always does.
        move: converts the value, which is then set in the target; None if nothing is set.
    """

    passes: bool
    check: Convert | None = None
    move: Convert | None = None


_KEEP, _DROP = ScalarMapping(passes=True), ScalarMapping(passes=False)


def map_scalar(old: FieldDescriptor, new: FieldDescriptor) -> ScalarMapping:
    """The mapping of a scalar between two fields of one number."""
    was, now = old.type, new.type
    if was == now or (was, now) == (_Type.TYPE_STRING, _Type.TYPE_BYTES):
        return _KEEP
    if (was, now) == (_Type.TYPE_BYTES, _Type.TYPE_STRING):
        return ScalarMapping(passes=True, check=_utf8)
    if was in _VARINT and now in _VARINT:
        return _fitting(_VARINT[was], _VARINT[now])
    if was not in RANGES and was != _Type.TYPE_FLOAT:
        return _DROP
    if now in (_Type.TYPE_DOUBLE, _Type.TYPE_FLOAT) and was in RANGES:
        return ScalarMapping(passes=False, move=_exact_double if now == _Type.TYPE_DOUBLE else _exact_float)
    if (was, now) == (_Type.TYPE_FLOAT, _Type.TYPE_DOUBLE):
        return ScalarMapping(passes=False, move=_widened)
    if was in RANGES and now in RANGES:
        fitting = _fitting(RANGES[was][1:], RANGES[now][1:])
        if any({was, now} <= kind for kind in (_ZIGZAG, _FOUR, _EIGHT)):
            return fitting
        return ScalarMapping(passes=False, check=fitting.check, move=int)
    return _DROP


def _fitting(inner: tuple[int, int], outer: tuple[int, int]) -> ScalarMapping:
    least, most = outer
    if least <= inner[0] and inner[1] <= most:
        return _KEEP

    def check(value: Any) -> None:
        if not least <= value <= most:
            raise InvalidValue("conversion.range", f"must be from {least} to {most} for the other release")

    return ScalarMapping(passes=True, check=check)


def _utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError:
        raise InvalidValue("conversion.text", "must be UTF-8 for the other release, where it is a string") from None


def _exact_double(value: int) -> float:
    if (found := float(value)) != value:
        raise InvalidValue("conversion.exact", "is no exact double, which the other release has")
    return found


def _exact_float(value: int) -> float:
    if abs(value) > 2**24:
        raise InvalidValue("conversion.exact", "is no exact float, which the other release has")
    return float(value)


def _widened(value: float) -> float:
    # The number as it was written, 0.1, and not 0.10000000149.
    return float(shortest(value)) if math.isfinite(value) else value
