"""Errors in the JSON-RPC binding of A2A 1.0: their numbers, their HTTP statuses, and the error object."""

from __future__ import annotations

from typing import Any

from meshgate.a2a.bindings.json_details import INTERNAL, VALUE, decode_details, encode_details
from meshgate.a2a.bindings.statuses import HTTP_STATUS
from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.errors import AccessError, AgentError, InvalidAgentResponse, MeshError

__all__ = ["decode_fault", "encode_fault", "http_status"]

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
"""Section 9.5. Errors of the mesh's own are -32603 with an ErrorInfo that names them."""
_BY_NUMBER = {number: code for code, number in _CODES.items()}
_OWN = {"SCHEMA_VIOLATION": _CODES["INVALID_PARAMS"], "SCHEMA_RETIRED": _CODES["INVALID_PARAMS"]}
"""Errors of the mesh that the caller's parameters cause have the number of invalid parameters."""


def http_status(error: MeshError, *, parsed: bool) -> int:
    """The HTTP status of an error answer. A call that was parsed is answered with 200, unless access is denied."""
    if parsed and not isinstance(error, AccessError):
        return 200
    return HTTP_STATUS.get(error.code, 500)


def encode_fault(error: MeshError) -> dict[str, Any]:
    """The ``error`` of an answer."""
    if isinstance(error, AgentError) and error.number is not None and "agentReason" not in error.metadata:
        # As the agent said it, with nothing of ours: a caller that knows the agent knows its codes and data.
        said = {"code": error.number, "message": error.message}
        return said if error.data is None else {**said, "data": error.data}
    number = _CODES.get(error.code) or _OWN.get(error.code, INTERNAL)
    data = encode_details(error)
    if isinstance(error, AgentError) and error.data is not None:
        data.append({"@type": VALUE, "value": error.data})
    return {"code": number, "message": error.message, "data": data}


def decode_fault(fault: Any) -> MeshError:
    """The error that the ``error`` of an answer means; InvalidAgentResponse if it has no number."""
    number = fault.get("code") if is_object(fault) else None
    if not isinstance(number, int):
        return InvalidAgentResponse("the agent's error is no JSON-RPC error")
    code = "" if number == INTERNAL else _BY_NUMBER.get(number, "")
    return decode_details(fault.get("message", ""), fault.get("data"), code, number)
