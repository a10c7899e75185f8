"""The JSON-RPC 2.0 binding of A2A 1.0 (specification, section 9), without I/O.

Four directions, used on both sides of the gateway and on both sides of the SDK: ``decode_envelope`` and ``decode_call``
read a request, ``encode_call`` writes one, ``encode_result`` and ``encode_error`` write an answer or one event of a
stream, ``decode_answer`` reads one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from meshgate.a2a import errors
from meshgate.a2a.call import Call
from meshgate.a2a.codec.strict_json import check, decode_json, is_array, is_object
from meshgate.a2a.error_lookup import Peer, error_class, error_for_caller
from meshgate.a2a.errors import (
    A2A_DOMAIN,
    AccessError,
    InvalidAgentResponse,
    InvalidParams,
    InvalidRequest,
    MeshError,
    MethodNotFound,
    ParseError,
    VersionNotSupported,
)
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS, UNSUPPORTED, Method
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.selector import Selector
from meshgate.a2a.types import A2AMessage, SendMessageRequest

__all__ = [
    "HTTP_STATUS",
    "Envelope",
    "build_call",
    "decode_answer",
    "decode_call",
    "decode_envelope",
    "encode_call",
    "encode_error",
    "encode_result",
    "http_status",
]

RpcId = str | int | float | None

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
"""Those that the caller's parameters cause share the number of such errors."""
_INTERNAL = -32603

_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"

HTTP_STATUS: dict[str, int] = {
    "PARSE_ERROR": 400,
    "INVALID_REQUEST": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "BODY_TIMEOUT": 408,
    "BODY_TOO_LARGE": 413,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "HEADERS_TOO_LARGE": 431,
    "RATE_LIMITED": 429,
    "BUDGET_EXHAUSTED": 429,
    "FAN_OUT": 429,
    "LOOP": 400,
    "DEPTH": 400,
    "INVALID_PARAMS": 400,
    "SCHEMA_VIOLATION": 400,
    "SCHEMA_RETIRED": 400,
    "VERSION_NOT_SUPPORTED": 400,
    "NO_ROUTE": 404,
    "KILLED": 503,
    "UPSTREAM_UNAVAILABLE": 503,
    "UPSTREAM_DEADLINE": 504,
    "OUTCOME_UNKNOWN": 502,
}
"""The HTTP status of what is refused before there is a JSON-RPC call to answer; any other error is a 500 there."""


def http_status(error: MeshError, *, parsed: bool) -> int:
    """The HTTP status of an error answer. A call that was parsed is answered with 200, except to whom it is denied."""
    if parsed and not isinstance(error, AccessError):
        return 200
    return HTTP_STATUS.get(error.code, 500)


_encode = msgspec.json.Encoder().encode


class Envelope(msgspec.Struct, frozen=True):
    """A JSON-RPC request whose parameters were not looked at yet."""

    id: RpcId
    method: str
    params: dict[str, Any]


def decode_envelope(body: bytes, limits: Limits = DEFAULTS) -> Envelope:
    """Read a request.

    Raises:
        ParseError: no JSON.
        InvalidRequest: JSON, but no single JSON-RPC 2.0 request (batches are not part of A2A).
    """
    tree = decode_json(body, max_depth=limits.json_depth, max_nodes=limits.json_nodes)
    if not isinstance(tree, dict):
        raise InvalidRequest("the body must be one JSON-RPC request object; batches are not taken")
    tree = cast("dict[str, Any]", tree)
    rpc_id = tree.get("id")
    if isinstance(rpc_id, bool) or not (rpc_id is None or isinstance(rpc_id, str | int | float)):
        raise InvalidRequest("id must be a string, a number or null")
    method = tree.get("method")
    params = tree.get("params", {})
    if tree.get("jsonrpc") != "2.0" or not isinstance(method, str) or not isinstance(params, dict):
        raise InvalidRequest('a request needs "jsonrpc": "2.0", a "method", and "params" that are an object')
    return Envelope(rpc_id, method, cast("dict[str, Any]", params))


def decode_call(envelope: Envelope, headers: Mapping[str, str], target: Selector | None) -> Call:
    """The call that a request asks for.

    Raises:
        MethodNotFound, VersionNotSupported: there is no such method in A2A 1.0.
        UnsupportedOperation, PushNotificationNotSupported: the method is not served.
        InvalidParams: a parameter is missing or wrong.
    """
    method = METHODS.get(envelope.method)
    if method is None:
        raise _unserved(envelope.method)
    tree, view = check(envelope.params, method.request)
    return build_call(method, JsonPayload(method.request, tree, view), view, headers, target)


def build_call(
    method: Method, payload: Payload, view: A2AMessage, headers: Mapping[str, str], target: Selector | None
) -> Call:
    """A call from its checked request; the ids that routing and records need are taken out of it.

    Raises:
        PushNotificationNotSupported: the request asks for push notifications.
    """
    if isinstance(view, SendMessageRequest):
        if view.configuration is not None and view.configuration.task_push_notification_config is not None:
            raise errors.PushNotificationNotSupported("push is not supported: read the stream, or ask for the task")
        message = view.message
        return Call(
            method=method,
            payload=payload,
            target=target,
            headers=headers,
            message_id=message.message_id,
            task_id=message.task_id,
            context_id=message.context_id,
        )
    return Call(method=method, payload=payload, target=target, headers=headers, task_id=cast("Any", view).id)


