"""A field's constraints as facts that can be compared: whether each value that one lets pass also passes the other.

Facts are keyed by what they are about, those of a list's items and of a map's keys and values with a prefix:

============================  ==========================================================================
``min``, ``chars.min``, ...   the least value or length, as (bound, 1 if the bound itself is excluded)
``max``, ``chars.max``, ...   the greatest, as (bound, -1 if the bound itself is excluded)
``in``, ``not_in``            frozen sets of values
``skips_zero``                the constraints do not hold for an item that is zero or empty
anything else                 what can only be compared for being the same: patterns, formats, CEL
============================  ==========================================================================
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Proto
from google.protobuf.descriptor_pb2 import FieldOptions
from google.protobuf.message import Message

from meshgate.registry.schemas.options import read_rules
from meshgate.registry.schemas.rules.model import Constraints
from meshgate.registry.schemas.views import FieldView

__all__ = ["constraints", "implied", "refuses_zero", "split", "texts"]

_IF_ZERO, _ALWAYS = 1, 3
"""``buf.validate.Ignore``."""

_PARTS = ("items", "keys", "values")
_MEASURES = {"len": "chars", "len_bytes": "octets", "bytes": "octets", "items": "count", "pairs": "count"}
_ZEROS: dict[int, Any] = {Proto.TYPE_STRING: "", Proto.TYPE_BYTES: b"", Proto.TYPE_BOOL: False}
_HARMLESS = frozenset({"not_contains", "finite", "unique", "strict", "defined_only", "uri_ref", "skips_zero"})
"""Facts that zero and the empty string always fulfil."""


_NONE = Constraints()


def constraints(field: FieldView) -> Constraints:
    """The constraints of a field; none is a value too."""
    return _read(field.options) if field.options else _NONE


@functools.lru_cache(maxsize=4096)
def _read(options: bytes) -> Constraints:
    rules = read_rules(FieldOptions.FromString(options), "field")
    if rules is None or rules.ignore == _ALWAYS:
        return Constraints()
    return Constraints(rules.required, rules.ignore == _IF_ZERO, _facts(rules, ""))


def _facts(rules: Any, prefix: str) -> dict[str, Any]:
    facts: dict[str, Any] = {f"{prefix}cel.{text}": True for text in texts(rules)}
    kind = rules.WhichOneof("type")
    if kind is None:
        return facts
    declared = getattr(rules, kind)
    values = {field.name: value for field, value in declared.ListFields()}
    for part in _PARTS:
        if isinstance(values.get(part), Message):
            inner = values.pop(part)
            facts |= _part(inner, f"{prefix}{part}.")
    facts |= {f"{prefix}{name}": value for name, value in _plain(kind, values).items()}
    unknown = _unknown(declared)
    if unknown:
        facts[f"{prefix}predefined"] = unknown
    return facts


def _unknown(declared: Any) -> bytes:
    """What is not known of a message such as ``StringRules``: predefined rules, which extend it."""
    rest: Any = type(declared)()
    rest.CopyFrom(declared)
    for field, _ in declared.ListFields():
        rest.ClearField(field.name)
    return bytes(rest.SerializeToString(deterministic=True))


def _part(rules: Any, prefix: str) -> dict[str, Any]:
    """The facts of a list's items, or of a map's keys or values."""
    if rules.ignore == _ALWAYS:
        return {}
    facts = _facts(rules, prefix)
    if rules.ignore == _IF_ZERO and facts:
        facts[f"{prefix}skips_zero"] = True
    return facts


def _plain(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """The facts in a message such as ``StringRules``."""
    facts: dict[str, Any] = {}
    low = [(_value(values[name]), strict) for name, strict in (("gt", 1), ("gte", 0)) if name in values]
    high = [(_value(values[name]), strict) for name, strict in (("lt", -1), ("lte", 0)) if name in values]
    if low and high and low[0][0] >= high[0][0]:
        facts["outside"] = (low[0], high[0])  # such a pair means: outside the two
    else:
        facts |= {"min": low[0]} if low else {}
        facts |= {"max": high[0]} if high else {}
    for name, value in values.items():
        bound, _, measured = name.partition("_")
        if name in ("gt", "gte", "lt", "lte", "example"):
            continue
        if name == "const":
            facts["in"] = frozenset([_value(value)])
        elif name in ("in", "not_in"):
            facts.setdefault(name, frozenset(_value(each) for each in value))
        elif name in ("len", "len_bytes"):
            about = "octets" if kind == "bytes" else _MEASURES[name]
            facts |= {f"{about}.min": (value, 0), f"{about}.max": (value, 0)}
        elif bound in ("min", "max") and measured in _MEASURES:
            about = "octets" if kind == "bytes" else _MEASURES[measured]
            facts[f"{about}.{bound}"] = (value, 0)
        elif value is not False:
            facts[name] = _value(value)
    return facts


def _value(value: Any) -> Any:
    """A value that can be compared and be in a set: durations and timestamps become (seconds, nanoseconds)."""
    if isinstance(value, Message):
        named = {field.name for field in value.DESCRIPTOR.fields}
        if named == {"seconds", "nanos"}:
            moment: Any = value
            return moment.seconds, moment.nanos
        return value.SerializeToString(deterministic=True)
    return value


def texts(rules: Any) -> list[str]:
    """The CEL expressions of rules, sorted."""
    return sorted({*(each.expression for each in rules.cel), *rules.cel_expression})


def split(key: str) -> tuple[str, str, str]:
    """A fact's key as (prefix with its dot, what is measured, kind): ``items.chars.min`` is items., chars, min."""
    part = key.partition(".")[0]
    before = f"{part}." if part in _PARTS else ""
    rest = key.removeprefix(before)
    if rest.startswith("cel."):
        return before, rest, "cel"  # an expression may hold anything, dots too
    about, _, kind = rest.rpartition(".")
    return before, about, kind


