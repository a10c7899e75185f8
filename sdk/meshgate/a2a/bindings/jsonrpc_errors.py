"""Errors in the JSON-RPC binding of A2A 1.0: their numbers, their HTTP statuses, and the error object."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from meshgate.a2a.bindings.json_details import ERROR_INFO, INTERNAL, MAX_ERROR, VALUE, decode_details, encode_details
from meshgate.a2a.bindings.statuses import HTTP_STATUS
from meshgate.a2a.codec.strict_json import is_array, is_object
from meshgate.a2a.errors import MESHGATE_DOMAIN, AccessError, AgentError, InvalidAgentResponse, MeshError

__all__ = ["decode_fault", "encode_fault", "goes_as_it_is", "http_status"]

_CODES: dict[str, int] = {
    "PARSE_ERROR": -32700,
    "INVALID_REQUEST": -32600,
    "METHOD_NOT_FOUND": -32601,
    "INVALID_PARAMS": -32602,
    "INTERNAL_ERROR": -32603,
    "TASK_NOT_FOUND": -32001,
    "TASK_NOT_CANCELABLE": -32002,
    "PUSH_NOTIFICATION_NOT_SUPPORTED": -32003,
    "UNSUPPORTED_OPERATION": -32004,
    "CONTENT_TYPE_NOT_SUPPORTED": -32005,
    "INVALID_AGENT_RESPONSE": -32006,
    "EXTENDED_AGENT_CARD_NOT_CONFIGURED": -32007,
    "EXTENSION_SUPPORT_REQUIRED": -32008,
    "VERSION_NOT_SUPPORTED": -32009,
}
"""Section 9.5: JSON-RPC's own errors and A2A's. A number means its error, whoever says it."""
_OWN: dict[str, int] = {
    "NO_ROUTE": -31001,
    "KILLED": -31002,
    "BUDGET_EXHAUSTED": -31003,
    "UPSTREAM_DEADLINE": -31004,
    "RATE_LIMITED": -31005,
    "FAN_OUT": -31006,
    "LOOP": -31007,
    "DEPTH": -31008,
    "UPSTREAM_UNAVAILABLE": -31009,
    "OUTCOME_UNKNOWN": -31010,
    # Kept for errors that do not exist yet, in this order from -31011 to -31017: IDEMPOTENCY_CONFLICT, LEDGER_BUSY,
    # CONTEXT_BUSY, LEDGER_UNAVAILABLE, LEDGER_FULL, PRINCIPAL_GONE, EXPIRED.
    "SCHEMA_VIOLATION": -31018,
    "CONVERSION_FAILED": -31019,
    "SCHEMA_RETIRED": -31020,
    "UNAUTHENTICATED": -31021,
    "PERMISSION_DENIED": -31022,
    "BODY_TOO_LARGE": -31023,
    "BODY_TIMEOUT": -31024,
    "HEADERS_TOO_LARGE": -31025,
    # The agent failed, whatever it calls that: a client that knows numbers alone has no use for another one.
    "AGENT_ERROR": INTERNAL,
}
"""The mesh's own errors, outside of what JSON-RPC keeps to itself (-32768 to -32000), of which A2A takes more with each
version. The ``reason`` says which error it is; the number repeats it."""
_FIRST, _LAST = -31001, -31099
"""The numbers that are the mesh's, those that no error has yet included."""
_BY_NUMBER = {number: code for code, number in _CODES.items() if number != INTERNAL}
_OWN_BY_NUMBER = {number: code for code, number in _OWN.items() if number != INTERNAL}


def http_status(error: MeshError, *, parsed: bool) -> int:
    """The HTTP status of an error answer. A call that was parsed is answered with 200, unless access is denied."""
    if parsed and not isinstance(error, AccessError):
        return 200
    return HTTP_STATUS.get(error.code, 500)


def encode_fault(error: MeshError) -> dict[str, Any]:
    """The ``error`` of an answer."""
    if isinstance(error, AgentError) and goes_as_it_is(error):
        # As the agent said it, with nothing of ours: a caller that knows the agent knows its codes and data.
        said = {"code": error.number, "message": error.message}
        return said if error.data is None else {**said, "data": error.data}
    number = _CODES.get(error.code, _OWN.get(error.code, INTERNAL))
    data = encode_details(error)
    if isinstance(error, AgentError) and error.data is not None:
        data.append({"@type": VALUE, "value": error.data})
    return {"code": number, "message": error.message, "data": data}


def goes_as_it_is(error: AgentError) -> bool:
    """Whether nobody can take what the agent said for a word of the mesh's."""
    if error.number is None or "agentReason" in error.metadata:
        return False
    return not _LAST <= error.number <= _FIRST and not _is_ours(error.data)


def decode_fault(fault: Any) -> MeshError:
    """The error that the ``error`` of an answer means; InvalidAgentResponse if it has no number."""
    number = fault.get("code") if is_object(fault) else None
    if not isinstance(number, int):
        return InvalidAgentResponse("the agent's error is no JSON-RPC error")
    data = fault.get("data")
    code = _BY_NUMBER.get(number) or (_OWN_BY_NUMBER.get(number, "") if _is_ours(data) else "")
    error = decode_details(fault.get("message", ""), data, code, number)
    if isinstance(error, AgentError) and error.number is None:
        # One that a gateway wrote: what the agent said beside its message stands among the details.
        said = next((item.get("value") for item in _typed(data, VALUE)), None)
        error.data = said if len(msgspec.json.encode(said)) <= MAX_ERROR else None
    return error


def _is_ours(data: Any) -> bool:
    """Whether details say that the error is one of the mesh's."""
    return any(item.get("domain") == MESHGATE_DOMAIN for item in _typed(data, ERROR_INFO))


def _typed(data: Any, name: str) -> Iterator[dict[str, Any]]:
    return (item for item in (data if is_array(data) else ()) if is_object(item) and item.get("@type") == name)
