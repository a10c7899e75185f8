"""The HTTP+JSON binding of A2A 1.0 (specification, section 11), without I/O.

Its bodies are the parameters and results of JSON-RPC without an envelope; the path says which operation it is.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import msgspec

from meshgate.a2a.bindings.base import Failure, Request
from meshgate.a2a.bindings.http_json.errors import decode_fault, encode_error, has_reason
from meshgate.a2a.bindings.http_json.paths import Found, find_route, write_path
from meshgate.a2a.bindings.http_json.query import read_query, write_query
from meshgate.a2a.bindings.json_answers import decode_object, read_result
from meshgate.a2a.bindings.jsonrpc_errors import decode_fault as decode_bare_fault
from meshgate.a2a.bindings.operations import build_call, method_named
from meshgate.a2a.call import Call
from meshgate.a2a.codec.strict_json import check, decode_json, is_object
from meshgate.a2a.error_lookup import Peer, error_for_caller
from meshgate.a2a.errors import InvalidAgentResponse, InvalidParams, InvalidRequest, MeshError, MethodNotFound
from meshgate.a2a.limits import DEFAULTS, Limits
from meshgate.a2a.methods import Method
from meshgate.a2a.payload import JsonPayload, Payload
from meshgate.a2a.protocol_version import check_version, version_in
from meshgate.a2a.types import A2AMessage

__all__ = ["BINDING", "Rest"]

_JSON, _A2A_JSON = "application/json", "application/a2a+json"
_encode = msgspec.json.Encoder().encode


def _answer_type(headers: Mapping[str, str]) -> str:
    """The media type of answers: A2A's own where the caller knows it, else the one that every client takes."""
    sent, accepted = headers.get("content-type", ""), headers.get("accept", "")
    return _A2A_JSON if _A2A_JSON in sent.lower() or _A2A_JSON in accepted.lower() else _JSON


def _tree(found: Found, request: Request, kind: type[A2AMessage], limits: Limits) -> dict[str, Any]:
    """The parameters of a request: those of the body or the query, and those of the path.

    Raises:
        ParseError, InvalidRequest: the body is no JSON object.
        InvalidParams: a field in the path has another value in the body or the query.
    """
    if found.route.body == "none":
        tree = read_query(request.query, kind)
    elif found.route.body == "optional" and not request.body.strip():
        tree = dict[str, Any]()
    else:
        body = decode_json(request.body, max_depth=limits.json_depth, max_nodes=limits.json_nodes)
        if not is_object(body):
            raise InvalidRequest("the body must be one JSON object")
        tree = body
    spelt = _spelt(kind)
    for name, text in found.fields().items():
        for key in {name, spelt.get(name, name)} & tree.keys():
            if tree.pop(key) not in (None, "", text):
                what = f"differs from the one in the path, {text[:64]!r}"
                raise InvalidParams(f"{key}: {what}", violations=((key, what),))
        tree[name] = text
    return tree


@functools.cache
def _spelt(kind: type[A2AMessage]) -> dict[str, str]:
    """The fields of a request by their names in JSON, as the .proto spells them."""
    return {field.encode_name: field.name for field in msgspec.structs.fields(kind)}


class _Server:
    """The server's side of one exchange. The answer has the media type that the request asks for."""

    __slots__ = ("media_type",)
    error_event = "error"

    def __init__(self) -> None:
        self.media_type = _JSON

    def decode_request(self, request: Request, limits: Limits = DEFAULTS) -> Call:
        self.media_type = _answer_type(request.headers)
        found = find_route(request.method, request.path, request.raw_path)
        if found is None:
            raise MethodNotFound("no operation of A2A is at this path")
        check_version(request.headers, version_in(request.query))
        method = method_named(found.route.operation)
        tree, view = check(_tree(found, request, method.request, limits), method.request)
        return build_call(method, JsonPayload(method.request, tree, view), view, request.headers, request.target)

    def encode_answer(self, payload: Payload) -> bytes:
        return _encode(payload.tree())

    encode_event = encode_answer

    def encode_error(self, error: MeshError) -> Failure:
        return encode_error(error)


_ACCEPT = {False: f"{_A2A_JSON}, {_JSON}", True: "text/event-stream"}


class _Client:
    """The client's side of one exchange."""

    __slots__ = ("_method", "_peer", "request")

    def __init__(self, method: Method, payload: Payload, peer: Peer) -> None:
        self._method = method
        self._peer: Peer = peer
        self.request = _request(method, payload.tree())

    def decode_answer(self, body: bytes) -> Payload:
        tree = decode_object(body)
        error = self._error_in(tree, 0)
        if error is not None:
            raise error
        return read_result(tree, self._method)

    decode_event = decode_answer

    def decode_error(self, failure: Failure) -> MeshError:
        try:
            found = self._error_in(decode_object(failure.body), failure.status)
        except InvalidAgentResponse as error:
            return error
        return found or InvalidAgentResponse(f"the agent answered with HTTP status {failure.status} and no error")

    def _error_in(self, tree: dict[str, Any], status: int) -> MeshError | None:
        fault = tree.get("error")
        if is_object(fault):
            return decode_fault(fault, status, self._peer)
        if isinstance(tree.get("code"), int) and isinstance(tree.get("message"), str):
            # An error object of JSON-RPC, as the server of A2A's Rust SDK ends its streams.
            return error_for_caller(decode_bare_fault(tree), self._peer)
        return None


def _request(method: Method, tree: dict[str, Any]) -> Request:
    texts = {name: value for name, value in tree.items() if isinstance(value, str)}
    route, path = write_path(method.name, texts)
    headers = {"accept": _ACCEPT[method.streaming]}
    if route.body == "none":
        return Request(route.verbs[0], path, write_query(tree, method.request, route.fields), headers)
    # What the path has stays in the body, where servers that read it alone look for it.
    return Request(route.verbs[0], path, "", {"content-type": _JSON, **headers}, _encode(tree))


class Rest:
    """HTTP+JSON: HTTP's method and the path say which operation it is."""

    id = "HTTP+JSON"
    version = "1.0"
    media_types: tuple[str, ...] = (_JSON, _A2A_JSON)
    empty_bodies = True
    own_statuses = True

    def takes(self, request: Request) -> bool:
        """Whether an operation of A2A is at this path."""
        return find_route(request.method, request.path, request.raw_path) is not None

    def has_reason(self, body: bytes) -> bool:
        """See ``HttpBinding.has_reason``."""
        return has_reason(body)

    def server(self) -> _Server:
        """See ``Binding.server``."""
        return _Server()

    def client(self, method: Method, payload: Payload, *, peer: Peer = "agent") -> _Client:
        """See ``Binding.client``."""
        return _Client(method, payload, peer)


BINDING = Rest()
