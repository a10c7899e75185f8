"""The details of an error as JSON: ``google.rpc``'s ErrorInfo, BadRequest and RetryInfo, each with its ``@type``.

Every binding that is written in JSON has them (specification, sections 9.5 and 11.6).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from meshgate.a2a import errors
from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.error_lookup import error_class
from meshgate.a2a.errors import A2A_DOMAIN, MeshError
from meshgate.a2a.limits import DEFAULTS

__all__ = ["decode_details", "encode_details"]

_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_TEXT = 2000
"""Most characters of an agent's error message that are repeated to a caller."""


def encode_details(error: MeshError) -> list[dict[str, Any]]:
    """The details of an error, beside its code and its message."""
    info = {"@type": _ERROR_INFO, "reason": error.code, "domain": error.domain, "metadata": error.metadata}
    found: list[dict[str, Any]] = [info]
    if error.violations:
        fields = [{"field": field, "description": what} for field, what in error.violations]
        found.append({"@type": _BAD_REQUEST, "fieldViolations": fields})
    if error.retry_after is not None:
        found.append({"@type": _RETRY_INFO, "retryDelay": f"{error.retry_after:.3f}s"})
    return found


def decode_details(message: Any, details: Any, code: str) -> MeshError:
    """The error that a message and its details mean. Details that cannot be read are ignored.

    Args:
        code: the code that the error's number or status means, "" if none. The reason goes before it: a reason is exact
        where several errors share a number, but not every agent sends one.
    """
    known = {str(item.get("@type")): item for item in _objects(details)}
    info = known.get(_ERROR_INFO, {})
    cls = error_class(str(info.get("reason", "")), str(info.get("domain", A2A_DOMAIN)))
    cls = cls or error_class(code) or errors.InternalError
    violations = _objects(known.get(_BAD_REQUEST, {}).get("fieldViolations"))
    return cls(
        str(message)[:_TEXT],
        retry_after=_seconds(known.get(_RETRY_INFO, {}).get("retryDelay")),
        metadata={key: str(value) for key, value in _object(info.get("metadata")).items()},
        violations=tuple((str(each.get("field", "")), str(each.get("description", ""))) for each in violations),
    )


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
