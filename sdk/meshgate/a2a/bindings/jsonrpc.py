"""The JSON-RPC 2.0 binding of A2A 1.0 (specification, section 9), without I/O."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.json_answers import decode_object, read_result
from meshgate.a2a.bindings.jsonrpc_errors import decode_fault, encode_fault, http_status
from meshgate.a2a.bindings.operations import build_call, method_named
from meshgate.a2a.call import Call
from meshgate.a2a.codec.strict_json import check, decode_json
from meshgate.a2a.error_lookup import Peer, error_for_caller
from meshgate.a2a.errors import InvalidAgentResponse, InvalidRequest, MeshError
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.messages.base import Empty
from meshgate.a2a.methods import Method
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.protocol_version import check_version, version_in
from meshgate.a2a.selector import Selector

__all__ = [
    "BINDING",
    "Envelope",
    "JsonRpc",
    "decode_answer",
    "decode_call",
    "decode_envelope",
    "decode_result",
    "encode_call",
    "encode_error",
    "encode_result",
]

RpcId = str | int | float | None

_encode = msgspec.json.Encoder().encode


class Envelope(msgspec.Struct, frozen=True):
    """A JSON-RPC request whose parameters are not checked yet."""

    id: RpcId
    method: str
    params: dict[str, Any]


def decode_envelope(body: bytes, limits: Limits = DEFAULTS) -> Envelope:
    """Read a request.

    Raises:
        ParseError: it is no JSON.
        InvalidRequest: it is no single JSON-RPC 2.0 request (A2A has no batches).
    """
    tree = decode_json(body, max_depth=limits.json_depth, max_nodes=limits.json_nodes)
    if not isinstance(tree, dict):
        raise InvalidRequest("the body must be one JSON-RPC request object; batches are not supported")
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
        InvalidParams: a parameter is missing or wrong.
    """
    method = method_named(envelope.method)
    tree, view = check(envelope.params, method.request)
    return build_call(method, JsonPayload(method.request, tree, view), view, headers, target)


def encode_call(method: Method, payload: Payload, rpc_id: str) -> bytes:
    """The body of a request."""
    return _encode({"jsonrpc": "2.0", "id": rpc_id, "method": method.name, "params": payload.tree()})


def encode_result(rpc_id: RpcId, payload: Payload) -> bytes:
    """A successful answer, or one event of a stream. One that tells nothing is null, as A2A's SDKs write it."""
    return _encode({"jsonrpc": "2.0", "id": rpc_id, "result": None if payload.kind is Empty else payload.tree()})


def encode_error(rpc_id: RpcId, error: MeshError) -> bytes:
    """An error answer (section 9.5: every entry of ``data`` has an ``@type``)."""
    return _encode({"jsonrpc": "2.0", "id": rpc_id, "error": encode_fault(error)})


def decode_result(body: bytes, rpc_id: str, decode: Callable[[Any], MeshError], peer: Peer) -> Any:
    """The result in an answer, not checked yet.

    Args:
        decode: the error that the answer's ``error`` means.

    Raises:
        InvalidAgentResponse: it is no JSON-RPC answer to ``rpc_id``.
        MeshError: the error in the answer.
    """
    tree = decode_object(body)
    fault, answer_id = tree.get("error"), tree.get("id")
    # A server that cannot read a request cannot know its id either, so an error may come without one.
    if tree.get("jsonrpc") != "2.0" or (answer_id != rpc_id and (fault is None or answer_id is not None)):
        raise InvalidAgentResponse("the agent's answer is not the JSON-RPC answer to this request")
    if fault is not None:
        raise error_for_caller(decode(fault), peer)
    return tree.get("result")


def decode_answer(body: bytes, method: Method, rpc_id: str, *, peer: Peer = "agent") -> Payload:
    """The event in an answer, checked.

    Args:
        peer: who answered. An agent cannot speak about the caller's key or bytes, see ``errors.answered``.

    Raises:
        InvalidAgentResponse: it is no JSON-RPC answer to ``rpc_id``, or its result is no valid A2A.
        MeshError: the error in the answer.
    """
    return read_result(decode_result(body, rpc_id, decode_fault, peer), method)


class _Server:
    """The server's side of one exchange. It remembers the request's id, which every answer repeats."""

    __slots__ = ("_parsed", "_rpc_id")
    media_type = "application/json"
    error_event = ""

    def __init__(self) -> None:
        self._rpc_id: RpcId = None
        self._parsed = False

    def decode_request(self, request: Request, limits: Limits = DEFAULTS) -> Call:
        envelope = decode_envelope(request.body, limits)
        # The request is JSON-RPC, so from here on errors are JSON-RPC answers: with its id, and with HTTP status 200.
        self._rpc_id, self._parsed = envelope.id, True
        check_version(request.headers, version_in(request.query))
        return decode_call(envelope, request.headers, request.target)

    def encode_answer(self, payload: Payload) -> bytes:
        return encode_result(self._rpc_id, payload)

    encode_event = encode_answer

    def encode_error(self, error: MeshError) -> Failure:
        return Failure(http_status(error, parsed=self._parsed), encode_error(self._rpc_id, error))


_UNARY = {"content-type": "application/json", "accept": "application/json"}
_STREAM = {"content-type": "application/json", "accept": "text/event-stream"}
_ids = itertools.count(1)
"""Ids of requests. A connection carries one request at a time, so an id only has to differ from the one before."""


class _Client:
    """The client's side of one exchange. It remembers the request's id, which every answer must repeat."""

    __slots__ = ("_method", "_peer", "_rpc_id", "request")

    def __init__(self, method: Method, payload: Payload, peer: Peer) -> None:
        self._method = method
        self._peer: Peer = peer
        self._rpc_id = str(next(_ids))
        headers = _STREAM if method.streaming else _UNARY
        self.request = Request(headers=headers, body=encode_call(method, payload, self._rpc_id))

    def decode_answer(self, body: bytes) -> Payload:
        return decode_answer(body, self._method, self._rpc_id, peer=self._peer)

    decode_event = decode_answer

    def decode_error(self, failure: Failure) -> MeshError:
        try:
            self.decode_answer(failure.body)
        except MeshError as error:
            return error
        return InvalidAgentResponse(f"the agent answered with HTTP status {failure.status} and a result")


class JsonRpc:
    """JSON-RPC: every operation is a POST to the URL itself."""

    id = "JSONRPC"
    version = "1.0"
    media_types: tuple[str, ...] = ("application/json", "application/a2a+json")
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


BINDING = JsonRpc()
