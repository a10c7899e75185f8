"""Errors in the gRPC binding of A2A 1.0: their status codes, and a ``google.rpc.Status`` with what a code cannot say.

Codes are numbers of ``google.rpc.Code``, which gRPC's own status codes repeat.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import duration_pb2, json_format, message, struct_pb2
from google.rpc import (  # pyright: ignore[reportMissingTypeStubs] - they lie beside the code
    code_pb2,
    error_details_pb2,
    status_pb2,
)

from meshgate.a2a import errors
from meshgate.a2a.bindings.base import Failure
from meshgate.a2a.bindings.json_details import MAX_REASON, NUMBER, bounded, own_error
from meshgate.a2a.bindings.statuses import GRPC_NUMBER, GRPC_STATUS
from meshgate.a2a.error_lookup import Peer, error_class, error_for_caller
from meshgate.a2a.errors import AgentError, MeshError
from meshgate.a2a.limits import DEFAULTS

__all__ = ["decode_error", "encode_error"]

# The meaning of a bare status code, when an agent sends no details.
_BY_CODE: dict[int, type[MeshError]] = {
    code_pb2.NOT_FOUND: errors.TaskNotFound,
    code_pb2.INVALID_ARGUMENT: errors.InvalidParams,
    code_pb2.FAILED_PRECONDITION: errors.UnsupportedOperation,
    code_pb2.UNIMPLEMENTED: errors.UnsupportedOperation,
    code_pb2.UNAUTHENTICATED: errors.Unauthenticated,
    code_pb2.PERMISSION_DENIED: errors.PermissionDenied,
    code_pb2.RESOURCE_EXHAUSTED: errors.RateLimited,
    code_pb2.UNAVAILABLE: errors.UpstreamUnavailable,
    code_pb2.DEADLINE_EXCEEDED: errors.UpstreamDeadline,
}

_TEXT = 1000
"""Most bytes of an error's message. Trailers together must stay below the 8 KiB that a gRPC client takes: a byte of the
message may become three there, one of the details four thirds."""
_DETAILS = 3000
"""Most bytes of the details. Details that do not fit are left out, except for the reason."""
_HEARD = 2000
"""Most characters of an agent's error message that are repeated to a caller."""


def encode_error(error: MeshError) -> Failure:
    """An error's code, its message, and the ``google.rpc.Status`` with its details."""
    code = GRPC_NUMBER[GRPC_STATUS.get(error.code, "INTERNAL")]
    if isinstance(error, AgentError) and error.status is not None:
        code = error.status
    text = error.message.encode("utf-8", "replace")[:_TEXT].decode("utf-8", "ignore")
    status = status_pb2.Status(code=code, message=text)
    info = error_details_pb2.ErrorInfo(reason=error.code, domain=error.domain, metadata=error.metadata)
    if not _pack(status, info):
        info.ClearField("metadata")
        _pack(status, info)
    if isinstance(error, AgentError) and error.data is not None:
        _pack(status, json_format.ParseDict(error.data, struct_pb2.Value()))
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after * 1000))
        _pack(status, error_details_pb2.RetryInfo(retry_delay=delay))
    if error.violations:
        bad = error_details_pb2.BadRequest()
        for field, what in error.violations:
            bad.field_violations.add(field=field, description=what)
        _pack(status, bad)
    return Failure(code, status.SerializeToString(), text)


def _pack(status: status_pb2.Status, detail: message.Message) -> bool:
    # The order of a map is not defined otherwise: the same error has the same bytes.
    status.details.add().Pack(detail, deterministic=True)
    if status.ByteSize() <= _DETAILS:
        return True
    del status.details[-1]
    return False


def decode_error(failure: Failure, *, peer: Peer = "agent") -> MeshError:
    """The error that a status and its details mean. Details that cannot be read are ignored.

    Args:
        peer: who answered. An agent cannot speak about the caller's key or bytes, see ``errors.answered``.
    """
    details = _read_details(failure.body)
    info, bad, retry = details.get("ErrorInfo"), details.get("BadRequest"), details.get("RetryInfo")
    cls = error_class(info.reason, info.domain) if info is not None else None
    seconds = min(retry.retry_delay.ToMilliseconds() / 1000, DEFAULTS.retry_after) if retry is not None else None
    text = failure.text[:_HEARD]
    if cls is None and not (info is not None and info.reason):
        cls = _BY_CODE.get(failure.status)
    if cls is None:
        return _own_error(failure.status, text, details, seconds)
    told = ((item.field, item.description) for item in bad.field_violations) if bad is not None else ()
    facts = dict(bounded(info.metadata.items())) if info is not None else None
    error = cls(text, retry_after=seconds, metadata=facts, violations=tuple(bounded(told)))
    if isinstance(error, AgentError):
        error.status, error.data = failure.status, _data(details)
        code = error.metadata.get("code", "")
        error.number = int(code) if NUMBER.fullmatch(code) is not None else None
    return error_for_caller(error, peer, named=info is not None)


def _name(status: int) -> str:
    return code_pb2.Code.Name(status) if status in code_pb2.Code.values() else str(status)


def _own_error(status: int, text: str, details: dict[str, Any], retry_after: float | None) -> AgentError:
    """An agent's error that neither A2A nor the mesh names."""
    found = own_error(text, _data(details), status=status, retry_after=retry_after)
    found.metadata["status"] = _name(status)
    info = details.get("ErrorInfo")
    if info is not None and info.reason:
        found.metadata["agentReason"] = info.reason[:MAX_REASON]
    found.internal = status in (code_pb2.INTERNAL, code_pb2.UNKNOWN) and "agentReason" not in found.metadata
    return found


def _data(details: dict[str, Any]) -> Any:
    value = details.get("Value")
    return None if value is None else json_format.MessageToDict(value)


_DETAIL_TYPES: tuple[type[message.Message], ...] = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.RetryInfo,
    struct_pb2.Value,
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
