"""The one byte form of a JSON value (RFC 8785), which signatures cover."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from meshgate.a2a.errors import InvalidParams

__all__ = ["canonical_json"]

_LARGEST = 2**53 - 1
"""Largest whole number that every reader of JSON keeps as it is (RFC 8785, section 3.2.2.3)."""
_DEEPEST = 128
"""Most levels of objects and arrays."""
_PLAIN_DIGITS, _PLAIN_ZEROS = 21, 6
"""A number with at most so many digits before its point, or zeros behind it, has no exponent (ECMA-262)."""


def canonical_json(value: Any) -> bytes:
    """The canonical form of a JSON value.

    Raises:
        InvalidParams: it has none: a number that readers of JSON do not share, half a character, or too many levels.
    """
    out: list[str] = []
    _write(value, out, 1)
    try:
        return "".join(out).encode()
    except UnicodeEncodeError:
        raise InvalidParams("half a surrogate pair has no canonical form: send whole characters") from None


def _write(value: Any, out: list[str], depth: int) -> None:
    if isinstance(value, Mapping | list | tuple) and depth > _DEEPEST:
        raise InvalidParams(f"JSON of more than {_DEEPEST} levels has no canonical form here: nest it less")
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value)
        # Keys are ordered by their code units in UTF-16, which is another order than that of their characters.
        ordered = sorted(members, key=lambda key: key.encode("utf-16-be", "surrogatepass"))
        for place, key in enumerate(ordered):
            out += ("," if place else "{", _text(key), ":")
            _write(members[key], out, depth + 1)
        out.append("}" if ordered else "{}")
    elif isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        for place, item in enumerate(items):
            out.append("," if place else "[")
            _write(item, out, depth + 1)
        out.append("]" if items else "[]")
    else:
        out.append(_scalar(value))


def _scalar(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        if abs(value) > _LARGEST:
            raise InvalidParams("a whole number above 2^53 has no canonical form: write it as text")
        return str(value)
    return _number(float(value))


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _number(value: float) -> str:
    """A number as ECMAScript writes it: the same shortest digits as Python's, another form of the exponent."""
    if not math.isfinite(value):
        raise InvalidParams("NaN and infinities are no numbers of JSON: leave them out")
    sign, places, exponent = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, places)).rstrip("0")
    if not digits:
        return "0"  # also for minus zero
    # The value is 0.DIGITS times ten to the power of this.
    point = len(places) + int(exponent)
    if len(digits) <= point <= _PLAIN_DIGITS:
        text = digits.ljust(point, "0")
    elif 0 < point <= _PLAIN_DIGITS:
        text = f"{digits[:point]}.{digits[point:]}"
    elif -_PLAIN_ZEROS < point <= 0:
        text = f"0.{'0' * -point}{digits}"
    else:
        text = f"{digits[0]}{'.' if digits[1:] else ''}{digits[1:]}e{point - 1:+d}"
    return f"{'-' if sign else ''}{text}"
