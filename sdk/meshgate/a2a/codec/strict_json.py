"""The one strict check of A2A JSON: shape, spelling and size.

JSON that looks the same to a person can mean different things to two parsers. A document that passes this check has one
meaning: known keys are spelled in lowerCamelCase, unknown keys stay as they came (section 5.7), ``null`` is a key left
out, and a required key that ProtoJSON leaves out because it has its default is written out. As ProtoJSON allows, a
known key may come as the .proto spells it (``message_id``); from here on it has its one spelling.
"""

from __future__ import annotations

import enum
import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from meshgate.a2a.codec.short_text import first_sentence, shorten
from meshgate.a2a.codec.type_fault import type_fault
from meshgate.a2a.errors import InvalidParams, InvalidRequest, ParseError
from meshgate.a2a.limits import DEFAULTS
from meshgate.a2a.types import BEYOND, A2AMessage, Role, TaskState

__all__ = ["MAX_DEPTH", "MAX_NODES", "check", "decode_json", "fold", "guard_shape", "is_array", "is_object"]

MAX_DEPTH = DEFAULTS.json_depth
"""Deepest nesting of arrays and objects."""
MAX_NODES = DEFAULTS.json_nodes
"""Most values in one document."""

_M = TypeVar("_M", bound=A2AMessage)
_QUOTED, _PLACE, _WHAT = 200, 40, 110
"""Most characters of a caller's own text that an error repeats."""
_LISTED = 20
"""Most corrections of one document that are listed."""
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
        why = "a number is too large" if isinstance(error, OverflowError) else first_sentence(error, 120)
        raise ParseError(f"the body is not valid JSON: {why}") from None
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


# What a field holds messages in. Plain numbers: every message is looked at.
_ONE, _LIST, _MAP = 0, 1, 2


class _Shape(msgspec.Struct):
    keys: frozenset[str]
    respelled: dict[str, str]
    """A key as the .proto spells it, where that differs, to its one spelling."""
    folded: dict[str, str]
    """A key's letters alone, in lower case, to its one spelling."""
    children: list[tuple[str, _Shape, int]]
    required: dict[str, Any]
    """The value of a required key that is left out."""


def fold(key: str) -> str:
    """A key's letters alone, in lower case: what looks like it to a less strict parser has the same."""
    return key.replace("_", "").lower()


def _message_type(hint: Any) -> tuple[type[A2AMessage], int] | None:
    holds = {list: _LIST, dict: _MAP}.get(get_origin(hint), _ONE)
    for candidate in get_args(hint) or (hint,):
        if isinstance(candidate, type) and issubclass(candidate, A2AMessage):
            return candidate, holds
    return None


_DEFAULTS: dict[Any, Any] = {str: "", int: 0}


