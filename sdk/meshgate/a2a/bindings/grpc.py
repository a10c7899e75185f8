"""The gRPC binding of A2A 1.0 (specification, section 10), without I/O. Needs the extra ``grpc``.

Messages are ``lf.a2a.v1``'s, as a2a-sdk generates them; errors travel as a status code and, for what a code alone
cannot say, a ``google.rpc.Status`` in the trailer ``grpc-status-details-bin``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import duration_pb2, message
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code
    error_details_pb2,
    status_pb2,
)

from meshgate.a2a import errors
from meshgate.a2a.bindings.jsonrpc import build_call
from meshgate.a2a.call import Call
from meshgate.a2a.codec.protobuf_size import guard_proto
from meshgate.a2a.codec.transcode import proto_class, to_proto
from meshgate.a2a.error_lookup import Peer, error_class, error_for_caller
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams, InvalidRequest, MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import Payload, ProtoPayload
from meshgate.a2a.selector import Selector

__all__ = [
    "DETAILS",
    "SERVICE",
    "Metadata",
    "decode_answer",
    "decode_call",
    "decode_error",
    "encode",
    "encode_error",
    "method_path",
    "read_metadata",
]

SERVICE = "lf.a2a.v1.A2AService"
DETAILS = "grpc-status-details-bin"
Metadata = Sequence[tuple[str, str | bytes]]

_Code = grpc.StatusCode
_CODES: dict[str, grpc.StatusCode] = {
    "TASK_NOT_FOUND": _Code.NOT_FOUND,
    "TASK_NOT_CANCELABLE": _Code.FAILED_PRECONDITION,
    "PUSH_NOTIFICATION_NOT_SUPPORTED": _Code.FAILED_PRECONDITION,
    "UNSUPPORTED_OPERATION": _Code.FAILED_PRECONDITION,
    "CONTENT_TYPE_NOT_SUPPORTED": _Code.INVALID_ARGUMENT,
    "INVALID_AGENT_RESPONSE": _Code.INTERNAL,
    "EXTENDED_AGENT_CARD_NOT_CONFIGURED": _Code.FAILED_PRECONDITION,
    "EXTENSION_SUPPORT_REQUIRED": _Code.FAILED_PRECONDITION,
    "VERSION_NOT_SUPPORTED": _Code.FAILED_PRECONDITION,
    "PARSE_ERROR": _Code.INVALID_ARGUMENT,
    "INVALID_REQUEST": _Code.INVALID_ARGUMENT,
    "INVALID_PARAMS": _Code.INVALID_ARGUMENT,
    "METHOD_NOT_FOUND": _Code.NOT_FOUND,
    "INTERNAL_ERROR": _Code.INTERNAL,
    "UNAUTHENTICATED": _Code.UNAUTHENTICATED,
    "PERMISSION_DENIED": _Code.PERMISSION_DENIED,
    "BODY_TOO_LARGE": _Code.RESOURCE_EXHAUSTED,
    "BODY_TIMEOUT": _Code.DEADLINE_EXCEEDED,
    "UNSUPPORTED_MEDIA_TYPE": _Code.INVALID_ARGUMENT,
    "HEADERS_TOO_LARGE": _Code.RESOURCE_EXHAUSTED,
    "RATE_LIMITED": _Code.RESOURCE_EXHAUSTED,
    "BUDGET_EXHAUSTED": _Code.RESOURCE_EXHAUSTED,
    "FAN_OUT": _Code.RESOURCE_EXHAUSTED,
    "LOOP": _Code.FAILED_PRECONDITION,
    "DEPTH": _Code.FAILED_PRECONDITION,
    "KILLED": _Code.UNAVAILABLE,
    "UPSTREAM_UNAVAILABLE": _Code.UNAVAILABLE,
    "UPSTREAM_DEADLINE": _Code.DEADLINE_EXCEEDED,
    "OUTCOME_UNKNOWN": _Code.UNKNOWN,
    "NO_ROUTE": _Code.NOT_FOUND,
    "SCHEMA_VIOLATION": _Code.INVALID_ARGUMENT,
    "CONVERSION_FAILED": _Code.FAILED_PRECONDITION,
    "SCHEMA_RETIRED": _Code.FAILED_PRECONDITION,
}
"""Section 10.6; the mesh's own errors take the status that says most about trying again."""
# What a bare status code means when an agent sends no details.
_BY_STATUS: dict[grpc.StatusCode, type[MeshError]] = {
    _Code.NOT_FOUND: errors.TaskNotFound,
    _Code.INVALID_ARGUMENT: errors.InvalidParams,
    _Code.FAILED_PRECONDITION: errors.UnsupportedOperation,
    _Code.UNIMPLEMENTED: errors.UnsupportedOperation,
    _Code.UNAUTHENTICATED: errors.Unauthenticated,
    _Code.PERMISSION_DENIED: errors.PermissionDenied,
    _Code.RESOURCE_EXHAUSTED: errors.RateLimited,
    _Code.UNAVAILABLE: errors.UpstreamUnavailable,
    _Code.DEADLINE_EXCEEDED: errors.UpstreamDeadline,
}


