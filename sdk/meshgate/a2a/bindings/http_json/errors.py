"""Errors in the HTTP+JSON binding of A2A 1.0 (specification, sections 5.4 and 11.6): ``google.rpc.Status`` as JSON."""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.a2a.bindings.base import Failure
from meshgate.a2a.bindings.json_answers import decode_object
from meshgate.a2a.bindings.json_details import (
    ERROR_INFO,
    MAX_REASON,
    NUMBER,
    VALUE,
    bounded_data,
    decode_details,
    detail_in,
    encode_details,
)
from meshgate.a2a.bindings.statuses import GRPC_NUMBER, GRPC_STATUS, REST_STATUS
from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.error_lookup import Peer, error_for_caller
from meshgate.a2a.errors import AgentError, InvalidAgentResponse, MeshError

__all__ = ["decode_fault", "encode_error", "has_reason", "http_status"]

_encode = msgspec.json.Encoder().encode
_FAILED = 500
_BUSY = frozenset({502, 503, 504})
_HTTP_FACT, _GRPC_FACT = "httpStatus", "status"
"""The facts of an agent's own error that say which statuses it had."""
_NAMES = {number: name for name, number in GRPC_NUMBER.items()}
_HTTP_OF: dict[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""The HTTP status of a gRPC one, as ``google.rpc.Code`` says, for an agent's own error. Those about a credential are
not here: they would be taken for one about the caller's key.
"""
_KEPT = range(400, 600)
_ABOUT_KEYS = (401, 403, 407)

_BY_NAME: dict[str, str] = {
    "NOT_FOUND": "TASK_NOT_FOUND",
    "INVALID_ARGUMENT": "INVALID_PARAMS",
    "FAILED_PRECONDITION": "UNSUPPORTED_OPERATION",
    "UNIMPLEMENTED": "UNSUPPORTED_OPERATION",
    "UNAUTHENTICATED": "UNAUTHENTICATED",
    "PERMISSION_DENIED": "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED": "RATE_LIMITED",
    "UNAVAILABLE": "UPSTREAM_UNAVAILABLE",
    "DEADLINE_EXCEEDED": "UPSTREAM_DEADLINE",
}
"""What a bare status means, when an agent sends no reason."""
_BY_HTTP: dict[int, str] = {
    400: "INVALID_PARAMS",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "TASK_NOT_FOUND",
    429: "RATE_LIMITED",
    501: "UNSUPPORTED_OPERATION",
    503: "UPSTREAM_UNAVAILABLE",
    504: "UPSTREAM_DEADLINE",
}
_OF_1_0_0: dict[int, str] = {
    409: "TASK_NOT_CANCELABLE",
    415: "CONTENT_TYPE_NOT_SUPPORTED",
    502: "INVALID_AGENT_RESPONSE",
}
"""Statuses that A2A 1.0.0 gave to one error each, and 1.0.1 to none."""
_OWN_CONFLICTS = ("ABORTED", "ALREADY_EXISTS")


def http_status(error: MeshError) -> int:
    """The HTTP status of an error. An agent's own error keeps the agent's, unless that would speak of the caller's
    key.
    """
    if not isinstance(error, AgentError):
        return REST_STATUS.get(error.code, _FAILED)
    said = error.metadata.get(_HTTP_FACT, "")
    if said.isascii() and said.isdecimal() and len(said) == 3 and int(said) in _KEPT:
        return int(said) if int(said) not in _ABOUT_KEYS else _FAILED
    return _HTTP_OF.get(_NAMES.get(error.status or 0, ""), _FAILED)


def encode_error(error: MeshError) -> Failure:
    """The status and the body of an error answer. In a stream the body is the data of the last event."""
    status, name = http_status(error), GRPC_STATUS.get(error.code, "INTERNAL")
    details = encode_details(error)
    if isinstance(error, AgentError):
        name = _NAMES.get(error.status or 0, name)
        if error.data is not None:
            details.append({"@type": VALUE, "value": error.data})
    fault = {"code": status, "status": name, "message": error.message, "details": details}
    return Failure(status, _encode({"error": fault}))


def has_reason(body: bytes) -> bool:
    """Whether a body is an error of this binding that names its reason: then its status alone says less."""
    try:
        fault = decode_object(body).get("error")
    except InvalidAgentResponse:
        return False
    return is_object(fault) and bool(_reason(fault))


def _reason(fault: dict[str, Any]) -> str:
    reason = detail_in(fault.get("details"), ERROR_INFO).get("reason")
    return reason if isinstance(reason, str) else ""


def decode_fault(fault: dict[str, Any], status: int, peer: Peer = "agent") -> MeshError:
    """The error that the ``error`` of an answer means. Its reason goes before its status, which several errors share.

    Args:
        status: of HTTP; 0 if it had none, because the error came in a stream.
        peer: who answered. An agent cannot speak about the caller's key or bytes, see ``error_for_caller``.
    """
    name, code = fault.get("status"), fault.get("code")
    name = name if isinstance(name, str) else ""
    if not status and isinstance(code, int):
        status = code
    reason, details = _reason(fault), fault.get("details")
    bare = "" if reason else _meaning(status, name)
    error = decode_details(fault.get("message", ""), details, bare)
    if isinstance(error, AgentError):
        _complete(error, details, status, name, reason)
    return error_for_caller(error, peer, named=bool(reason))


def _meaning(status: int, name: str) -> str:
    if name not in _OWN_CONFLICTS and status in _OF_1_0_0:
        return _OF_1_0_0[status]
    return _BY_NAME.get(name, "" if name else _BY_HTTP.get(status, ""))


def _complete(error: AgentError, details: Any, status: int, name: str, reason: str) -> None:
    """What an agent's own error has beyond its message."""
    value = detail_in(details, VALUE)
    if reason == AgentError.code and error.domain == detail_in(details, ERROR_INFO).get("domain"):
        # Another gateway passed it on: it said what the agent's statuses and number were.
        error.data = bounded_data(value.get("value"))
        number = error.metadata.get("code", "")
        error.number = int(number) if NUMBER.fullmatch(number) is not None else None
    else:
        error.data = bounded_data(value["value"]) if "value" in value else error.data or None
        error.metadata[_HTTP_FACT] = str(status)
        if name:
            error.metadata[_GRPC_FACT] = name[:MAX_REASON]
        if reason:
            error.metadata["agentReason"] = reason[:MAX_REASON]
        error.internal = status in _BUSY or (status == _FAILED and not reason)
    error.status = GRPC_NUMBER.get(name)
