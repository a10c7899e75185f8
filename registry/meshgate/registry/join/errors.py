"""Errors of the join port, in Connect's unary form, and back.

``{"code": "not_found", "message": "..."}``, with the HTTP status that belongs to the code
(https://connectrpc.com/docs/protocol, "Error codes"). What is wrong with a contract is in ``details`` too.
"""

from __future__ import annotations

import base64
from typing import Any, cast

import msgspec

from meshgate.a2a import errors
from meshgate.a2a.errors import InvalidParams, MeshError
from meshgate.registry.errors import InstanceTaken, RegistryUnavailable, UnknownLease

__all__ = ["decode_error", "encode_error"]

MAX_TEXT = 256 * 1024
"""Longest error answer that is read."""
MAX_MESSAGE = 4000
"""Longest message that is taken from one, in characters."""
MAX_VIOLATIONS = 64
"""Most violations that an error answer lists."""

_CONNECT: dict[str, tuple[str, int]] = {
    "INVALID_PARAMS": ("invalid_argument", 400),
    "INVALID_REQUEST": ("invalid_argument", 400),
    "PARSE_ERROR": ("invalid_argument", 400),
    "CONTENT_TYPE_NOT_SUPPORTED": ("invalid_argument", 415),
    "BODY_TOO_LARGE": ("resource_exhausted", 413),
    "BODY_TIMEOUT": ("deadline_exceeded", 408),
    "HEADERS_TOO_LARGE": ("resource_exhausted", 431),
    "METHOD_NOT_FOUND": ("unimplemented", 404),
    "UNKNOWN_LEASE": ("not_found", 404),
    "INSTANCE_TAKEN": ("already_exists", 409),
    "UNAUTHENTICATED": ("unauthenticated", 401),
    "PERMISSION_DENIED": ("permission_denied", 403),
    "RATE_LIMITED": ("resource_exhausted", 429),
    "REGISTRY_UNAVAILABLE": ("unavailable", 503),
    "BAD_SCHEMA": ("invalid_argument", 400),
    "INCOMPATIBLE": ("failed_precondition", 400),
    "VERSION_TAKEN": ("already_exists", 409),
    "VERSION_RETIRED": ("failed_precondition", 400),
    "STAGE_REFUSED": ("failed_precondition", 400),
    "UNSUPPORTED_OPERATION": ("failed_precondition", 400),
}
_REFUSALS = frozenset({"BAD_SCHEMA", "INCOMPATIBLE", "VERSION_TAKEN", "VERSION_RETIRED", "STAGE_REFUSED"})
"""Codes of errors about contracts, which keep them and their violations in details."""
_BY_CONNECT: dict[str, type[MeshError]] = {
    "invalid_argument": InvalidParams,
    "not_found": UnknownLease,
    "already_exists": InstanceTaken,
    "failed_precondition": errors.UnsupportedOperation,
    "unauthenticated": errors.Unauthenticated,
    "permission_denied": errors.PermissionDenied,
    "unavailable": RegistryUnavailable,
    "resource_exhausted": errors.RateLimited,
    "unimplemented": errors.MethodNotFound,
}


def encode_error(error: MeshError) -> tuple[int, bytes]:
    """HTTP status and body of an error; one about contracts with its own code and violations as details."""
    code, status = _CONNECT.get(error.code, ("internal", 500))
    fault: dict[str, Any] = {"code": code, "message": error.message}
    if error.code in _REFUSALS:
        fault["details"] = [_info(error), _bad_request(error)]
    return status, msgspec.json.encode(fault)


def _info(error: MeshError) -> dict[str, Any]:
    """``google.rpc.ErrorInfo``, as Connect writes a detail: without padding, and with JSON for people."""
    value = _text(1, error.code) + _text(2, error.domain)
    return _detail("google.rpc.ErrorInfo", value, {"reason": error.code, "domain": error.domain})


def _bad_request(error: MeshError) -> dict[str, Any]:
    """``google.rpc.BadRequest``, at most ``MAX_VIOLATIONS`` of them."""
    told = error.violations[:MAX_VIOLATIONS]
    if len(error.violations) > len(told):
        told = (*told[:-1], ("", f"and {len(error.violations) - len(told) + 1} more"))
    told = tuple((path[:256], problem[:512]) for path, problem in told)
    value = b"".join(_bytes(1, _text(1, path) + _text(2, problem)) for path, problem in told)
    shown = [{"field": path, "description": problem} for path, problem in told]
    return _detail("google.rpc.BadRequest", value, {"fieldViolations": shown})


def _detail(kind: str, value: bytes, shown: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "value": base64.b64encode(value).decode().rstrip("="), "debug": shown}


def _text(number: int, text: str) -> bytes:
    return _bytes(number, text.encode())


def _bytes(number: int, data: bytes) -> bytes:
    """A length-delimited protobuf field (the messages of google.rpc are not in the base install)."""
    size, head = len(data), bytearray([number << 3 | 2])
    while size > 0x7F:
        head.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*head, size]) + data


class _Violation(msgspec.Struct, frozen=True):
    field: str = ""
    description: str = ""


class _Debug(msgspec.Struct, frozen=True):
    reason: str = ""
    violations: list[_Violation] = msgspec.field(default_factory=list[_Violation], name="fieldViolations")


class _Detail(msgspec.Struct, frozen=True):
    debug: _Debug = _Debug()


def decode_error(status: int, body: bytes) -> MeshError:
    """The error that an answer other than 200 means, also one that a proxy wrote."""
    try:
        fault: Any = msgspec.json.decode(body[:MAX_TEXT])
    except msgspec.DecodeError:
        fault = None
    if isinstance(fault, dict):
        fault = cast("dict[str, Any]", fault)
        cls = _BY_CONNECT.get(str(fault.get("code")), errors.InternalError)
        message = str(fault.get("message", ""))[:MAX_MESSAGE]
        refused = _refusal(fault.get("details"), message)
        return refused or cls(message)
    if status == 401:
        return errors.Unauthenticated()
    if status >= 500:
        return RegistryUnavailable(f"the join port answered with HTTP status {status}")
    return errors.InternalError(
        f"the join port answered with HTTP status {status}, which is no answer of Meshgate's: check its URL"
    )


def _refusal(details: object, message: str) -> MeshError | None:
    """The error about contracts that an answer's details tell of, or None."""
    try:
        found = msgspec.convert(details or [], list[_Detail])
    except msgspec.ValidationError:
        return None
    from meshgate.registry.schemas import errors as refusals  # read by few: the base has no use for it

    code = next((one.debug.reason for one in found if one.debug.reason in _REFUSALS), "")
    violations = tuple((each.field, each.description) for one in found for each in one.debug.violations)
    if code == refusals.BadSchema.code:
        bad = refusals.BadSchema(*(violations or (("", message),))[0], "")
        bad.message, bad.violations = message, violations
        return bad
    known = (refusals.Incompatible, refusals.VersionTaken, refusals.VersionRetired, refusals.StageRefused)
    return next((cls(message, violations=violations) for cls in known if cls.code == code), None)