def _default(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return next(iter(hint)).value
    return [] if get_origin(hint) is list else _DEFAULTS.get(hint)


@functools.cache
def _shape(kind: type[A2AMessage]) -> _Shape:
    hints = get_type_hints(kind)
    fields = msgspec.structs.fields(kind)
    shape = _Shape(
        keys=frozenset(field.encode_name for field in fields),
        respelled={field.name: field.encode_name for field in fields if field.name != field.encode_name},
        folded={fold(field.encode_name): field.encode_name for field in fields},
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
    for key, child, holds in shape.children:
        value = tree.get(key)
        if value is None:
            continue
        if not holds:
            if not _clean(value, child):
                return False
            continue
        for item in value if holds == _LIST else value.values():
            if not _clean(item, child):
                return False
    return True


_NAMED = re.compile(r"(?:Object missing required field `(\w+)`|([A-Za-z]+(?:\.[A-Za-z]+)*) (must .*))\Z", re.DOTALL)
"""A check that names its field, below the message that it is a check of."""
_CHOICES: dict[str, list[str]] = {
    key: [one.value for one in kind if one.name != "UNSPECIFIED"]
    for key, kind in (("role", Role), ("state", TaskState))
}
"""The values of A2A's enums, by the keys that hold them."""


def _invalid(path: str, what: str) -> InvalidParams:
    named = _NAMED.match(what)
    if named is not None:
        path = f"{path}.{named[1] or named[2]}"
        what = named[3] or "must be there"
    field = path.removeprefix("$").removeprefix(".")[:_QUOTED] or "params"
    what = shorten(what, _WHAT)
    told = f"{shorten(field, _PLACE)}: {what}"
    return InvalidParams(told, violations=((field, what),), neutral=what.startswith(BEYOND))


class _Normal:
    """An object as a ProtoJSON parser reads it: without nulls at known keys, with required keys at their defaults.

    Attributes:
        corrections: what was put right, by the places of the keys; the first ``_LISTED`` of it.
    """

    def __init__(self) -> None:
        self.corrections: list[str] = []

    def read(self, tree: Any, shape: _Shape, path: str = "$") -> Any:
        """A copy that is put right.

        Raises:
            InvalidParams: a key is there in both spellings, or looks like a known one to a less strict parser.
        """
        if not is_object(tree):
            return tree
        out = self._own(tree, shape, path)
        for key, default in shape.required.items():
            if default is not None:
                out.setdefault(key, default)
        for key, child, holds in shape.children:
            value, below = out.get(key), f"{path}.{key}"
            if holds == _LIST and is_array(value):
                out[key] = [self.read(item, child, f"{below}[{index}]") for index, item in enumerate(value)]
            elif holds == _MAP and is_object(value):
                out[key] = {name: self.read(item, child, f"{below}.{name}") for name, item in value.items()}
            elif holds == _ONE and value is not None:
                out[key] = self.read(value, child, below)
        return out

    def _own(self, tree: dict[str, Any], shape: _Shape, path: str) -> dict[str, Any]:
        """The object's own keys and values."""
        out: dict[str, Any] = {}
        for key, value in tree.items():
            name = key if key in shape.keys else shape.respelled.get(key)
            if name is None:
                right = shape.folded.get(fold(key))
                if right is not None:
                    # One parser would take it for the known key and another would not: calls could be smuggled.
                    raise _invalid(f"{path}.{key}", f"write {right!r}, as A2A spells it")
                out[key] = value
                continue
            if name != key:
                if name in tree:
                    raise _invalid(f"{path}.{key}", f"is the same as {name!r}, which is there too: write one of them")
                self._note(path, key, f"read as {name}")
            # In fields of any JSON value (data, metadata) a null is a value, and stays.
            if value is None and name != "data":
                self._note(path, key, "null, read as left out")
            else:
                out[name] = value
        return out

    def _note(self, path: str, key: str, what: str) -> None:
        if len(self.corrections) < _LISTED:
            self.corrections.append(f"{path}.{key}: {what}".removeprefix("$."))


def check(
    tree: Any, kind: type[_M], corrections: list[str] | None = None, choices: Mapping[str, Sequence[str]] = _CHOICES
) -> tuple[dict[str, Any], _M]:
    """Check ``tree`` against ``kind``; return the tree that may be sent on, and its typed view.

    Args:
        corrections: takes what was put right, a text for each key: the first 20.
        choices: the values that an error lists for an enum, by the key that holds it.

    Raises:
        InvalidParams: with the path of the field and what is wrong with it.
    """
    shape = _shape(kind)
    try:
        view = msgspec.convert(tree, kind)
    except msgspec.ValidationError:
        pass
    else:
        if _clean(tree, shape):
            return tree, view
    return _put_right(tree, kind, shape, corrections, choices)


def _put_right(
    tree: Any, kind: type[_M], shape: _Shape, corrections: list[str] | None, choices: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Any], _M]:
    """The rest of ``check``, for the few messages that need it."""
    normal = _Normal()
    read = normal.read(tree, shape)
    view = _converted(read, kind, choices)
    if corrections is not None:
        corrections += normal.corrections
    return (read if normal.corrections or read != tree else tree), view


def _converted(tree: Any, kind: type[_M], choices: Mapping[str, Sequence[str]]) -> _M:
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        path = path.rstrip("`")
        raise _invalid(path, type_fault(what, choices.get(path.rpartition(".")[2], ()))) from None
