"""The one strict check of A2A JSON: shape, spelling and size.

JSON that looks the same to a person can mean different things to two parsers. What is let through here means one thing:
known keys have their one spelling, unknown keys stay as they came (section 5.7), and ``null`` is a key left out.
"""

from __future__ import annotations

import functools
import re
from typing import Any, TypeVar, cast, get_args, get_type_hints

import msgspec

from meshgate.a2a.errors import InvalidParams, InvalidRequest, ParseError
from meshgate.a2a.types import A2AMessage

__all__ = ["MAX_DEPTH", "MAX_NODES", "check", "decode_json", "guard_shape"]

MAX_DEPTH = 64
"""Deepest nesting of arrays and objects."""
MAX_NODES = 50_000
"""Most values in one document."""

_M = TypeVar("_M", bound=A2AMessage)
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKET = re.compile(rb"[^\[\]{}]+")
_decoder = msgspec.json.Decoder()


def decode_json(body: bytes, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> Any:
    """The JSON value in ``body``. Of duplicate keys the last wins, and only it is kept.

    Raises:
        ParseError: no JSON, or no UTF-8, or a number that no double holds.
        InvalidRequest: deeper or wider than allowed.
    """
    guard_shape(body, max_depth=max_depth, max_nodes=max_nodes)
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ParseError(f"the body is not valid JSON: {error}") from None


def guard_shape(body: bytes, *, max_depth: int = MAX_DEPTH, max_nodes: int = MAX_NODES) -> None:
    """Refuse JSON that is too deep or too wide, from its bytes alone, before a parser spends memory on it.

    Raises:
        InvalidRequest: naming the limit.
    """
    opened = body.count(b"{") + body.count(b"[")
    if opened <= max_depth and opened + body.count(b",") < max_nodes:
        return
    bare = _STRING.sub(b"0", body)
    # Every value but the first of its container follows a comma; every container holds at most one more.
    opened = bare.count(b"{") + bare.count(b"[")
    if opened + bare.count(b",") >= max_nodes:
        raise InvalidRequest(f"the document has more than {max_nodes} values")
    depth = 0
    for bracket in _NOT_BRACKET.sub(b"", bare):
        depth += 1 if bracket in b"{[" else -1
        if depth > max_depth:
            raise InvalidRequest(f"the document is nested deeper than {max_depth} levels")


class _Shape(msgspec.Struct):
    keys: frozenset[str]
    folded: dict[str, str]
    """A key's letters alone, in lower case, to its one spelling."""
    children: list[tuple[str, _Shape, bool]]


def _fold(key: str) -> str:
    return key.replace("_", "").lower()


def _message_type(hint: Any) -> tuple[type[A2AMessage], bool] | None:
    args = get_args(hint)
    many = getattr(hint, "__origin__", None) is list
    for candidate in args or (hint,):
        if isinstance(candidate, type) and issubclass(candidate, A2AMessage):
            return candidate, many
    return None


@functools.cache
def _shape(kind: type[A2AMessage]) -> _Shape:
    shape = _Shape(frozenset(kind.__struct_encode_fields__), {_fold(key): key for key in kind.__struct_encode_fields__}, [])
    hints = get_type_hints(kind)
    for name, key in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True):
        child = _message_type(hints[name])
        if child is not None:
            shape.children.append((key, _shape(child[0]), child[1]))
    return shape


def _check_spelling(tree: dict[str, Any], shape: _Shape, path: str) -> None:
    if not tree.keys() <= shape.keys:
        for key in tree.keys() - shape.keys:
            right = shape.folded.get(_fold(key))
            if right is not None:
                # One parser would take it for the known key, another would not: that is how calls are smuggled.
                raise _invalid(f"{path}.{key}", f"write {right!r}, the only spelling that is taken")
    for key, child, many in shape.children:
        value = tree.get(key)
        if value is None:
            continue
        if many:
            for index, item in enumerate(value):
                _check_spelling(item, child, f"{path}.{key}[{index}]")
        else:
            _check_spelling(value, child, f"{path}.{key}")


def _invalid(path: str, what: str) -> InvalidParams:
    field = path.removeprefix("$").removeprefix(".") or "params"
    return InvalidParams(f"{field}: {what}", violations=((field, what),))


def _without_nulls(tree: Any, shape: _Shape) -> Any:
    # ProtoJSON reads null as "not set"; where any JSON value may stand (data, metadata) it stays what it is.
    if not isinstance(tree, dict):
        return tree
    out = {
        key: value
        for key, value in cast("dict[str, Any]", tree).items()
        if value is not None or key not in shape.keys or key == "data"
    }
    for key, child, many in shape.children:
        value = out.get(key)
        if many and isinstance(value, list):
            out[key] = [_without_nulls(item, child) for item in cast("list[Any]", value)]
        elif value is not None:
            out[key] = _without_nulls(value, child)
    return out


def check(tree: Any, kind: type[_M]) -> tuple[dict[str, Any], _M]:
    """Check ``tree`` against ``kind``; return what may be sent on, and the view of it.

    Raises:
        InvalidParams: with the path of the field and what is wrong with it.
    """
    try:
        view = msgspec.convert(tree, kind)
    except msgspec.ValidationError as first:
        tree = _without_nulls(tree, _shape(kind))
        try:
            view = msgspec.convert(tree, kind)
        except msgspec.ValidationError:
            what, _, path = str(first).partition(" - at `")
            raise _invalid(path.rstrip("`"), what) from None
    _check_spelling(tree, _shape(kind), "$")
    return tree, view
