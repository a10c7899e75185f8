"""Errors in the HTTP+JSON binding of A2A 0.3: a status, and the error object of JSON-RPC 0.3 with the error's name.

0.3 says nothing of the body. Python's clients look for the name in ``type``, Java's in ``error``, JavaScript's for the
number in ``code``: with all three, each of them raises the error that it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from meshgate.a2a.bindings import jsonrpc_0_3_errors
from meshgate.a2a.bindings.base import Failure
from meshgate.a2a.bindings.http_json import errors as rest_errors
from meshgate.a2a.bindings.json_answers import decode_object
from meshgate.a2a.bindings.json_details import decode_details
from meshgate.a2a.bindings.legacy_names import CODE_OF, NAME_OF
from meshgate.a2a.codec.strict_json import is_object
from meshgate.a2a.error_lookup import Peer, error_for_caller
from meshgate.a2a.errors import AgentError, InternalError, InvalidAgentResponse, MeshError

__all__ = ["decode_fault", "encode_error", "has_reason"]

_encode = msgspec.json.Encoder().encode
_JAVA = "io.a2a.spec."
"""What a name begins with in ``error``."""
_INVALID = {422: 400}
"""Statuses of Python's servers of 0.3 that mean what another status means here."""
_STATUSES = range(100, 600)
"""HTTP's statuses, which some servers repeat in ``code``."""


def encode_error(error: MeshError) -> Failure:
    """The status and the body of an error answer. In a stream the body is the data of the last event.

    An error that 0.3 does not name is an internal error by its name and number, and its data say what it is.
    """
    name = NAME_OF.get(error.code, NAME_OF[InternalError.code])
    fault = jsonrpc_0_3_errors.encode_fault(error)
    body = {"code": fault["code"], "type": name, "error": _JAVA + name, **fault}
    return Failure(rest_errors.http_status(error), _encode(body))


def _name_in(body: dict[str, Any]) -> str:
    """The name of one of 0.3's errors in a body, "" if it has none."""
    for key in ("type", "error"):
        said = body.get(key)
        name = said.rpartition(".")[2] if isinstance(said, str) else ""
        if name in CODE_OF:
            return name
    return ""


def _numbered(fault: dict[str, Any]) -> bool:
    """Whether it is an error object of JSON-RPC, and its number none of HTTP's statuses."""
    code = fault.get("code")
    told = isinstance(code, int) and not isinstance(code, bool) and code not in _STATUSES
    return told and isinstance(fault.get("message"), str)


def has_reason(body: bytes) -> bool:
    """Whether a body is an error that says which one it is: then its status alone says less."""
    if rest_errors.has_reason(body):
        return True
    try:
        found = decode_object(body)
    except InvalidAgentResponse:
        return False
    return bool(_name_in(found)) or _numbered(found)


def decode_fault(body: dict[str, Any], status: int, peer: Peer = "agent") -> MeshError | None:
    """The error that a body means; None if it is none.

    The reason that a gateway wrote goes before the number, the number before the name, and that before the status.

    Args:
        status: of HTTP; 0 if it had none, because the error came in a stream.
        peer: who answered. An agent cannot speak about the caller's key or bytes, see ``error_for_caller``.
    """
    fault = body.get("error")
    if is_object(fault) and not _numbered(fault):
        return rest_errors.decode_fault(fault, status, peer)
    message, name = body.get("message"), _name_in(body)
    numbered = fault if is_object(fault) else body
    if _numbered(numbered):
        error = jsonrpc_0_3_errors.decode_fault(numbered)
        if not isinstance(error, AgentError) or name in ("", "InternalError"):
            return error_for_caller(error, peer)
    if name:
        return error_for_caller(decode_details(message or "", None, CODE_OF[name]), peer)
    if status and isinstance(message, str):
        return rest_errors.decode_fault({"message": message}, _INVALID.get(status, status), peer)
    return None
