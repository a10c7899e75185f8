"""The paths of the HTTP+JSON binding: of A2A 1.0 (specification, sections 5.3 and 11.3) and of 0.3 (3.5.3).

Each operation has one row. A path's fields are read from its segments as they came, each decoded once, so that an id
may hold any character. In 1.0 every path may begin with one more segment, the request's ``tenant``. In 0.3 it begins
with ``/v1``, which Go's clients of 0.3 leave out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal
from urllib.parse import quote, unquote

import msgspec

from meshgate.a2a.errors import InvalidParams

__all__ = ["LEGACY_ROUTES", "ROUTES", "Found", "Route", "find_legacy_route", "find_route", "write_legacy_path"]
__all__ += ["write_path"]

Body = Literal["none", "optional", "required"]
_LEGACY = "v1"
"""The first segment of A2A 0.3's paths."""
_DOTS = (".", "..")
_NAMES = re.compile(r"\{(\w+)\}")
_PLAIN = "/:@!$&'()*+,;=~-._"
"""What a path may hold as it is."""


class Route(msgspec.Struct, frozen=True):
    """The place of one operation."""

    operation: str
    verbs: tuple[str, ...]
    """HTTP's methods, the one that our client uses first."""
    path: str
    """Its segments; ``{name}`` is a field of the request, by its name in JSON."""
    body: Body = "none"
    """Whether the request is in the body. Without a body the query has what the path has not."""

    @property
    def fields(self) -> frozenset[str]:
        """The fields that the path has."""
        return frozenset({"tenant", *_NAMES.findall(self.path)})


ROUTES: tuple[Route, ...] = (
    Route("SendMessage", ("POST",), "/message:send", "required"),
    Route("SendStreamingMessage", ("POST",), "/message:stream", "required"),
    # The specification's table says POST, the service's definition GET, and clients send both.
    Route("SubscribeToTask", ("POST", "GET"), "/tasks/{id}:subscribe"),
    Route("CancelTask", ("POST",), "/tasks/{id}:cancel", "optional"),
    Route("GetTask", ("GET",), "/tasks/{id}"),
    Route("ListTasks", ("GET",), "/tasks"),
    Route("CreateTaskPushNotificationConfig", ("POST",), "/tasks/{taskId}/pushNotificationConfigs", "required"),
    Route("ListTaskPushNotificationConfigs", ("GET",), "/tasks/{taskId}/pushNotificationConfigs"),
    Route("GetTaskPushNotificationConfig", ("GET",), "/tasks/{taskId}/pushNotificationConfigs/{id}"),
    Route("DeleteTaskPushNotificationConfig", ("DELETE",), "/tasks/{taskId}/pushNotificationConfigs/{id}"),
    Route("GetExtendedAgentCard", ("GET",), "/extendedAgentCard"),
)
"""The first that fits is taken: a path that ends in a verb of A2A's stands before the one without it."""
LEGACY_ROUTES: tuple[Route, ...] = (
    # 0.3's own definition says GET, and some of its servers know that alone.
    Route("SubscribeToTask", ("GET", "POST"), "/tasks/{id}:subscribe"),
    *(route for route in ROUTES if route.operation not in ("SubscribeToTask", "ListTasks")),
    Route("GetExtendedAgentCard", ("GET",), "/card"),
)
"""The same for 0.3, without ``/v1``: it cannot list tasks, and its extended card is elsewhere."""


class Found(msgspec.Struct, frozen=True):
    """The route of a request, and the fields in its path as they came."""

    route: Route
    encoded: Mapping[str, str]

    def fields(self) -> dict[str, str]:
        """The fields, decoded.

        Raises:
            InvalidParams: one is no UTF-8.
        """
        try:
            return {name: unquote(text, errors="strict") for name, text in self.encoded.items()}
        except UnicodeDecodeError:
            raise InvalidParams("the path is not valid UTF-8") from None


class _Segment(msgspec.Struct, frozen=True):
    """One segment of a route."""

    literal: str = ""
    field: str = ""
    suffix: str = ""


