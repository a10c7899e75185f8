"""The one strict check of A2A JSON: shape, spelling and size.

JSON that looks the same to a person can mean different things to two parsers. A document that passes this check has one
meaning: known keys have their one spelling, unknown keys stay as they came (section 5.7), ``null`` is a key left out,
and a required key that ProtoJSON leaves out because it has its default is written out.
"""

from __future__ import annotations

import enum
import functools
import re
from typing import Any, TypeGuard, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from meshgate.a2a.errors import InvalidParams, InvalidRequest, ParseError
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.types import BEYOND, A2AMessage

__all__ = ["MAX_DEPTH", "MAX_NODES", "check", "decode_json", "guard_shape", "is_array", "is_object"]

MAX_DEPTH = DEFAULTS.json_depth
"""Deepest nesting of arrays and objects."""
MAX_NODES = DEFAULTS.json_nodes
"""Most values in one document."""

_M = TypeVar("_M", bound=A2AMessage)
_QUOTED = 200
"""Most characters of a caller's own text that an error repeats."""
# Matches at every quote, closed or not: a search that could fail would start again at the next quote, and a body of
# nothing but quotes would then cost the square of its length. For the same reason nothing here can backtrack.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")
_SPACE = b" \t\r\n"
_RUNS = bytes(48 if byte in b"0123456789" else 32 for byte in range(256))
_LONG_RUN = b"0" * 309
"""An integer with fewer digits has a double; looking for a run of digits is cheaper than looking at every value."""
_decoder = msgspec.json.Decoder()


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether a JSON value is an array."""
    return isinstance(value, list)


def decode_json(body: bytes, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Any:
    """The JSON value in ``body``. Of duplicate keys the last wins, and only it is kept.

    Raises:
        ParseError: it is no JSON or no UTF-8, or has a number that no double holds.
        InvalidRequest: it is deeper or wider than allowed.
    """
    guard_shape(body, max_depth=max_depth, max_nodes=max_nodes)
    try:
        tree = _decoder.decode(body)
        if _LONG_RUN in body.translate(_RUNS):
            _check_numbers(tree)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, OverflowError) as error:
        raise ParseError(f"the body is not valid JSON: {error}") from None
    return tree


def _check_numbers(tree: Any) -> None:
    """Raise OverflowError for an integer that no double holds."""
    waiting = [tree]
    while waiting:
        value = waiting.pop()
        if is_object(value):
            waiting.extend(value.values())
        elif is_array(value):
            waiting.extend(value)
        elif isinstance(value, int):
            float(value)


def guard_shape(body: bytes, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> None:
    """Refuse JSON that is too deep or too wide, from its bytes alone, before a parser spends memory on it.

    The cost is linear in the body. Bytes that are no JSON may pass: the parser refuses them.

    Raises:
        InvalidRequest: naming the limit.
    """
    opened = body.count(b"{") + body.count(b"[")
    if opened <= max_depth and opened + body.count(b",") < max_nodes:
        return
    # A document has at most as many keys as values, so no more strings than that are looked at.
    bare, strings = _STRING.subn(b"0", body, count=2 * max_nodes + 1)
    if strings > 2 * max_nodes:
        raise InvalidRequest(f"the document has more than {max_nodes} values", neutral=True)
    bare = bare.translate(None, _SPACE)
    # The root, what follows a comma, and the first value of each container that is not empty.
    opened = bare.count(b"{") + bare.count(b"[")
    empty = bare.count(b"{}") + bare.count(b"[]")
    if max(opened, 1 + bare.count(b",") + opened - empty) > max_nodes:
        raise InvalidRequest(f"the document has more than {max_nodes} values", neutral=True)
    depth = 0
    for bracket in bare.translate(None, _NOT_BRACKET):
        depth += 1 if bracket in b"{[" else -1
        if depth > max_depth:
            raise InvalidRequest(f"the document is nested deeper than {max_depth} levels", neutral=True)
        if depth <= 0:
            return


class _Shape(msgspec.Struct):
    keys: frozenset[str]
    folded: dict[str, str]
    """A key's letters alone, in lower case, to its one spelling."""
    children: list[tuple[str, _Shape, bool]]
    required: dict[str, Any]
    """The value of a required key that is left out."""


def _fold(key: str) -> str:
    return key.replace("_", "").lower()


