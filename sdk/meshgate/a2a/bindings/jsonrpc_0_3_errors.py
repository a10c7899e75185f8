"""Errors in the JSON-RPC binding of A2A 0.3 (specification 0.3.0, section 8): their numbers, and the error object.

0.3 has numbers up to -32007, and ``data`` of any form. What it has no number for is an internal error whose data say
what it is: an object with the reason, its domain and its facts.
"""

from __future__ import annotations

from typing import Any

from meshgate.a2a.bindings.json_details import ERROR_INFO, INTERNAL, encode_details
from meshgate.a2a.bindings.jsonrpc_errors import decode_fault as decode_current
from meshgate.a2a.bindings.jsonrpc_errors import goes_as_it_is
from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.errors import MESHGATE_DOMAIN, AgentError, MeshError

__all__ = ["decode_fault", "encode_fault"]

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
}
"""Section 8.2, and JSON-RPC's own. Errors that 1.0 or the mesh added are -32603."""
_TYPE = "@type"
_OTHERS = {
    "fieldViolations": "type.googleapis.com/google.rpc.BadRequest",
    "retryDelay": "type.googleapis.com/google.rpc.RetryInfo",
    "value": "type.googleapis.com/google.protobuf.Value",
}


def encode_fault(error: MeshError) -> dict[str, Any]:
    """The ``error`` of an answer."""
    if isinstance(error, AgentError) and goes_as_it_is(error) and not _is_ours(error.data):
        # As the agent said it: a caller that knows the agent knows its codes and data.
        said = {"code": error.number, "message": error.message}
        return said if error.data is None else {**said, "data": error.data}
    data: dict[str, Any] = {}
    for detail in encode_details(error):
        data.update((key, value) for key, value in detail.items() if key != _TYPE)
    if isinstance(error, AgentError) and error.data is not None:
        data["value"] = error.data
    return {"code": _CODES.get(error.code, INTERNAL), "message": error.message, "data": data}


def _is_ours(data: Any) -> bool:
    """Whether data of 0.3 say that the error is one of the mesh's."""
    return is_object(data) and data.get("domain") == MESHGATE_DOMAIN


def decode_fault(fault: Any) -> MeshError:
    """The error that the ``error`` of an answer means; InvalidAgentResponse if it has no number."""
    data = fault.get("data") if is_object(fault) else None
    if not is_object(data) or not isinstance(data.get("reason"), str) or not isinstance(data.get("domain"), str):
        return decode_current(fault)
    # A gateway's own: the details of 1.0 in one object.
    info: dict[str, Any] = {key: data[key] for key in ("reason", "domain", "metadata") if key in data}
    details: list[dict[str, Any]] = [{_TYPE: ERROR_INFO, **info}]
    details += [{_TYPE: kind, key: data[key]} for key, kind in _OTHERS.items() if key in data]
    return decode_current({**fault, "data": details})
