"""Requests to the catalogue, read and checked (ARD 0.91, sections 5.3.1, 5.3.2 and 5.3.5)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple
from urllib.parse import parse_qsl

import msgspec

from meshgate.a2a.codec.strict_json import decode_json
from meshgate.a2a.codec.type_fault import fault_at
from meshgate.a2a.errors import InvalidParams
from meshgate.gateway.discovery.agent_entry import AGENT_TYPE, AgentEntry

__all__ = ["IDENTIFIER", "MAX_BODY", "ListRequest", "Page", "SearchRequest", "read_list", "read_search"]

MAX_BODY = 16 * 1024
"""Largest body of a search."""
_MOST_TEXT = 1000
"""Longest text of a search, in characters."""
_MOST_PAGE = 100
"""Most results, or entries, on one page (ARD 0.91, sections 5.3.2 and 5.3.5)."""
_SEARCH_PAGE, _LIST_PAGE = 10, 20
"""Results of a search, and entries of a list, on a page if a request names no number."""
_MOST_QUERY = 4096
"""Longest query string of a list, in characters."""
_MOST_FIELDS = 16
"""Most parameters of a list, and most terms of its filter."""
_LONGEST_POSITION = 9
"""Digits of a position in a page token."""

IDENTIFIER = re.compile(r"urn:air:[a-zA-Z0-9.-]+(?::[a-zA-Z0-9._-]+)+")
"""The form of an identifier (the pattern in ``ard-entry.schema.json``)."""

_TERM = re.compile(r"""\s*(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^\s'"]+))\s*(?:(AND)\b|\Z)""", re.ASCII)
_Values = Callable[[AgentEntry], tuple[str, ...]]
_Test = Callable[[AgentEntry], bool]

_SEARCHED: dict[str, _Values] = {
    "identifier": lambda entry: (entry.identifier,),
    "displayName": lambda entry: (entry.name,),
    "type": lambda _: (AGENT_TYPE,),
    "version": lambda entry: (entry.version,),
    "tags": lambda entry: entry.tags,
    "capabilities": lambda entry: entry.skills,
    "publisher": lambda entry: (entry.publisher,),
}
"""The keys of a search's filter, and the values of an entry under each."""
_LISTED: dict[str, _Values] = {
    "displayName": lambda entry: (entry.name.casefold(),),
    "type": lambda _: (AGENT_TYPE,),
    "publisherId": lambda entry: (entry.publisher,),
}
"""The fields of a list's filter (appendix A). When an agent was made or changed is not known here."""
_ORDERS: dict[str, Callable[[AgentEntry], str]] = {
    "displayName": lambda entry: entry.name.casefold(),
    "name": lambda entry: entry.name.casefold(),
    "identifier": lambda entry: entry.identifier,
}
_PARAMETERS = ("filter", "orderBy", "pageSize", "pageToken")


class Page(NamedTuple):
    """A part of a list: from a position on, so many. ``of`` names the list, so that a token is of no other one."""

    position: int
    size: int
    of: str

    def next_token(self, count: int) -> str:
        """The token of the page after this one, of a list with ``count`` entries; "" if this is the last one."""
        after = self.position + self.size
        return f"{after}.{self.of}" if after < count else ""


class SearchRequest(NamedTuple):
    """What is looked for, and which page of the results is wanted."""

    text: str
    fits: _Test
    page: Page


class ListRequest(NamedTuple):
    """Which entries are listed, in which order, and which page of them is wanted."""

    fits: _Test
    order: Callable[[AgentEntry], str]
    descending: bool
    page: Page


class _Query(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    text: str
    filter: dict[str, str | list[str]] = {}
    context: str | dict[str, Any] | list[Any] | None = msgspec.field(name="@context", default=None)


class _Search(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    query: _Query
    federation: Literal["auto", "referrals", "none"] = "auto"
    page_size: int | None = None
    page_token: str = ""


def read_search(body: bytes) -> SearchRequest:
    """The search in a body.

    Raises:
        ParseError, InvalidRequest: it is no JSON, or nested too deep.
        InvalidParams: a member is missing, unknown or wrong; the message names it.
    """
    try:
        asked = msgspec.convert(decode_json(body), _Search)
    except msgspec.ValidationError as error:
        raise InvalidParams(fault_at(error)) from None
    text = asked.query.text.strip()
    if not text:
        raise InvalidParams("query.text is empty: say what the agent is to do")
    if len(text) > _MOST_TEXT:
        raise InvalidParams(f"query.text may have {_MOST_TEXT} characters: say in one sentence what is looked for")
    wanted = {key: {value} if isinstance(value, str) else set(value) for key, value in asked.query.filter.items()}
    fits = _test(wanted, _SEARCHED, "query.filter")
    size = _SEARCH_PAGE if asked.page_size is None else asked.page_size
    of = _digest(text, *(f"{key}={sorted(values)}" for key, values in sorted(wanted.items())))
    return SearchRequest(text, fits, _page(size, asked.page_token, of))


def read_list(query: str) -> ListRequest:
    """The list that a query string asks for.

    Raises:
        InvalidParams: a parameter is unknown or wrong; the message names it.
    """
    if len(query) > _MOST_QUERY:
        raise InvalidParams(f"the query string of a list may have {_MOST_QUERY} characters")
    try:
        given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise InvalidParams("the query string cannot be read: write ?pageSize=20&pageToken=TOKEN") from None
    for name in given:
        if name not in _PARAMETERS:
            raise InvalidParams(f"{name[:64]!r} is no parameter of a list: there are {', '.join(_PARAMETERS)}")
    wanted, order = _list_filter(given.get("filter", "")), given.get("orderBy", "")
    field, _, direction = (order or "identifier").strip().partition(" ")
    direction = direction.strip().upper()
    if field not in _ORDERS or direction not in ("", "ASC", "DESC"):
        raise InvalidParams(f"orderBy cannot be {order[:64]!r}: write displayName or identifier, and ASC or DESC")
    size = given.get("pageSize", str(_LIST_PAGE))
    if not (size.isascii() and size.isdecimal() and len(size) <= _LONGEST_POSITION):
        raise InvalidParams(f"pageSize must be a number, not {size[:64]!r}")
    of = _digest(given.get("filter", ""), field, direction)
    page = _page(int(size), given.get("pageToken", ""), of)
    return ListRequest(_test(wanted, _LISTED, "filter"), _ORDERS[field], direction == "DESC", page)


def _list_filter(text: str) -> dict[str, set[str]]:
    """The terms of a list's filter: ``type = 'a,b' AND displayName = 'x'``."""
    wanted: dict[str, set[str]] = {}
    at, more = 0, bool(text.strip())
    while more:
        term = _TERM.match(text, at)
        if term is None or len(wanted) == _MOST_FIELDS:
            raise InvalidParams(f"filter cannot be read at {text[at : at + 40]!r}: write FIELD = 'VALUE' AND ...")
        field, *values, conjunction = term.groups()
        value = next(value for value in values if value is not None)
        fold = str.casefold if field == "displayName" else str
        wanted[field] = {fold(one.strip()) for one in value.split(",")}
        at, more = term.end(), conjunction is not None
    return wanted


def _test(wanted: Mapping[str, set[str]], known: Mapping[str, _Values], where: str) -> _Test:
    """Whether an entry has one of the values under each key."""
    for key in wanted:
        if key not in known:
            raise InvalidParams(f"{where} cannot have {key[:64]!r} here: it may have {', '.join(known)}")
    return lambda entry: all(not values.isdisjoint(known[key](entry)) for key, values in wanted.items())


def _page(size: int, token: str, of: str) -> Page:
    if not 1 <= size <= _MOST_PAGE:
        raise InvalidParams(f"pageSize must be 1 to {_MOST_PAGE}, not {str(size)[:20]}")
    if not token:
        return Page(0, size, of)
    position, _, named = token.partition(".")
    if named != of or not (position.isascii() and position.isdecimal() and len(position) <= _LONGEST_POSITION):
        raise InvalidParams("pageToken is of another request: send it with the same query, or leave it out")
    return Page(int(position), size, of)


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=6).hexdigest()
