"""The query of the HTTP+JSON binding: a request's fields by their names in JSON (specification, section 11.5)."""

from __future__ import annotations

import functools
import re
import types
from collections.abc import Callable, Collection
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import parse_qsl, urlencode

import msgspec

from meshgate.a2a.codec.strict_json import fold
from meshgate.a2a.errors import InvalidParams
from meshgate.a2a.types import A2AMessage

__all__ = ["read_query", "write_query"]

_MOST = 100
"""Most parameters of a query."""
_NUMBER = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_TRUTH = {"true": True, "false": False}


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("must be a decimal number")
    return int(text)


def _truth(text: str) -> bool:
    if text not in _TRUTH:
        raise ValueError("must be true or false")
    return _TRUTH[text]


def _nested(_: str) -> Any:
    raise ValueError("has no form in a query")


class _Parameter(msgspec.Struct, frozen=True):
    """How one field is written."""

    read: Callable[[str], Any]
    many: bool = False


def _reader(hint: Any) -> _Parameter:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(each for each in get_args(hint) if each not in (type(None), msgspec.UnsetType))
    if get_origin(hint) is list:
        return _Parameter(_reader(get_args(hint)[0]).read, many=True)
    if hint is int:
        return _Parameter(_number)
    if hint is bool:
        return _Parameter(_truth)
    return _Parameter(str if isinstance(hint, type) and issubclass(hint, str) else _nested)


@functools.cache
def _parameters(kind: type[A2AMessage]) -> dict[str, _Parameter]:
    hints = get_type_hints(kind)
    return {field.encode_name: _reader(hints[field.name]) for field in msgspec.structs.fields(kind)}


@functools.cache
def _names(kind: type[A2AMessage]) -> dict[str, str]:
    """The one spelling of a parameter, by its letters alone."""
    return {fold(name): name for name in _parameters(kind)}


def read_query(query: str, kind: type[A2AMessage]) -> dict[str, Any]:
    """The fields of a request in a query. Parameters that are no fields of it are left out.

    A field in another spelling than A2A's keeps that spelling, for the check of the whole request to judge.

    Raises:
        InvalidParams: the query cannot be read, or a field's value is none, or is there twice.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST, errors="strict") if query else ()
    except UnicodeDecodeError:
        raise InvalidParams("the query is not valid UTF-8") from None
    except ValueError:
        raise InvalidParams(f"a query may have {_MOST} parameters") from None
    known, names = _parameters(kind), _names(kind)
    found: dict[str, Any] = {}
    for key, text in pairs:
        name = names.get(fold(key))
        if name is None:
            continue
        parameter = known[name]
        if key in found and not parameter.many:
            raise _invalid(key, "is there twice: send it once")
        try:
            values = [parameter.read(one) for one in (text.split(",") if parameter.many else (text,))]
        except ValueError as error:
            raise _invalid(key, str(error)) from None
        found[key] = [*found.get(key, ()), *values] if parameter.many else values[0]
    return found


def _invalid(name: str, what: str) -> InvalidParams:
    name = name[:64]
    return InvalidParams(f"{name}: {what}", violations=((name, what),))


def write_query(tree: dict[str, Any], kind: type[A2AMessage], without: Collection[str]) -> str:
    """The query with the fields of a request, but for those that its path has. Keys that A2A does not know have no
    place in it.
    """
    pairs: list[tuple[str, str]] = []
    for name, parameter in _parameters(kind).items():
        if name in tree and name not in without and parameter.read is not _nested:
            value = tree[name]
            pairs += [(name, _text(one)) for one in (value if parameter.many else (value,))]
    return urlencode(pairs)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
