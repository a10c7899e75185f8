"""The gRPC binding of A2A 0.3 (specification 0.3.0, section 3.2.2), without I/O. Needs the extra ``grpc``.

The package ``a2a.v1`` alone says that a request is 0.3's: no header is needed, and one that says otherwise is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import Message as ProtoMessage

from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.grpc import parse_message
from meshgate.a2a.bindings.grpc_0_3_errors import decode_error, encode_error
from meshgate.a2a.bindings.operations import build_call, method_named
from meshgate.a2a.call import Call
from meshgate.a2a.codec.agent_messages import correct_message
from meshgate.a2a.error_lookup import Peer
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams, InvalidRequest, MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import Payload
from meshgate.a2a.protocol_version import LEGACY_VERSION, check_legacy_version, current_headers
from meshgate.a2a.v0_3.history import asked_history, cut_message
from meshgate.a2a.v0_3.payload import LegacyPayload, native_of
from meshgate.a2a.v0_3.proto_form import PROTO_FORM, legacy_class

__all__ = ["BINDING", "SERVICE", "LegacyGrpc"]

SERVICE = "a2a.v1.A2AService"
_OLD_NAMES = {
    "SubscribeToTask": "TaskSubscription",
    "ListTaskPushNotificationConfigs": "ListTaskPushNotificationConfig",
    "GetExtendedAgentCard": "GetAgentCard",
}
"""Methods that 1.0 calls otherwise."""
_PATHS = {name: f"/{SERVICE}/{_OLD_NAMES.get(name, name)}" for name in METHODS if name != "ListTasks"}
_METHODS = {path: name for name, path in _PATHS.items()}


class _Server:
    """The server's side of one exchange. The answer repeats nothing of the request."""

    __slots__ = ()
    media_type = "application/grpc"
    error_event = ""

    def decode_request(self, request: Request, limits: Limits = DEFAULTS) -> Call:
        check_legacy_version(request.headers)
        method = method_named(_METHODS.get(request.path, request.path))
        message = parse_message(request.body, legacy_class(method.request), limits.json_nodes)
        payload = LegacyPayload.read(method.request, PROTO_FORM, message)
        return build_call(method, payload, payload.view(), current_headers(request.headers), request.target)

    def encode_answer(self, payload: Payload) -> bytes:
        try:
            message: ProtoMessage = native_of(payload, PROTO_FORM)
        except InvalidParams as error:  # the fault is the agent's, not the caller's
            raise InvalidAgentResponse(f"the agent's answer cannot go over gRPC: {error.message}") from None
        return message.SerializeToString()

    encode_event = encode_answer

    def encode_error(self, error: MeshError) -> Failure:
        return encode_error(error)


class _Client:
    """The client's side of one exchange. It remembers how much history was asked for."""

    __slots__ = ("_history", "_method", "_peer", "request")

    def __init__(self, method: Method, payload: Payload, peer: Peer) -> None:
        self._method = method
        self._peer: Peer = peer
        self._history = asked_history(payload)
        message: ProtoMessage = native_of(payload, PROTO_FORM)
        self.request = Request(path=_PATHS[method.name], body=message.SerializeToString())

    def decode_answer(self, body: bytes) -> Payload:
        kind = self._method.response
        try:
            message = parse_message(body, legacy_class(kind), DEFAULTS.json_nodes)
            corrected = correct_message(message)
            cut_message(message, self._history)
            payload = LegacyPayload.read(kind, PROTO_FORM, message)
        except (InvalidParams, InvalidRequest) as error:
            what = f"the agent's {kind.__name__} is not valid A2A 0.3: {error.message}"
            raise InvalidAgentResponse(what, neutral=error.neutral) from None
        payload.corrected = corrected
        return payload

    decode_event = decode_answer

    def decode_error(self, failure: Failure) -> MeshError:
        return decode_error(failure, peer=self._peer)


_SERVER = _Server()


class LegacyGrpc:
    """gRPC of A2A 0.3: every operation is a method of the service, and its path says which."""

    id = "GRPC"
    version = LEGACY_VERSION
    methods: Mapping[str, Method] = {path: METHODS[name] for name, path in _PATHS.items()}

    def takes(self, request: Request) -> bool:
        """Whether the path is one of the service's."""
        return request.path in self.methods

    def server(self) -> _Server:
        """See ``Binding.server``."""
        return _SERVER

    def client(self, method: Method, payload: Payload, *, peer: Peer = "agent") -> _Client:
        """See ``Binding.client``."""
        return _Client(method, payload, peer)


BINDING = LegacyGrpc()