def implied(given: Mapping[str, Any], key: str, wanted: Any) -> bool:
    """Whether every value that has the ``given`` facts has the ``wanted`` one as well. Unsure counts as no."""
    before, about, kind = split(key)
    listed: frozenset[Any] | None = given.get(f"{before}in")
    if kind == "skips_zero":
        return True
    if given.get(f"{before}skips_zero"):
        return False
    if kind in ("min", "max"):
        try:
            return _bounded(given.get(key), about, listed, kind, wanted)
        except TypeError:
            return False  # constraints of two types, such as a number's and a moment's
    if kind == "in":
        return listed is not None and listed <= wanted
    if kind == "not_in":
        return wanted <= given.get(key, frozenset()) or (listed is not None and not listed & wanted)
    return bool(given.get(key) == wanted)


def _bounded(have: Any, about: str, listed: frozenset[Any] | None, kind: str, wanted: Any) -> bool:
    spans = [have] if have is not None else []
    if listed:
        sizes = [_size(about, value) for value in listed]
        spans.append(((min if kind == "min" else max)(sizes), 0))
    return any(span >= wanted if kind == "min" else span <= wanted for span in spans)


def _size(about: str, value: Any) -> Any:
    """What a bound on ``about`` (the value itself, its characters, its octets) looks at."""
    if about == "octets" and isinstance(value, str):
        return len(value.encode())
    return len(value) if about else value


def refuses_zero(field: FieldView) -> bool:
    """Whether the constraints refuse the value that the field has when nobody set it. Unsure counts as yes."""
    found = constraints(field)
    if field.presence or found.skips_zero:
        return False
    if field.shape != "singular":
        return found.facts.get("count.min", (0, 0))[0] > 0 or any(key.startswith("cel.") for key in found.facts)
    zero = _ZEROS.get(field.type, 0)
    try:
        return any(_refuses(key, fact, zero) for key, fact in found.facts.items() if key not in _HARMLESS)
    except TypeError:
        return True  # constraints of another type than the field's


def _refuses(key: str, fact: Any, zero: Any) -> bool:
    _, about, kind = split(key)
    if kind in ("in", "not_in"):
        return (zero in fact) is (kind == "not_in")
    if kind == "min":
        return bool(fact[0] > 0 if about else (zero, 0) < fact)
    if kind == "max":
        return bool(not about and (zero, 0) > fact)
    return True