def _message_type(hint: Any) -> tuple[type[A2AMessage], bool] | None:
    many = get_origin(hint) is list
    for candidate in get_args(hint) or (hint,):
        if isinstance(candidate, type) and issubclass(candidate, A2AMessage):
            return candidate, many
    return None


def _default(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return next(iter(hint)).value
    return "" if hint is str else [] if get_origin(hint) is list else None


@functools.cache
def _shape(kind: type[A2AMessage]) -> _Shape:
    hints = get_type_hints(kind)
    fields = msgspec.structs.fields(kind)
    shape = _Shape(
        keys=frozenset(field.encode_name for field in fields),
        folded={_fold(field.encode_name): field.encode_name for field in fields},
        children=[],
        required={field.encode_name: _default(hints[field.name]) for field in fields if field.required},
    )
    for field in fields:
        child = _message_type(hints[field.name])
        if child is not None:
            shape.children.append((field.encode_name, _shape(child[0]), child[1]))
    return shape


def _clean(tree: dict[str, Any], shape: _Shape) -> bool:
    """Whether an object needs no closer check: it has only known keys, and no null. Almost every message is so."""
    if not tree.keys() <= shape.keys or None in tree.values():
        return False
    for key, child, many in shape.children:
        value = tree.get(key)
        if value is None:
            continue
        if many:
            for item in value:
                if not _clean(item, child):
                    return False
        elif not _clean(value, child):
            return False
    return True


def _check_spelling(tree: dict[str, Any], shape: _Shape, path: str) -> bool:
    """Refuse keys that a less strict parser would take for known ones; return whether a known key is null."""
    null = False
    if not tree.keys() <= shape.keys:
        for key in tree.keys() - shape.keys:
            right = shape.folded.get(_fold(key))
            if right is not None:
                # One parser would take it for the known key and another would not, which would let calls be smuggled.
                raise _invalid(f"{path}.{key}", f"write {right!r}, the only spelling that is accepted")
    if None in tree.values():
        null = any(value is None and key in shape.keys and key != "data" for key, value in tree.items())
    for key, child, many in shape.children:
        value = tree.get(key)
        if value is None:
            continue
        if many:
            for index, item in enumerate(value):
                null |= _check_spelling(item, child, f"{path}.{key}[{index}]")
        else:
            null |= _check_spelling(value, child, f"{path}.{key}")
    return null


_NAMED = re.compile(r"(?:Object missing required field `(\w+)`|([A-Za-z]+(?:\.[A-Za-z]+)*) (must .*))\Z", re.DOTALL)
"""A check that names its field, below the message that it is a check of."""


def _invalid(path: str, what: str) -> InvalidParams:
    named = _NAMED.match(what)
    if named is not None:
        path = f"{path}.{named[1] or named[2]}"
        what = named[3] or "must be there"
    field = path.removeprefix("$").removeprefix(".")[:_QUOTED] or "params"
    what = what[:_QUOTED]
    return InvalidParams(f"{field}: {what}", violations=((field, what),), neutral=what.startswith(BEYOND))


def _normal(tree: Any, shape: _Shape) -> Any:
    """The object as a ProtoJSON parser reads it: without nulls at known keys, with required keys at their defaults."""
    if not is_object(tree):
        return tree
    # In fields of any JSON value (data, metadata) a null is a value, and stays.
    out = {key: value for key, value in tree.items() if value is not None or key not in shape.keys or key == "data"}
    for key, default in shape.required.items():
        if default is not None:
            out.setdefault(key, default)
    for key, child, many in shape.children:
        value = out.get(key)
        if many and is_array(value):
            out[key] = [_normal(item, child) for item in value]
        elif value is not None:
            out[key] = _normal(value, child)
    return out


def check(tree: Any, kind: type[_M]) -> tuple[dict[str, Any], _M]:
    """Check ``tree`` against ``kind``; return the tree that may be sent on, and its typed view.

    Raises:
        InvalidParams: with the path of the field and what is wrong with it.
    """
    shape = _shape(kind)
    try:
        view = msgspec.convert(tree, kind)
    except msgspec.ValidationError:
        tree = _normal(tree, shape)
        try:
            view = msgspec.convert(tree, kind)
        except msgspec.ValidationError as error:
            what, _, path = str(error).partition(" - at `")
            raise _invalid(path.rstrip("`"), what) from None
    if not _clean(tree, shape) and _check_spelling(tree, shape, "$"):
        tree = _normal(tree, shape)
        view = msgspec.convert(tree, kind)
    return tree, view