def _segment(text: str) -> _Segment:
    if not text.startswith("{"):
        return _Segment(text)
    field, _, suffix = text[1:].partition("}")
    return _Segment(field=field, suffix=suffix)


_Row = tuple[Route, tuple[_Segment, ...]]


def _table(routes: tuple[Route, ...]) -> tuple[_Row, ...]:
    return tuple((route, tuple(_segment(text) for text in route.path[1:].split("/"))) for route in routes)


_TABLE, _LEGACY_TABLE = _table(ROUTES), _table(LEGACY_ROUTES)
_BY_OPERATION = {row[0].operation: row for row in _TABLE}
_LEGACY_BY_OPERATION = {row[0].operation: row for row in _LEGACY_TABLE}


def find_route(method: str, path: str, raw_path: str = "") -> Found | None:
    """The route of a request, or None.

    Args:
        path: below the URL of the agent or skill, decoded.
        raw_path: the same as it came; "" if it is not known.
    """
    segments = _segments(path, raw_path)
    found = _match(_TABLE, method, segments)
    if found is None and segments and segments[0] != _LEGACY:
        below = _match(_TABLE, method, segments[1:])
        if below is not None:
            found = Found(below.route, {**below.encoded, "tenant": segments[0]})
    return found


def find_legacy_route(method: str, path: str, raw_path: str = "") -> tuple[Found, bool] | None:
    """The route of a request of A2A 0.3, and whether its path begins with ``/v1``; None if it has none."""
    segments = _segments(path, raw_path)
    prefixed = segments[:1] == [_LEGACY]
    found = _match(_LEGACY_TABLE, method, segments[1:] if prefixed else segments)
    return None if found is None else (found, prefixed)


def _segments(path: str, raw_path: str) -> list[str]:
    """The segments of a path as they came; none if readers of paths differ about it."""
    if path in ("", "/"):
        return []
    segments = (raw_path or quote(path, safe=_PLAIN)).split("/")[1:]
    # Other readers of the path leave such segments out.
    return [] if any(text == "" or text in _DOTS for text in segments) else segments


def _match(table: tuple[_Row, ...], method: str, segments: list[str]) -> Found | None:
    for route, wanted in table:
        if len(wanted) == len(segments) and method in route.verbs:
            fields = _fields(wanted, segments)
            if fields is not None:
                return Found(route, fields)
    return None


def _fields(wanted: tuple[_Segment, ...], segments: list[str]) -> dict[str, str] | None:
    fields: dict[str, str] = {}
    for segment, text in zip(wanted, segments, strict=True):
        if segment.field:
            if len(text) <= len(segment.suffix) or not text.endswith(segment.suffix):
                return None
            fields[segment.field] = text[: len(text) - len(segment.suffix)]
        elif unquote(text) != segment.literal:
            return None
    return fields


def write_path(operation: str, values: Mapping[str, str]) -> tuple[Route, str]:
    """The route of an operation, and the path of a request.

    Args:
        values: the request's fields that are texts.

    Raises:
        InvalidParams: a field has no form in a path.
    """
    tenant = values.get("tenant", "")
    return _written(_BY_OPERATION[operation], [_encoded("tenant", tenant)] if tenant else [], values)


def write_legacy_path(operation: str, values: Mapping[str, str]) -> tuple[Route, str]:
    """The same for a request of A2A 0.3."""
    return _written(_LEGACY_BY_OPERATION[operation], [_LEGACY], values)


def _written(row: _Row, parts: list[str], values: Mapping[str, str]) -> tuple[Route, str]:
    route, segments = row
    for segment in segments:
        text = _encoded(segment.field, values.get(segment.field, "")) if segment.field else segment.literal
        parts.append(text + segment.suffix)
    return route, "/" + "/".join(parts)


def _encoded(name: str, text: str) -> str:
    if not text or text in _DOTS:
        raise InvalidParams(f"{name} {text!r} has no place in a path, where the agent wants it")
    return quote(text, safe="")
