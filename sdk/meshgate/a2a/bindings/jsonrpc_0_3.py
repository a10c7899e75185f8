"""The JSON-RPC 2.0 binding of A2A 0.3 (specification 0.3.0, sections 3.2.1 and 7), without I/O.

It shares URLs with the binding of 1.0. A request whose method is one of 1.0's, and which names no version, is refused
in 1.0's form: its caller speaks 1.0 and left the header out.
"""

from __future__ import annotations

import itertools
from http import HTTPStatus
from typing import Any

import msgspec

from meshgate.a2a.bindings import jsonrpc
from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.jsonrpc_0_3_errors import decode_fault, encode_fault
from meshgate.a2a.bindings.jsonrpc_errors import http_status
from meshgate.a2a.bindings.operations import alike, build_call, method_named
from meshgate.a2a.call import Call
from meshgate.a2a.error_lookup import Peer
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams, MeshError, MethodNotFound, VersionNotSupported
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.protocol_version import LEGACY_VERSION, check_legacy_version, current_headers, version_in
from meshgate.a2a.v0_3.form import JSON_FORM
from meshgate.a2a.v0_3.history import asked_history, cut_history
from meshgate.a2a.v0_3.payload import LegacyPayload, native_of

__all__ = ["BINDING", "METHOD_NAMES", "LegacyJsonRpc"]

METHOD_NAMES: dict[str, str] = {
    "message/send": "SendMessage",
    "message/stream": "SendStreamingMessage",
    "tasks/get": "GetTask",
    "tasks/cancel": "CancelTask",
    "tasks/resubscribe": "SubscribeToTask",
    "tasks/pushNotificationConfig/set": "CreateTaskPushNotificationConfig",
    "tasks/pushNotificationConfig/get": "GetTaskPushNotificationConfig",
    "tasks/pushNotificationConfig/list": "ListTaskPushNotificationConfigs",
    "tasks/pushNotificationConfig/delete": "DeleteTaskPushNotificationConfig",
    "agent/getAuthenticatedExtendedCard": "GetExtendedAgentCard",
}
"""The methods of 0.3, and what 1.0 calls them (specification 0.3.0, section 3.5.6)."""
_OLD_NAMES = {new: old for old, new in METHOD_NAMES.items()}
_encode = msgspec.json.Encoder().encode


def _method(name: str) -> Method:
    """The operation of that name.

    Raises:
        VersionNotSupported: it is one of 1.0's names.
        MethodNotFound: there is no such method.
    """
    found = METHOD_NAMES.get(name)
    if found is not None:
        return method_named(found)
    if name in METHODS:
        raise VersionNotSupported(f"{name} is a method of A2A 1.0, and no version means 0.3: send 'A2A-Version: 1.0'")
    raise MethodNotFound(f"there is no method {name[:40]!r} in A2A 0.3{alike(name, METHOD_NAMES)}")


class _Server:
    """The server's side of one exchange. It remembers the request's id, which every answer repeats.

    A stream that is refused is a stream whose one event is the error, as the servers of 0.3 answer it: the Python and
    JavaScript SDKs of 0.3 tell an error that is no event as a wrong content type, and Go's tells none.
    """

    __slots__ = ("_parsed", "_rpc_id", "_streams")
    media_type = "application/json"
    error_event = ""

    def __init__(self) -> None:
        self._rpc_id: str | int | float | None = None
        self._parsed = self._streams = False

    def decode_request(self, request: Request, limits: Limits = DEFAULTS) -> Call:
        envelope = jsonrpc.decode_envelope(request.body, limits)
        self._rpc_id, self._parsed = envelope.id, True
        check_legacy_version(request.headers, version_in(request.query))
        method = _method(envelope.method)
        self._streams = method.streaming
        native = JSON_FORM.read(method.request, envelope.params)
        payload = LegacyPayload.read(method.request, JSON_FORM, native)
        return build_call(method, payload, payload.view(), current_headers(request.headers), request.target)

    def encode_answer(self, payload: Payload) -> bytes:
        try:
            result = native_of(payload, JSON_FORM)
        except InvalidParams as error:  # the fault is the agent's, not the caller's
            raise InvalidAgentResponse(f"the agent's answer has no form in A2A 0.3: {error.message}") from None
        return _encode({"jsonrpc": "2.0", "id": self._rpc_id, "result": result})

    encode_event = encode_answer

    def encode_error(self, error: MeshError) -> Failure:
        if isinstance(error, VersionNotSupported):
            fault = jsonrpc.encode_error(self._rpc_id, error)
        else:
            fault = _encode({"jsonrpc": "2.0", "id": self._rpc_id, "error": encode_fault(error)})
        status = http_status(error, parsed=self._parsed)
        return Failure(status, fault, as_event=self._streams and status == HTTPStatus.OK)


_UNARY = {"content-type": "application/json", "accept": "application/json"}
_STREAM = {"content-type": "application/json", "accept": "text/event-stream"}
_ids = itertools.count(1)


class _Client:
    """The client's side of one exchange. It remembers the request's id, and how much history was asked for."""

    __slots__ = ("_history", "_method", "_peer", "_rpc_id", "request")

    def __init__(self, method: Method, payload: Payload, peer: Peer) -> None:
        self._method = method
        self._peer: Peer = peer
        self._rpc_id = str(next(_ids))
        self._history = asked_history(payload)
        params = native_of(payload, JSON_FORM)
        body = _encode({"jsonrpc": "2.0", "id": self._rpc_id, "method": _OLD_NAMES[method.name], "params": params})
        self.request = Request(headers=_STREAM if method.streaming else _UNARY, body=body)

    def decode_answer(self, body: bytes) -> Payload:
        result: Any = jsonrpc.decode_result(body, self._rpc_id, decode_fault, self._peer)
        kind = self._method.response
        try:
            native = JSON_FORM.read(kind, cut_history(result, self._history))
            return LegacyPayload.read(kind, JSON_FORM, native)
        except InvalidParams as error:
            what = f"the agent's {kind.__name__} is not valid A2A 0.3: {error.message}"
            raise InvalidAgentResponse(what, neutral=error.neutral) from None

    decode_event = decode_answer

    def decode_error(self, failure: Failure) -> MeshError:
        try:
            self.decode_answer(failure.body)
        except MeshError as error:
            return error
        return InvalidAgentResponse(f"the agent answered with HTTP status {failure.status} and a result")


class LegacyJsonRpc:
    """JSON-RPC of A2A 0.3: every operation is a POST to the URL itself."""

    id = "JSONRPC"
    version = LEGACY_VERSION
    media_types: tuple[str, ...] = ("application/json",)
    empty_bodies = False
    own_statuses = False

    def takes(self, request: Request) -> bool:
        """Whether it is a POST to the URL, with or without a slash at its end."""
        return request.method == "POST" and request.path in ("", "/")

    def has_reason(self, body: bytes) -> bool:  # noqa: ARG002 - the interface's
        """See ``HttpBinding.has_reason``."""
        return False

    def server(self) -> _Server:
        """See ``Binding.server``."""
        return _Server()

    def client(self, method: Method, payload: Payload, *, peer: Peer = "agent") -> _Client:
        """See ``Binding.client``."""
        return _Client(method, payload, peer)


BINDING = LegacyJsonRpc()