def method_path(method: Method) -> str:
    """``/service/method``, as it stands in a request."""
    return f"/{SERVICE}/{method.name}"


def read_metadata(metadata: Metadata | None) -> dict[str, str]:
    """Metadata as headers: text entries only, values of a repeated key joined by a comma."""
    headers: dict[str, str] = {}
    for key, value in metadata or ():
        if isinstance(value, str):
            headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers


def _parse(body: bytes, cls: type[message.Message], max_nodes: int) -> message.Message:
    guard_proto(body, cls, max_nodes)
    parsed = cls()
    try:
        parsed.ParseFromString(body)
    except (message.DecodeError, RecursionError) as error:
        raise InvalidParams(f"the message is not a valid {cls.DESCRIPTOR.name}: {str(error)[:200]}") from None
    return parsed


def decode_call(
    name: str, body: bytes, headers: Mapping[str, str], target: Selector | None, limits: Limits = DEFAULTS
) -> Call:
    """The call that a request message asks for.

    Raises:
        InvalidParams, InvalidRequest, PushNotificationNotSupported: the message is not served.
    """
    method = METHODS[name]
    payload = ProtoPayload(method.request, _parse(body, proto_class(method.request), limits.json_nodes))
    return build_call(method, payload, payload.view(), headers, target)


def encode(payload: Payload) -> bytes:
    """The wire form of a request or an event.

    Raises:
        InvalidParams: a JSON value has no protobuf form (no timestamp, or nested too deeply).
    """
    if isinstance(payload, ProtoPayload):
        return payload.message.SerializeToString()
    return to_proto(payload.tree(), proto_class(payload.kind)).SerializeToString()


def decode_answer(body: bytes, method: Method) -> Payload:
    """The event in an answer, checked.

    Raises:
        InvalidAgentResponse: it is no valid message of the method's answer.
    """
    try:
        payload = ProtoPayload(method.response, _parse(body, proto_class(method.response), DEFAULTS.json_nodes))
        payload.view()
    except (InvalidParams, InvalidRequest) as error:
        raise InvalidAgentResponse(f"the agent's {method.response.__name__} is not valid: {error.message}") from None
    return payload


_TEXT = 1000
"""Most bytes of an error's message. Trailers together must stay below the 8 KiB that a gRPC client takes: a byte of the
message may become three there, one of the details four thirds."""
_DETAILS = 3000
"""Most bytes of the details; what does not fit is left out, the reason never."""


def encode_error(error: MeshError) -> tuple[grpc.StatusCode, str, list[tuple[str, str | bytes]]]:
    """Status code, message and trailing metadata of an error."""
    code = _CODES.get(error.code, _Code.INTERNAL)
    text = error.message.encode("utf-8", "replace")[:_TEXT].decode("utf-8", "ignore")
    status = status_pb2.Status(code=code.value[0], message=text)
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=error.domain, metadata=error.metadata)
    if not _pack(status, info):
        info.ClearField("metadata")
        _pack(status, info)
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after * 1000))
        _pack(status, error_details_pb2.RetryInfo(retry_delay=delay))
    if error.violations:
        bad = error_details_pb2.BadRequest()
        for field, what in error.violations:
            bad.field_violations.add(field=field, description=what)
        _pack(status, bad)
    return code, text, [(DETAILS, status.SerializeToString())]


def _pack(status: status_pb2.Status, detail: message.Message) -> bool:
    status.details.add().Pack(detail)
    if status.ByteSize() <= _DETAILS:
        return True
    del status.details[-1]
    return False


def decode_error(code: grpc.StatusCode, text: str, trailers: Metadata | None, *, peer: Peer = "agent") -> MeshError:
    """The error that a status and its trailing metadata mean.

    Args:
        peer: who answered. An agent cannot speak about the caller's key or bytes, see ``error_for_caller``.
    """
    details: dict[str, Any] = {}
    for key, value in trailers or ():
        if key == DETAILS and isinstance(value, bytes):
            details = _read_details(value)
    info, bad, retry = details.get("ErrorInfo"), details.get("BadRequest"), details.get("RetryInfo")
    cls = error_class(info.reason, info.domain) if info is not None else None
    cls = cls or _BY_STATUS.get(code, errors.InternalError)
    seconds = retry.retry_delay.ToMilliseconds() / 1000 if retry is not None else None
    error = cls(
        text[:2000],
        retry_after=None if seconds is None else min(seconds, DEFAULTS.retry_after),
        metadata=dict(info.metadata) if info is not None else None,
        violations=tuple((item.field, item.description) for item in bad.field_violations) if bad is not None else (),
    )
    return error_for_caller(error, peer)


_DETAIL_TYPES: tuple[type[message.Message], ...] = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.RetryInfo,
)


def _read_details(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        for detail in status_pb2.Status.FromString(data).details:
            for cls in _DETAIL_TYPES:
                if detail.TypeName() == cls.DESCRIPTOR.full_name:
                    found[cls.DESCRIPTOR.name] = cls.FromString(detail.value)
    except message.DecodeError:
        return {}
    return found
