"""The gRPC binding of A2A 1.0 (specification, section 10), without I/O. Needs the extra ``grpc``.

Messages are ``lf.a2a.v1``'s, as a2a-sdk generates them. An error is a status code and, for what a code alone cannot
say, a ``google.rpc.Status`` in a trailer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import message

from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.grpc_errors import decode_error, encode_error
from meshgate.a2a.bindings.operations import build_call, method_named
from meshgate.a2a.call import Call
from meshgate.a2a.codec.agent_messages import correct_message
from meshgate.a2a.codec.protobuf_size import guard_proto
from meshgate.a2a.codec.transcode import proto_class, to_proto
from meshgate.a2a.error_lookup import Peer
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams, InvalidRequest, MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.lists.task_list import ListTasksRequest
from meshgate.a2a.methods import METHODS, Method
from meshgate.a2a.payload import Payload, ProtoPayload
from meshgate.a2a.protocol_version import VERSION_HEADER, check_version
from meshgate.a2a.selector import Selector

__all__ = [
    "BINDING",
    "SERVICE",
    "Grpc",
    "decode_answer",
    "decode_call",
    "decode_error",
    "encode",
    "encode_error",
    "method_path",
    "parse_message",
]

SERVICE = "lf.a2a.v1.A2AService"


def method_path(method: Method) -> str:
    """``/SERVICE/METHOD``, the path of a request."""
    return f"/{SERVICE}/{method.name}"


def parse_message(body: bytes, cls: type[message.Message], max_nodes: int) -> message.Message:
    """The message of a class in a body.

    Raises:
        InvalidParams, InvalidRequest: it is none, or has more values than allowed.
    """
    guard_proto(body, cls, max_nodes)
    parsed = cls()
    try:
        parsed.ParseFromString(body)
    except (message.DecodeError, RecursionError) as error:
        why = str(error).rpartition(": ")[2]  # before it stands the name of the message, again
        raise InvalidParams(f"the message is not a valid {cls.DESCRIPTOR.name}: {why[:60]}") from None
    return parsed


def decode_call(
    name: str, body: bytes, headers: Mapping[str, str], target: Selector | None, limits: Limits = DEFAULTS
) -> Call:
    """The call that a request message asks for.

    Raises:
        InvalidParams, InvalidRequest: the message is none of the method's.
    """
    method = method_named(name)
    parsed: Any = parse_message(body, proto_class(method.request), limits.json_nodes)
    if method.request is ListTasksRequest and parsed.page_size == 0:
        # a2a-go 2.3.1 sends a size that nobody chose as 0; in protobuf that is how most fields are left out.
        parsed.ClearField("page_size")
    payload = ProtoPayload(method.request, parsed)
    return build_call(method, payload, payload.view(), headers, target)


def encode(payload: Payload) -> bytes:
    """The wire form of a request or an event.

    Raises:
        InvalidParams: a JSON value has no protobuf form (an invalid timestamp, or nested too deeply).
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
        payload = ProtoPayload(method.response, parse_message(body, proto_class(method.response), DEFAULTS.json_nodes))
        try:
            payload.view()
        except InvalidParams:
            if not correct_message(payload.message):
                raise
            payload.corrected = True
            payload.view()
    except (InvalidParams, InvalidRequest) as error:
        what = f"the agent's {method.response.__name__} is not valid: {error.message}"
        raise InvalidAgentResponse(what, neutral=error.neutral) from None
    return payload


class _Server:
    """The server's side of one exchange. The answer repeats nothing of the request."""

    __slots__ = ()
    media_type = "application/grpc"
    error_event = ""

    def decode_request(self, request: Request, limits: Limits = DEFAULTS) -> Call:
        if request.headers.get(VERSION_HEADER):
            # The package lf.a2a.v1 says 1.0 already, so a missing entry does not mean 0.3 here.
            check_version(request.headers)
        name = request.path.rpartition("/")[2]
        return decode_call(name, request.body, request.headers, request.target, limits)

    def encode_answer(self, payload: Payload) -> bytes:
        try:
            return encode(payload)
        except InvalidParams as error:  # the fault is the agent's, not the caller's
            raise InvalidAgentResponse(f"the agent's answer cannot go over gRPC: {error.message}") from None

    encode_event = encode_answer

    def encode_error(self, error: MeshError) -> Failure:
        return encode_error(error)


class _Client:
    """The client's side of one exchange."""

    __slots__ = ("_method", "_peer", "request")

    def __init__(self, method: Method, payload: Payload, peer: Peer) -> None:
        self._method = method
        self._peer: Peer = peer
        self.request = Request(path=_PATHS[method.name], body=encode(payload))

    def decode_answer(self, body: bytes) -> Payload:
        return decode_answer(body, self._method)

    decode_event = decode_answer

    def decode_error(self, failure: Failure) -> MeshError:
        return decode_error(failure, peer=self._peer)


_PATHS = {name: method_path(method) for name, method in METHODS.items()}
_SERVER = _Server()


class Grpc:
    """gRPC: every operation is a method of the service, and its path says which."""

    id = "GRPC"
    version = "1.0"
    methods: Mapping[str, Method] = {_PATHS[name]: method for name, method in METHODS.items()}

    def takes(self, request: Request) -> bool:
        """Whether the path is one of the service's."""
        return request.path in self.methods

    def server(self) -> _Server:
        """See ``Binding.server``."""
        return _SERVER

    def client(self, method: Method, payload: Payload, *, peer: Peer = "agent") -> _Client:
        """See ``Binding.client``."""
        return _Client(method, payload, peer)


BINDING = Grpc()