def _unserved(name: str) -> MeshError:
    unsupported = error_class(UNSUPPORTED.get(name, ""))
    if unsupported is not None:
        return unsupported(f"{name} is not served")
    if "/" in name:
        return VersionNotSupported(f"{name[:64]!r} is a method of A2A 0.3, which is not served: use A2A 1.0")
    return MethodNotFound(f"there is no method {name[:64]!r}; served are " + ", ".join(METHODS))


def encode_call(method: Method, payload: Payload, rpc_id: str) -> bytes:
    """The body of a request."""
    return _encode({"jsonrpc": "2.0", "id": rpc_id, "method": method.name, "params": payload.tree()})


def encode_result(rpc_id: RpcId, payload: Payload) -> bytes:
    """A successful answer, or one event of a stream."""
    return _encode({"jsonrpc": "2.0", "id": rpc_id, "result": payload.tree()})


def encode_error(rpc_id: RpcId, error: MeshError) -> bytes:
    """An answer that says what went wrong (section 9.5: every entry of ``data`` has an ``@type``)."""
    info = {"@type": _ERROR_INFO, "reason": error.code, "domain": error.domain, "metadata": error.metadata}
    data: list[dict[str, Any]] = [info]
    if error.violations:
        fields = [{"field": field, "description": what} for field, what in error.violations]
        data.append({"@type": _BAD_REQUEST, "fieldViolations": fields})
    if error.retry_after is not None:
        data.append({"@type": _RETRY_INFO, "retryDelay": f"{error.retry_after:.3f}s"})
    fault = {"code": _CODES.get(error.code) or _OWN.get(error.code, _INTERNAL), "message": error.message, "data": data}
    return _encode({"jsonrpc": "2.0", "id": rpc_id, "error": fault})


def decode_answer(body: bytes, method: Method, rpc_id: str, *, peer: Peer = "agent") -> Payload:
    """The event in an answer, checked.

    Args:
        peer: who answered. An agent cannot speak about the caller's key or bytes, see ``error_for_caller``.

    Raises:
        InvalidAgentResponse: it is no JSON-RPC answer to ``rpc_id``, or its result is no valid A2A.
        MeshError: what the answer's error says.
    """
    try:
        tree = decode_json(body)
    except (ParseError, InvalidRequest) as error:
        raise InvalidAgentResponse(f"the agent's answer cannot be read: {error.message}") from None
    if not isinstance(tree, dict):
        raise InvalidAgentResponse("the agent's answer is no JSON object")
    tree = cast("dict[str, Any]", tree)
    fault, answer_id = tree.get("error"), tree.get("id")
    # Whoever cannot read a request cannot know its id either, so an error may come without one.
    if tree.get("jsonrpc") != "2.0" or (answer_id != rpc_id and (fault is None or answer_id is not None)):
        raise InvalidAgentResponse("the agent's answer is not the JSON-RPC answer to this request")
    if fault is not None:
        raise error_for_caller(_decode_error(fault), peer)
    try:
        result, view = check(tree.get("result"), method.response)
    except InvalidParams as error:
        raise InvalidAgentResponse(f"the agent's {method.response.__name__} is not valid: {error.message}") from None
    return JsonPayload(method.response, result, view)


def _object(value: Any) -> dict[str, Any]:
    return value if is_object(value) else {}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    for item in value if is_array(value) else ():
        yield _object(item)


def _decode_error(fault: Any) -> MeshError:
    fault = _object(fault)
    number = fault.get("code")
    if not isinstance(number, int):
        return InvalidAgentResponse("the agent's error is no JSON-RPC error")
    details = {str(item.get("@type")): item for item in _objects(fault.get("data"))}
    info = details.get(_ERROR_INFO, {})
    # The reason is exact where several errors share a number; an agent that sends none has the number alone.
    cls = error_class(str(info.get("reason", "")), str(info.get("domain", A2A_DOMAIN)))
    cls = cls or error_class(_BY_NUMBER.get(number, "")) or errors.InternalError
    violations = _objects(details.get(_BAD_REQUEST, {}).get("fieldViolations"))
    return cls(
        str(fault.get("message", ""))[:2000],
        retry_after=_seconds(details.get(_RETRY_INFO, {}).get("retryDelay")),
        metadata={key: str(value) for key, value in _object(info.get("metadata")).items()},
        violations=tuple((str(each.get("field", "")), str(each.get("description", ""))) for each in violations),
    )


def _seconds(text: Any) -> float | None:
    try:
        seconds = float(str(text).removesuffix("s"))
    except ValueError:
        return None
    return min(seconds, DEFAULTS.retry_after) if math.isfinite(seconds) else None
