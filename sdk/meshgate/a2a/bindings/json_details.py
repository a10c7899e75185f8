"""The details of an error as JSON: ``google.rpc``'s ErrorInfo, BadRequest and RetryInfo, each with its ``@type``.

Every binding that is written in JSON has them (specification, sections 9.5 and 11.6).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from meshgate.a2a import errors
from meshgate.a2a.codec.strict_json import decode_json, is_array, is_object
from meshgate.a2a.error_lookup import error_class
from meshgate.a2a.errors import A2A_DOMAIN, MeshError
from meshgate.a2a.limits import DEFAULTS

__all__ = ["ERROR_INFO", "INTERNAL", "MAX_ERROR", "MAX_REASON", "NUMBER", "VALUE", "bounded", "bounded_data"]
__all__ += ["decode_details", "detail_in", "encode_details", "own_error", "problem_in"]

ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
"""The type of the detail that names an error: its reason and its domain."""
VALUE = "type.googleapis.com/google.protobuf.Value"
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_FAILED = 500
"""HTTP's status of a server that failed."""
_TEXT = 2000
"""Most characters of an agent's error message that are repeated to a caller."""


MAX_ERROR = 16 * 1024
"""Most bytes of an agent's error that reach a caller: its facts, or its data. What is beyond is left out."""
MAX_REASON = 64
"""Most characters of an agent's own reason that are repeated."""
NUMBER = re.compile(r"-?[0-9]{1,10}", re.ASCII)
"""A code of JSON-RPC, in an error's facts."""


def encode_details(error: MeshError) -> list[dict[str, Any]]:
    """The details of an error, beside its code and its message."""
    info = {"@type": ERROR_INFO, "reason": error.code, "domain": error.domain, "metadata": error.metadata}
    found: list[dict[str, Any]] = [info]
    if error.violations:
        fields = [{"field": field, "description": what} for field, what in error.violations]
        found.append({"@type": _BAD_REQUEST, "fieldViolations": fields})
    if error.retry_after is not None:
        found.append({"@type": _RETRY_INFO, "retryDelay": f"{error.retry_after:.3f}s"})
    return found


def decode_details(message: Any, details: Any, code: str, number: int | None = None) -> MeshError:
    """The error that a message and its details mean. Details that cannot be read are ignored.

    Args:
        code: the code that the error's number or status means, "" if none. The reason goes before it: a reason is exact
            where several errors share a number, but not every agent sends one.
        number: of JSON-RPC, for an error that neither A2A nor the mesh names.
    """
    known = {str(item.get("@type")): item for item in _objects(details)}
    info = known.get(ERROR_INFO, {})
    cls = error_class(str(info.get("reason", "")), str(info.get("domain", A2A_DOMAIN))) or error_class(code)
    text = str(message)[:_TEXT]
    retry_after = _seconds(known.get(_RETRY_INFO, {}).get("retryDelay"))
    if cls is None:
        return own_error(text, details, number=number, retry_after=retry_after)
    violations = _objects(known.get(_BAD_REQUEST, {}).get("fieldViolations"))
    told = ((str(each.get("field", "")), str(each.get("description", ""))) for each in violations)
    facts = ((key, str(value)) for key, value in _object(info.get("metadata")).items())
    return cls(text, retry_after=retry_after, metadata=dict(bounded(facts)), violations=tuple(bounded(told)))


def detail_in(details: Any, kind: str) -> dict[str, Any]:
    """The detail whose ``@type`` is ``kind``, the last one; an empty object if there is none."""
    return {str(item.get("@type")): item for item in _objects(details)}.get(kind, {})


def own_error(
    text: str, data: Any, *, number: int | None = None, status: int | None = None, retry_after: float | None = None
) -> errors.AgentError:
    """An agent's own error, without data that is larger than ``MAX_ERROR``."""
    facts = {"code": str(number)} if number is not None else {}
    size = len(msgspec.json.encode(data))
    if size > MAX_ERROR:
        facts["dropped"] = f"{size} bytes of data"
        data = None
    return errors.AgentError(
        text,
        number=number,
        data=data,
        status=status,
        internal=number == INTERNAL,
        retry_after=retry_after,
        metadata=facts,
    )


INTERNAL = -32603
"""JSON-RPC's number of an internal error."""


def problem_in(body: bytes) -> errors.AgentError | None:
    """The error in problem details (RFC 9457): its ``detail``, else its ``title``; None if the body is none."""
    try:
        found = decode_json(body)
    except MeshError:
        return None
    if not is_object(found) or not {"title", "detail", "type"} & found.keys():
        return None
    text = found.get("detail") or found.get("title") or ""
    error = own_error(str(text)[:_TEXT], found)
    error.internal = found.get("status") == _FAILED
    return error


def bounded(facts: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The first facts, or violations, that together take no more than ``MAX_ERROR`` bytes."""
    left = MAX_ERROR
    for key, value in facts:
        left -= len(key.encode("utf-8", "replace")) + len(value.encode("utf-8", "replace"))
        if left < 0:
            return
        yield key, value


def bounded_data(data: Any) -> Any:
    """The data of an agent's error; None if it takes more than ``MAX_ERROR`` bytes."""
    return data if len(msgspec.json.encode(data)) <= MAX_ERROR else None


def _object(value: Any) -> dict[str, Any]:
    return value if is_object(value) else {}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    for item in value if is_array(value) else ():
        yield _object(item)


def _seconds(text: Any) -> float | None:
    try:
        seconds = float(str(text).removesuffix("s"))
    except ValueError:
        return None
    return min(seconds, DEFAULTS.retry_after) if math.isfinite(seconds) else None
